"""The month's numbers of the closed loop, against a calculation of their own, for a random year of cases."""

from __future__ import annotations

import datetime as dt
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb

from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store.kpi_loop import alert_response, closed_rate, handling_days
from ioc.store.kpi_ratings import repair_rate
from ioc.store.kpi_records import records
from ioc.store.kpi_rollup import Ask, Audience
from tests.conftest import NOW, Database
from tests.store import world

pytestmark = pytest.mark.store
TZ = ZoneInfo("Asia/Shanghai")
MONTH = dt.datetime(2026, 10, 1, tzinfo=TZ)
BEFORE = dt.datetime(2026, 9, 1, tzinfo=TZ)
SAME = BEFORE + (NOW - MONTH)  # September 3, 14:32
DAY = dt.timedelta(days=1)
CITY, TOWN, VILLAGE = "331100000000", "331101100000", "331101100201"
INSIDE: Mapping[str, set[str]] = {
    CITY: {r[0] for r in world.REGIONS},
    TOWN: {TOWN, VILLAGE, "331101100202"},
    VILLAGE: {VILLAGE},
}


@dataclass
class Case:
    region: str
    flow: str
    urgency: str
    ended: str
    opened: dt.datetime
    responded: dt.datetime | None
    closed: dt.datetime | None
    pauses: list[tuple[dt.datetime, dt.datetime | None]] = field(default_factory=list[Any])
    departments: tuple[str, ...] = ()

    def took(self) -> tuple[float, float]:
        """Days without and with held time."""
        assert self.closed is not None
        whole = self.closed - self.opened
        held = sum(((min(b or self.closed, self.closed) - min(a, self.closed)) for a, b in self.pauses), dt.timedelta())
        return (whole - held) / DAY, whole / DAY


def _case(r: random.Random) -> Case:
    opened = NOW - dt.timedelta(hours=r.uniform(0, r.choice([60, 24 * 64])))
    responded = opened + dt.timedelta(seconds=r.choice([30, 180, 181, 4000])) if r.random() < 0.7 else None
    closed = opened + dt.timedelta(hours=r.choice([0.5, 3, 30, 100, 700])) if r.random() < 0.7 else None
    if closed is not None and closed > NOW:
        closed = None
    pauses: list[tuple[dt.datetime, dt.datetime | None]] = []
    at = opened
    for _ in range(r.choice([0, 0, 1, 2])):
        at += dt.timedelta(hours=r.uniform(0.1, 5))
        pauses.append((at, at + dt.timedelta(hours=r.uniform(0.1, 9))))
        at = pauses[-1][1] or at
    if pauses and r.random() < 0.3:
        pauses[-1] = (pauses[-1][0], None)  # still held, or closed out of a hold
    region = r.choice([c for c, *_ in world.REGIONS])
    handed = tuple(r.sample(["城管局", "水利局", "环卫处"], r.choice([0, 1, 2, 3])))
    ended = r.choice(["", "", "", "void", "refused"])
    flow, urgency = r.choice(["grid", "hotline"]), r.choice(["routine", "critical"])
    return Case(region, flow, urgency, ended, opened, responded, closed, pauses, handed)


def _store(db: Database, cases: Sequence[Case]) -> None:
    with db.owner() as conn:
        ids = world.build(conn)
        for n, c in enumerate(cases):
            acts = [[w, t.isoformat()] for a, b in c.pauses for w, t in (("pause", a), ("resume", b)) if t is not None]
            terms = Jsonb({"acts": acts}) if acts or n % 7 else None  # an imported case has none
            row = conn.execute(
                "INSERT INTO cases (number, source, source_id, flow, stage, title, urgency, ended, region_id,"
                " opened_at, responded_at, closed_at, terms) VALUES (%(n)s, 't', %(n)s, %(flow)s, 's', 't',"
                " %(urgency)s, %(ended)s, %(region)s, %(opened)s, %(responded)s, %(closed)s, %(terms)s)"
                " RETURNING case_id",
                {"n": f"N{n}", "flow": c.flow, "urgency": c.urgency, "ended": c.ended, "region": ids[c.region],
                 "opened": c.opened, "responded": c.responded, "closed": c.closed, "terms": terms},
            ).fetchone()  # fmt: skip
            assert row is not None
            for version, name in enumerate((*c.departments, *c.departments[:1]), 2):  # handed back to the first
                conn.execute(
                    "INSERT INTO case_step (case_id, version, step, stage_before, stage_after, actor, at, given)"
                    " VALUES (%s, %s, 'dispatch', 's', 's', 'x', %s, %s)",
                    (row["case_id"], version, c.opened, Jsonb({"department": name})),
                )


@pytest.fixture
def cases(db: Database) -> list[Case]:
    r = random.Random(7)
    made = [_case(r) for _ in range(400)]
    _store(db, made)
    return made


def _ask() -> Ask:
    return Ask(NOW, TZ, [Audience("all", None, 2)])


def _percent(flags: Sequence[bool]) -> float | None:
    return 100 * sum(flags) / len(flags) if flags else None


