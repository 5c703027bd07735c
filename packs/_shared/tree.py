"""The region tree of a place: counties, towns, villages and grid cells cut out of real county outlines in one go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from packs._shared.names import Name
from packs._shared.partition import Seed, Split, faces, polygons, split, spread
from packs._shared.plane import Plane, Points, Warp

# A residents' committee (code 0xx) stands for about three villages' people: streets and market towns.
COMMUNITY_WEIGHT = 3.0


@dataclass(frozen=True, slots=True)
class TownSeed:
    """A town to be cut out: one or more centres (km), the first is the seat."""

    code: str
    name: str
    name_en: str
    centres: Points
    weight: float


@dataclass(slots=True)
class Tree:
    """Outlines in km by code, and what lies in what. `cells` are numbered inside their village."""

    shapes: dict[str, BaseGeometry] = field(default_factory=dict)
    centres: dict[str, tuple[float, float]] = field(default_factory=dict)
    villages: dict[str, list[Name]] = field(default_factory=dict)  # by town
    cells: dict[str, list[str]] = field(default_factory=dict)  # by village
    weights: dict[str, float] = field(default_factory=dict)


def cut_towns(towns: Sequence[TownSeed], county: BaseGeometry, warp: Warp) -> Split:
    """Power cells of the towns of one county; heavier towns reach a little further."""
    seeds = [Seed(t.code, float(x), float(y), min(t.weight, 40.0) * 0.12) for t in towns for x, y in t.centres]
    return split(seeds, county, warp)


def grow(
    counties: Mapping[str, BaseGeometry],
    towns: Mapping[str, Sequence[TownSeed]],
    villages: Mapping[str, Sequence[Name]],
    cells: int,
    seed: int,
    wet: BaseGeometry,
) -> Tree:
    """Cut `counties` (km) into `towns`, `villages` (by town) and `cells` grid cells in all. Same seed, same tree.

    No village lies in `wet` (km).
    """
    warp, fine = Warp(seed), Warp(seed + 1, ((0.10, 2.3), (0.03, 0.7)))
    tree, lines = Tree(), [shapely.boundary(c) for c in counties.values()]
    town_split = {code: cut_towns(towns[code], shape, warp) for code, shape in counties.items()}
    village_split: dict[str, Split] = {}
    for county, parts in town_split.items():
        lines.append(parts.borders)
        for town in towns[county]:
            area = parts.area_of(town.code, counties[county])
            village_split[town.code] = _cut_villages(tree, town, villages[town.code], area, wet, fine, seed)
            lines.append(village_split[town.code].borders)
            tree.shapes[town.code] = area
    cell_split = _cut_cells(tree, village_split, cells, fine, seed)
    lines += [s.borders for s in cell_split.values()]
    _fill(tree, faces(lines), counties, town_split, village_split, cell_split)
    return tree


def _cut_villages(
    tree: Tree, town: TownSeed, names: Sequence[Name], area: BaseGeometry, wet: BaseGeometry, warp: Warp, seed: int
) -> Split:
    """Places villages inside a town: committees of residents near its seat, villagers' around them."""
    rng = np.random.default_rng([seed, int(town.code[:9]), 1])
    seat = town.centres[0]
    size = float(np.sqrt(area.area))
    points = spread(polygons(shapely.difference(area, wet)), len(names), rng, seat, max(0.5, size * 0.16))
    points = points[np.argsort(((points - seat) ** 2).sum(axis=1))]
    order = sorted(names, key=lambda n: (n.code[9:] >= "200", n.code))
    tree.villages[town.code] = sorted(names, key=lambda n: n.code)
    tree.centres[town.code] = (float(seat[0]), float(seat[1]))
    tree.weights[town.code] = town.weight
    heavy = {n.code: COMMUNITY_WEIGHT if n.code[9:] < "200" else 1.0 for n in order}
    total = sum(heavy.values())
    for name, (x, y) in zip(order, points.tolist(), strict=True):
        tree.centres[name.code] = (x, y)
        tree.weights[name.code] = town.weight * heavy[name.code] / total
    return split([Seed(n.code, *tree.centres[n.code]) for n in order], area, warp)


