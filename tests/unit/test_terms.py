"""The clocks of a case: random steps and times through every flow against a calculation that shares nothing with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioc.cases import applied
from ioc.cases.deadlines import Deadline, DeadlineTable
from ioc.cases.flow import State, possible, take
from ioc.cases.terms import Terms, compute
from ioc.cases.worktime import UNITS, Unit
from ioc.flows import flows
from ioc.scope import SYSTEM
from tests.unit.test_flow import GIVEN
from tests.unit.test_worktime import CAL, MINUTE, amount_in, at, make, starts, stepped_due

FLOWS = {k: f for k, f in flows().items() if f.steps}
Log = list[tuple[str, dt.datetime]]  # opened, entered, pause, resume, and extend by what stands beside it


@dataclass
class Told:
    """What happened, as somebody would write it down who knows nothing of clocks."""

    opened: dt.datetime
    entered: dt.datetime
    marks: list[dt.datetime] = field(default_factory=list[dt.datetime])  # stopped, going, stopped ...
    granted: list[tuple[dt.datetime, int, Unit]] = field(default_factory=list[tuple[dt.datetime, int, Unit]])

    def end(self, start: dt.datetime, term: tuple[int, Unit], now: dt.datetime) -> dt.datetime:
        marks = [*self.marks, now] if len(self.marks) % 2 else self.marks  # standing: as though it went on now
        legs = [term, *((n, unit) for when, n, unit in self.granted if when >= start)]
        for count, unit in legs:
            start = stepped_due(CAL, start, count, unit, lambda m: sum(mark <= m for mark in marks) % 2 == 0)
        return start


def minutes_of(amount: int, unit: Unit) -> int:
    """As `stepped_due` counts: minutes, or days."""
    return amount if unit == "work_days" else amount * 60


def table_of(flow: str, terms: Mapping[str, tuple[int, Unit]]) -> DeadlineTable:
    rows = (Deadline(flow, amount_in(unit, n), unit, stage=stage) for stage, (n, unit) in terms.items())
    return DeadlineTable(tuple(rows))


short = st.one_of(
    st.tuples(st.integers(1, 4), st.just("work_days")),
    st.tuples(st.integers(1, 12 * 60), st.just("work_hours")),
    st.tuples(st.integers(1, 40 * 60), st.just("emergency_hours")),
)
slow = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(starts, st.sampled_from(sorted(FLOWS)), st.data())
def test_any_life_of_a_case_has_the_deadlines_that_stepping_through_the_minutes_gives(
    start: dt.datetime, key: str, data: st.DataObject
) -> None:
    flow = FLOWS[key]
    table: dict[str, tuple[int, Unit]] = {"": data.draw(short)}
    for stage, _ in flow.stages:
        if data.draw(st.booleans()):
            table[stage] = data.draw(short)
    now, state = start, State(key, flow.stages[0][0])
    terms, told = Terms.begin(now), Told(now, now)
    for _ in range(data.draw(st.integers(0, 9))):
        steps = [s for s in flow.steps if possible(flow, s, state) and s.ends == ""]
        clocked = [s for s in steps if s.clock or s.asks]
        if not clocked or (state.closed_at and not data.draw(st.booleans())):
            break
        step = data.draw(st.sampled_from(clocked))
        now += data.draw(st.integers(1, 2 * 1440)) * MINUTE
        unit = data.draw(st.sampled_from(UNITS))
        request = {**GIVEN, "amount": data.draw(st.integers(1, 3)), "unit": unit}
        taken = take(flow, step.key, state, {n: request[n] for n in step.needs}, SYSTEM, now)
        moved = taken.after.stage != state.stage
        if step.clock:
            terms = applied.acted(terms, step.clock, state.request, moved, now)
        write_down(told, step.clock, dict(state.request), moved, now)
        state = taken.after
        assert Terms.of(terms.as_dict()) == terms
    if state.closed_at:
        return  # what the deadlines were when it ended is tested by what stands in the store
    place = (key, "", applied.stage_key(flow, state.stage))
    now += data.draw(st.integers(0, 1440)) * MINUTE
    found = compute(terms, table_of(key, table), CAL, place, now)
    assert found.total is not None
    assert found.total.at == told.end(told.opened, table[""], now)
    if state.stage in table and state.stage:
        assert found.due_at == told.end(told.entered, table[state.stage], now)
    else:
        assert found.due_at == found.total.at


def write_down(told: Told, word: str, request: Mapping[str, Any], moved: bool, now: dt.datetime) -> None:
    if word == "again":
        told.opened = told.entered = now
        told.marks, told.granted = [], []
    elif word in ("stop", "go"):
        told.marks.append(now)
    elif word == "extend":
        told.granted.append((now, minutes_of(request["amount"], request["unit"]), request["unit"]))
    elif moved:
        told.entered = now


URBAN = DeadlineTable(
    (
        Deadline("urban", 7, "work_days"),
        Deadline("urban", 1, "work_hours", stage="filed"),
        Deadline("urban", 4, "work_hours", category="0102", stage="handling"),
        Deadline("urban", 3, "emergency_hours", category="04", stage="handling"),
    )
)


@pytest.mark.parametrize(
    ("received", "stage", "due", "total"),
    [
        # Friday 17:20 before the National Day: Monday 09:20, and the seventh working day lies behind the holidays,
        # on the make-up Saturday
        ("2026-09-25 17:20", "filed", "2026-09-28 09:20", "2026-10-12 17:30"),
        # Friday 17:20 before the make-up Saturday
        ("2026-10-09 17:20", "filed", "2026-10-10 09:20", "2026-10-19 17:30"),
        # the last working day before the holidays
        ("2026-09-30 17:20", "filed", "2026-10-08 09:20", "2026-10-15 17:30"),
    ],
)
def test_friday_afternoon_holiday_and_make_up_saturday(received: str, stage: str, due: str, total: str) -> None:
    terms = Terms.begin(at(received))
    found = compute(
        terms, URBAN, make(markets=(), makeup={dt.date(2026, 10, 10): "国庆节"}), ("urban", "", stage), at(received)
    )
    assert (found.due_at, found.total and found.total.at) == (at(due), at(total))
    assert (found.label, found.unpublished) == ("", ())


def test_stage_and_whole_term_are_two_clocks_and_the_category_decides() -> None:
    opened = at("2026-09-14 09:00")
    terms = Terms.begin(opened).enter(at("2026-09-15 09:00"))
    now = at("2026-09-15 09:00")
    rubbish = compute(terms, URBAN, CAL, ("urban", "0102", "handling"), now)
    assert (rubbish.due_at, rubbish.total and rubbish.total.at) == (at("2026-09-15 15:30"), at("2026-09-22 17:30"))
    flood = compute(terms, URBAN, CAL, ("urban", "0406", "handling"), now)
    assert flood.due_at == at("2026-09-15 12:00")
    other = compute(terms, URBAN, CAL, ("urban", "0201", "handling"), now)
    assert other.due_at == (other.total and other.total.at), "a stage without a term: the whole one's runs on"


def test_a_pause_counts_for_both_and_an_extension_for_its_stage_and_the_whole() -> None:
    terms = Terms.begin(at("2026-09-14 09:00")).enter(at("2026-09-14 09:30"))
    terms = terms.act("pause", at("2026-09-14 10:00")).act("resume", at("2026-09-16 10:00"))
    place, now = ("urban", "0102", "handling"), at("2026-09-16 10:00")
    found = compute(terms, URBAN, CAL, place, now)
    assert found.due_at == at("2026-09-16 16:00"), "half an hour was worked before the pause"
    assert found.total is not None
    assert found.total.at == at("2026-09-23 17:30"), "the evening of the 15th did not count"
    longer = terms.extend(now, 1, "work_days")
    assert compute(longer, URBAN, CAL, place, now).due_at == at("2026-09-17 17:30")
    twice = compute(longer.extend(now, 2, "emergency_hours"), URBAN, CAL, place, now)
    assert twice.due_at == at("2026-09-17 19:30"), "the second begins where the first ends"
    back = longer.enter(at("2026-09-16 11:00"))
    found = compute(back, URBAN, CAL, place, at("2026-09-16 11:00"))
    assert found.due_at == at("2026-09-16 17:30"), "granted to the stage before"
    assert found.total is not None
    assert found.total.at == at("2026-09-24 17:30"), "and to the whole"


def test_what_is_not_configured_is_said_and_not_invented() -> None:
    terms, now = Terms.begin(at("2026-09-14 09:00")), at("2026-09-14 09:00")
    for table, calendar, missing in ((None, CAL, "deadlines"), (URBAN, None, "calendar"), (None, None, "calendar")):
        found = compute(terms, table, calendar, ("urban", "", "filed"), now)
        assert (found.due_at, found.total, found.label, found.missing) == (None, None, "unset", missing)
    other = compute(terms, URBAN, CAL, ("grid", "", "reported"), now)
    assert (other.label, other.missing) == ("unset", "row")


def test_a_year_without_published_holidays_makes_it_provisional() -> None:
    calendar = make(years=frozenset({2026}), markets=())
    terms, now = Terms.begin(at("2026-12-28 09:00")), at("2026-12-28 09:00")
    found = compute(terms, URBAN, calendar, ("urban", "", "filed"), now)
    assert (found.label, found.unpublished) == ("provisional", (2027,))
    assert found.due is not None
    assert found.due.certain, "its stage ends this year"


def test_two_stops_at_one_instant_are_two_and_a_clock_set_back_moves_nothing_back() -> None:
    first = at("2026-09-14 10:00")
    terms = Terms.begin(first).act("pause", first).act("resume", first).act("pause", first)
    assert terms.stage(Deadline("urban", 1, "work_hours")).running is False
    assert terms.act("pause", first) is terms
    back = Terms.begin(first).enter(first + MINUTE).act("pause", first).enter(first)
    assert back.acts == (("pause", first + MINUTE),)
    assert back.entered == first + MINUTE
