"""What a water level would cover, and who and what stands there: a 推演, computed and told, stored nowhere."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely

from ioc import geo
from ioc.command import answer, flood
from ioc.command.asking import Ask, PanelState
from ioc.command.panels import panels
from ioc.command.panels.people import mended
from ioc.errors import Invalid, Reason
from ioc.store import Store, terrain
from ioc.store.pool import Conn
from ioc.store.terrain import Floats, Terrain

# Whose areas are asked again for what is under water, by the same panels as every other area.
ASKED = ("people", "buildings", "targets")
DRAWN = 1024  # cells a side of what is drawn; people and things are counted by the cells themselves
_M_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Wish:
    """Either `rise_m` above the ground at the place, or `level_m` in the datum of the terrain."""

    rise_m: float | None = None
    level_m: float | None = None
    reach_m: float = flood.REACH_M


@dataclass(frozen=True, slots=True)
class _Window:
    """Cells around the place, with where they lie on the terrain's grid."""

    of: Terrain
    row0: int
    col0: int
    ground: Floats
    seed: tuple[int, int]
    reduced: bool


def simulate(store: Store, ask: Ask, wish: Wish) -> dict[str, Any]:
    """JSON-able; every part says `what_if`. Raises Invalid for a place without elevation or a wish of two minds."""
    if (wish.rise_m is None) == (wish.level_m is None):
        raise Invalid(
            reasons=[Reason("rise_m", "one_of", "rise_m 与 level_m 应给且只给一个", "give rise_m or level_m")]
        )
    with store.scoped(ask.scope) as conn:
        found = _window(conn, ask, wish.reach_m)
    here = float(found.ground[found.seed])
    if not np.isfinite(here):
        raise flood.no_ground()
    level = round(wish.level_m if wish.level_m is not None else here + (wish.rise_m or 0.0), 3)
    flooded = flood.fill(found.ground, found.seed, level)
    parts, coarse = _classes(found, flooded.mask, level, ask.srid)
    area = _outline(found, flooded.mask) if parts else None
    told: dict[str, Any] = {
        "what_if": True,
        "label": {"zh": "推演", "en": "What-if"},
        "params": _params(ask, wish, found.of),
        "ground_m": round(here, 3), "level_m": level, "datum": found.of.datum,
        "area_m2": round(sum(p[2] for p in parts)),
        "classes": [flood.class_words(n) | {"area_m2": round(m2), "geometry": _json(g)} for n, g, m2 in parts],
        "clipped": flooded.clipped, "unknown_beside": flooded.unknown, "reduced": found.reduced,
        "cell_m": round(_cell_m(found.of, ask.lat), 2), "drawn_cell_m": round(_cell_m(found.of, ask.lat) * coarse, 2),
        "terrain": {"source": found.of.source, "name": found.of.name, "as_of": found.of.as_of.isoformat()},
        "origin": found.of.origin, "notes": [{"zh": n.zh, "en": n.en} for n in flood.NOTES],
    }  # fmt: skip
    return told | {"panels": _asked(store, ask, area)}


def _params(ask: Ask, wish: Wish, of: Terrain) -> Mapping[str, Any]:
    """All that the answer follows from: the same again gives the same again."""
    return {
        "lon": ask.lon, "lat": ask.lat, "rise_m": wish.rise_m, "level_m": wish.level_m, "reach_m": wish.reach_m,
        "terrain_id": of.terrain_id, "terrain_digest": of.digest, "at": ask.now.astimezone(dt.UTC).isoformat(),
    }  # fmt: skip


def _asked(store: Store, ask: Ask, area: Any) -> dict[str, PanelState]:
    if area is None:
        return {}
    inside = replace(ask, area=area)
    return {key: answer.answer(store, key, inside) for key in ASKED if key in panels()}


# ---------------------------------------------------------------- grid


