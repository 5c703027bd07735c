"""What the demo's emergency command stands on: people by grid cell, houses round incidents, a coarse ground.

Believable, not measured; the same seed gives the same rows. Everything is of origin demo and goes with `ioc demo drop`.
"""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray
from psycopg.rows import dict_row

from data_sources._demo.copying import copy_lines
from data_sources._demo.grids import Written
from data_sources._demo.places import Ground
from ioc import geo
from ioc.command.disclosure import safe
from ioc.store import buildings, editions, population, stations, terrain
from ioc.store.editions import Edition

SOURCE = "演示数据"
DATUM = "1985国家高程基准"
# Shares of a population as the seventh census has them for such a city, roughly.
_GROUPS: Mapping[str, float] = {
    "elderly": 0.14, "child": 0.19, "disabled": 0.024, "alone": 0.015, "five_guarantee": 0.004,
}  # fmt: skip
_PEOPLE_PER_WEIGHT = 1000  # as the regions' own population (bulk.regions)
_HOUSES, _REACH_M = 160, 700.0
_CELL_DEG, _RIVER_CELLS = 0.0025, 12
_KEY = b"demo"
Floats = NDArray[np.float64]


def write(
    conn: psycopg.Connection[Any],
    g: Ground,
    grid: Written,
    regions: Sequence[int],
    srid: int,
    highlights: Path | None,
    seed: int,
    now: dt.datetime,
) -> dict[str, int]:
    """Rows by table. `regions`: region id of each village of the ground."""
    factory, day = conn.row_factory, now - dt.timedelta(days=30)
    conn.row_factory = dict_row
    try:
        with conn.transaction():
            counts = {"population_unit": _people(conn, g, grid, regions, srid, seed, now, day)}
            counts["building"] = _buildings(conn, highlights, srid, seed, now, day)
            counts["terrain"] = _terrain(conn, g, seed, now, day)
            _publish(conn, counts, now, day)
    finally:
        conn.row_factory = factory
    return counts


# ---------------------------------------------------------------- people


def _people(
    conn: Any,
    g: Ground,
    grid: Written,
    regions: Sequence[int],
    srid: int,
    seed: int,
    now: dt.datetime,
    day: dt.datetime,
) -> int:
    cells = [c for c in grid.cells if c.kind == "general"]
    if not cells:
        return 0
    rng = np.random.default_rng([seed, 501])
    shapes = np.array([shapely.MultiPolygon(_polygons(c.shape)) for c in cells], dtype=object)
    metres = _metres(shapes, srid)
    area = shapely.area(metres)
    village = np.array([c.village for c in cells])
    # evenly within a village, but for a house more or less
    share = area * rng.lognormal(0, 0.35, len(cells))
    whole = np.bincount(village, share, len(g.villages))
    total = np.round(g.weights[village] * _PEOPLE_PER_WEIGHT * share / whole[village]).astype(int)
    groups = {k: rng.binomial(total, p) for k, p in _GROUPS.items()}
    columns = ("source", "level", "code", "name", "keyed_by", "total", "groups", "shown", "method", "as_of", "digest",
               "geom", "geom_m", "area_m2", "region_id", "origin", "recorded_at")  # fmt: skip
    wkb = shapely.to_wkb(shapely.set_srid(shapes, 4326), hex=True, include_srid=True)
    wkb_m = shapely.to_wkb(shapely.set_srid(metres, srid), hex=True, include_srid=True)

    def lines() -> Iterator[str]:
        for i, c in enumerate(cells):
            own = {k: int(v[i]) for k, v in groups.items()}
            shown = safe(own, _KEY, c.code)
            yield "\t".join([
                SOURCE, "grid", c.code, c.name, "grid", str(total[i]), json.dumps(own), json.dumps(shown),
                "演示：按村人口与面积推算", day.isoformat(), "demo", wkb[i], wkb_m[i], str(area[i]),
                str(regions[c.village]), "demo", now.isoformat(),
            ])  # fmt: skip

    return copy_lines(conn, "population_unit", columns, lines())


