"""The life of an incident and of an order, walked at random: no stage is passed over, what is over stays over."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.command import life, orders
from ioc.command.life import ACTS, STAGES, Life
from ioc.errors import Conflict, Forbidden
from ioc.scope import Scope

NOW = dt.datetime(2026, 10, 3, 6, 0, tzinfo=dt.UTC)
# What happens beside the acts: reports that are sent, orders that are given and come back.
BESIDE = ("report", "final", "order", "receipt")
GIVEN = st.fixed_dictionaries(
    {"level": st.integers(1, 4), "response_level": st.integers(0, 4)},
    optional={"no_report_reason": st.just("无"), "withdraw_open": st.just(True)},
)
STEPS = st.lists(st.tuples(st.sampled_from([*ACTS, *BESIDE]), GIVEN), min_size=1, max_size=40)


def _beside(now: Life, what: str) -> Life:
    if now.over:
        return now
    if what == "report":
        return replace(now, reports=now.reports + 1)
    if what == "final":
        return replace(now, reports=now.reports + 1, final_sent=True)
    return replace(now, open_tasks=max(0, now.open_tasks + (1 if what == "order" else -1)))


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_no_way_through_the_life_breaks_it(steps: list[tuple[str, dict[str, Any]]]) -> None:
    now, decided_none, confirmed_before = Life(), False, 0
    for key, said in steps:
        if key in BESIDE:
            now = _beside(now, key)
            continue
        act = ACTS[key]
        try:
            life.check(now, act, said)
        except Conflict:
            continue
        then = life.after(now, act, said)
        went = STAGES.index(then.stage) - STAGES.index(now.stage)
        assert went >= 0, "a stage is never gone back"
        if key == "no_response":
            decided_none = True
            assert (now.stage, then.stage, now.response) == ("assessed", "handling", 0)
        elif key in ("cancel", "merge"):
            assert then.stage == "ended"
        else:
            assert went <= 1, f"{key} passed a stage over"
        assert not now.over or then == now, "nothing acts on what is over"
        if then.over and not now.over:
            assert (then.open_tasks, then.response, then.asked) == (0, 0, "")
            assert not now.open_tasks or said.get("withdraw_open")
            if key == "end":
                assert now.final_sent or said.get("no_report_reason")
                assert now.stage == "handling"
        if then.response != now.response:
            assert (key, bool(now.asked)) == ("approve_response", True), "a response is approved, never set"
            assert (now.asked == "end") == (then.response == 0)
        if then.confirmed != confirmed_before:
            assert (key, now.proposed) == ("confirm_level", then.confirmed)
        confirmed_before = then.confirmed
        if then.stage == "handling" and now.stage == "assessed":
            assert decided_none
        if key not in ("approve_response",):
            assert then.response == now.response, "the level and the response do not follow from each other"
        now = then


def test_level_and_response_are_two_decisions() -> None:
    now = Life(stage="assessed", proposed=3)
    now = life.after(now, ACTS["ask_response"], {"response_level": 4})
    assert (now.asked, now.response, now.proposed) == ("start", 0, 3)
    now = life.after(now, ACTS["approve_response"], {})
    assert (now.stage, now.response, now.confirmed) == ("response", 4, 0)
    now = life.after(now, ACTS["confirm_level"], {})
    assert (now.response, now.confirmed, now.proposed) == (4, 3, 0)
    assert life.asked_action(now, 3) == "raise"
    assert life.asked_action(replace(now, response=2), 3) == "lower"
    with pytest.raises(Conflict):
        life.asked_action(now, 4)


def test_rights() -> None:
    officer, nobody = Scope("o", frozenset({"incident.open", "incident.command"})), Scope("n")
    offered = {a.key for a in life.choices(Life(stage="assessed", proposed=3), officer)}
    assert {"propose_level", "ask_response", "log", "appoint"} <= offered
    assert not {"confirm_level", "approve_response", "no_response", "cancel", "instruct"} & offered
    assert life.choices(Life(), nobody) == []
    with pytest.raises(Forbidden):
        life.may(ACTS["confirm_level"], officer)
    life.may(ACTS["log"], officer)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(list(orders.RECEIPTS)), max_size=12))
def test_an_order_never_goes_back(keys: list[str]) -> None:
    rank = ["issued", "signed", "working", "done", "unable", "withdrawn"]
    state = "issued"
    for key in keys:
        receipt = orders.RECEIPTS[key]
        try:
            then = orders.after(state, receipt)
        except Conflict:
            assert state not in receipt.at
            continue
        assert state in orders.OPEN, "what is over takes no receipt"
        assert rank.index(then) >= rank.index(state)
        assert then != "done" or state in ("signed", "working"), "nobody has done what nobody has signed for"
        state = then


def test_what_is_late() -> None:
    due = NOW + dt.timedelta(minutes=10)
    late = NOW + dt.timedelta(minutes=11)
    assert not orders.late("issued", due, None, NOW)
    assert orders.late("working", due, None, late)
    assert orders.late("done", due, late, late)
    assert not orders.late("done", due, NOW, late)
    assert not orders.late("unable", due, late, late)
    assert not orders.late("issued", None, None, late)
    assert {r.key for r in orders.choices("issued", mine=True, commands=False)} == {"sign", "start", "unable", "note"}
    assert "withdraw" in {r.key for r in orders.choices("issued", mine=False, commands=True)}
