"""Random steps and times through the use-cases and the store, against the calculation that steps through minutes."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ioc.cases.calendar_file import Days
from ioc.cases.deadlines import Deadline, DeadlineTable
from ioc.cases.published import (
    days_publication,
    deadlines_publication,
    hours_publication,
    markets_publication,
)
from ioc.cases.sheets import Sheet
from ioc.cases.work import Actor, Cases
from ioc.clock import FixedClock
from ioc.flows import flows
from ioc.scope import SYSTEM
from ioc.store import terms
from tests.conftest import Database
from tests.unit.test_flow import GIVEN
from tests.unit.test_terms import Told, write_down
from tests.unit.test_worktime import CAL, OFFICE, at

pytestmark = pytest.mark.store
CHINA = ZoneInfo("Asia/Shanghai")
ANYBODY = Actor(SYSTEM, "任意")
TERMS: dict[tuple[str, str], tuple[int, Any]] = {
    ("grid", ""): (4, "work_days"),
    ("grid", "accepted"): (90, "work_hours"),
    ("grid", "handling"): (1, "work_days"),
    ("hotline", ""): (20 * 60, "work_hours"),
    ("hotline", "handling"): (30 * 60, "emergency_hours"),
    ("hotline", "callback"): (2, "work_days"),
    ("urban", ""): (5, "work_days"),
    ("urban", "filed"): (60, "work_hours"),
    ("urban", "handling"): (5 * 60, "work_hours"),
}


def publish_all(db: Database, now: dt.datetime) -> None:
    """The calendar of the tests of working time, with its make-up Saturdays, holidays and market days."""
    sheet = Sheet("x.csv", (), (), {"文号": "某府办〔2026〕3号", "日期": "2026-01-01"})
    every = {**CAL.holidays, **CAL.makeup}
    days = Days(dict(CAL.holidays), dict(CAL.makeup), {d: d.year for d in every}, {})
    issued = dt.date(2026, 1, 1)
    rows = [
        Deadline(
            flow, n if unit == "work_days" else n / 60, unit, stage=stage, document="某府办〔2026〕3号", issued=issued
        )
        for (flow, stage), (n, unit) in TERMS.items()
    ]
    with db.store.scoped(SYSTEM) as conn:
        for made in (
            hours_publication(sheet, (CAL.week, OFFICE)),
            days_publication(sheet, days),
            markets_publication(sheet, CAL.markets),
            deadlines_publication([sheet], DeadlineTable(tuple(rows))),
        ):
            assert terms.publish(conn, made, "test", now)


@pytest.mark.parametrize("seed", range(6))
def test_what_stands_in_the_store_is_what_stepping_through_the_minutes_gives(db: Database, seed: int) -> None:
    rnd = random.Random(seed)
    clock = FixedClock(at(rnd.choice(["2026-09-25 17:20", "2026-09-30 17:20", "2026-10-09 17:20", "2026-12-30 11:50"])))
    publish_all(db, clock.now())
    cases, flow = Cases(db.store, clock, zone=CHINA), flows()[("grid", "hotline", "urban")[seed % 3]]
    with db.owner() as conn:
        event = conn.execute(
            "INSERT INTO event (source, source_id, title, occurred_at, received_at)"
            " VALUES ('s', '1', 't', %(t)s, %(t)s) RETURNING event_id",
            {"t": clock.now()},
        ).fetchone()
    assert event
    case = int(cases.open(ANYBODY, event["event_id"], flow.key)["case_id"])
    told, clocked = Told(clock.now(), clock.now()), 0
    for _ in range(14):
        before = row_of(db, case)
        check(before, told, flow.key, flow.closed, clock.now())
        found = cases.offered(ANYBODY, case)
        steps = [s for s in flow.steps if s.key in {o["key"] for o in found["steps"]} and (s.clock or s.asks)]
        steps = [s for s in steps if s.ends == "" and s.asks != "void"]
        if not steps:
            break
        step = rnd.choice(steps)
        clock.advance(60 * rnd.randrange(1, 1440))
        unit = rnd.choice(["work_hours", "work_days", "emergency_hours"])
        if any(n.startswith("photo_") for n in step.needs):  # pictures have tests of their own
            continue
        given = {n: {**GIVEN, "amount": rnd.randrange(1, 4), "unit": unit}[n] for n in step.needs}
        after = cases.take(ANYBODY, case, step.key, given, found["version"])
        write_down(told, step.clock, before["request"], after["stage"] != before["stage"], clock.now())
        clocked += bool(step.clock)
        if step.clock == "end":
            closed = row_of(db, case)
            whole = told.end(told.opened, TERMS[flow.key, ""], clock.now())
            assert (closed["total_due_at"], closed["on_time"]) == (whole, clock.now() <= whole)
        if step.clock == "again":
            assert row_of(db, case)["on_time"] is None
    assert clocked > 2


def row_of(db: Database, case: int) -> dict[str, Any]:
    with db.owner() as conn:
        row = conn.execute("SELECT * FROM cases WHERE case_id = %s", (case,)).fetchone()
    assert row
    return row


def check(row: dict[str, Any], told: Told, flow: str, closed: str, now: dt.datetime) -> None:
    if row["closed_at"] is not None:
        return
    whole = told.end(told.opened, TERMS[flow, ""], now)
    own = TERMS.get((flow, row["stage"]))
    assert row["total_due_at"] == whole, row["stage"]
    assert row["due_at"] == (told.end(told.entered, own, now) if own and row["stage"] != closed else whole)
    assert row["stages"][-1]["due_at"] == row["due_at"].isoformat()
    assert row["clock_stopped"] == (len(told.marks) % 2 == 1)
