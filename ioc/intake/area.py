"""The centre's area in memory, to locate many points at once. The same rules as `ioc.store.locate` for one point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ioc import geo
from ioc.geo import FloatArray, IntArray

RANKS = ("village", "town", "county", "city", "zone")  # finest first; a zone only where nothing else covers the point


@dataclass(frozen=True)
class _Level:
    ids: IntArray
    shapes: NDArray[np.object_]
    tree: shapely.STRtree


class Area:
    """Regions with a polygon: `(region_id, code, kind, geometry)`. `srid` is the centre's metre grid."""

    def __init__(self, regions: Iterable[tuple[int, str, str, Any]], srid: int | None, buffer_m: float) -> None:
        self.srid, self.buffer_m = srid, buffer_m
        kept = sorted((r for r in regions if r[3] is not None), key=lambda r: r[1])
        self._levels: list[_Level] = []
        for kind in RANKS:
            of_kind = [r for r in kept if r[2] == kind]
            if of_kind:
                shapes = np.array([r[3] for r in of_kind], dtype=object)
                ids = np.array([r[0] for r in of_kind], dtype=np.int64)
                self._levels.append(_Level(ids, shapes, shapely.STRtree(shapes)))

    @property
    def empty(self) -> bool:
        return not self._levels

    def locate(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """Finest region of each point, 0 for none; on a shared boundary the smaller code."""
        out = np.zeros(len(lon), dtype=np.int64)
        left = np.arange(len(lon))
        for level in self._levels:
            if not len(left):
                break
            points = shapely.points(lon[left], lat[left])
            which, shape = level.tree.query(points, predicate="intersects")
            best = np.full(len(left), len(level.ids), dtype=np.int64)
            np.minimum.at(best, which, shape)  # shapes stand in order of their codes
            hit = best < len(level.ids)
            out[left[hit]] = level.ids[best[hit]]
            left = left[~hit]
        return out

    def within_buffer(self, lon: FloatArray, lat: FloatArray) -> NDArray[np.bool_]:
        """Whether points that no region covers lie within `buffer_m` of the area; a centre without one takes all."""
        if self.empty or not len(lon):
            return np.ones(len(lon), dtype=bool)
        x, y = geo.to_metres(lon, lat, self._grid)
        good = np.isfinite(x) & np.isfinite(y)
        out = np.zeros(len(lon), dtype=bool)
        out[good] = shapely.contains_xy(self._buffered, x[good], y[good])
        return out

    @cached_property
    def _grid(self) -> int:
        if self.srid is not None:
            return self.srid
        west, _, east, _ = shapely.total_bounds(np.concatenate([v.shapes for v in self._levels]))
        return geo.metre_srid((west + east) / 2)

    @cached_property
    def _buffered(self) -> shapely.Geometry:
        union = shapely.union_all(np.concatenate([v.shapes for v in self._levels]))
        to_grid = lambda xy: np.column_stack(geo.to_metres(xy[:, 0], xy[:, 1], self._grid))  # noqa: E731
        metres = shapely.simplify(shapely.transform(union, to_grid), 5.0)
        out = shapely.buffer(metres, self.buffer_m, quad_segs=8)
        shapely.prepare(out)
        return out
