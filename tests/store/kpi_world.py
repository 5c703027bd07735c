"""Random rows known to Python and to the store, and every indicator calculated from them a second time, in Python."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
import pytest

from ioc.aqi import aqi
from ioc.clock import FixedClock
from ioc.declare import Indicator
from ioc.i18n import Text
from ioc.kpi.worker import KpiWorker
from ioc.registry import discover
from ioc.scope import SYSTEM, Scope
from ioc.services import TileState
from ioc.settings import Settings
from ioc.store import kpi
from ioc.store.kpi_records import records
from ioc.store.regions import Regions
from tests.conftest import NOW, Database

TZ = Settings().tz
PARENT = {1: None, 2: 1, 3: 1, 4: 2, 5: 2, 6: 3}  # city, two counties, three towns
ZONE = 7  # of towns 5 and 6
MEMBERS = {1: {1, 2, 3, 4, 5, 6}, 2: {2, 4, 5}, 3: {3, 6}, 4: {4}, 5: {5}, 6: {6}, 7: {5, 6, 7}}
CODES = {i: f"90000000{i:04d}" for i in range(1, 8)}
WHOLE = replace(SYSTEM, actor="chief")
INDICATORS = tuple(i for i in discover("ioc.indicators", "INDICATOR").values() if isinstance(i, Indicator))
ISLAND = Indicator(
    code="island",
    title=Text("在岛人数", "On the island"),
    unit=Text("万人", "10k"),
    query="sum_latest",
    params={"property": "crowd", "within": CODES[ZONE], "scale": 0.0001},
    source="crowd",
    formula=Text("和", "sum"),
    records=f"latest?property=crowd&within={CODES[ZONE]}",
)


@dataclass
class World:
    """The same rows in Python as in the store."""

    db: Database
    clock: FixedClock
    settings: Settings
    devices: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    cases: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    air: list[tuple[int | None, str, float]] = field(default_factory=list[tuple[int | None, str, float]])

    @property
    def now(self) -> dt.datetime:
        return self.clock.now()

    def worker(self, *more: Indicator) -> KpiWorker:
        return KpiWorker(self.db.store, (*INDICATORS, *more), self.clock, self.settings)

    def tiles(self, scope: Scope, region: int | str, *more: Indicator) -> dict[str, TileState]:
        code = CODES[region] if isinstance(region, int) else region
        found = kpi.tiles(self.db.store, scope, code, (*INDICATORS, *more), self.now)
        return {t.indicator.code: t for t in found}

    def records(self, scope: Scope, region: int, query: str, offset: int = 0, limit: int = 500) -> dict[str, Any]:
        return records(self.db.store, scope, CODES[region], query, offset, limit, self.now, self.settings)


def insert(conn: psycopg.Connection[Any], table: str, row: dict[str, Any]) -> Any:
    names = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, row))
    marks = psycopg.sql.SQL(", ").join(psycopg.sql.Placeholder() * len(row))
    query = psycopg.sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(psycopg.sql.Identifier(table), names, marks)
    return conn.execute(query, list(row.values()))


POINT = "SRID=4326;POINT(111.98 21.86)"


@pytest.fixture
def world(db: Database, clock: FixedClock, settings: Settings) -> World:
    w = World(db, clock, settings)
    rnd = random.Random(7)
    with db.owner() as conn:
        for i, parent in PARENT.items():
            kind = "city" if i == 1 else "county" if i in (2, 3) else "town"
            row = {"region_id": i, "code": CODES[i], "name": f"R{i}", "kind": kind, "parent_id": parent}
            insert(conn, "region", row)
        zone = {"code": CODES[ZONE], "name": "Z", "kind": "zone", "parent_id": 1, "members": [CODES[5], CODES[6]]}
        insert(conn, "region", {"region_id": ZONE, **zone})
        conn.execute("SELECT ioc_rebuild_region_closure()")
        MEMBERS[1].add(ZONE)
        for key, classes in (("video", ["camera"]), ("iot", ["sensor"]), ("desk", ["event", "case"])):
            at = NOW - dt.timedelta(seconds=20)
            insert(
                conn,
                "source",
                {"source_key": key, "title": f"源 {key}", "classes": classes, "as_of": at, "last_data_at": at,
                 "last_seen_at": at, "state": "live", "interval_s": 60},
            )  # fmt: skip
        _devices(w, conn, rnd)
        _events(w, conn, rnd)
        _cases(w, conn, rnd)
        _air(w, conn, rnd)
    Regions.of(db.store).forget()
    return w


def _where(rnd: random.Random) -> dict[str, Any]:
    return {
        "region_id": rnd.choice([None, 2, 4, 5, 6, 6]),
        "private_to": rnd.choice([None, None, None, "", "城管局", "水务局"]),
        "sensitivity": rnd.choice([0, 0, 0, 1, 2]),
    }


def _devices(w: World, conn: psycopg.Connection[Any], rnd: random.Random) -> None:
    for i in range(300):
        status = rnd.choice(["online", "online", "online", "offline", "fault", "disabled", "unknown"])
        row = {"source": "t", "external_id": str(i), "kind": "k", "class": rnd.choice(["camera", "sensor"]),
               "name": f"d{i}", "status": status, "geom": POINT, "h3_10": 0, **_where(rnd)}  # fmt: skip
        w.devices.append(row)
        insert(conn, "device", row)


def _events(w: World, conn: psycopg.Connection[Any], rnd: random.Random) -> None:
    for i in range(400):
        at = NOW - dt.timedelta(minutes=rnd.randint(-30, 9 * 24 * 60))
        row = {"source": "t", "source_id": str(i), "title": "e", "occurred_at": at, "received_at": at,
               "status": rnd.choice(["open", "closed", "void"]), "suspected": rnd.random() < 0.2,
               **_where(rnd)}  # fmt: skip
        w.events.append(row)
        insert(conn, "event", row)


def _cases(w: World, conn: psycopg.Connection[Any], rnd: random.Random) -> None:
    for i in range(500):
        opened = NOW - dt.timedelta(minutes=rnd.randint(1, 5 * 24 * 60))
        responded = opened + dt.timedelta(minutes=rnd.randint(1, 30)) if rnd.random() < 0.8 else None
        due = opened + dt.timedelta(hours=rnd.randint(1, 40)) if rnd.random() < 0.9 else None
        closed = opened + dt.timedelta(hours=rnd.randint(1, 50)) if rnd.random() < 0.7 else None
        closed = closed if closed and closed <= NOW else None
        row = {"number": f"N{i}", "source": "t", "source_id": str(i), "flow": rnd.choice(["grid", "hotline"]),
               "stage": "x", "title": "c", "urgency": rnd.choice(["routine", "urgent", "critical"]),
               "incident_level": rnd.choice([None, None, None, 3]), "opened_at": opened,
               "responded_at": responded if responded and responded <= NOW else None, "total_due_at": due,
               "closed_at": closed, "on_time": closed <= due if closed and due else None,
               "clock_stopped": rnd.random() < 0.1, **_where(rnd)}  # fmt: skip
        w.cases.append(row)
        insert(conn, "cases", row)


def _air(w: World, conn: psycopg.Connection[Any], rnd: random.Random) -> None:
    stream = 0
    # a dust monitor measures PM10 too, and is no air quality station
    insert(conn, "device", {"source": "air", "external_id": "dust", "kind": "dust", "class": "other", "name": "dust",
                             "geom": POINT, "h3_10": 0, "region_id": 4})  # fmt: skip
    conn.execute(
        "INSERT INTO datastream (datastream_id, device_id, property, region_id)"
        " SELECT 999, device_id, 'pm10', 4 FROM device WHERE external_id = 'dust'"
    )
    insert(conn, "observation", {"datastream_id": 999, "observed_at": NOW - dt.timedelta(minutes=2), "value": 400})
    for region in (2, 4, 5, None):
        for prop in ("pm25", "pm10", "o3"):
            stream += 1
            device = {"source": "air", "external_id": str(stream), "kind": "air", "class": "other",
                      "name": f"a{stream}", "geom": POINT, "h3_10": 0, "region_id": region}  # fmt: skip
            made = insert(conn, "device", device)
            assert made.rowcount == 1
            conn.execute(
                "INSERT INTO datastream (datastream_id, device_id, property, region_id)"
                " SELECT %s, device_id, %s, region_id FROM device WHERE source = 'air' AND external_id = %s",
                (stream, prop, str(stream)),
            )
            values = [rnd.uniform(5, 160) for _ in range(6)]
            for i, value in enumerate(values):
                at = NOW - dt.timedelta(minutes=10 * i + 1)
                insert(conn, "observation", {"datastream_id": stream, "observed_at": at, "value": value})
            for at, value, quality in ((70, 400.0, 0), (5.5, 900.0, 2), (6.5, None, 3), (-5, 999.0, 0)):
                row = {"observed_at": NOW - dt.timedelta(minutes=at), "value": value, "quality": quality}
                insert(conn, "observation", {"datastream_id": stream, **row})
            insert(conn, "latest", {"datastream_id": stream, "observed_at": NOW - dt.timedelta(minutes=1),
                                     "received_at": NOW, "value": values[0]})  # fmt: skip
            w.air.append((region, prop, sum(values) / len(values)))


# ---------------------------------------------------------------- the independent calculation


def _mine(row: dict[str, Any], region: int, scope: Scope) -> bool:
    """Whether a row counts for a region under a scope that covers it."""
    inside = row["region_id"] in MEMBERS[region] or (row["region_id"] is None and region == 1)
    shared = scope.departments is None or not row["private_to"] or row["private_to"] in scope.departments
    return inside and shared and row["sensitivity"] <= scope.sensitivity


def rate(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def expect_online(w: World, kind: str, region: int, scope: Scope) -> tuple[float | None, float, float]:
    rows = [d for d in w.devices if d["class"] == kind and d["status"] != "disabled" and _mine(d, region, scope)]
    online = sum(d["status"] == "online" for d in rows)
    return rate(online, len(rows)), online, len(rows)


def day_start(now: dt.datetime, back: int = 0) -> dt.datetime:
    day = now.astimezone(TZ).date() - dt.timedelta(days=back)
    return dt.datetime(day.year, day.month, day.day, tzinfo=TZ)


def expect_events(w: World, region: int, scope: Scope, now: dt.datetime, back: int = 0) -> int:
    start, end = day_start(now, back), now - dt.timedelta(days=back)
    rows = [e for e in w.events if e["status"] != "void" and not e["suspected"] and _mine(e, region, scope)]
    return sum(start <= e["occurred_at"] <= end for e in rows)


def expect_open(w: World, region: int, scope: Scope, at: dt.datetime) -> list[dict[str, Any]]:
    rows = [c for c in w.cases if c["incident_level"] is None and _mine(c, region, scope)]
    return [c for c in rows if c["opened_at"] <= at and (c["closed_at"] is None or c["closed_at"] > at)]


def expect_on_time(w: World, region: int, scope: Scope, now: dt.datetime, back: int = 0) -> tuple[int, int]:
    start, end = day_start(now, back), now - dt.timedelta(days=back)
    kept = due = 0
    for c in w.cases:
        if c["incident_level"] is not None or not _mine(c, region, scope):
            continue
        closed = c["closed_at"] if c["closed_at"] and c["closed_at"] <= end else None
        if closed and closed >= start and c["on_time"] is not None:
            kept, due = kept + c["on_time"], due + 1
        elif not closed and c["total_due_at"] and start <= c["total_due_at"] < end and not c["clock_stopped"]:
            due += 1
    return kept, due


def expect_response(w: World, region: int, scope: Scope, now: dt.datetime, back: int = 0) -> tuple[float, int]:
    start, end = day_start(now, back), now - dt.timedelta(days=back)
    rows = [c for c in w.cases if c["incident_level"] is None and c["responded_at"] and _mine(c, region, scope)]
    took = [
        (c["responded_at"] - c["opened_at"]).total_seconds() / 60 for c in rows if start <= c["responded_at"] <= end
    ]
    return sum(took), len(took)


def expect_aqi(w: World, region: int, now: dt.datetime) -> int | None:
    means: dict[str, list[float]] = {}
    for where, prop, mean in w.air:
        if where in MEMBERS[region] or (where is None and region == 1):
            means.setdefault(prop, []).append(mean)
    found = aqi({p: sum(v) / len(v) for p, v in means.items()}, now.astimezone(TZ).date())
    return found.value if found else None


SCOPES = {
    "all": WHOLE,
    "public": replace(WHOLE, sensitivity=0),
    "shared": replace(WHOLE, departments=frozenset(), sensitivity=1),
    "department": replace(WHOLE, departments=frozenset({"城管局"}), sensitivity=1),
}
