"""Reading the centre's area for bulk work, and putting rows into the right region after regions have changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, LiteralString

import numpy as np
import shapely
from psycopg import sql

from ioc import geo
from ioc.scope import SYSTEM
from ioc.store import Store, population
from ioc.store.cells import rebuild_device_cells
from ioc.store.epochs import regrid
from ioc.store.locate import keep_metre_srid, metre_srid, region_middle
from ioc.store.pool import Conn

SLICE = 20_000
# Tables whose rows lie in a region, with their id; points and shapes alike are located by a point inside them.
LOCATED: tuple[tuple[LiteralString, LiteralString], ...] = (
    ("device", "device_id"),
    ("event", "event_id"),
    ("cases", "case_id"),
    ("resource", "resource_id"),
    ("grid_cell", "grid_cell_id"),
    ("thematic_feature", "feature_id"),
    ("detection", "detection_id"),
    ("building", "building_id"),
    ("target", "target_id"),
)
METRES: tuple[tuple[LiteralString, LiteralString], ...] = LOCATED[:4]
Places = list[tuple[int, float, float, int | None]]  # id, lon, lat, region
Locate = Callable[[Any, Any], Any]


def regions(conn: Conn) -> list[tuple[int, str, str, Any]]:
    """(region_id, code, kind, geometry) of every region that has a polygon."""
    rows = conn.execute("SELECT region_id, code, kind, ST_AsBinary(geom) AS wkb FROM region WHERE geom IS NOT NULL")
    return [(r["region_id"], r["code"], r["kind"], shapely.from_wkb(bytes(r["wkb"]))) for r in rows.fetchall()]


def settle_metres(conn: Conn) -> tuple[int | None, bool]:
    """The metre grid that fits the regions as they are now, and whether it has changed."""
    before, middle = metre_srid(conn), region_middle(conn)
    if middle is None:
        return before, False
    try:
        srid = geo.metre_srid(middle)
    except ValueError:
        return before, False
    return keep_metre_srid(conn, srid), before is not None and srid != before


def relocate(store: Store, locate: Locate, srid: int | None, *, metres: bool, progress: Callable[[str], None]) -> int:
    """Give every row the region it lies in now; with `metres`, its place on a new metre grid too. Short transactions.

    Returns the number of rows whose region changed. Aggregates are rebuilt at the end.
    """
    changed = 0
    for table, ident in LOCATED:
        progress(table)
        after = 0
        while True:
            with store.scoped(SYSTEM) as conn:
                rows = _slice(conn, table, ident, after)
                if rows:
                    changed += _move(conn, table, ident, rows, locate)
                    if metres and srid and (table, ident) in METRES:
                        _regrid(conn, table, ident, rows, srid)
            if len(rows) < SLICE:
                break
            after = rows[-1][0]
    with store.scoped(SYSTEM) as conn:
        conn.execute(
            "UPDATE datastream s SET region_id = d.region_id FROM device d"
            " WHERE d.device_id = s.device_id AND s.region_id IS DISTINCT FROM d.region_id"
        )
        if metres and srid:
            for table in ("population_unit", "building"):
                regrid(conn, table, srid)
        population.resettle(conn)
        if changed:
            rebuild_device_cells(conn)
    return changed


def _slice(conn: Conn, table: LiteralString, ident: LiteralString, after: int) -> Places:
    query = sql.SQL(
        """
        SELECT id, ST_X(p) AS lon, ST_Y(p) AS lat, region_id FROM (
          SELECT {ident} AS id, region_id,
                 CASE WHEN geometrytype(geom) = 'POINT' THEN geom ELSE ST_PointOnSurface(geom) END AS p
          FROM {table} WHERE {ident} > %s AND geom IS NOT NULL ORDER BY {ident} LIMIT %s) x ORDER BY id
        """
    ).format(ident=sql.Identifier(ident), table=sql.Identifier(table))
    rows = conn.execute(query, (after, SLICE)).fetchall()
    return [(r["id"], r["lon"], r["lat"], r["region_id"]) for r in rows]


def _move(
    conn: Conn,
    table: LiteralString,
    ident: LiteralString,
    rows: Places,
    locate: Locate,
) -> int:
    lon = np.array([r[1] for r in rows], dtype=np.float64)
    lat = np.array([r[2] for r in rows], dtype=np.float64)
    found = [int(i) or None for i in locate(lon, lat)]
    moved = [(row[0], new) for row, new in zip(rows, found, strict=True) if row[3] != new]
    if moved:
        conn.execute(
            sql.SQL(
                "UPDATE {table} t SET region_id = n.region FROM unnest(%s::bigint[], %s::int[]) AS n(id, region)"
                " WHERE t.{ident} = n.id"
            ).format(table=sql.Identifier(table), ident=sql.Identifier(ident)),
            ([m[0] for m in moved], [m[1] for m in moved]),
        )
    return len(moved)


def _regrid(
    conn: Conn,
    table: LiteralString,
    ident: LiteralString,
    rows: Places,
    srid: int,
) -> None:
    x, y = geo.to_metres(np.array([r[1] for r in rows]), np.array([r[2] for r in rows]), srid)
    conn.execute(
        sql.SQL(
            "UPDATE {table} t SET geom_m = ST_SetSRID(ST_MakePoint(n.x, n.y), %s::int)"
            " FROM unnest(%s::bigint[], %s::float8[], %s::float8[]) AS n(id, x, y) WHERE t.{ident} = n.id"
        ).format(table=sql.Identifier(table), ident=sql.Identifier(ident)),
        (srid, [r[0] for r in rows], x.tolist(), y.tolist()),
    )
