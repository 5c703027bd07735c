"""The derived geography: real where it claims to be, gap-free and labelled where it is a sketch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import shapely

from ioc.place import PlaceData
from packs._shared import boundaries
from tests.demo_city import packs, place


@pytest.fixture(scope="module")
def city() -> PlaceData:
    return place("yangjiang")


@pytest.fixture(scope="module")
def town() -> PlaceData:
    return place("yuntan")


def shapes(data: PlaceData, kind: str) -> dict[str, shapely.MultiPolygon]:
    return {r.code: shapely.from_wkb(r.geom) for r in data.regions if r.kind == kind}  # pyright: ignore


def test_city_has_the_regions_of_the_code_base(city: PlaceData) -> None:
    assert Counter(r.kind for r in city.regions) == {"city": 1, "county": 4, "town": 48, "village": 863, "zone": 3}
    assert len(city.cells) == 1477, "the general ones among 1,846"
    assert len({r.code for r in city.regions}) == 919
    assert city.root == "441700000000"


def test_difference_to_the_plan_is_said_not_evened_out(city: PlaceData) -> None:
    note = next(n for n in city.notes if n.key == "base_numbers")
    for number in ("7", "48", "832", "863"):
        assert number in note.zh
        assert number in note.en


def test_town_has_fourteen_villages(town: PlaceData) -> None:
    assert Counter(r.kind for r in town.regions) == {"town": 1, "village": 14}
    assert town.regions[0].name == "云潭镇"
    assert "河㙟村" in {r.name for r in town.regions}
    assert packs().packs["yuntan"].demo["cameras"] == 324


@pytest.mark.parametrize("key", ["yangjiang", "yuntan"])
def test_parents_come_first_and_exist(key: str) -> None:
    seen: set[str] = set()
    for r in place(key).regions:
        assert r.parent is None or r.parent in seen
        assert all(m in seen for m in r.members)
        seen.add(r.code)


def test_counties_are_the_packaged_outlines(city: PlaceData) -> None:
    for code, shape in shapes(city, "county").items():
        real = boundaries.outline(code[:6])
        assert shape.symmetric_difference(real).area < 1e-8 * real.area
        assert all(not r.sketch for r in city.regions if r.code == code)


def test_derived_regions_are_labelled_sketches(city: PlaceData) -> None:
    assert all(r.sketch for r in city.regions if r.kind in ("town", "village", "zone"))


@pytest.mark.parametrize("key", ["yangjiang", "yuntan"])
def test_children_cover_their_parent_without_gap_or_overlap(key: str) -> None:
    data = place(key)
    by_code = {r.code: shapely.from_wkb(r.geom) for r in data.regions}
    children: dict[str, list[shapely.Geometry]] = {}
    for r in data.regions:
        if r.parent and r.kind != "zone":
            children.setdefault(r.parent, []).append(by_code[r.code])
    for cell in data.cells:
        children.setdefault(cell.village, []).append(shapely.from_wkb(cell.geom))
    for code, parts in children.items():
        whole = by_code[code]
        union = shapely.union_all(parts)
        assert union.symmetric_difference(whole).area < 1e-7 * whole.area, code
        assert abs(sum(p.area for p in parts) - whole.area) < 1e-7 * whole.area, code


@pytest.mark.parametrize("key", ["yangjiang", "yuntan"])
def test_every_outline_is_valid_and_holds_its_centre(key: str) -> None:
    data = place(key)
    for r in data.regions:
        shape = shapely.from_wkb(r.geom)
        assert shape.geom_type == "MultiPolygon"
        assert shape.is_valid, r.code
        if r.kind != "village":
            assert shape.contains(shapely.Point(r.center)), r.name
    cells = np.array([shapely.from_wkb(c.geom) for c in data.cells], dtype=object)
    assert shapely.is_valid(cells).all()
    assert not shapely.is_empty(cells).any()


def test_zones_are_sets_of_towns(city: PlaceData) -> None:
    zones = {r.code: r for r in city.regions if r.kind == "zone"}
    assert set(zones) == {"4417H1", "4417H2", "4417H3"}
    towns = shapes(city, "town")
    island = shapely.from_wkb(zones["4417H1"].geom)
    assert island.equals_exact(shapely.union_all([towns[m] for m in zones["4417H1"].members]), 1e-9)
    # the island's beaches, harbour and east end all belong to it
    for lon, lat in ((111.83, 21.58), (111.93, 21.63), (112.01, 21.64)):
        assert island.contains(shapely.Point(lon, lat))


def test_base_map_has_what_a_reader_needs(city: PlaceData) -> None:
    roles = Counter(f.role for f in city.features)
    assert set(roles) == {"sea", "land", "outside", "water", "river", "highway", "road", "rail", "place"}
    names = {f.name for f in city.features}
    assert {"漠阳江", "沈海高速", "海陵岛", "南海"} <= names
    for f in city.features:
        assert shapely.from_wkb(f.geom).is_valid, f.external_id


def test_land_and_neighbours_do_not_overlap(city: PlaceData) -> None:
    land = shapely.union_all([shapely.from_wkb(f.geom) for f in city.features if f.role == "land"])
    outside = shapely.union_all([shapely.from_wkb(f.geom) for f in city.features if f.role == "outside"])
    assert land.intersection(outside).area < 1e-4 * land.area


def test_derivation_gives_the_same_bytes_again() -> None:
    from packs._shared.build import derive
    from packs.yuntan import SPEC

    assert derive(SPEC) == place("yuntan")
