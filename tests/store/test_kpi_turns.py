"""States of the numbers by their causes, the worker's turns, midnight, history."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from ioc.clock import FixedClock
from ioc.kpi.worker import KpiWorker
from ioc.settings import Settings
from ioc.store import kpi
from tests.conftest import NOW, Database
from tests.store.kpi_world import (
    CODES,
    INDICATORS,
    ISLAND,
    POINT,
    SCOPES,
    TZ,
    WHOLE,
    ZONE,
    World,
    day_start,
    expect_events,
    expect_online,
    expect_open,
    insert,
    world,
)

__all__ = ["world"]
pytestmark = pytest.mark.store


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
    assert set(done.failed) == {"broken", "missing", "events_today", "events_month", "suspected_month"}
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
    computed = worker.cycle().computed
    assert "events_today" in computed
    assert "camera_online" not in computed
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
                insert(conn, "device_state_log", {**log, "exceeded": False})
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
            insert(conn, "latest", {"datastream_id": 100 + i, "observed_at": at, "received_at": at, "value": value})
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
            insert(conn, "indicator_history", row)
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
    today = [c for c in world.cases if c["flow"] == "hotline" and day_start(NOW) <= c["opened_at"] <= NOW]
    assert sum(n for _, n in topics) == len(today)


def test_an_audience_that_went_and_came_back_gets_its_numbers_again(world: World) -> None:
    scope = SCOPES["shared"]
    worker = world.worker()
    world.tiles(scope, 1)
    worker.cycle()
    before = world.tiles(scope, 1)
    with world.db.owner() as conn:
        conn.execute("DELETE FROM indicator_audience WHERE audience = %s", (kpi.audience_key(scope),))
        conn.execute("DELETE FROM indicator_value WHERE audience = %s", (kpi.audience_key(scope),))
    worker.cycle()
    assert {t.state for t in world.tiles(scope, 1).values()} == {"loading"}
    worker.cycle()
    after = world.tiles(scope, 1)
    assert {c: (t.state, t.value) for c, t in after.items()} == {c: (t.state, t.value) for c, t in before.items()}


def test_numbers_come_back_after_all_were_dropped(world: World) -> None:
    """`ioc demo drop` beside a running worker, in a centre whose regions are its own."""
    worker = world.worker()
    worker.cycle()
    before = world.tiles(WHOLE, 4)
    with world.db.owner() as conn:
        conn.execute("DELETE FROM indicator_value")
        conn.execute("DELETE FROM indicator_run")
    worker.cycle()
    assert {c: (t.state, t.value) for c, t in world.tiles(WHOLE, 4).items()} == {
        c: (t.state, t.value) for c, t in before.items()
    }
