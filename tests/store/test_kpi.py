"""Every indicator against an independent calculation in Python on random data; the states; the list behind a number."""

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
from ioc.errors import Forbidden, Invalid, NotFound
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

pytestmark = pytest.mark.store
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


def _insert(conn: psycopg.Connection[Any], table: str, row: dict[str, Any]) -> Any:
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
            _insert(conn, "region", row)
        zone = {"code": CODES[ZONE], "name": "Z", "kind": "zone", "parent_id": 1, "members": [CODES[5], CODES[6]]}
        _insert(conn, "region", {"region_id": ZONE, **zone})
        conn.execute("SELECT ioc_rebuild_region_closure()")
        MEMBERS[1].add(ZONE)
        for key, classes in (("video", ["camera"]), ("iot", ["sensor"]), ("desk", ["event", "case"])):
            at = NOW - dt.timedelta(seconds=20)
            _insert(
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
        _insert(conn, "device", row)


def _events(w: World, conn: psycopg.Connection[Any], rnd: random.Random) -> None:
    for i in range(400):
        at = NOW - dt.timedelta(minutes=rnd.randint(-30, 9 * 24 * 60))
        row = {"source": "t", "source_id": str(i), "title": "e", "occurred_at": at, "received_at": at,
               "status": rnd.choice(["open", "closed", "void"]), "suspected": rnd.random() < 0.2,
               **_where(rnd)}  # fmt: skip
        w.events.append(row)
        _insert(conn, "event", row)


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
        _insert(conn, "cases", row)


def _air(w: World, conn: psycopg.Connection[Any], rnd: random.Random) -> None:
    stream = 0
    # a dust monitor measures PM10 too, and is no air quality station
    _insert(conn, "device", {"source": "air", "external_id": "dust", "kind": "dust", "class": "other", "name": "dust",
                             "geom": POINT, "h3_10": 0, "region_id": 4})  # fmt: skip
    conn.execute(
        "INSERT INTO datastream (datastream_id, device_id, property, region_id)"
        " SELECT 999, device_id, 'pm10', 4 FROM device WHERE external_id = 'dust'"
    )
    _insert(conn, "observation", {"datastream_id": 999, "observed_at": NOW - dt.timedelta(minutes=2), "value": 400})
    for region in (2, 4, 5, None):
        for prop in ("pm25", "pm10", "o3"):
            stream += 1
            device = {"source": "air", "external_id": str(stream), "kind": "air", "class": "other",
                      "name": f"a{stream}", "geom": POINT, "h3_10": 0, "region_id": region}  # fmt: skip
            made = _insert(conn, "device", device)
            assert made.rowcount == 1
            conn.execute(
                "INSERT INTO datastream (datastream_id, device_id, property, region_id)"
                " SELECT %s, device_id, %s, region_id FROM device WHERE source = 'air' AND external_id = %s",
                (stream, prop, str(stream)),
            )
            values = [rnd.uniform(5, 160) for _ in range(6)]
            for i, value in enumerate(values):
                at = NOW - dt.timedelta(minutes=10 * i + 1)
                _insert(conn, "observation", {"datastream_id": stream, "observed_at": at, "value": value})
            for at, value, quality in ((70, 400.0, 0), (5.5, 900.0, 2), (6.5, None, 3), (-5, 999.0, 0)):
                row = {"observed_at": NOW - dt.timedelta(minutes=at), "value": value, "quality": quality}
                _insert(conn, "observation", {"datastream_id": stream, **row})
            _insert(conn, "latest", {"datastream_id": stream, "observed_at": NOW - dt.timedelta(minutes=1),
                                     "received_at": NOW, "value": values[0]})  # fmt: skip
            w.air.append((region, prop, sum(values) / len(values)))


# ---------------------------------------------------------------- the independent calculation


def _mine(row: dict[str, Any], region: int, scope: Scope) -> bool:
    """Whether a row counts for a region under a scope that covers it."""
    inside = row["region_id"] in MEMBERS[region] or (row["region_id"] is None and region == 1)
    shared = scope.departments is None or not row["private_to"] or row["private_to"] in scope.departments
    return inside and shared and row["sensitivity"] <= scope.sensitivity


def _rate(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def expect_online(w: World, kind: str, region: int, scope: Scope) -> tuple[float | None, float, float]:
    rows = [d for d in w.devices if d["class"] == kind and d["status"] != "disabled" and _mine(d, region, scope)]
    online = sum(d["status"] == "online" for d in rows)
    return _rate(online, len(rows)), online, len(rows)


def _day(now: dt.datetime, back: int = 0) -> dt.datetime:
    day = now.astimezone(TZ).date() - dt.timedelta(days=back)
    return dt.datetime(day.year, day.month, day.day, tzinfo=TZ)


def expect_events(w: World, region: int, scope: Scope, now: dt.datetime, back: int = 0) -> int:
    start, end = _day(now, back), now - dt.timedelta(days=back)
    rows = [e for e in w.events if e["status"] != "void" and not e["suspected"] and _mine(e, region, scope)]
    return sum(start <= e["occurred_at"] <= end for e in rows)


def expect_open(w: World, region: int, scope: Scope, at: dt.datetime) -> list[dict[str, Any]]:
    rows = [c for c in w.cases if c["incident_level"] is None and _mine(c, region, scope)]
    return [c for c in rows if c["opened_at"] <= at and (c["closed_at"] is None or c["closed_at"] > at)]


def expect_on_time(w: World, region: int, scope: Scope, now: dt.datetime, back: int = 0) -> tuple[int, int]:
    start, end = _day(now, back), now - dt.timedelta(days=back)
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
    start, end = _day(now, back), now - dt.timedelta(days=back)
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


@pytest.mark.parametrize("name", SCOPES)
def test_every_number_in_every_region_for_every_audience(world: World, name: str) -> None:
    scope, now = SCOPES[name], NOW
    worker = world.worker()
    world.tiles(scope, 1)  # the audience makes itself known
    done = worker.cycle()
    assert set(done.computed) == {i.code for i in INDICATORS}
    assert done.failed == ()
    for region in MEMBERS:
        got = world.tiles(scope, region)
        for kind in ("camera", "sensor"):
            tile, (value, online, total) = got[f"{kind}_online"], expect_online(world, kind, region, scope)
            assert (tile.value, tile.numerator or 0, tile.denominator or 0) == (pytest.approx(value), online, total)
        tile = got["events_today"]
        assert tile.value == expect_events(world, region, scope, now)
        assert tile.previous == expect_events(world, region, scope, now, 7)
        assert tile.state == ("ok" if tile.value else "empty")
        tile, rows = got["open_cases"], expect_open(world, region, scope, now)
        assert tile.value == len(rows)
        assert tile.previous == len(expect_open(world, region, scope, now - dt.timedelta(days=1)))
        if rows:
            urgent = sum(c["urgency"] == "urgent" for c in rows)
            assert tile.note is not None
            assert f"紧急 {urgent} · " in tile.note.zh
            hour = now.replace(minute=0, second=0) - dt.timedelta(hours=4)
            assert tile.series[19] == len(
                expect_open(world, region, scope, hour + dt.timedelta(hours=1, microseconds=-1))
            )
        kept, due = expect_on_time(world, region, scope, now)
        tile = got["on_time_rate"]
        assert (tile.value, tile.denominator or 0) == (pytest.approx(_rate(kept, due)), due)
        assert tile.previous == pytest.approx(_rate(*expect_on_time(world, region, scope, now, 1)))
        minutes, count = expect_response(world, region, scope, now)
        tile = got["mean_response"]
        assert tile.value == (pytest.approx(minutes / count) if count else None)
        assert got["aqi"].value == expect_aqi(world, region, now)


def test_the_list_behind_each_number_has_as_many_rows(world: World) -> None:
    worker = world.worker()
    for scope in SCOPES.values():
        world.tiles(scope, 1)
    worker.cycle()
    for scope in SCOPES.values():
        for region in MEMBERS:
            got = world.tiles(scope, region)
            for tile in got.values():
                code, found = tile.indicator.code, world.records(scope, region, tile.indicator.records)
                assert len(found["rows"]) == found["total"], code
                if code in ("events_today", "open_cases"):
                    assert found["total"] == tile.value, code
                elif code != "aqi":
                    assert found["total"] == (tile.denominator or 0), code
                if code in ("camera_online", "sensor_online", "on_time_rate", "sources_ok"):
                    assert found["counted"] == (tile.numerator or 0), code
                    assert sum(r["counted"] for r in found["rows"]) == found["counted"]
                assert all(c["zh"] and c["en"] for c in found["columns"])


def test_lists_are_paged_and_refuse_nonsense(world: World) -> None:
    whole = world.records(WHOLE, 1, "devices?class=camera")
    pages = [world.records(WHOLE, 1, "devices?class=camera", o, 40)["rows"] for o in range(0, whole["total"], 40)]
    assert [r["key"] for page in pages for r in page] == [r["key"] for r in whole["rows"]]
    assert not whole["rows"][0]["counted"]  # what there is to do comes first
    rest = world.records(WHOLE, 1, "devices?class=camera&part=rest")
    assert rest["total"] == whole["total"] - whole["counted"]
    for query in ("nothing", "cases?state=later"):
        with pytest.raises(Invalid):
            world.records(WHOLE, 1, query)
    blind = replace(WHOLE, permissions=frozenset({"indicator.view"}))
    with pytest.raises(Forbidden):
        world.records(blind, 1, "cases?state=open")


def _town(*regions: int, **more: Any) -> Scope:
    ids = frozenset().union(*(MEMBERS[r] for r in regions))
    return replace(WHOLE, actor="town", whole=False, region_ids=ids, **more)


def test_a_scope_gets_its_own_region_and_nothing_above(world: World) -> None:
    world.worker().cycle()
    town = _town(4)
    with pytest.raises(NotFound):
        world.tiles(town, 1)
    with pytest.raises(NotFound):
        world.records(town, 1, "devices?class=camera")
    own = world.tiles(town, "")
    assert own["camera_online"].value == pytest.approx(expect_online(world, "camera", 4, WHOLE)[0])
    assert own["camera_online"].value == world.tiles(WHOLE, 4)["camera_online"].value


def test_several_regions_add_up_and_overlaps_do_not(world: World) -> None:
    world.worker().cycle()
    both = _town(4, 6)
    tiles = world.tiles(both, "")
    online = [expect_online(world, "camera", r, WHOLE) for r in (4, 6)]
    assert tiles["camera_online"].value == pytest.approx(_rate(sum(o[1] for o in online), sum(o[2] for o in online)))
    assert tiles["open_cases"].value == sum(len(expect_open(world, r, WHOLE, NOW)) for r in (4, 6))
    assert tiles["aqi"].state == "forbidden"
    assert tiles["aqi"].missing_permission == "region"
    overlap = world.tiles(_town(2, 7), "")
    assert overlap["camera_online"].state == "forbidden"


def test_without_the_right_no_number(world: World) -> None:
    world.worker().cycle()
    tiles = world.tiles(replace(WHOLE, permissions=frozenset({"indicator.view"})), 1)
    assert tiles["sources_ok"].state == "forbidden"
    assert tiles["sources_ok"].missing_permission == "source.view"
    assert tiles["sources_ok"].value is None
    assert tiles["camera_online"].state == "ok"


def test_an_audience_nobody_had_yet_is_computed_in_the_next_turn(world: World) -> None:
    worker = world.worker()
    worker.cycle()
    scope = replace(WHOLE, departments=frozenset({"水务局"}), sensitivity=1)
    assert world.tiles(scope, 1)["camera_online"].state == "loading"
    worker.cycle()
    tile = world.tiles(scope, 1)["camera_online"]
    assert (tile.state, tile.value) == ("ok", pytest.approx(expect_online(world, "camera", 1, scope)[0]))


# ---------------------------------------------------------------- states and turns


def test_states_by_their_causes(world: World) -> None:
    worker = world.worker(ISLAND)
    worker.cycle()
    got = world.tiles(WHOLE, 1, ISLAND)
    assert got["island"].state == "unconnected"  # no gate, no source
    camera = got["camera_online"]
    assert camera.as_of == NOW - dt.timedelta(seconds=20)
    assert camera.source == "源 video"
    assert camera.interval == dt.timedelta(seconds=60)
    with world.db.owner() as conn:
        conn.execute("UPDATE source SET enabled = false WHERE source_key = 'video'")
        conn.execute("DELETE FROM event")
    world.clock.advance(61)
    worker.cycle()
    got = world.tiles(WHOLE, 1)
    assert got["camera_online"].state == "unconnected"
    assert got["camera_online"].value is None
    assert (got["events_today"].state, got["events_today"].value) == ("empty", 0)
    assert got["sensor_online"].state == "ok"
    with world.db.owner() as conn:
        conn.execute("UPDATE source SET enabled = true WHERE source_key = 'video'")
    world.clock.advance(61)
    worker.cycle()
    assert world.tiles(WHOLE, 1)["camera_online"].state == "ok"


def test_a_failing_indicator_stops_no_other(world: World) -> None:
    broken = replace(ISLAND, code="broken", query="sum_latest", params={"property": 1})
    missing = replace(ISLAND, code="missing", query="no_such_query")
    worker = world.worker(broken, missing)
    with world.db.owner() as conn:
        conn.execute("ALTER TABLE event RENAME COLUMN suspected TO hidden")
    done = worker.cycle()
    assert set(done.failed) == {"broken", "missing", "events_today"}
    got = world.tiles(WHOLE, 1, broken, missing)
    assert got["camera_online"].state == "ok"
    tile = got["events_today"]
    assert (tile.state, tile.error_since, tile.retries) == ("error", NOW, 0)
    world.clock.advance(20)
    worker.cycle()
    tile = world.tiles(WHOLE, 1)["events_today"]
    assert (tile.state, tile.error_code, tile.retries) == ("error", "E-42703", 1)
    assert tile.error_since == NOW
    assert tile.error is not None
    assert "suspected" not in tile.error.zh + tile.error.en
    with world.db.owner() as conn:
        conn.execute("ALTER TABLE event RENAME COLUMN hidden TO suspected")
    world.clock.advance(120)
    worker.cycle()
    tile = world.tiles(WHOLE, 1)["events_today"]
    assert (tile.state, tile.value, tile.error_since) == ("ok", expect_events(world, 1, WHOLE, world.now), None)


def test_an_error_keeps_the_last_value(world: World) -> None:
    worker = world.worker()
    worker.cycle()
    before = world.tiles(WHOLE, 1)["events_today"].value
    with world.db.owner() as conn:
        conn.execute("ALTER TABLE event RENAME COLUMN suspected TO hidden")
    world.clock.advance(61)
    worker.cycle()
    tile = world.tiles(WHOLE, 1)["events_today"]
    assert (tile.state, tile.value, tile.last_value) == ("error", None, before)


def test_midnight(world: World) -> None:
    worker = world.worker()
    worker.cycle()
    assert world.tiles(WHOLE, 1)["events_today"].value
    world.clock.at = dt.datetime(2026, 10, 3, 23, 59, 59, tzinfo=TZ).astimezone(dt.UTC)
    worker.cycle()
    world.clock.at = dt.datetime(2026, 10, 4, 0, 0, 1, tzinfo=TZ).astimezone(dt.UTC)  # two seconds on, no other change
    done = worker.cycle()
    assert "events_today" in done.computed
    tile = world.tiles(WHOLE, 1)["events_today"]
    assert (tile.state, tile.value) == ("empty", 0)
    assert tile.last_value
    assert world.tiles(WHOLE, 1)["mean_response"].state == "empty"


def test_once_a_turn_and_one_outbox_record(world: World) -> None:
    worker = world.worker()
    worker.cycle()
    with world.db.owner() as conn:
        first = conn.execute("SELECT code, runs FROM indicator_run ORDER BY code").fetchall()
        sent = conn.execute("SELECT payload FROM outbox WHERE topic = 'indicator'").fetchall()
    assert {r["runs"] for r in first} == {1}
    assert len(sent) == 1
    assert set(sent[0]["payload"]["codes"]) == {i.code for i in INDICATORS}
    for _ in range(20):
        world.tiles(WHOLE, 1)
        worker.cycle()
    with world.db.owner() as conn:
        assert conn.execute("SELECT code, runs FROM indicator_run ORDER BY code").fetchall() == first
        assert conn.execute("SELECT count(*) AS n FROM outbox WHERE topic = 'indicator'").fetchone() == {"n": 1}


def test_a_change_in_the_feed_is_computed_at_once(world: World) -> None:
    worker = world.worker()
    worker.cycle()
    world.clock.advance(6)
    assert worker.cycle().computed == ()
    with world.db.owner() as conn:
        conn.execute("UPDATE event SET status = 'void'")
        conn.execute(
            "INSERT INTO feed (feed_no, numbered_at, outbox_id, recorded_at, topic, op, entity_id, payload)"
            " VALUES (9, %s, 9, %s, 'event', 'change', '1', '{}')",
            (NOW, NOW),
        )
        conn.execute("UPDATE feed_state SET last_no = 9")
    assert worker.cycle().computed == ("events_today",)
    assert world.tiles(WHOLE, 1)["events_today"].value == 0


def test_the_series_of_devices_is_walked_back_by_the_state_log(world: World) -> None:
    with world.db.owner() as conn:
        rows = conn.execute(
            "SELECT device_id FROM device WHERE class = 'camera' AND status = 'online' AND region_id = 6"
        ).fetchall()
        for row in rows[:3]:  # three came back two hours ago
            at = NOW - dt.timedelta(hours=2)
            for when, status in ((at - dt.timedelta(hours=30), "offline"), (at, "online")):
                log = {"device_id": row["device_id"], "recorded_at": when, "observed_at": when, "status": status}
                _insert(conn, "device_state_log", {**log, "exceeded": False})
    world.worker().cycle()
    _, online, total = expect_online(world, "camera", 6, WHOLE)
    series = world.tiles(WHOLE, 6)["camera_online"].series
    assert len(series) == 24
    assert series[-1] == pytest.approx(100 * online / total)
    assert series[-4] == pytest.approx(100 * (online - 3) / total)


def test_a_sum_of_gates(world: World) -> None:
    with world.db.owner() as conn:
        for i, (region, value, age) in enumerate([(5, 20000, 1), (6, 21200, 2), (4, 5000, 1), (6, 999, 300)]):
            conn.execute(
                "INSERT INTO device (source, external_id, kind, class, name, geom, h3_10, region_id)"
                " VALUES ('gate', %s, 'crowd', 'sensor', 'g', %s, 0, %s)",
                (str(i), POINT, region),
            )
            conn.execute(
                "INSERT INTO datastream (datastream_id, device_id, property, region_id, interval_s)"
                " SELECT %s, device_id, 'crowd', region_id, 60 FROM device WHERE source = 'gate' AND external_id = %s",
                (100 + i, str(i)),
            )
            at = NOW - dt.timedelta(minutes=age)
            _insert(conn, "latest", {"datastream_id": 100 + i, "observed_at": at, "received_at": at, "value": value})
    world.worker(ISLAND).cycle()
    tile = world.tiles(WHOLE, 1, ISLAND)["island"]
    assert (tile.value, tile.numerator, tile.denominator) == (pytest.approx(4.12), 41200, 2)
    assert tile.as_of == NOW - dt.timedelta(minutes=1)
    assert tile.source == "源 iot"
    assert world.tiles(WHOLE, 4, ISLAND)["island"].state == "empty"
    assert world.records(WHOLE, 1, ISLAND.records)["total"] == 2


def test_targets_of_an_installation(world: World) -> None:
    with world.db.owner() as conn:
        conn.execute(
            "INSERT INTO setting (key, value) VALUES ('indicator.targets', %s)",
            ('{"camera_online": {"target": 99, "scale": [50, 100]}}',),
        )
    world.worker().cycle()
    indicator = world.tiles(WHOLE, 1)["camera_online"].indicator
    assert (indicator.target, indicator.scale) == (99, (50.0, 100.0))
    assert world.tiles(WHOLE, 1)["sensor_online"].indicator.target == 95


def test_an_empty_centre_is_unconnected_everywhere(db: Database, clock: FixedClock, settings: Settings) -> None:
    assert KpiWorker(db.store, INDICATORS, clock, settings).cycle().computed == ()
    found = kpi.tiles(db.store, WHOLE, "", INDICATORS, NOW)
    assert {t.state for t in found} == {"unconnected"}


def test_history_is_kept_and_thinned(world: World) -> None:
    worker = world.worker()
    worker.cycle()
    found = kpi.values_between(world.db.store, WHOLE, "camera_online", CODES[1], NOW - dt.timedelta(hours=1), NOW)
    assert [p["value"] for p in found] == [world.tiles(WHOLE, 1)["camera_online"].value]
    with world.db.owner() as conn:
        for minute in range(0, 60, 5):
            at = NOW.replace(minute=minute, second=0) - dt.timedelta(days=8)
            row = {"code": "camera_online", "region_id": 1, "computed_at": at, "value": 1, "state": "ok"}
            _insert(conn, "indicator_history", row)
    world.clock.advance(86400)
    worker.cycle()
    start = NOW - dt.timedelta(days=9)
    kept = kpi.values_between(world.db.store, WHOLE, "camera_online", CODES[1], start, start + dt.timedelta(days=2))
    assert [p["computed_at"].minute for p in kept] == [0]


def test_districts_and_topics(world: World) -> None:
    world.worker().cycle()
    rows = {r.code: r for r in kpi.districts(world.db.store, WHOLE, CODES[1])}
    assert set(rows) == {CODES[2], CODES[3], CODES[ZONE]}
    assert rows[CODES[2]].open == len(expect_open(world, 2, WHOLE, NOW))
    assert rows[CODES[3]].camera_online == pytest.approx(expect_online(world, "camera", 3, WHOLE)[0])
    topics = kpi.hotline_topics(world.db.store, WHOLE, "", NOW, world.settings)
    today = [c for c in world.cases if c["flow"] == "hotline" and _day(NOW) <= c["opened_at"] <= NOW]
    assert sum(n for _, n in topics) == len(today)
