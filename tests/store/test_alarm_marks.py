"""Marks of the map carry the alarm of their device: which of several, for whom, at which zoom, and until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

import pytest

from ioc.alarms.desk import Alarms
from ioc.cases.work import Actor
from ioc.clock import FixedClock
from ioc.declare import Layer
from ioc.registry import discover
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import tiles
from tests.conftest import Database
from tests.mvt import Feature, decode
from tests.store.alarm_world import RIVER, AlarmWorld

pytestmark = pytest.mark.store
T0 = dt.datetime(2026, 6, 3, 2, 0, tzinfo=dt.UTC)
LAYERS = cast("Mapping[str, Layer]", discover("layers", "LAYER"))
LON, LAT = 120.05, 28.1  # where AlarmWorld puts its devices


@pytest.fixture
def world(db: Database) -> AlarmWorld:
    return AlarmWorld(db, Settings(mqtt_url="none"), FixedClock(T0))


def features(world: AlarmWorld, scope: Scope, z: int, layer: str = "sensor") -> dict[str, list[Feature]]:
    x, y = next((x, y) for x in range(1 << z) for y in _rows(z) if _holds(z, x, y)) if z < 8 else _tile(z)
    with world.db.store.reading(scope) as conn:
        body = tiles.render(conn, tiles.TileQuery(scope, LAYERS[layer], z, x, y, world.clock.now()))
    return decode(body)


def _rows(z: int) -> range:
    return range(1 << z)


def _holds(z: int, x: int, y: int) -> bool:
    west, south, east, north = tiles.lonlat_box(z, x, y)
    return west <= LON < east and south < LAT <= north


def _tile(z: int) -> tuple[int, int]:
    x = int((LON + 180) / 360 * (1 << z))
    return x, next(y for y in _rows(z) if _holds(z, x, y))


def mark(world: AlarmWorld, name: str, z: int = 14, scope: Scope = SYSTEM) -> dict[str, Any]:
    found = [f.props for f in features(world, scope, z).get("points", []) if f.props["name"] == name]
    return found[0] if found else {}


def carried(props: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return props.get("al"), props.get("as"), props.get("ar")


def only(world: AlarmWorld) -> dict[str, Any]:
    return world.rows("SELECT * FROM alarm")[-1]


def desk(world: AlarmWorld) -> Alarms:
    return Alarms(world.db.store, world.clock)


def test_a_mark_carries_the_first_of_its_alarms_until_it_is_over(world: AlarmWorld) -> None:
    world.device("站1", "water_level", attributes=RIVER)
    world.device("站2", "water_level", attributes=RIVER)
    world.send("站1", "water_level", [(0, 3.0), (5, 5.4)], T0)
    world.one("站2", "water_level", 3.0, T0)
    assert carried(mark(world, "站1")) == (2, 1, "river_warning")
    assert carried(mark(world, "站1", 16)) == (2, 1, "river_warning")
    assert carried(mark(world, "站2")) == (None, None, None)
    world.clock.advance(1900)
    desk(world).acknowledge(Actor(SYSTEM, "梁"), only(world)["alarm_id"])
    assert carried(mark(world, "站1")) == (2, 3, "river_warning")
    world.send("站1", "water_level", [(10, 6.4)], T0)  # the guarantee level, too: urgent and unacknowledged leads
    assert carried(mark(world, "站1")) == (1, 1, "river_guarantee")
    world.send("站1", "water_level", [(15, 3.0), (30, 3.0)], T0)
    assert carried(mark(world, "站1")) == (1, 2, "river_guarantee")


def test_far_out_only_urgent_and_high_ones_are_marks(world: AlarmWorld) -> None:
    world.device("站1", "water_level", attributes=RIVER)
    world.device("雨1", "rain")
    world.send("站1", "water_level", [(0, 5.4)], T0)
    world.one("雨1", "rain_1h", 35.0, T0)
    priorities = {r["priority"] for r in world.rows("SELECT priority FROM alarm")}
    assert "high" in priorities
    for z in (5, 9, 12, 13):
        points = features(world, SYSTEM, z).get("points", [])
        assert {f.props["name"] for f in points} == {"站1"}, z
        assert all(f.props["al"] <= 2 for f in points)


def test_held_alarms_and_askers_without_the_right_see_plain_marks(world: AlarmWorld) -> None:
    world.device("站1", "water_level", attributes=RIVER)
    world.send("站1", "water_level", [(0, 5.4)], T0)
    blind = Scope("x", permissions=frozenset({"device.view"}), whole=True, departments=None, sensitivity=2)
    assert carried(mark(world, "站1", scope=blind)) == (None, None, None)
    assert "points" not in features(world, blind, 9)
    assert not tiles.carries_alarms(LAYERS["camera"], SYSTEM)
    away = Scope("y", permissions=frozenset({"*"}), region_ids=frozenset({-1}), departments=None, sensitivity=2)
    assert not features(world, away, 9)
    desk(world).shelve(Actor(SYSTEM, "梁"), only(world)["alarm_id"], 30, "检修")
    assert carried(mark(world, "站1")) == (None, None, None)
    assert "points" not in features(world, SYSTEM, 9)


def test_the_alarm_of_a_mark_is_found_by_its_index(world: AlarmWorld) -> None:
    world.device("站1", "water_level", attributes=RIVER)
    with world.db.owner() as conn:
        conn.execute(
            "INSERT INTO alarm (rule_key, datastream_id, device_id, category, priority, state, first_at, raised_at,"
            " ended_at, received_at, region_id) SELECT 'x', i, i % 5000, 'water', 'low',"
            " CASE WHEN i % 50 = 0 THEN 'unack' ELSE 'normal' END, now(), now(),"
            " CASE WHEN i % 50 > 0 THEN now() END, now(), (SELECT min(region_id) FROM region)"
            " FROM generate_series(1, 20000) i"
        )
        conn.execute("ANALYZE alarm")
    with world.db.store.reading(SYSTEM, "generic") as conn:
        x, y = _tile(14)
        query = tiles.TileQuery(SYSTEM, LAYERS["sensor"], 14, x, y, world.clock.now())
        text, values = tiles.statements(conn, query)[0]
        plan = "\n".join(str(r) for r in conn.execute(tiles.explained(text), values).fetchall())
    assert "alarm_standing" in plan