def _cut_cells(tree: Tree, village_split: Mapping[str, Split], cells: int, warp: Warp, seed: int) -> dict[str, Split]:
    """Shares `cells` grid cells among the villages by people (at least one each) and cuts those with several."""
    codes = [n.code for names in tree.villages.values() for n in names]
    counts = share_out([tree.weights[c] for c in codes], cells, least=1)
    out: dict[str, Split] = {}
    town_of = {n.code: town for town, names in tree.villages.items() for n in names}
    for code, count in zip(codes, counts, strict=True):
        tree.cells[code] = [f"{code}{k + 1:03d}" for k in range(count)]
        area = village_split[town_of[code]].area_of(code, tree.shapes[town_of[code]])
        rng = np.random.default_rng([seed, int(code), 2])
        points = spread(area, count, rng) if count > 1 else np.array([[area.centroid.x, area.centroid.y]])
        # number the cells west to east, north to south, as the standard asks
        points = points[np.lexsort((-points[:, 1], np.round(points[:, 0], 1)))]
        out[code] = split(
            [Seed(c, float(x), float(y)) for c, (x, y) in zip(tree.cells[code], points, strict=True)], area, warp
        )
    return out


def share_out(weights: Sequence[float], total: int, least: int = 0) -> list[int]:
    """`total` whole things shared by weight, largest remainder; each gets at least `least`."""
    w = np.asarray(weights, dtype=np.float64)
    free = total - least * len(w)
    if free < 0:
        raise ValueError(f"{total} things cannot give {least} to each of {len(w)}")
    exact = w / w.sum() * free
    base = np.floor(exact).astype(int)
    rest = free - int(base.sum())
    base[np.argsort(-(exact - base), kind="stable")[:rest]] += 1
    return (base + least).tolist()


def _fill(
    tree: Tree,
    pieces: Sequence[shapely.Polygon],
    counties: Mapping[str, BaseGeometry],
    town_split: Mapping[str, Split],
    village_split: Mapping[str, Split],
    cell_split: Mapping[str, Split],
) -> None:
    """Gives every face to one grid cell, then unites upwards: cell, village, town, county."""
    faces_ = np.array(pieces, dtype=object)
    inner = shapely.get_coordinates(shapely.point_on_surface(faces_))
    codes = list(counties)
    hit = shapely.STRtree(list(counties.values())).query(shapely.points(inner), predicate="within")
    level: dict[str, list[int]] = defaultdict(list)
    for face, county in hit.T.tolist():
        level[codes[county]].append(face)
    for splits in (town_split, village_split, cell_split):
        finer: dict[str, list[int]] = defaultdict(list)
        for owner, mine in level.items():
            for face, code in zip(mine, splits[owner].owner_of(inner[mine]), strict=True):
                finer[code].append(face)
        level = finer
    for code, mine in level.items():
        tree.shapes[code] = _union(faces_[mine])
    _drop_empty_cells(tree)
    for village, cells in tree.cells.items():
        tree.shapes[village] = _union([tree.shapes[c] for c in cells])
    for town, names in tree.villages.items():
        tree.shapes[town] = _union([tree.shapes[n.code] for n in names])
    for county, parts in town_split.items():
        tree.shapes[county] = _union([tree.shapes[t] for t in dict.fromkeys(parts.owners)])


def _drop_empty_cells(tree: Tree) -> None:
    missing = [c for cells in tree.cells.values() for c in cells if c not in tree.shapes]
    if missing:
        raise ValueError(f"{len(missing)} grid cells came out empty, the first is {missing[0]}")


def _union(parts: Sequence[BaseGeometry] | np.ndarray) -> BaseGeometry:
    return polygons(shapely.union_all(np.asarray(parts, dtype=object)))


def plane_of(outlines: Sequence[BaseGeometry]) -> Plane:
    """The plane around the middle of some outlines (degrees)."""
    west, south, east, north = shapely.total_bounds(np.array(outlines, dtype=object))
    return Plane((west + east) / 2, (south + north) / 2)
