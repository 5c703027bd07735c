"""The pieces of the derivation, each on something small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from ioc.errors import ConfigError
from packs._shared import names
from packs._shared.names import Name, short_name
from packs._shared.partition import Seed, faces, power_cells, split, spread
from packs._shared.plane import Plane, Warp, meander, smooth
from packs._shared.seats import Spot, TownNote, seeds
from packs._shared.tree import share_out

SQUARE = shapely.box(0, 0, 10, 10)


def test_power_cells_meet_half_way_and_shift_with_weight() -> None:
    a, b = power_cells([Seed("a", 2, 5), Seed("b", 8, 5)], SQUARE)
    assert a.bounds[2] == pytest.approx(5)
    assert a.area + b.area == pytest.approx(100)
    # 12 km2 more weight over a distance of 6 km moves the border by 12 / (2 * 6) = 1 km
    heavier = power_cells([Seed("a", 2, 5, 12.0), Seed("b", 8, 5)], SQUARE)[0]
    assert heavier.bounds[2] == pytest.approx(6)


def test_split_covers_the_area_and_its_borders_cut_it_into_faces() -> None:
    rng = np.random.default_rng(1)
    area = shapely.Point(5, 5).buffer(4)
    points = spread(area, 7, rng)
    parts = split([Seed(str(i), float(x), float(y)) for i, (x, y) in enumerate(points)], area, Warp(3))
    pieces = faces([area.boundary, parts.borders])
    inside = [p for p in pieces if area.contains(p.point_on_surface())]
    assert sum(p.area for p in inside) == pytest.approx(area.area, rel=1e-6)
    owners = set(parts.owner_of(shapely.get_coordinates(shapely.point_on_surface(np.array(inside, dtype=object)))))
    assert owners == {str(i) for i in range(7)}


def test_spread_keeps_points_inside_a_crescent() -> None:
    crescent = shapely.Point(5, 5).buffer(4).difference(shapely.Point(6.5, 5).buffer(3.6))
    points = spread(crescent, 12, np.random.default_rng(2))
    assert shapely.contains_xy(crescent, points[:, 0], points[:, 1]).all()
    assert len(np.unique(points, axis=0)) == 12


def test_warp_never_folds_the_plane() -> None:
    grid = np.stack(np.meshgrid(np.arange(0, 40, 0.1), np.arange(0, 40, 0.1)), axis=-1)
    bent = Warp(9)(grid.reshape(-1, 2)).reshape(grid.shape)
    dx, dy = np.diff(bent, axis=1)[:-1], np.diff(bent, axis=0)[:, :-1]
    assert (dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0] > 0).all()


def test_plane_comes_back() -> None:
    plane = Plane(111.8, 22.0)
    points = np.array([[111.5, 21.6], [112.3, 22.6]])
    assert np.allclose(plane.to_deg(plane.to_km(points)), points)


def test_lines_keep_their_ends() -> None:
    control = np.array([[0.0, 0.0], [3.0, 1.0], [6.0, -1.0], [9.0, 0.0]])
    curve = smooth(control)
    assert np.allclose(curve[[0, -1]], control[[0, -1]])
    assert all(np.isclose(curve, p).all(axis=1).any() for p in control)
    river = meander(curve, 4, 0.3, 2.0)
    assert np.allclose(river[[0, -1]], control[[0, -1]])


def test_share_out_is_exact_and_gives_everyone_a_least() -> None:
    assert share_out([1, 1, 2], 8) == [2, 2, 4]
    counts = share_out([0.001, 5, 5], 11, least=1)
    assert sum(counts) == 11
    assert min(counts) == 1
    with pytest.raises(ValueError, match="cannot give"):
        share_out([1, 1, 1], 2, least=1)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("对岸社区居委会", "对岸社区"), ("金山村委会", "金山村"), ("云潭居委会", "云潭社区"), ("河㙟村委会", "河㙟村")],
)
def test_committee_names_become_place_names(given: str, wanted: str) -> None:
    assert short_name(given) == wanted


def test_seat_outside_a_coarse_outline_moves_onto_land() -> None:
    county = shapely.box(111.0, 21.0, 112.0, 22.0)
    plane = Plane(111.5, 21.5)
    beside = Spot("Harbour", frozenset({"港口镇"}), 112.004, 21.5)
    (seed,) = seeds([Name("441700100000", "港口镇")], county, {}, [beside], plane)
    lon, lat = plane.to_deg(seed.centres)[0]
    assert county.contains(shapely.Point(lon, lat))
    assert lon == pytest.approx(111.998, abs=1e-4)
    assert seed.name_en == "Harbour"


def test_town_nobody_knows_is_named() -> None:
    with pytest.raises(ConfigError, match="无名镇"):
        seeds([Name("441700100000", "无名镇")], SQUARE, {}, [], Plane(5, 5))


def test_alias_finds_another_spelling() -> None:
    spot = Spot("Helang", frozenset({"河塱镇"}), 5, 5)
    notes = {"441781101000": TownNote(22, "河塱镇", ())}
    (seed,) = seeds([Name("441781101000", "河朗镇")], SQUARE, notes, [spot], Plane(5, 5))
    assert (seed.name_en, seed.weight) == ("Helang", 22)


def test_missing_package_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(names, "_DIST", tmp_path)
    with pytest.raises(ConfigError, match="scripts/setup"):
        names.towns("441702")