def _window(conn: Conn, ask: Ask, reach_m: float) -> _Window:
    of = terrain.covering(conn, ask.lon, ask.lat, ask.now)
    if of is None:
        raise flood.no_ground()
    x, y = _to_grid(of, ask.lon, ask.lat)
    row, col = int((of.y0 - y) // of.dy), int((x - of.x0) // of.dx)
    degrees = of.crs in geo.GEOGRAPHIC
    high = reach_m / (of.dy * _M_PER_DEGREE if degrees else of.dy)
    wide = reach_m / (of.dx * _M_PER_DEGREE * float(np.cos(np.radians(ask.lat))) if degrees else of.dx)
    shrink = min(1.0, float(np.sqrt(flood.MOST_CELLS / ((2 * high + 1) * (2 * wide + 1)))))
    up, left = max(1, int(high * shrink)), max(1, int(wide * shrink))
    sheets = terrain.sheets(conn, of, ask.now)
    row0, col0, row1, col1 = _inside(sheets, row - up, col - left, row + up + 1, col + left + 1)
    ground = terrain.window(conn, sheets, row0, col0, row1 - row0, col1 - col0)
    return _Window(of, row0, col0, ground, (row - row0, col - col0), shrink < 1)


def _inside(
    sheets: list[tuple[Terrain, int, int]], row0: int, col0: int, row1: int, col1: int
) -> tuple[int, int, int, int]:
    """The window cut to where any sheet is, with one row and column of nothing round them."""
    return (
        max(row0, min(r for _, r, _ in sheets) - 1),
        max(col0, min(c for _, _, c in sheets) - 1),
        min(row1, max(r + t.height for t, r, _ in sheets) + 1),
        min(col1, max(c + t.width for t, _, c in sheets) + 1),
    )


def _to_grid(of: Terrain, lon: float, lat: float) -> tuple[float, float]:
    if of.crs in geo.GEOGRAPHIC:
        return lon, lat
    x, y = geo.to_metres(np.array([lon]), np.array([lat]), int(of.crs.split(":")[1]))
    return float(x[0]), float(y[0])


def _cell_m(of: Terrain, lat: float) -> float:
    """Side of a cell in metres, the longer one."""
    if of.crs not in geo.GEOGRAPHIC:
        return max(of.dx, of.dy)
    return max(of.dy, of.dx * float(np.cos(np.radians(lat)))) * _M_PER_DEGREE


def _classes(found: _Window, mask: Any, level: float, srid: int) -> tuple[list[tuple[int, Any, float]], int]:
    """(class, shape in degrees, m2) of every depth that occurs, and how many cells a side one drawn cell stands for.

    Areas are those of the cells themselves; what is drawn of a large window is coarser, and says so.
    """
    made = flood.classes(found.ground, mask, level)
    coarse = -(-max(mask.shape) // DRAWN)
    drawn = flood.coarser(made, coarse)
    shapes, cells = _shapes(found, drawn, coarse), _cell_areas(found, srid)
    out: list[tuple[int, Any, float]] = []
    for n in np.unique(made[made > 0]).tolist():
        m2 = float(((made == n).sum(axis=1) * cells).sum())
        out.append((n, _degrees(shapes.get(n, shapely.MultiPolygon()), found.of.crs), m2))
    return out, coarse


def _cell_areas(found: _Window, srid: int) -> Any:
    """m2 of a cell of each row, by its corners in the middle of the window: cells in degrees shrink polewards."""
    of = found.of
    y = of.y0 - (found.row0 + np.arange(found.ground.shape[0] + 1)) * of.dy
    x = np.full_like(y, of.x0 + (found.col0 + found.ground.shape[1] // 2) * of.dx)
    west = _metres(x, y, of.crs, srid)
    east = _metres(x + of.dx, y, of.crs, srid)
    corners = np.stack([west[:-1], east[:-1], east[1:], west[1:], west[:-1]], axis=1)
    return shapely.area(shapely.polygons(corners))


def _metres(x: Any, y: Any, crs: str, srid: int) -> Any:
    return np.column_stack(geo.to_metres(*geo.to_wgs84(x, y, crs), srid))


def _outline(found: _Window, mask: Any) -> Any:
    """All that is under water, cell by cell, in degrees."""
    return _degrees(_shapes(found, mask.astype(np.uint8), 1)[1], found.of.crs)


def _shapes(found: _Window, values: Any, cells: int) -> dict[int, Any]:
    """Outlines of equal values above 0, by value, in the grid's own system; `cells` a side of one value.

    Polygons of one value meet in corners at most, so that they are one valid shape as they are.
    """
    from rasterio.features import shapes
    from rasterio.transform import Affine

    of = found.of
    step = Affine(of.dx * cells, 0, of.x0 + found.col0 * of.dx, 0, -of.dy * cells, of.y0 - found.row0 * of.dy)
    by_value: dict[int, list[Any]] = {}
    for outline, n in shapes(values, mask=values > 0, connectivity=4, transform=step):
        rings = outline["coordinates"]
        by_value.setdefault(int(n), []).append(shapely.Polygon(rings[0], rings[1:]))
    return {n: shapely.MultiPolygon(g) for n, g in by_value.items()}


def _degrees(shape: Any, crs: str) -> Any:
    if crs in geo.GEOGRAPHIC or shape.is_empty:
        return shape
    return mended(shapely.transform(shape, lambda xy: np.column_stack(geo.to_wgs84(xy[:, 0], xy[:, 1], crs))))


def _json(shape: Any) -> dict[str, Any]:
    multi = shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape])
    return json.loads(shapely.to_geojson(shapely.set_precision(multi, 1e-7, mode="pointwise")))
