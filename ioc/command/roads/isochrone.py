"""Isochrones as areas, from the stretches a vehicle reaches in time.

Method: points every half cell along every reached stretch, each with its own time; the smallest time in a cell of a
square grid is the cell's; cells in time and their eight neighbours make the area, joined and rounded off. So an area
holds what lies within one cell of a road that is reached, and nothing for which no road was found. The cell is 1/160 of
the extent, 50 to 400 m.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CELL_M, CELLS = (50.0, 400.0), 160
HOLE_CELLS = 12  # smaller holes are filled: yards between streets


@dataclass(frozen=True)
class Reached:
    """Stretches in metres with the time at both ends (inf: not reached) and their own seconds each way.

    For journeys from the place: `at_a + share x cost` and `at_b + (1 - share) x back`; for journeys to it the other way
    round. Negative costs: not driven that way.
    """

    lines: NDArray[np.object_]
    at_a: Floats
    at_b: Floats
    cost: Floats
    back: Floats


def times(r: Reached, step_m: float, *, to_place: bool) -> tuple[Floats, Floats]:
    """(xy, seconds) of points every `step_m` along the stretches."""
    fine = shapely.segmentize(r.lines, step_m)
    xy, line = shapely.get_coordinates(fine, return_index=True)
    move = np.hypot(*np.diff(xy, axis=0, prepend=xy[:1]).T)
    first = np.r_[True, np.diff(line) != 0]
    move[first] = 0.0
    along = np.cumsum(move)
    begin = along[first]
    length = np.maximum(shapely.length(r.lines), 1e-9)
    share = np.clip((along - begin[line]) / length[line], 0, 1)
    forth, back = (r.back, r.cost) if to_place else (r.cost, r.back)
    with np.errstate(invalid="ignore"):
        by_a = np.where(forth[line] >= 0, r.at_a[line] + share * forth[line], np.inf)
        by_b = np.where(back[line] >= 0, r.at_b[line] + (1 - share) * back[line], np.inf)
    return xy, np.minimum(by_a, by_b)


def areas(reached: Reached, minutes: Sequence[int], *, to_place: bool) -> dict[int, shapely.Geometry]:
    """Polygon of each number of minutes in metres; empty where nothing is reached."""
    if not len(reached.lines):
        return {m: shapely.MultiPolygon() for m in minutes}
    west, south, east, north = shapely.total_bounds(reached.lines)
    cell = float(np.clip(max(east - west, north - south) / CELLS, *CELL_M))
    xy, seconds = times(reached, cell / 2, to_place=to_place)
    column = ((xy[:, 0] - west) / cell).astype(np.int64) + 2
    row = ((xy[:, 1] - south) / cell).astype(np.int64) + 2
    grid = np.full((int(row.max()) + 3, int(column.max()) + 3), np.inf)
    np.minimum.at(grid, (row, column), seconds)
    grid = _spread(grid)
    origin = (west - 2 * cell, south - 2 * cell)
    return {m: _polygon(grid <= m * 60, cell, origin) for m in minutes}


def _spread(grid: Floats) -> Floats:
    """Every cell takes the smallest time of itself and its eight neighbours."""
    rows = grid.copy()
    rows[1:] = np.minimum(rows[1:], grid[:-1])
    rows[:-1] = np.minimum(rows[:-1], grid[1:])
    out = rows.copy()
    out[:, 1:] = np.minimum(out[:, 1:], rows[:, :-1])
    out[:, :-1] = np.minimum(out[:, :-1], rows[:, 1:])
    return out


def _polygon(inside: NDArray[np.bool_], cell: float, origin: tuple[float, float]) -> shapely.Geometry:
    """Runs of cells in a row, joined; corners rounded by half a cell."""
    padded = np.pad(inside, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(padded, axis=1)
    row, begin = np.nonzero(change == 1)
    _, end = np.nonzero(change == -1)
    if not len(row):
        return shapely.MultiPolygon()
    x0, x1 = origin[0] + begin * cell, origin[0] + end * cell
    y0 = origin[1] + row * cell
    whole = shapely.union_all(shapely.box(x0, y0, x1, y0 + cell))
    parts = shapely.get_parts(whole)
    least = HOLE_CELLS * cell * cell
    filled = [shapely.Polygon(p.exterior, [r for r in p.interiors if shapely.Polygon(r).area >= least]) for p in parts]
    # join style mitre keeps the number of vertices down; the second step rounds inner corners
    smooth = shapely.buffer(shapely.buffer(filled, -0.3 * cell, quad_segs=2), 0.3 * cell, quad_segs=2)
    return sound(shapely.simplify(shapely.union_all(smooth), cell * 0.15))


def sound(shape: shapely.Geometry) -> shapely.Geometry:
    """A valid polygon: where rounding made a ring touch itself it is drawn anew."""
    return shape if shapely.is_valid(shape) else shapely.buffer(shape, 0)
