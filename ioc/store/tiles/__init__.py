"""Vector tiles (MVT 2.1) straight from PostGIS, one query a tile, under the asker's scope.

Bands of `design.md` section 7: up to z 11 H3 cells, z 12-13 pins, from z 14 the things themselves. A point or a cell
(by its centre) lies in exactly one tile: west and north edge in, east and south edge out, so that the sums of all tiles
of a zoom are the counts of the layer panel. Every value is a bound parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ioc.errors import NotFound
from ioc.store import direct
from ioc.store.pool import Plan, Session
from ioc.store.tiles import areas, buildings, closures, devices, drones, fences, forces, grids, patrols, work
from ioc.store.tiles.alarms import PERMISSION as ALARM_VIEW
from ioc.store.tiles.alarms import shown as carries_alarms
from ioc.store.tiles.devices import DENSE
from ioc.store.tiles.frame import PINS_TO, Statement, Steps, TileQuery, lonlat_box, resolution

__all__ = [
    "ALARM_VIEW",
    "DENSE",
    "PINS_TO",
    "TileQuery",
    "carries_alarms",
    "explained",
    "lonlat_box",
    "plan",
    "render",
    "resolution",
    "statements",
    "steps",
]


def render(conn: psycopg.Connection[Any], q: TileQuery) -> bytes:
    """The tile's bytes; empty when nothing lies in it. `conn` is scoped to `q.scope`."""
    build = _QUERIES.get(q.layer.query)
    if build is None:
        raise NotFound(f"图层 {q.layer.key}", f"layer {q.layer.key}")
    if isinstance(conn, Session) and conn.as_of is not None:
        q = replace(q, past=True)
    direct_way = steps(q)
    if direct_way is not None:
        return _driven(conn, direct_way)
    return b"".join(_run(conn, statement) for statement in build(conn, q))


def steps(q: TileQuery) -> Steps | None:
    """The tile as statements for `direct`, where it can be made that way."""
    return devices.steps(q) if q.layer.query == "device" else None


def plan(query: str, z: int) -> Plan:
    """How the statements of a tile are best planned.

    A close tile of devices has one good plan, the index of places, and planning it anew costs more than running it
    (0.3 ms against 0.8 ms in all). Farther out the best plan depends on how much the tile covers.
    """
    return "generic" if query == "device" and z >= PINS_TO else "custom"


def statements(conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """The SQL behind `render`, for EXPLAIN and for measuring the floor."""
    return _QUERIES[q.layer.query](conn, q)


def explained(query: bytes) -> bytes:
    """`query` as EXPLAIN, for tests that fail when an index is not used."""
    return b"EXPLAIN (COSTS off) " + query


def _driven(conn: psycopg.Connection[Any], way: Steps) -> bytes:
    try:
        statement = next(way)
        while True:
            statement = way.send(direct.first_row(conn, *statement))
    except StopIteration as e:
        return e.value


def _run(conn: psycopg.Connection[Any], statement: Statement) -> bytes:
    query, params = statement
    with conn.cursor(row_factory=tuple_row, binary=True) as cur:
        row = cur.execute(query, params).fetchone()
    return bytes(row[0] or b"") if row else b""


_QUERIES: Mapping[str, Callable[[psycopg.Connection[Any], TileQuery], list[Statement]]] = {
    "device": devices.statements,
    "event": work.events,
    "case": work.cases,
    "heat": work.heat,
    "resource": forces.resources,
    "target": forces.targets,
    "grid_cell": grids.cells,
    "region": areas.regions,
    "warning": areas.warnings,
    "thematic": areas.thematic,
    "patrol_coverage": patrols.coverage,
    "patrol_track": patrols.tracks,
    "fence": fences.fences,
    "crossing": fences.crossings,
    "building": buildings.buildings,
    "closure": closures.closures,
    "drone_track": drones.flights,
    "drone_trace": drones.traces,
    "drone_photo": drones.photos,
}
