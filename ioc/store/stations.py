"""Weather and water stations round a place with what they last measured, and the warnings that hold there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import shapely
from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

KINDS = ("weather", "rain", "water_level", "water_logging")
MOST = 15  # stations of each kind looked at, nearest first: where gauges stand thick, a wind mast is still found
ENDED = dt.timedelta(hours=24)  # how long a cancelled warning is still told


def count(conn: Conn) -> int:
    row = conn.execute(
        "SELECT count(*) AS n FROM device WHERE class = 'sensor' AND kind = ANY (%s)", (list(KINDS),)
    ).fetchone()
    return int(row["n"]) if row else 0


_NEAR = """
SELECT d.device_id, d.name, d.external_id, d.kind, d.source, d.attributes, d.origin, d.status,
       ST_X(d.geom) AS lon, ST_Y(d.geom) AS lat, ST_Distance(d.geom_m, p.at) AS distance_m,
       ds.property, ds.unit, ds.interval_s, ds.limit_high, l.observed_at, l.value, l.quality
FROM (SELECT ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), %(srid)s::int) AS at) p
CROSS JOIN unnest(%(kinds)s::text[]) k
CROSS JOIN LATERAL (
  SELECT * FROM device d WHERE d.class = 'sensor' AND d.kind = k AND d.status <> 'disabled'
    AND d.kind IN ('weather', 'rain', 'water_level', 'water_logging')
    AND d.geom_m && ST_Expand(p.at, %(reach)s) AND {seen}
  ORDER BY d.geom_m <-> p.at LIMIT %(most)s) d
LEFT JOIN datastream ds ON ds.device_id = d.device_id AND ds.property = ANY (%(properties)s)
LEFT JOIN latest l ON l.datastream_id = ds.datastream_id AND l.observed_at <= %(now)s
WHERE ST_Distance(d.geom_m, p.at) <= %(reach)s
ORDER BY distance_m, d.device_id, ds.property
"""


def near(
    conn: Conn,
    scope: Scope,
    xy: tuple[float, float],
    srid: int,
    reach_m: float,
    kinds: Sequence[str],
    properties: Sequence[str],
    now: dt.datetime,
) -> list[Mapping[str, Any]]:
    """The stations within `reach_m` of `xy` (metres of `srid`), nearest first, one row a property; without any, one."""
    seen, params = visible(scope, "d")
    params |= {"x": xy[0], "y": xy[1], "srid": srid, "reach": reach_m, "most": MOST, "now": now}
    params |= {"kinds": list(kinds), "properties": list(properties)}
    return list(conn.execute(sql.SQL(_NEAR).format(seen=seen), params).fetchall())


# A warning concerns the place by its own area, or by a region that the place touches, or one above that.
_WARNINGS = """
WITH RECURSIVE place AS (SELECT ST_SetSRID(ST_GeomFromWKB(%(place)s), 4326) AS g),
touched AS (
  SELECT DISTINCT c.ancestor_id AS id FROM place JOIN region r ON r.geom && place.g AND ST_Intersects(r.geom, place.g)
  JOIN region_closure c ON c.descendant_id = r.region_id),
here AS (
  SELECT w.warning_id FROM warning w, place
  WHERE w.onset_at IS NOT NULL AND w.recorded_at <= %(now)s
    AND (w.status = 'active' OR w.ended_at > %(since)s)
    AND CASE WHEN w.geom IS NOT NULL THEN w.geom && place.g AND ST_Intersects(w.geom, place.g)
             ELSE w.region_ids = '{}' OR w.region_ids && ARRAY (SELECT id FROM touched) END),
line AS (
  SELECT warning_id, true AS here FROM here
  UNION
  SELECT b.warning_id, false FROM line JOIN warning b ON b.replaced_by = line.warning_id),
told AS (SELECT warning_id, bool_or(here) AS here FROM line GROUP BY warning_id)
SELECT w.warning_id, w.kind, w.kind_en, w.colour, w.headline, w.headline_en, w.area, w.sender, w.source, w.onset_at,
       w.expires_at, w.status, w.ended_at, w.replaced_by, w.exercise, w.instruction, w.origin,
       told.here
FROM told JOIN warning w USING (warning_id) ORDER BY w.onset_at DESC, w.warning_id DESC LIMIT 200
"""


def warnings(conn: Conn, place: shapely.Geometry, now: dt.datetime) -> list[Mapping[str, Any]]:
    """Warnings that concern `place` (degrees): in force, to come, or ended within a day, with those they replaced.

    `here` False: an earlier one of the line, wherever its area was. Who may see them is the policy of the table.
    """
    values = {"place": shapely.to_wkb(place), "now": now, "since": now - ENDED}
    return list(conn.execute(_WARNINGS, values).fetchall())
