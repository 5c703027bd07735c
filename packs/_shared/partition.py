"""Partitions of real outlines into towns, villages and grid cells: gap-free by construction, all sketches (示意).

Every border of every level is one set of lines, noded once and cut into faces once. A face belongs to the finest cell
that holds it; a town is the union of its villages, a county of its towns. So nothing overlaps and nothing is left over,
and the real county outline stays vertex for vertex what the package says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from packs._shared.plane import Points, Warp, densify

_OVERSHOOT_KM = 0.001


@dataclass(frozen=True, slots=True)
class Seed:
    """A centre that claims land. Several seeds may share an `owner`; `weight_km2` widens a power cell."""

    owner: str
    x: float
    y: float
    weight_km2: float = 0.0


def power_cells(seeds: Sequence[Seed], frame: BaseGeometry) -> list[shapely.Polygon]:
    """Power diagram (weighted Voronoi with straight borders) of `seeds` inside the convex `frame`, in kilometres."""
    xy = np.array([(s.x, s.y) for s in seeds])
    w = np.array([s.weight_km2 for s in seeds])
    shell = np.asarray(frame.envelope.exterior.coords)[:-1]  # pyright: ignore[reportAttributeAccessIssue]
    out = []
    for i in range(len(seeds)):
        cell = shell
        # near neighbours first: the cell shrinks early and later half-planes cost little
        for j in np.argsort(np.hypot(*(xy - xy[i]).T)).tolist():
            if j == i or len(cell) == 0:
                continue
            normal = xy[j] - xy[i]
            bound = (xy[j] @ xy[j] - w[j] - xy[i] @ xy[i] + w[i]) / 2
            cell = _half_plane(cell, normal, bound)
        out.append(shapely.Polygon(cell) if len(cell) >= 3 else shapely.Polygon())
    return out


def _half_plane(cell: Points, normal: Points, bound: float) -> Points:
    """The part of a convex polygon where `p . normal <= bound` (Sutherland-Hodgman)."""
    d = cell @ normal - bound
    nxt, dn = np.roll(cell, -1, axis=0), np.roll(d, -1)
    out: list[Points] = []
    for a, b, da, db in zip(cell, nxt, d, dn, strict=True):
        if da <= 0:
            out.append(a)
        if (da < 0 < db) or (db < 0 < da):
            out.append(a + (b - a) * (da / (da - db)))
    return np.array(out)


def spread(
    area: BaseGeometry, count: int, rng: np.random.Generator, focus: Points | None = None, focus_km: float = 1.0
) -> Points:
    """`count` points spread evenly but not regularly inside `area` (Lloyd's relaxation of random points).

    With `focus`, half of the sample lies around it: points get denser towards a town's centre.
    """
    pool = _sample(area, max(count * 40, 400), rng, focus, focus_km)
    centres = pool[rng.choice(len(pool), count, replace=False)]
    for _ in range(5):
        nearest = np.argmin(((pool[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2), axis=1)
        for k in range(count):
            mine = pool[nearest == k]
            if len(mine):
                centres[k] = mine.mean(axis=0)
    # a mean of a crescent may fall outside it: take the pool's nearest point instead
    outside = ~shapely.contains_xy(area, centres[:, 0], centres[:, 1])
    for k in np.flatnonzero(outside):
        centres[k] = pool[np.argmin(((pool - centres[k]) ** 2).sum(axis=1))]
    return centres


def _sample(area: BaseGeometry, need: int, rng: np.random.Generator, focus: Points | None, focus_km: float) -> Points:
    shapely.prepare(area)
    west, south, east, north = area.bounds
    pool = np.empty((0, 2))
    while len(pool) < need:
        p = rng.uniform((west, south), (east, north), (need, 2))
        if focus is not None:
            p[: need // 2] = rng.normal(focus, focus_km, (need // 2, 2))
        pool = np.vstack([pool, p[shapely.contains_xy(area, p[:, 0], p[:, 1])]])
    return pool


@dataclass(frozen=True, slots=True)
class Split:
    """Cells of one parent in kilometres, not yet clipped to it: `shapes` cover it, `borders` lie between them."""

    owners: tuple[str, ...]
    shapes: tuple[BaseGeometry, ...]
    borders: BaseGeometry

    def owner_of(self, points: Points) -> list[str]:
        """Owner of each point: the cell that holds it, or the nearest one."""
        at = shapely.points(points)
        tree = shapely.STRtree(self.shapes)
        hit = dict(tree.query(at, predicate="within").T.tolist())
        return [self.owners[hit[i] if i in hit else int(tree.nearest(p))] for i, p in enumerate(at)]

    def area_of(self, owner: str, within: BaseGeometry) -> BaseGeometry:
        """What `owner` claims of `within`; polygons only."""
        mine = shapely.union_all([g for o, g in zip(self.owners, self.shapes, strict=True) if o == owner])
        return polygons(shapely.intersection(mine, within))


def split(seeds: Sequence[Seed], area: BaseGeometry, warp: Warp) -> Split:
    """Power cells of `seeds` over `area`, warped. Borders overshoot the outline by a metre so that noding meets it."""
    west, south, east, north = area.bounds
    margin = 3.0 + 0.2 * max(east - west, north - south)
    frame = shapely.box(west - margin, south - margin, east + margin, north + margin)
    cells = [(s.owner, c) for s, c in zip(seeds, power_cells(seeds, frame), strict=True) if not c.is_empty]
    # one millimetre: the corner that three cells compute each for itself becomes one point
    plain = shapely.set_precision(np.array([c for _, c in cells], dtype=object), 1e-6)
    step = float(np.clip(np.sqrt(area.area / len(cells)) / 12, 0.08, 0.4))
    # each border once: two cells' copies of it would differ in the last bit after densifying
    borders = shapely.transform(densify(shapely.union_all(shapely.boundary(plain)), step), warp)
    inner = shapely.intersection(borders, shapely.buffer(area, _OVERSHOOT_KM))
    shapes = tuple(shapely.transform(densify(c, step), warp) for c in plain)
    return Split(tuple(o for o, _ in cells), shapes, inner)


def faces(lines: Sequence[BaseGeometry]) -> list[shapely.Polygon]:
    """All faces cut by a set of lines, noded once on a grid of a tenth of a millimetre."""
    noded = shapely.union_all(np.array(lines, dtype=object), grid_size=1e-7)
    return list(shapely.polygonize([noded]).geoms)  # pyright: ignore[reportAttributeAccessIssue]


def polygons(shape: BaseGeometry) -> BaseGeometry:
    """The polygonal part of a geometry as a MultiPolygon."""
    parts = [g for g in shapely.get_parts(shape) if g.geom_type == "Polygon" and g.area > 0]
    return shapely.MultiPolygon(parts)
