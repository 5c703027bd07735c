"""Grid cells of the three kinds with their officers; all of them sketches.

General cells (综合网格) cover the place and come from its pack; to four of them there is one of another kind.
Unit cells (单元网格) of city management cover the densest quarters only: closed, without gap or overlap, numbered
from west to east and north to south inside their community, an inspector to a dozen. Special cells (专属网格) are
schools, markets and parks that answer for themselves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from data_sources._demo import text
from data_sources._demo.copying import Conn, copy_lines, next_id
from data_sources._demo.places import Ground
from data_sources._demo.sources import Systems
from ioc.fold import fold_all
from ioc.place import PlaceData

# About 10,000 m2 to a unit cell (GB/T 30428.1, "万米"); less than this share of a square goes to the cell next door.
UNIT_M = 100.0
_SLIVER = 0.3
_M_PER_DEGREE = 111_320.0
_PATROL = 12
_SPECIAL = ("学校", "市场", "园区", "医院", "景区")
_GENERAL_PER_SPECIAL, _GENERAL_PER_OTHER = 40, 4


@dataclass(frozen=True, slots=True)
class Cell:
    """One grid cell; `village` is an index into the villages of the ground."""

    kind: str
    code: str
    name: str
    village: int
    shape: BaseGeometry


@dataclass(frozen=True, slots=True)
class Written:
    """Cells as they are in the store, with their ids."""

    cells: Sequence[Cell]
    first_id: int
    officers: Sequence[str]  # the first of each cell

    def officer(self, ids: Sequence[int]) -> str:
        """Who answers for a place that lies in these cells: the officer of the general one; "" for none."""
        cells = [i - self.first_id for i in ids]
        return next((self.officers[c] for c in cells if self.cells[c].kind == "general"), "")

    def at(self, lon: Sequence[float], lat: Sequence[float]) -> list[list[int]]:
        """Ids of the cells each point lies in, at most one of each kind, in the order of the kinds."""
        out: list[dict[str, int]] = [{} for _ in lon]
        if self.cells:
            tree = shapely.STRtree([c.shape for c in self.cells])
            for i, c in sorted(tree.query(shapely.points(lon, lat), predicate="within").T.tolist()):
                out[i].setdefault(self.cells[c].kind, self.first_id + c)
        return [[ids[kind] for kind in sorted(ids)] for ids in out]


def all_cells(place: PlaceData, g: Ground, seed: int) -> list[Cell]:
    """Every cell of the demo. Same arguments, same cells."""
    at = {v.code: i for i, v in enumerate(g.villages)}
    general = [
        Cell("general", c.code, f"{g.villages[at[c.village]].name}{c.name.replace(' ', '')}", at[c.village],
             shapely.from_wkb(c.geom))
        for c in place.cells
    ]  # fmt: skip
    rng = np.random.default_rng([seed, 405])
    special = list(_special(g, len(general) // _GENERAL_PER_SPECIAL + 1, rng))
    return [*general, *special, *_unit(g, len(general) // _GENERAL_PER_OTHER - len(special))]


def write(
    conn: Conn, place: PlaceData, g: Ground, ids: Mapping[str, int], systems: Systems, seed: int, now: dt.datetime
) -> Written:
    """Copies all cells into the store. `ids`: region ids by code."""
    first = next_id(conn, "grid_cell", "grid_cell_id")
    cells = all_cells(place, g, seed)
    columns = (
        "grid_cell_id", "source", "code", "kind", "name", "geom", "region_id", "department", "officers", "sketch",
        "search", "attributes", "origin", "recorded_at", "updated_at",
    )  # fmt: skip
    names: list[str] = []
    copy_lines(conn, "grid_cell", columns, _lines(cells, first, g, ids, systems, seed, now, names))
    return Written(cells, first, names)


def _lines(
    cells: Sequence[Cell],
    first: int,
    g: Ground,
    ids: Mapping[str, int],
    systems: Systems,
    seed: int,
    now: dt.datetime,
    names: list[str],
) -> Iterator[str]:
    rng = np.random.default_rng([seed, 404])
    inspector: list[dict[str, str]] = []
    for k, cell in enumerate(cells):
        unit = cell.kind == "unit"
        if not unit:
            officers = [_person(rng, role) for role in ("网格员", "网格长")[: 1 + (k % 3 == 0)]]
        else:
            inspector = [_person(rng, "监督员")] if k % _PATROL == 0 or not inspector else inspector
            officers = inspector
        names.append(officers[0]["name"])
        department = f"{g.counties[cell.village]}城管局" if unit else g.towns[cell.village]
        geom = shapely.to_wkb(shapely.set_srid(cell.shape, 4326), hex=True, include_srid=True)
        search = fold_all(cell.name, g.towns[cell.village], *(o["name"] for o in officers))
        yield text.line(
            (
                first + k, systems.report("urban" if unit else "grid"), cell.code, cell.kind, cell.name, geom,
                ids[g.villages[cell.village].code], department, text.Json(officers), True, search,
                text.Json(_people(k, unit)), "demo", now, now,
            )
        )  # fmt: skip


def _people(k: int, unit: bool) -> dict[str, int]:
    """What a registry would bring: people of most cells; some towns have not delivered theirs."""
    return {} if k % 9 == 4 else {"人口": 40 + (k * 7919) % 260 if unit else 180 + (k * 7919) % 2400}


def _person(rng: np.random.Generator, role: str) -> dict[str, str]:
    return {"name": text.name(rng), "phone_masked": text.phone(rng), "role": role}


def _steps(g: Ground) -> tuple[float, float]:
    """Degrees of longitude and latitude to a metre, in the middle of the place."""
    return 1 / (_M_PER_DEGREE * np.cos(np.radians(g.centres[:, 1].mean()))), 1 / _M_PER_DEGREE


def _special(g: Ground, count: int, rng: np.random.Generator) -> Iterator[Cell]:
    dx, dy = _steps(g)
    count = min(count, len(g.villages))
    for k, v in enumerate(rng.choice(len(g.villages), count, replace=False, p=g.weights / g.weights.sum()).tolist()):
        (x, y), (wide, deep) = g.centres[v], rng.uniform(60, 150, 2)
        plot = affinity.rotate(
            shapely.box(x - wide * dx, y - deep * dy, x + wide * dx, y + deep * dy), 90 * rng.random()
        )
        what = _SPECIAL[k % len(_SPECIAL)]
        yield Cell(
            "special", f"{g.villages[v].code}901", f"{g.villages[v].name}{what}专属网格", v, _within(plot, g.shapes[v])
        )


def _unit(g: Ground, count: int) -> Iterator[Cell]:
    """`count` cells, the densest village first; of the last one the cells around its centre."""
    area = shapely.area(np.array(g.shapes, dtype=object))
    for v in np.argsort(-g.weights / area, kind="stable").tolist():
        shapes = _squares(g.shapes[v], *(UNIT_M * s for s in _steps(g)))
        middle = shapely.get_coordinates(shapely.centroid(shapes))
        near = np.argsort(((middle - g.centres[v]) ** 2).sum(axis=1), kind="stable")[:count]
        # rows of one cell's height from the north, each from the west
        row = np.round(-middle[near, 1] / (UNIT_M * _steps(g)[1]))
        for k, i in enumerate(near[np.lexsort((middle[near, 0], row))].tolist()):
            village = g.villages[v]
            yield Cell("unit", f"{village.code}{k + 1:03d}", f"{village.name}单元网格{k + 1}", v, shapes[i])
        count -= len(near)
        if count <= 0:
            return


def _squares(area: BaseGeometry, dx: float, dy: float) -> list[BaseGeometry]:
    """`area` cut by a lattice that all villages share; slivers belong to the neighbour with the longest border."""
    west, south, east, north = area.bounds
    x = np.arange(np.floor(west / dx), np.ceil(east / dx)) * dx
    y = np.arange(np.floor(south / dy), np.ceil(north / dy)) * dy
    xs, ys = (a.ravel() for a in np.meshgrid(x, y))
    cut = [_polygons(p) for p in shapely.intersection(shapely.box(xs, ys, xs + dx, ys + dy), area)]
    pieces = [p for p in cut if not p.is_empty]
    whole = [p for p in pieces if p.area >= _SLIVER * dx * dy]
    if not whole:
        return [_within(area, area)]
    tree = shapely.STRtree(whole)
    gained: dict[int, list[BaseGeometry]] = {}
    for piece in (p for p in pieces if p.area < _SLIVER * dx * dy):
        beside = tree.query(piece, predicate="intersects")
        best = beside if len(beside) else tree.query_nearest(piece)
        shared = shapely.length(shapely.intersection(piece, np.array(whole, dtype=object)[best]))
        gained.setdefault(int(best[int(np.argmax(shared))]), []).append(piece)
    return [_polygons(shapely.union_all([p, *gained[i]])) if i in gained else p for i, p in enumerate(whole)]


def _within(shape: BaseGeometry, area: BaseGeometry) -> BaseGeometry:
    part = _polygons(shapely.intersection(shape, area))
    return _polygons(area) if part.is_empty else part


def _polygons(shape: BaseGeometry) -> BaseGeometry:
    """The polygons of a shape as one MultiPolygon."""
    return shapely.MultiPolygon([p for p in shapely.get_parts(shape) if p.geom_type == "Polygon" and p.area > 0])
