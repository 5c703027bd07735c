"""Where demo things stand: near village centres, along roads and rivers, more where more people live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from ioc.fold import fold
from ioc.place import PlaceData, PlaceRegion

Points = NDArray[np.float64]
Ints = NDArray[np.int64]

# How the points of one village are spread: around its centre, along its roads, anywhere.
_NEAR, _ROAD = 0.34, 0.61
# In a dense quarter things stand along the streets of all of it; elsewhere near the houses. About 3 km2 in degrees.
_QUARTER_DEG2 = 3.0 / (111.0 * 103.0)
_ROAD_STEP_DEG = 0.0006  # about 60 m


@dataclass
class Ground:
    """The villages (finest regions) of a place with what generators need to put things into them. Degrees."""

    villages: list[PlaceRegion]
    towns: list[str]  # name of each village's town
    counties: list[str]
    town_codes: list[str]
    folded: list[str]  # searchable words of village, town and county
    zones: list[frozenset[str]]  # codes of the functional zones each village lies in
    ordinals: list[tuple[int, int]]  # running numbers: of the town in its county, of the village in its town
    weights: Points
    shapes: list[BaseGeometry] = field(default_factory=list[BaseGeometry])
    centres: Points = field(default_factory=lambda: np.empty((0, 2)))
    sigma: Points = field(default_factory=lambda: np.empty(0))
    quarter: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    roads: list[Points] = field(default_factory=list[Points])
    rivers: list[Points] = field(default_factory=list[Points])


def ground_of(place: PlaceData) -> Ground:
    by_code = {r.code: r for r in place.regions}
    villages = [r for r in place.regions if r.kind == "village"]
    towns = [by_code[r.parent or ""] for r in villages]
    counties = [by_code[t.parent] if t.parent else t for t in towns]
    g = Ground(
        villages=villages,
        towns=[t.name for t in towns],
        counties=[c.name for c in counties],
        town_codes=[t.code for t in towns],
        folded=[fold(f"{v.name} {t.name} {c.name}") for v, t, c in zip(villages, towns, counties, strict=True)],
        zones=[frozenset(z.code for z in place.regions if {v.code, v.parent} & set(z.members)) for v in villages],
        ordinals=_ordinals([(t.parent or "", t.code) for t in towns]),
        weights=np.array([v.weight for v in villages]),
    )
    # Sea arms that an administrative outline closes over are cut out of the drawn land: nothing stands in them.
    land = shapely.union_all([shapely.from_wkb(f.geom) for f in place.features if f.role == "land"])
    water = shapely.union_all([shapely.from_wkb(f.geom) for f in place.features if f.role == "water"])
    dry = shapely.difference(land, water)
    whole = [shapely.from_wkb(v.geom) for v in villages]
    shapely.prepare(dry)
    inside = shapely.contains_properly(dry, np.array(whole, dtype=object))
    g.shapes = [w if ok else _dry(w, dry) for w, ok in zip(whole, inside, strict=True)]
    g.centres = np.array([_inner(s, v.center) for s, v in zip(g.shapes, villages, strict=True)])
    area = shapely.area(np.array(g.shapes, dtype=object))
    g.quarter = area < _QUARTER_DEG2
    g.sigma = np.where(g.quarter, 0.3, 0.13) * np.sqrt(area)
    shapely.prepare(np.array(g.shapes, dtype=object))
    g.roads = _along(place, g.shapes, ("road", "highway"))
    g.rivers = _along(place, g.shapes, ("river",))
    return g


def _ordinals(pairs: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """From (county, town) of every village, in order."""
    towns: dict[str, list[str]] = {}
    count: dict[str, int] = {}
    out = []
    for county, town in pairs:
        known = towns.setdefault(county, [])
        if town not in known:
            known.append(town)
        count[town] = count.get(town, 0) + 1
        out.append((known.index(town) + 1, count[town]))
    return out


def _dry(shape: BaseGeometry, dry: BaseGeometry) -> BaseGeometry:
    rest = shapely.intersection(shape, dry)
    return rest if rest.area > 0.05 * shape.area else shape


def _inner(shape: BaseGeometry, center: tuple[float, float]) -> tuple[float, float]:
    if shapely.contains_xy(shape, *center):
        return center
    point = shapely.point_on_surface(shape)
    return float(shapely.get_x(point)), float(shapely.get_y(point))


def _along(place: PlaceData, shapes: Sequence[BaseGeometry], roles: tuple[str, ...]) -> list[Points]:
    """Points every 60 m along the lines of `roles`, by village."""
    lines = [shapely.from_wkb(f.geom) for f in place.features if f.role in roles]
    out: list[Points] = [np.empty((0, 2))] * len(shapes)
    if not lines:
        return out
    points = shapely.get_coordinates(shapely.segmentize(np.array(lines, dtype=object), _ROAD_STEP_DEG))
    hit = shapely.STRtree(np.asarray(shapely.points(points), dtype=object)).query(
        np.array(shapes, dtype=object), predicate="contains"
    )
    order = np.argsort(hit[0], kind="stable")
    villages, at = hit[0][order], hit[1][order]
    bounds = np.searchsorted(villages, np.arange(len(shapes) + 1))
    for v in range(len(shapes)):
        out[v] = points[np.sort(at[bounds[v] : bounds[v + 1]])]
    return out


def share_out(weights: Points, total: int) -> Ints:
    """`total` whole things by weight, largest remainder."""
    exact = weights / weights.sum() * total
    base = np.floor(exact).astype(np.int64)
    rest = total - int(base.sum())
    base[np.argsort(-(exact - base), kind="stable")[:rest]] += 1
    return base


def scatter(
    g: Ground, counts: Ints, rng: np.random.Generator, near: float = _NEAR, road: float = _ROAD
) -> tuple[Points, Ints]:
    """`counts[v]` points in every village: (points, village of each). Every point lies in its village and on land."""
    points = np.empty((int(counts.sum()), 2))
    village = np.repeat(np.arange(len(counts)), counts)
    at = 0
    for v in np.flatnonzero(counts):
        n = int(counts[v])
        points[at : at + n] = _in_village(g, int(v), n, rng, near, road)
        at += n
    return points, village


def _in_village(g: Ground, v: int, n: int, rng: np.random.Generator, near: float, road: float) -> Points:
    shape, roads, got = g.shapes[v], g.roads[v], np.empty((0, 2))
    west, south, east, north = shape.bounds
    for _ in range(6):
        need = n - len(got)
        if need <= 0:
            break
        m = need * 2 + 4
        pick = rng.random(m)
        p = rng.uniform((west, south), (east, north), (m, 2))
        close = pick < near
        p[close] = rng.normal(g.centres[v], g.sigma[v], (int(close.sum()), 2))
        on_road = (pick >= near) & (pick < near + road)
        if len(roads):
            k = int(on_road.sum())
            p[on_road] = roads[rng.integers(0, len(roads), k)] + rng.normal(0, 0.00012, (k, 2))
        # roads far from the houses carry little
        far = ~g.quarter[v] & on_road & (np.hypot(*(p - g.centres[v]).T) > 3.2 * g.sigma[v]) & (rng.random(m) < 0.82)
        p = p[~far]
        got = np.vstack([got, p[shapely.contains_xy(shape, p[:, 0], p[:, 1])]])
    if len(got) < n:  # a sliver of a village: its centre takes the rest
        got = np.vstack([got, np.tile(g.centres[v], (n - len(got), 1))])
    return got[:n]


def along_rivers(g: Ground, count: int, rng: np.random.Generator) -> tuple[Points, Ints]:
    """Stations on river banks; spread over villages by length of bank. Falls back to people when there is no river."""
    length = np.array([len(r) for r in g.rivers], dtype=np.float64)
    if not length.any():
        return scatter(g, share_out(g.weights, count), rng)
    counts = share_out(length, count)
    points, village = np.empty((count, 2)), np.repeat(np.arange(len(counts)), counts)
    at = 0
    for v in np.flatnonzero(counts):
        n = int(counts[v])
        near = g.rivers[v][rng.integers(0, len(g.rivers[v]), n)] + rng.normal(0, 0.0003, (n, 2))
        good = shapely.contains_xy(g.shapes[v], near[:, 0], near[:, 1])
        near[~good] = g.rivers[v][rng.integers(0, len(g.rivers[v]), int((~good).sum()))]
        points[at : at + n] = near
        at += n
    return points, village


def urban(g: Ground) -> Points:
    """Weights that favour dense villages: people per area, bounded, so that a city core stands out."""
    area = np.array([s.area for s in g.shapes])
    density = g.weights / area
    return g.weights * np.sqrt(np.minimum(density / np.median(density), 60.0))


def by_region_code(place: PlaceData) -> Mapping[str, PlaceRegion]:
    return {r.code: r for r in place.regions}