def _polygons(shape: Any) -> list[Any]:
    return [p for p in (shape.geoms if hasattr(shape, "geoms") else [shape]) if p.geom_type == "Polygon"]


def _metres(shapes: Any, srid: int) -> Any:
    return shapely.transform(shapes, lambda xy: np.column_stack(geo.to_metres(xy[:, 0], xy[:, 1], srid)))


# ---------------------------------------------------------------- buildings


_HOUSE = """
INSERT INTO building (source, code, name, use, floors, height_m, height_from, dwellings, as_of, digest, geom, geom_m,
                      area_m2, region_id, origin, recorded_at)
SELECT %(source)s, %(code)s, %(name)s, %(use)s, %(floors)s, %(height)s, %(from)s, %(dwellings)s, %(day)s, 'demo', g.d,
       g.m, ST_Area(g.m), (SELECT region_id FROM region r WHERE r.kind = 'village'
                           AND ST_Covers(r.geom, ST_PointOnSurface(g.d)) ORDER BY code LIMIT 1), 'demo', %(now)s
FROM (SELECT ST_GeomFromWKB(%(d)s, 4326) AS d, ST_GeomFromWKB(%(m)s, %(srid)s::int) AS m) g
"""


def _buildings(conn: Any, highlights: Path | None, srid: int, seed: int, now: dt.datetime, day: dt.datetime) -> int:
    """A park of halls at each incident of the pack's highlights, and houses along its streets."""
    if highlights is None:
        return 0
    spots = [h for h in json.loads(highlights.read_text("utf-8")) if h.get("flow") == "incident" and "lon" in h]
    n = 0
    for k, spot in enumerate(spots):
        rng = np.random.default_rng([seed, 502, k])
        rows = list(_park(rng, spot, k, srid))
        shapes = np.array([shapely.MultiPolygon([r[0]]) for r in rows], dtype=object)
        degrees = _degrees(shapes, srid)
        for (_, values), shape, metres in zip(rows, degrees, shapes, strict=True):
            conn.execute(
                _HOUSE,
                {**values, "source": SOURCE, "day": day, "now": now, "srid": srid, "d": shapely.to_wkb(shape),
                 "m": shapely.to_wkb(metres)},
            )  # fmt: skip
            n += 1
    return n


