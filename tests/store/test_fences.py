"""Electronic fences (SEN-04): drawn with reasons, in the scope, with history; what leaves one is marked on the map."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from ioc.alarms.fences import Fences, Wish
from ioc.cases.work import Actor
from ioc.clock import FixedClock
from ioc.declare import Layer
from ioc.errors import Conflict, Forbidden, Invalid, NotFound
from ioc.intake.readings import Reading
from ioc.registry import discover
from ioc.scope import Scope
from ioc.settings import Settings
from ioc.store import tiles
from tests.conftest import NOW, Database
from tests.mvt import decode, lonlat
from tests.store.alarm_world import AlarmWorld

pytestmark = pytest.mark.store
LAYERS = cast("Mapping[str, Layer]", discover("layers", "LAYER"))
RIGHTS = frozenset({"alarm.view", "alarm.rules", "map.view"})
CITY = Scope("account:chief", RIGHTS, whole=True, departments=None, sensitivity=2)
YARD = [[120.02, 28.1], [120.08, 28.1], [120.08, 28.2], [120.02, 28.2]]  # in 上村
START = NOW - dt.timedelta(minutes=10)


@pytest.fixture
def world(db: Database, settings: Settings) -> AlarmWorld:
    found = AlarmWorld(db, settings, FixedClock(NOW))
    found.device("car", "sensor")
    return found


@pytest.fixture
def fences(world: AlarmWorld) -> Fences:
    return Fences(world.db.store, world.clock, 500.0)


def chief(scope: Scope = CITY) -> Actor:
    return Actor(scope, "值班长")


def town(world: AlarmWorld, *codes: str) -> Scope:
    ids = frozenset(world.regions[c] for c in codes)
    return Scope("account:town", RIGHTS, region_ids=ids, departments=None, sensitivity=1)


def go(world: AlarmWorld, minute: int, lon: float, lat: float = 28.15) -> None:
    time = (START + dt.timedelta(minutes=minute)).isoformat()
    world.intake.submit([Reading("car", "position_lon", lon, time), Reading("car", "position_lat", lat, time)])


def marks(world: AlarmWorld, scope: Scope, key: str, z: int = 12) -> list[Any]:
    """Marks of a layer round the yard as the map's tiles hold them."""
    n = 1 << z
    out: list[Any] = []
    rows = [y for y in range(n) if _between(z, y)]
    with world.db.store.reading(scope) as conn:
        for x in range(int((120.0 + 180) / 360 * n), int((120.4 + 180) / 360 * n) + 1):
            for y in rows:
                found = decode(tiles.render(conn, tiles.TileQuery(scope, LAYERS[key], z, x, y, NOW)))
                out += [(f, *lonlat(z, x, y, f.at)) for of in found.values() for f in of]
    return out


def _between(z: int, y: int) -> bool:
    _, south, _, north = tiles.lonlat_box(z, 0, y)
    return south < 28.3 and north > 28.0


def test_a_car_leaves_the_fence_and_is_marked_where_it_is(world: AlarmWorld, fences: Fences) -> None:
    made = fences.put(chief(), Wish("校园", YARD, target="kind", ref="sensor"))
    assert (made["region"], made["version"]) == ("331101100201", 1)
    assert {f.props["name"] for f, *_ in marks(world, CITY, "fence")} == {"校园"}
    go(world, 0, 120.05)
    assert marks(world, CITY, "crossing") == []
    go(world, 1, 120.12)
    # stored, judged, raised, told and drawable in the transaction of the value: there is no step left to wait for
    assert world.transitions(START) == [("geofence", "raise", 1.0)]
    [(mark, lon, lat)] = marks(world, CITY, "crossing")
    assert (mark.props["name"], round(lon, 2), round(lat, 2)) == ("car", 120.12, 28.15)
    assert world.rows("SELECT 1 FROM outbox WHERE topic = 'alarm'")
    assert marks(world, town(world, "331101101000"), "crossing") == []
    go(world, 2, 120.05)
    assert world.transitions(START)[-1] == ("geofence", "clear", 2.0)


