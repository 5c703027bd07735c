"""The region tree, scoped: breadcrumb, children, closure, boxes, and which region a point lies in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioc.errors import NotFound
from ioc.scope import Scope
from ioc.store.cluster import PrivateCluster
from ioc.store.regions import Region, Regions, build_tree
from tests.conftest import Database
from tests.store import map_world as world

pytestmark = pytest.mark.store
NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
CODES = world.CODES


@pytest.fixture(scope="module")
def city(cluster: PrivateCluster) -> Iterator[Database]:
    with world.standing(cluster, NOW) as database:
        yield database


@pytest.fixture(scope="module")
def regions(city: Database) -> Regions:
    return Regions(city.store)


def codes(refs: object) -> list[str]:
    return [r.code for r in refs]  # type: ignore[attr-defined]


def test_the_breadcrumb_leads_from_the_askers_top(regions: Regions) -> None:
    city, town = world.city_scope(), world.town_scope(4)
    assert codes(regions.breadcrumb(city, CODES[4])) == [CODES[1], CODES[2], CODES[4]]
    assert codes(regions.breadcrumb(city, "")) == [CODES[1]]
    assert codes(regions.breadcrumb(town, "")) == [CODES[4]]
    assert codes(regions.breadcrumb(town, CODES[4])) == [CODES[4]]


def test_children_offer_counties_with_zones_and_a_zone_its_members(regions: Regions) -> None:
    scope = world.city_scope()
    assert set(codes(regions.children(scope, ""))) == {CODES[2], CODES[3], CODES[8]}
    assert set(codes(regions.children(scope, CODES[2]))) == {CODES[4], CODES[5]}
    assert set(codes(regions.children(scope, CODES[8]))) == {CODES[5], CODES[7]}
    assert regions.children(world.town_scope(4), "") == []


def test_ids_follow_the_closure_and_never_a_code_prefix(regions: Regions) -> None:
    scope = world.city_scope()
    assert regions.ids(scope, CODES[8]) == (5, 7, 8)
    assert regions.ids(scope, CODES[2]) == (2, 4, 5)
    assert regions.ids(scope, CODES[1]) is None, "the only root also counts what lies in no region"
    assert regions.ids(scope, "") is None
    both = Scope("two", world.ALL, region_ids=frozenset({2, 4, 5, 7}))
    assert regions.ids(both, CODES[2]) == (2, 4, 5)


def test_what_lies_outside_the_scope_is_not_found(regions: Regions) -> None:
    town = world.town_scope(4)
    for code in (CODES[1], CODES[2], CODES[5], CODES[8], "999999999999"):
        with pytest.raises(NotFound):
            regions.ids(town, code)
        with pytest.raises(NotFound):
            regions.geometry(town, code)


def test_several_granted_regions_have_no_single_root(regions: Regions) -> None:
    two = Scope("two", world.ALL, region_ids=frozenset({4, 7}))
    assert regions.root(two) is None
    assert set(codes(regions.children(two, ""))) == {CODES[4], CODES[7]}
    assert regions.breadcrumb(two, "") == []
    box = regions.bbox(two)
    assert box == pytest.approx((world.W, world.S, world.W + 2 * world.STEP, world.S + 2 * world.STEP))


def test_the_outline_is_geojson_in_five_decimals(regions: Regions) -> None:
    shape = regions.geometry(world.city_scope(), CODES[4])
    outline = shapely.geometry.shape(shape)
    assert outline.bounds == pytest.approx(world.town_box(4), abs=1e-5)


def test_a_changed_region_is_seen_and_a_bare_store_has_no_root(db: Database) -> None:
    fresh = Regions(db.store, ticks=lambda: 0.0)
    assert fresh.root(world.city_scope()) is None
    assert fresh.bbox(world.city_scope()) is None
    with db.owner() as conn:
        world.put(conn, "region", region_id=1, code="1", name="甲", kind="town", geom=world.box(1, 1, 2, 2))
        conn.execute("SELECT ioc_rebuild_region_closure()")
    assert fresh.root(world.city_scope()) is None, "not looked at again so soon"
    fresh.forget()
    assert codes(fresh.children(world.city_scope(), "")) == []
    assert fresh.root(world.city_scope()) is not None
    assert fresh.tree().roots[0].center == (1.5, 1.5)


inner = st.floats(min_value=-0.01, max_value=2 * world.STEP + 0.01, allow_nan=False)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dx=inner, dy=inner)
def test_a_point_lies_in_the_regions_whose_polygon_covers_it(regions: Regions, dx: float, dy: float) -> None:
    lon, lat = world.W + dx, world.S + dy
    found = regions.locate(world.city_scope(), lon, lat)
    tree = regions.tree()
    point = shapely.Point(lon, lat)
    expected = {r.code for r in tree.by_id.values() if r.bbox and shapely.box(*r.bbox).covers(point)}
    assert {r.code for r in found} == expected
    order = [{"city": 0, "county": 1, "zone": 1, "town": 2}[r.kind] for r in found]
    assert order == sorted(order)
    seen = regions.locate(world.town_scope(4), lon, lat)
    assert {r.code for r in seen} == expected & {CODES[4]}


@given(parents=st.lists(st.integers(min_value=0, max_value=8), min_size=1, max_size=9))
def test_a_tree_of_any_shape_ends(parents: list[int]) -> None:
    """Rings of parents and orphans must not hang a screen."""
    made = [
        Region(i, str(i), f"r{i}", "", "town", p or None, (), None, None, False, None, "real")
        for i, p in enumerate(parents, start=1)
    ]
    tree = build_tree("v", made, [])
    for region in made:
        path = tree.path(region)
        assert path[-1] is region
        assert len(path) <= 12
        assert region.region_id in tree.below[region.region_id]