def _park(rng: np.random.Generator, spot: Mapping[str, Any], k: int, srid: int) -> Iterator[tuple[Any, dict[str, Any]]]:
    """(footprint in metres, columns): four by two halls round the spot, houses where none of them stands."""
    x, y = geo.to_metres(np.array([spot["lon"]]), np.array([spot["lat"]]), srid)
    angle = float(rng.uniform(-25, 25))
    halls = []
    for i in range(8):
        dx, dy = (i % 4 - 1.5) * 92, (i // 4 - 0.5) * 74
        hall = shapely.affinity.rotate(shapely.box(dx - 36, dy - 26, dx + 36, dy + 26), angle, origin=(0, 0))
        halls.append(shapely.affinity.translate(hall, float(x[0]), float(y[0])))
        height = round(float(rng.uniform(9, 13)), 1)
        yield halls[-1], {"code": f"D{k}H{i + 1}", "name": f"{i + 1} 号库", "use": "warehouse", "floors": 1,
                          "height": height, "from": "given", "dwellings": 0}  # fmt: skip
    free = shapely.union_all(halls).buffer(40)
    for i in range(_HOUSES):
        r, turn = _REACH_M * np.sqrt(rng.uniform(0.09, 1)), rng.uniform(0, 2 * np.pi)
        cx, cy = float(x[0] + r * np.cos(turn)), float(y[0] + r * np.sin(turn))
        wide, deep, floors = rng.uniform(9, 15), rng.uniform(9, 18), int(rng.integers(1, 7))
        house = shapely.affinity.rotate(shapely.box(cx - wide / 2, cy - deep / 2, cx + wide / 2, cy + deep / 2), angle)
        if house.intersects(free):
            continue
        free = free.union(house.buffer(3))
        yield house, {"code": f"D{k}B{i + 1}", "name": "", "use": "residential", "floors": floors,
                      "height": 3.0 * floors, "from": "floors", "dwellings": floors}  # fmt: skip


def _degrees(shapes: Any, srid: int) -> Any:
    return shapely.transform(shapes, lambda xy: np.column_stack(geo.to_wgs84(xy[:, 0], xy[:, 1], f"EPSG:{srid}")))


# ---------------------------------------------------------------- ground


def _terrain(conn: Any, g: Ground, seed: int, now: dt.datetime, day: dt.datetime) -> int:
    """Hills of a few waves, cut by the pack's rivers; about 250 m a cell, over the whole place."""
    west, south, east, north = shapely.total_bounds(np.array(g.shapes, dtype=object)).tolist()
    width, height = int((east - west) / _CELL_DEG) + 2, int((north - south) / _CELL_DEG) + 2
    ground = _hills(np.random.default_rng([seed, 503]), height, width)
    river = np.zeros((height, width), dtype=bool)
    for line in g.rivers:
        if len(line):
            rows = ((north - line[:, 1]) / _CELL_DEG).astype(int).clip(0, height - 1)
            river[rows, ((line[:, 0] - west) / _CELL_DEG).astype(int).clip(0, width - 1)] = True
    near = _steps(river)
    ground = 1.5 + 0.2 * near + ground * np.minimum(1.0, near / _RIVER_CELLS)
    step, low = terrain.BLOCK, ground.astype(np.float32)
    blocks = [
        (r // step, c // step, low[r : r + step, c : c + step])
        for r in range(0, height, step)
        for c in range(0, width, step)
    ]
    outline = shapely.box(west, north - height * _CELL_DEG, west + width * _CELL_DEG, north)
    values = {
        "source": SOURCE, "name": "demo", "crs": "EPSG:4490", "datum": DATUM, "width": width, "height": height,
        "x0": west, "y0": north, "dx": _CELL_DEG, "dy": _CELL_DEG, "block": terrain.BLOCK, "as_of": day,
        "digest": f"demo-{seed}-{zlib.crc32(ground.tobytes())}", "wkb": shapely.to_wkb(outline), "origin": "demo",
    }  # fmt: skip
    terrain_id, _ = terrain.begin(conn, values, now)
    terrain.put(conn, terrain_id, "demo", blocks)
    return 1


def _hills(rng: np.random.Generator, height: int, width: int) -> Floats:
    y, x = np.mgrid[0:height, 0:width] * _CELL_DEG
    out = np.zeros((height, width))
    for _ in range(20):
        turn, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.5)
        wave = np.cos(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / length + rng.uniform(0, 2 * np.pi))
        out += wave * length
    return 3 + 160 * np.maximum(0, out / np.abs(out).max()) ** 1.5


def _steps(river: NDArray[np.bool_]) -> Floats:
    """Cells to the nearest river, up to twice `_RIVER_CELLS`; all as far away where there is none."""
    far = 2.0 * _RIVER_CELLS
    out = np.where(river, 0.0, far)
    if river.any():
        reached = river.copy()
        for n in range(1, int(far)):
            wider = reached.copy()
            wider[1:] |= reached[:-1]
            wider[:-1] |= reached[1:]
            wider[:, 1:] |= reached[:, :-1]
            wider[:, :-1] |= reached[:, 1:]
            out[wider & ~reached] = n
            reached = wider
    return out


# ---------------------------------------------------------------- editions


def _publish(conn: Any, counts: dict[str, int], now: dt.datetime, day: dt.datetime) -> None:
    people = [
        {"source": x["source"], "level": x["level"], "units": x["units"], "people": round(x["people"])}
        for x in population.in_force(conn)
    ]
    have = {
        "population": (counts["population_unit"], {"layers": people}),
        "buildings": (int(buildings.in_force(conn)["buildings"]), {}),
        "terrain": (counts["terrain"], {"datum": DATUM}),
        "stations": (stations.count(conn), {}),
    }
    for key, (rows, detail) in have.items():
        if rows:
            edition = Edition(key, SOURCE, now if key == "stations" else day, rows, detail=detail, origin="demo")
            editions.publish(conn, edition, "demo", now)