def test_a_changed_fence_counts_from_the_next_value_and_a_removed_one_ends_its_alarm(
    world: AlarmWorld, fences: Fences
) -> None:
    made = fences.put(chief(), Wish("校园", YARD, target="kind", ref="sensor"))
    go(world, 0, 120.12)
    wider = [[120.02, 28.1], [120.2, 28.1], [120.2, 28.2], [120.02, 28.2]]
    changed = fences.put(chief(), Wish("校园", wider, target="kind", ref="sensor"), made["fence_id"], 1)
    assert (changed["version"], changed["region"]) == (2, "331101100000")
    go(world, 1, 120.12)
    assert [t[1] for t in world.transitions(START)] == ["raise", "clear"]
    go(world, 2, 120.3)
    fences.remove(chief(), made["fence_id"], 2)
    world.timer.turn()
    # before anybody acknowledged it: the same alarm, raised again
    assert [t[1] for t in world.transitions(START)] == ["raise", "clear", "realarm", "clear"]
    assert fences.listed(CITY) == []
    assert marks(world, CITY, "fence") == []
    kept = world.rows("SELECT op, record ->> 'version' AS v FROM entity_history WHERE entity = 'fence' ORDER BY 2")
    assert [(r["op"], r["v"]) for r in kept] == [("new", "1"), ("change", "2"), ("remove", "3")]


def test_a_fence_moved_to_another_target_leaves_the_first(world: AlarmWorld, fences: Fences) -> None:
    made = fences.put(chief(), Wish("校园", YARD, target="kind", ref="sensor", hours=["22:00-06:00"], weekdays=[1, 2]))
    fences.put(chief(), Wish("校园", YARD, target="region", ref="331101100000"), made["fence_id"], 1)
    rows = world.rows("SELECT target, params FROM alarm_rule_setting ORDER BY target")
    assert [(r["target"], r["params"].get("fence")) for r in rows] == [
        ("kind", None), ("region", f"fence:{made['fence_id']}"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"points": YARD[:2]}, "points"),
        ({"points": [YARD[0], YARD[2], YARD[1], YARD[3]]}, "points"),
        ({"points": [[130, 28], [130.1, 28], [130.1, 28.1]]}, "points"),
        ({"target": "kind", "ref": "no such"}, "ref"),
        ({"target": "region", "ref": "999"}, "ref"),
        ({"rule": "rain_hour"}, "rule"),
        ({"hours": ["25:00-26:00"]}, "params.hours"),
        ({"weekdays": [9]}, "params.weekdays"),
        ({"valid": (NOW, NOW - dt.timedelta(days=1))}, "valid_to"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(
    world: AlarmWorld, fences: Fences, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as e:
        fences.put(chief(), replace(Wish("校园", YARD, target="kind", ref="sensor"), **change))
    assert field in [r.field for r in e.value.reasons]
    assert all(r.zh and r.en for r in e.value.reasons)
    assert world.rows("SELECT 1 FROM fence") == []
    assert world.rows("SELECT 1 FROM alarm_rule_setting") == []


def test_rights_scope_and_who_was_first(world: AlarmWorld, fences: Fences) -> None:
    own = town(world, "331101100000", "331101100201", "331101100202")
    other = town(world, "331101101000")
    with pytest.raises(Forbidden):
        fences.put(chief(replace(CITY, permissions=frozenset({"alarm.view"}))), Wish("校园", YARD))
    with pytest.raises(Invalid):  # beyond the asker's own town, and for all kinds
        fences.put(chief(other), Wish("校园", YARD, target="region", ref="331101101000"))
    made = fences.put(chief(own), Wish("校园", YARD, target="region", ref="331101100000"))
    assert [f["name"] for f in fences.listed(own)] == ["校园"]
    assert fences.listed(other) == []
    for forbidden in (lambda: fences.remove(chief(other), made["fence_id"], 1),
                      lambda: fences.history(other, made["fence_id"])):  # fmt: skip
        with pytest.raises(NotFound):
            forbidden()
    with pytest.raises(Conflict):
        fences.put(chief(own), Wish("校园", YARD, target="region", ref="331101100000"), made["fence_id"], 7)
    with pytest.raises(Invalid) as e:  # one area for a rule and target
        fences.put(chief(own), Wish("操场", YARD, target="region", ref="331101100000"))
    assert [r.code for r in e.value.reasons] == ["set_twice"]
    assert [v["op"] for v in fences.history(own, made["fence_id"])] == ["new"]
