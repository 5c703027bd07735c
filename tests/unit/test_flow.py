"""Random people, steps and clocks through every flow: no illegal state, nothing forbidden, a way to the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioc.cases.flow import State, choices, possible, take
from ioc.declare import Flow, Step
from ioc.errors import Conflict, Forbidden, Invalid, IocError, NotFound
from ioc.flows import flows
from ioc.scope import SYSTEM, Scope

FLOWS = {k: f for k, f in flows().items() if f.steps}
NOW = dt.datetime(2026, 11, 20, 9, 20, tzinfo=dt.UTC)
RIGHTS = sorted({s.permission for f in FLOWS.values() for s in f.steps})
GIVEN: Mapping[str, Any] = {
    "reason": "原因",
    "text": "说明",
    "result": "已处理",
    "department": "市城管局",
    "region": "440981102000",
    "amount": 3,
    "unit": "work_days",
    "review_on": "2026-12-30",
    "place": {"lon": 111.9, "lat": 21.8, "crs": "EPSG:4490"},
    "satisfaction": 4,
    "until": "2026-12-01",
    "resolved": True,
    "tags": ["late"],
    "photo_before": ["a"],
    "photo_after": ["b"],
}


def ask(*rights: str, departments: frozenset[str] | None = frozenset()) -> Scope:
    return Scope("test", frozenset(rights), whole=True, departments=departments)


def given_for(step: Step) -> dict[str, Any]:
    return {name: GIVEN[name] for name in step.needs}


def start(flow: Flow) -> State:
    return State(flow.key, flow.stages[0][0])


def walk(flow: Flow, state: State, *keys: str) -> State:
    for key in keys:
        step = next(s for s in flow.steps if s.key == key)
        state = take(flow, key, state, given_for(step), SYSTEM, NOW).after
    return state


def legal(flow: Flow, state: State) -> None:
    assert state.stage in {key for key, _ in flow.stages}
    assert state.ended in ("", "void", "refused", "false_alarm")
    assert state.hold in ("", "paused", "shelved")
    assert state.asked in ("", "extension", "shelf", "void")
    over = bool(state.ended) or state.stage in {
        k for k, _ in flow.stages[[k for k, _ in flow.stages].index(flow.closed) :]
    }
    assert (state.closed_at is not None) == over
    assert not (state.hold and over), "what is over is not held"
    assert not (state.asked and over), "nothing is left to decide about what is over"
    assert bool(state.request) == bool(state.asked)


@pytest.mark.parametrize("flow", FLOWS.values(), ids=list(FLOWS))
def test_a_flow_speaks_of_its_own_stages_and_has_each_step_once(flow: Flow) -> None:
    stages = {key for key, _ in flow.stages}
    assert len({s.key for s in flow.steps}) == len(flow.steps)
    for step in flow.steps:
        assert set(step.at) <= stages
        assert step.to in {"", *stages}
        assert set(step.needs) <= set(GIVEN)
        assert step.title.zh
        assert step.title.en


@pytest.mark.parametrize("flow", FLOWS.values(), ids=list(FLOWS))
def test_from_every_state_there_is_a_way_to_the_end(flow: Flow) -> None:
    """All states that can be reached, breadth first, by who may do everything."""
    seen: dict[tuple[str, str, str, str], State] = {}
    ahead = [start(flow)]
    onward: dict[tuple[str, str, str, str], set[tuple[str, str, str, str]]] = {}
    while ahead:
        state = ahead.pop()
        key = (state.stage, state.hold, state.ended, state.asked)
        if key in seen:
            continue
        seen[key] = state
        legal(flow, state)
        reached = [take(flow, s.key, state, given_for(s), SYSTEM, NOW).after for s in choices(flow, state, SYSTEM)]
        onward[key] = {(r.stage, r.hold, r.ended, r.asked) for r in reached}
        ahead += reached
    assert {stage for stage, *_ in seen} == {key for key, _ in flow.stages}, "every stage is reached"
    ends = {k for k in seen if k[2] or k[0] == flow.closed}
    able = set(ends)
    while more := {k for k, to in onward.items() if k not in able and to & able}:
        able |= more
    assert able == set(seen)


people = st.tuples(
    st.frozensets(st.sampled_from(RIGHTS)), st.sampled_from([None, frozenset[str](), frozenset({"市城管局"})])
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whoever_does_whatever_the_case_stays_legal_and_refusals_change_nothing(data: st.DataObject) -> None:
    flow = FLOWS[data.draw(st.sampled_from(sorted(FLOWS)))]
    state, now, taken = start(flow), NOW, 0
    for _ in range(data.draw(st.integers(1, 40))):
        rights, departments = data.draw(people)
        scope = ask(*rights, departments=departments)
        step = data.draw(st.sampled_from(flow.steps))
        words = given_for(step) if data.draw(st.booleans()) else {}
        now += dt.timedelta(minutes=data.draw(st.integers(0, 10_000)))
        offered = choices(flow, state, scope)
        try:
            done = take(flow, step.key, state, words, scope, now)
        except Forbidden:
            assert step not in offered
            assert possible(flow, step, state)
        except Conflict:
            assert step not in offered
            assert not possible(flow, step, state)
        except Invalid:
            assert step in offered
            assert set(step.needs) - set(words)
        else:
            assert step in offered
            assert scope.can(step.permission)
            assert done.before == state
            state, taken = done.after, taken + 1
            legal(flow, state)
    if taken == 0:
        assert state == start(flow)


def test_the_line_of_each_flow() -> None:
    grid = walk(FLOWS["grid"], start(FLOWS["grid"]), "accept", "forward", "sign", "finish", "close")
    assert (grid.stage, grid.department, grid.closed_at, grid.responded_at) == ("closed", "市城管局", NOW, NOW)
    hotline = walk(
        FLOWS["hotline"], start(FLOWS["hotline"]), "forward", "sign", "begin", "finish", "rework", "finish", "close"
    )
    assert (hotline.stage, hotline.satisfaction) == ("closed", 4)
    urban = walk(FLOWS["urban"], start(FLOWS["urban"]), "dispatch", "sign", "finish", "close", "rate", "reopen")
    assert (urban.stage, urban.closed_at) == ("handling", None)


def test_what_is_held_rests_until_it_is_resumed() -> None:
    flow = FLOWS["grid"]
    state = walk(flow, start(flow), "accept", "forward", "sign", "ask_shelf", "grant_shelf")
    assert (state.hold, state.asked) == ("shelved", "")
    with pytest.raises(Conflict, match="挂账"):
        take(flow, "finish", state, {"result": "x"}, SYSTEM, NOW)
    assert take(flow, "urge", state, {"text": "请尽快"}, SYSTEM, NOW).after == state
    assert walk(flow, state, "resume", "finish").stage == "verified"


def test_a_request_is_decided_once_and_by_others() -> None:
    flow = FLOWS["grid"]
    state = walk(flow, start(flow), "accept", "forward", "sign", "ask_extension")
    assert state.request == {"reason": "原因", "amount": 3, "unit": "work_days"}
    with pytest.raises(Conflict, match="待审批"):
        take(flow, "ask_shelf", state, given_for(next(s for s in flow.steps if s.key == "ask_shelf")), SYSTEM, NOW)
    worker = ask("case.handle", departments=frozenset({"市城管局"}))
    with pytest.raises(Forbidden):
        take(flow, "grant_extension", state, {}, worker, NOW)
    assert walk(flow, state, "deny_extension").asked == ""


def test_only_who_has_the_case_works_on_it() -> None:
    flow = FLOWS["grid"]
    state = walk(flow, start(flow), "accept", "forward")
    with pytest.raises(Forbidden, match="承办"):
        take(flow, "sign", state, {}, ask("case.handle", departments=frozenset({"别的局"})), NOW)
    with pytest.raises(Forbidden):
        take(flow, "sign", state, {}, ask("case.handle", departments=None), NOW)
    assert (
        take(flow, "sign", state, {}, ask("case.handle", departments=frozenset({"市城管局"})), NOW).after.stage
        == "handling"
    )
    named = walk(flow, start(flow), "accept")
    named = take(flow, "forward", named, {"department": "市城管局", "officer": "李小明"}, SYSTEM, NOW).after
    assert take(flow, "sign", named, {}, ask("case.handle"), NOW, officer="李小明").after.stage == "handling"


def test_every_fault_of_what_is_given_is_told() -> None:
    flow = FLOWS["grid"]
    state = walk(flow, start(flow), "accept", "forward", "sign")
    with pytest.raises(Invalid) as told:
        take(flow, "ask_extension", state, {"amount": True, "unit": "年", "extra": 1, "text": "x" * 5000}, SYSTEM, NOW)
    assert {r.field: r.code for r in told.value.reasons} == {
        "reason": "missing",
        "amount": "bad_number",
        "unit": "bad_unit",
        "extra": "unknown_field",
        "text": "too_long",
    }
    with pytest.raises(NotFound):
        take(flow, "explode", state, {}, SYSTEM, NOW)
    with pytest.raises(Conflict, match="只能在上报环节"):
        take(flow, "accept", state, {}, SYSTEM, NOW)


values = st.none() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*GIVEN, "x"]), values, max_size=6))
def test_rubbish_is_refused_as_invalid_and_nothing_else(rubbish: dict[str, Any]) -> None:
    flow = FLOWS["grid"]
    state = walk(flow, start(flow), "accept", "forward", "sign")
    for step in flow.steps:
        try:
            take(flow, step.key, state, rubbish, SYSTEM, NOW)
        except IocError:
            continue


@pytest.mark.parametrize("key", sorted(FLOWS))
def test_while_it_is_held_nothing_is_granted_that_nobody_asked_for(key: str) -> None:
    flow = FLOWS[key]
    held = State(key, "handling", hold="paused")
    for step in flow.steps:
        if step.grants or step.denies:
            assert not possible(flow, step, held), step.key
            asked = State(key, "handling", hold="paused", asked=step.grants or step.denies)
            assert possible(flow, step, asked) == (not step.holds), step.key
        if step.asks and not step.own:
            assert possible(flow, step, held)
            assert not possible(flow, step, State(key, "handling", hold="paused", asked="extension"))