def test_rates_of_the_month(db: Database, cases: list[Case], settings: Settings) -> None:
    with db.store.scoped(SYSTEM) as conn:
        ids = {r["code"]: r["region_id"] for r in conn.execute("SELECT code, region_id FROM region")}
        every, hotline = closed_rate(conn, _ask(), {}), closed_rate(conn, _ask(), {"flow": "hotline"})
        alert = alert_response(conn, _ask(), {})
    for code, inside in INSIDE.items():
        mine = [c for c in cases if c.region in inside]
        taken = [c for c in mine if c.ended == ""]
        for found, flow in ((every, ""), (hotline, "hotline")):
            of = [c for c in taken if flow in ("", c.flow)]
            got = found[ids[code], "all"]
            now = [c.closed is not None for c in of if c.opened >= MONTH]
            before = [c.closed is not None and c.closed <= SAME for c in of if BEFORE <= c.opened < SAME]
            assert (got.value, got.denominator) == (pytest.approx(_percent(now)), len(now)), code
            assert got.previous == pytest.approx(_percent(before)), code
            query = f"cases?state=opened_month&flow={flow}"
            listed = records(db.store, SYSTEM, code, query, 0, 500, NOW, settings)
            assert (listed["total"], listed["counted"]) == (len(now), sum(now))
        owed = [c for c in mine if c.urgency == "critical" and c.opened >= MONTH
                and (c.responded or c.opened <= NOW - dt.timedelta(seconds=180))]  # fmt: skip
        quick = [c.responded is not None and c.responded - c.opened <= dt.timedelta(seconds=180) for c in owed]
        assert alert[ids[code], "all"].value == pytest.approx(_percent(quick)), code
        listed = records(db.store, SYSTEM, code, "cases?state=critical_month", 0, 500, NOW, settings)
        assert (listed["total"], listed["counted"]) == (len(owed), sum(quick))


@pytest.mark.parametrize("cross", [False, True])
def test_how_long_it_took_with_and_without_holds(
    db: Database, cases: list[Case], settings: Settings, cross: bool
) -> None:
    scale = 24 if cross else 1
    with db.store.scoped(SYSTEM) as conn:
        ids = {r["code"]: r["region_id"] for r in conn.execute("SELECT code, region_id FROM region")}
        found = handling_days(conn, _ask(), {"cross": cross, "per_day": scale})
    for code, inside in INSIDE.items():
        of = [c for c in cases if c.region in inside and c.ended == "" and c.closed
              and (not cross or len(c.departments) > 1)]  # fmt: skip
        month = [c.took() for c in of if c.closed and c.closed >= MONTH]
        before = [c.took()[0] for c in of if c.closed and BEFORE <= c.closed < SAME]
        got = found[ids[code], "all"]
        assert len(month) >= 3, "the random year is large enough"
        assert got.value == pytest.approx(scale * statistics.fmean(n for n, _ in month)), code
        assert got.previous == (pytest.approx(scale * statistics.fmean(before)) if before else None), code
        assert got.note is not None
        gross = scale * statistics.fmean(g for _, g in month)
        assert got.note.zh.endswith(f"含挂起 {gross:.1f} {'小时' if cross else '天'}")
        median = float(got.note.en.split()[1]) / scale
        exact = statistics.median_low(n for n, _ in month)
        assert abs(median - exact) <= (0.5 / 24 if exact < 2 else 0.5) + 0.06, code
        state = "cross_month" if cross else "closed_month"
        listed = records(db.store, SYSTEM, code, f"cases?state={state}", 0, 500, NOW, settings)
        assert listed["total"] == got.denominator == len(month)


def test_nothing_closed_is_no_zero(db: Database) -> None:
    with db.owner() as conn:
        world.build(conn)
    with db.store.scoped(SYSTEM) as conn:
        assert (
            handling_days(conn, _ask(), {}) == closed_rate(conn, _ask(), {}) == alert_response(conn, _ask(), {}) == {}
        )


def test_what_people_named_beside_the_rate(db: Database, cases: list[Case]) -> None:
    with db.owner() as conn:
        zh = {r["code"]: r["zh"] for r in conn.execute("SELECT * FROM dictionary_now WHERE dict = 'rating_reason'")}
        first, second = sorted(zh)[:2]
        named = [first] * 3 + [second] * 2 + ["from an older table"]
        for n, tag in enumerate(named, 1):
            conn.execute(
                "INSERT INTO case_rating (case_id, version, rating, tags, by_actor, at)"
                " SELECT case_id, %s, 1, %s, 'x', %s FROM cases WHERE number = 'N1'",
                (n, [tag], NOW - dt.timedelta(hours=1)),
            )
        zh = {
            r["code"]: r["zh"] for r in conn.execute("SELECT code, zh FROM dictionary_now WHERE dict = 'rating_reason'")
        }
    with db.store.scoped(SYSTEM) as conn:
        (note, *_) = {r.note.zh for r in repair_rate(conn, _ask(), {}).values() if r.note}
    assert note == f"{zh[first]} 50% · {zh[second]} 33% · 其他 17%"
