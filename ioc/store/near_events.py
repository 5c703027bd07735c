"""Open reports that may be the same as one being taken down: near in place and time, of the same kind."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

# Where two callers speak of one thing: a street corner, within a day.
NEAR_M, NEAR_TIME = 200.0, dt.timedelta(hours=24)
_M_PER_DEGREE = 111_320.0

_NEAR = """
SELECT e.event_id, e.title, e.address, e.source, s.title AS source_title, s.title_en AS source_title_en,
       e.category_scheme, e.category_code, e.occurred_at, e.case_id,
       round(ST_DistanceSphere(e.geom, p.at))::int AS distance_m
FROM event e LEFT JOIN source s ON s.source_key = e.source,
     (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS at) p
WHERE e.status = 'open' AND e.geom && ST_Expand(p.at, %(reach_x)s, %(reach_y)s)
  AND ST_DistanceSphere(e.geom, p.at) <= %(near)s AND e.occurred_at BETWEEN %(since)s AND %(until)s
  AND (%(scheme)s = '' OR (e.category_scheme, e.category_code) = (%(scheme)s, %(code)s)) AND {seen}
ORDER BY distance_m, e.occurred_at DESC LIMIT 10
"""


def near(
    conn: Conn, scope: Scope, lon: float, lat: float, scheme: str, code: str, now: dt.datetime
) -> Sequence[Mapping[str, Any]]:
    """Open events within 200 m and 24 h that `scope` sees, nearest first. An empty `scheme` asks for every category."""
    seen, params = visible(scope, "e")
    shrink = max(0.05, math.cos(math.radians(lat)))
    values = {
        **params,
        "lon": lon,
        "lat": lat,
        "near": NEAR_M,
        "reach_x": NEAR_M / (_M_PER_DEGREE * shrink) * 1.01,
        "reach_y": NEAR_M / _M_PER_DEGREE * 1.01,
        "since": now - NEAR_TIME,
        "until": now + NEAR_TIME,
        "scheme": scheme,
        "code": code,
    }
    return conn.execute(sql.SQL(_NEAR).format(seen=seen), values).fetchall()


def next_number(conn: Conn, day: dt.date) -> str:
    """Number of a report taken at the desk: JB20261122-000123."""
    row = conn.execute("SELECT nextval('report_number') AS n").fetchone()
    return f"JB{day:%Y%m%d}-{row['n'] if row else 0:06d}"


def number_of(conn: Conn, event_id: int) -> str:
    """The number a report was given; "" where there is no such event."""
    row = conn.execute("SELECT source_id FROM event WHERE event_id = %s", (event_id,)).fetchone()
    return str(row["source_id"]) if row else ""


def device_place(conn: Conn, scope: Scope, device_id: int) -> Mapping[str, Any] | None:
    """Name and place of a device the scope sees; `external` empty where its id is not the only one of its kind."""
    seen, params = visible(scope, "d")
    query = sql.SQL(
        "SELECT d.name, d.external_id, ST_X(d.geom) AS lon, ST_Y(d.geom) AS lat,"
        " (SELECT count(*) FROM device o WHERE o.external_id = d.external_id OR o.national_id = d.external_id) AS same"
        " FROM device d WHERE d.device_id = %(id)s AND {}"
    ).format(seen)
    return conn.execute(query, {**params, "id": device_id}).fetchone()
