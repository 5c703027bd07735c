"""Sensitive targets around a place or inside an area, and taking off what a whole register no longer has."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence, Set
from typing import Any, LiteralString

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
MOST = 500  # a panel lists no more; it counts all

# Candidates by the index of places (a box around the point, and that of the area), then measured on the centre's metre
# grid. The box is made first: a function of another row's column beside `&&` is kept behind row-level security, and so
# every target would be read.
_AROUND: LiteralString = """
WITH place AS MATERIALIZED (
  SELECT p, area, ST_Expand(p, %(dx)s, %(dy)s) AS box
  FROM (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS p, ST_GeomFromWKB(%(area)s, 4326) AS area) g)
SELECT x.target_id, x.kind, x.name, x.level, x.headcount, x.occupied, x.material, x.stock_t, x.inspected_on,
       x.hazards_open, x.health, x.health_limit, x.health_trend, x.health_on, x.owner, x.contact, x.address, x.source,
       x.origin, x.updated_at, ST_X(x.spot) AS lon, ST_Y(x.spot) AS lat, geometrytype(x.geom) AS shape,
       k.zh, k.en, k.attributes AS of_kind, m.distance_m, coalesce(ST_Intersects(x.geom, place.area), false) AS inside
FROM place, target x
LEFT JOIN dictionary_now k ON k.dict = 'target_kind' AND k.code = x.kind
CROSS JOIN LATERAL (
  SELECT ST_Distance(ST_Transform(x.geom, %(srid)s::int),
                     ST_Transform(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(srid)s::int)) AS distance_m) m
WHERE x.removed_at IS NULL AND {seen}
  AND (x.geom && place.box OR x.geom && place.area)
  AND (m.distance_m <= %(radius)s OR coalesce(ST_Intersects(x.geom, place.area), false))
ORDER BY m.distance_m, x.target_id
"""


def box_deg(lat: float, radius_m: float) -> tuple[float, float]:
    """Half width and height in degrees of a box that holds the circle, away from the poles; a little too large."""
    dy = radius_m / 110_000
    return dy / max(0.1, math.cos(math.radians(min(85.0, abs(lat) + dy)))), dy


def around(
    conn: Conn, scope: Scope, lon: float, lat: float, srid: int, radius_m: float, area: bytes | None
) -> Sequence[Row]:
    """Every target within `radius_m` (metres on `srid`) or touching `area` (WKB, degrees), nearest first."""
    seen, params = visible(scope, "x")
    dx, dy = box_deg(lat, radius_m)
    given = {"lon": lon, "lat": lat, "srid": srid, "radius": radius_m, "area": area, "dx": dx, "dy": dy}
    return conn.execute(sql.SQL(_AROUND).format(seen=seen), {**params, **given}).fetchall()


def remove_absent(conn: Conn, source: str, there: Set[str], actor: str, now: dt.datetime) -> int:
    """Targets of `source` that its whole register came without. They stay in the history. Returns how many."""
    row = conn.execute(
        """
        WITH gone AS (
          UPDATE target t SET removed_at = %(now)s, updated_at = %(now)s
          WHERE t.source = %(source)s AND t.removed_at IS NULL AND NOT t.external_id = ANY (%(there)s)
          RETURNING t.target_id, t.origin, ioc_record(t) AS record),
        told AS (
          INSERT INTO entity_history (entity, entity_id, recorded_at, op, actor, origin, record)
          SELECT 'target', g.target_id::text, %(now)s, 'remove', %(actor)s, g.origin, g.record FROM gone g RETURNING 1)
        SELECT count(*) AS n FROM told
        """,
        {"now": now, "source": source, "there": sorted(there), "actor": actor},
    ).fetchone()
    return int(row["n"]) if row else 0
