"""Click-through: everything under the cursor, points above lines above areas, and nothing out of scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from ioc.declare import Layer
from ioc.errors import NotFound
from ioc.registry import discover
from ioc.scope import Scope
from ioc.store import thematic
from ioc.store.cluster import PrivateCluster
from ioc.store.detail import detail
from ioc.store.identify import Cursor, identify
from ioc.store.regions import Regions
from tests.conftest import Database
from tests.store import map_world as world

pytestmark = pytest.mark.store
LAYERS = cast("Mapping[str, Layer]", discover("layers", "LAYER"))
NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
EVERY = [k for k in LAYERS if k != "thematic"]


@pytest.fixture(scope="module")
def city(cluster: PrivateCluster) -> Iterator[Database]:
    with world.standing(cluster, NOW) as database:
        yield database


def under(
    db: Database, scope: Scope, z: float = 16, at: tuple[float, float] = world.SPOT, keys: list[str] | None = None
) -> list[dict[str, Any]]:
    regions = Regions.of(db.store)
    with db.store.scoped(scope) as conn:
        layers = thematic.resolve_many(conn, scope, LAYERS, keys or [*EVERY, "thematic-pipe"])
        return identify(conn, regions, Cursor(*at, z, scope, None, NOW), layers)


def test_points_come_before_lines_and_areas_from_small_to_large(city: Database) -> None:
    items = under(city, world.city_scope(), z=14)
    found = [i["key"] for i in items]
    assert {"device:1001", "device:1002", "device:1004", "feature:1", "grid:1", "grid:2"} <= set(found)
    order = [{"point": 0, "line": 1, "polygon": 2}[i["geometry"]] for i in items]
    assert order == sorted(order)
    areas = [k for k in found if k.startswith(("grid", "region"))]
    assert areas == [
        "grid:2",
        "grid:1",
        f"region:{world.CODES[4]}",
        f"region:{world.CODES[2]}",
        f"region:{world.CODES[1]}",
    ]
    assert all(i["title"] and i["layer"] for i in items)


def test_the_tolerance_is_in_pixels_and_shrinks_as_one_comes_closer(city: Database) -> None:
    beside = (world.SPOT[0] + 0.0003, world.SPOT[1])
    far, near = under(city, world.city_scope(), 14, beside), under(city, world.city_scope(), 19, beside)
    assert "device:1001" in [i["key"] for i in far]
    assert "device:1001" not in [i["key"] for i in near]


def test_below_14_a_device_layer_answers_with_its_cell(city: Database) -> None:
    items = under(city, world.city_scope(), z=10, keys=["camera", "sensor"])
    assert [i["layer"] for i in items] == ["camera", "sensor"]
    regions = Regions.of(city.store)
    with city.store.scoped(world.city_scope()) as conn:
        shown = detail(conn, regions, world.city_scope(), items[0]["key"], NOW)
    assert str(sum(f["value"] for f in shown["fields"][:-2])) in items[0]["title"]


def test_a_town_user_finds_only_what_is_in_scope(city: Database) -> None:
    found = [i["key"] for i in under(city, world.town_scope(4), z=14)]
    assert not {"device:1001", "device:1002"} & set(found)
    assert f"region:{world.CODES[2]}" not in found
    assert "device:1004" in found
    at = (world.W + 1.5 * world.STEP, world.S + 1.5 * world.STEP)
    assert under(city, world.town_scope(4), 16, at) == []
    for z in (9, 12):
        for item in under(city, world.town_scope(4), z, at, ["camera", "sensor"]):
            # a wide cell may reach over: then it counts the town's own devices only
            assert item["key"].startswith("cell:")


def test_without_the_right_a_layer_is_silent(city: Database) -> None:
    blind = Scope("blind", frozenset({"map.view"}), whole=True, departments=None, sensitivity=2)
    assert {i["layer"] for i in under(city, blind)} == {"region", "thematic-pipe"}
    public = world.city_scope(0)
    assert "thematic-pipe" not in {i["layer"] for i in under(city, public)}


def test_every_item_opens_as_a_detail(city: Database) -> None:
    regions, scope = Regions.of(city.store), world.city_scope()
    items = under(city, scope, 14) + under(city, scope, 10) + under(city, scope, 12)
    with city.store.scoped(scope) as conn:
        for item in items:
            assert detail(conn, regions, scope, item["key"], NOW)["title"]
        with pytest.raises(NotFound):
            detail(conn, regions, scope, "cell:camera:zz", NOW)
