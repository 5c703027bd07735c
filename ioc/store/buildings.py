"""Buildings: footprints with floors, height and use; what stands inside areas."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import shapely
from psycopg import sql

from ioc.scope import Scope
from ioc.store.epochs import Kept
from ioc.store.pool import Conn
from ioc.store.where import visible

KEPT = Kept(
    table="building",
    within=("source",),
    key=("code",),
    columns={
        "source": "text", "code": "text", "name": "text", "use": "text", "floors": "smallint", "height_m": "real",
        "height_from": "text", "dwellings": "int", "address": "text",
    },
)  # fmt: skip


def in_force(conn: Conn) -> Mapping[str, Any]:
    """(buildings, oldest, high): how many there are, the oldest day they speak of, how many have a height."""
    row = conn.execute(
        "SELECT count(*) AS buildings, min(as_of) AS oldest, count(height_m) AS high FROM building"
        " WHERE retired_at IS NULL"
    ).fetchone()
    return row or {"buildings": 0, "oldest": None, "high": 0}


_INSIDE = """
WITH area AS MATERIALIZED (
  SELECT n, ST_SetSRID(ST_GeomFromWKB(w), %(srid)s::int) AS g
  FROM unnest(%(areas)s::bytea[]) WITH ORDINALITY AS a(w, n))
SELECT a.n, b.use, count(*) AS buildings, count(b.floors) AS with_floors, max(b.floors) AS most_floors,
       count(b.dwellings) AS with_dwellings, coalesce(sum(b.dwellings), 0) AS dwellings,
       sum(b.area_m2) AS footprint_m2, coalesce(sum(b.area_m2 * b.floors), 0) AS floor_m2, max(b.height_m) AS high_m,
       count(b.height_m) AS with_height,
       min(b.as_of) AS as_of, string_agg(DISTINCT b.source, '、') AS source, max(b.origin) AS origin
FROM area a JOIN building b ON b.spot && a.g AND ST_Intersects(a.g, b.spot)
WHERE b.recorded_at <= %(at)s AND (b.retired_at IS NULL OR b.retired_at > %(at)s) AND {seen}
GROUP BY a.n, b.use ORDER BY a.n, buildings DESC, b.use
"""


def inside(
    conn: Conn, scope: Scope, srid: int, areas: Sequence[shapely.Geometry], at: dt.datetime
) -> list[Mapping[str, Any]]:
    """Buildings by area (`n` from 1, in their order) and use; a building is where a point inside it is.

    Areas in metres of `srid`; as known at `at`.
    """
    seen, params = visible(scope, "b")
    params |= {"srid": srid, "areas": [shapely.to_wkb(a) for a in areas], "at": at}
    return list(conn.execute(sql.SQL(_INSIDE).format(seen=seen), params).fetchall())
