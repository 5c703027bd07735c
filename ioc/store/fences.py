"""Fences in the store. Written under the system's scope by `ioc.alarms.fences`, read under the asker's."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.alarms.fence_shape import Ring
from ioc.scope import Scope
from ioc.store import outbox
from ioc.store.history import record_entity
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
_COLUMNS = sql.SQL(
    "f.fence_id, f.name, f.rule_key, f.target, f.ref, f.params, f.valid_from, f.valid_to, f.region_id, f.origin,"
    " f.version, f.actor, f.actor_name, f.updated_at, f.deleted_at, ST_AsGeoJSON(f.geom, 7) AS shape,"
    " ST_Area(f.geom::geography) AS area_m2, r.code AS region, r.name AS region_name,"
    " CASE f.target WHEN 'region' THEN t.code ELSE f.ref END AS target_code,"
    " CASE f.target WHEN 'region' THEN t.name WHEN 'device' THEN d.name ELSE f.ref END AS target_name"
)
_FROM = sql.SQL(
    "FROM fence f LEFT JOIN region r ON r.region_id = f.region_id"
    " LEFT JOIN region t ON t.region_id = CASE WHEN f.target = 'region' THEN f.ref::int END"
    " LEFT JOIN device d ON d.device_id = CASE WHEN f.target = 'device' THEN f.ref::bigint END"
)


def listed(conn: Conn, scope: Scope, fence_id: int | None = None) -> Sequence[Row]:
    """Standing fences the scope sees, by name; with `fence_id` that one or nothing."""
    seen, params = visible(scope, "f")
    query = sql.SQL(
        "SELECT {} {} WHERE f.deleted_at IS NULL AND {} AND (%(id)s::bigint IS NULL OR f.fence_id = %(id)s)"
        " ORDER BY f.name, f.fence_id LIMIT 2000"
    ).format(_COLUMNS, _FROM, seen)
    return conn.execute(query, {**params, "id": fence_id}).fetchall()


def lock(conn: Conn, fence_id: int) -> Row | None:
    return conn.execute(
        "SELECT f.* FROM fence f WHERE f.fence_id = %s AND f.deleted_at IS NULL FOR UPDATE", (fence_id,)
    ).fetchone()


def wkt(ring: Ring) -> str:
    return "POLYGON((" + ",".join(f"{lon!r} {lat!r}" for lon, lat in ring) + "))"


# The root regions make the centre; a border drawn by another hand may lie a little beyond theirs.
_PLACED = """
WITH p AS (SELECT ST_GeomFromText(%(wkt)s, 4326) AS g)
SELECT
  NOT EXISTS (SELECT FROM region WHERE geom IS NOT NULL)
  OR EXISTS (SELECT FROM region r, p WHERE r.parent_id IS NULL AND r.kind <> 'zone' AND r.geom IS NOT NULL
             AND ST_Covers(ST_Buffer(r.geom::geography, %(buffer)s)::geometry, p.g)) AS inside,
  (SELECT r.region_id FROM region r, p WHERE r.kind <> 'zone' AND r.geom && p.g
     AND ST_CoveredBy(p.g, ST_Buffer(r.geom, 0.0003))
   ORDER BY ST_Area(r.geom) LIMIT 1) AS region_id
"""


def placed(conn: Conn, ring: Ring, buffer_m: float) -> tuple[bool, int | None]:
    """(inside the centre, the smallest region that holds all of it)."""
    row = conn.execute(_PLACED, {"wkt": wkt(ring), "buffer": buffer_m}).fetchone()
    return (bool(row["inside"]), row["region_id"]) if row else (False, None)


_INSERT = """
INSERT INTO fence (name, geom, rule_key, target, ref, params, valid_from, valid_to, region_id, origin, actor,
                   actor_name, recorded_at, updated_at)
VALUES (%(name)s, ST_GeomFromText(%(wkt)s, 4326), %(rule)s, %(target)s, %(ref)s, %(params)s, %(from)s, %(to)s,
        %(region_id)s, %(origin)s, %(actor)s, %(actor_name)s, %(now)s, %(now)s)
RETURNING fence_id
"""
_UPDATE = """
UPDATE fence SET name = %(name)s, geom = ST_GeomFromText(%(wkt)s, 4326), rule_key = %(rule)s, target = %(target)s,
  ref = %(ref)s, params = %(params)s, valid_from = %(from)s, valid_to = %(to)s, region_id = %(region_id)s,
  actor = %(actor)s, actor_name = %(actor_name)s, version = version + 1, updated_at = %(now)s
WHERE fence_id = %(id)s RETURNING fence_id
"""


def put(conn: Conn, values: Mapping[str, Any], ring: Ring, now: dt.datetime, fence_id: int | None = None) -> int:
    """A new fence, or the next version of one; with history and a word to the screens. Returns its id."""
    given = {**values, "params": Jsonb(dict(values["params"])), "wkt": wkt(ring), "now": now, "id": fence_id}
    row = conn.execute(_INSERT if fence_id is None else _UPDATE, given).fetchone()
    if row is None:
        raise LookupError(fence_id)
    _told(conn, int(row["fence_id"]), "new" if fence_id is None else "change")
    return int(row["fence_id"])


def remove(conn: Conn, fence_id: int, actor: str, actor_name: str, now: dt.datetime) -> None:
    """The row stays: alarms of the past name it."""
    conn.execute(
        "UPDATE fence SET deleted_at = %(now)s, updated_at = %(now)s, version = version + 1, actor = %(actor)s,"
        " actor_name = %(name)s WHERE fence_id = %(id)s",
        {"id": fence_id, "now": now, "actor": actor, "name": actor_name},
    )
    _told(conn, fence_id, "remove")


def _told(conn: Conn, fence_id: int, op: Any) -> None:
    query = sql.SQL("SELECT {} {} WHERE f.fence_id = %s").format(_COLUMNS, _FROM)
    row = conn.execute(query, (fence_id,)).fetchone()
    if row is None:
        raise LookupError(fence_id)
    record = {**row, "shape": json.loads(row["shape"])}
    record |= {k: record[k] and record[k].isoformat() for k in ("valid_from", "valid_to", "updated_at", "deleted_at")}
    record_entity(conn, "fence", fence_id, op, row["actor"], row["origin"], record)
    outbox.put(conn, topic="reload", op="change", entity_id="fence", payload={"layers": ["fence"]})
    outbox.wake(conn)


def history(conn: Conn, fence_id: int) -> Sequence[Row]:
    """Versions of a fence, newest first."""
    return conn.execute(
        "SELECT recorded_at, op, actor, record FROM entity_history WHERE entity = 'fence' AND entity_id = %s"
        " ORDER BY history_id DESC LIMIT 100",
        (str(fence_id),),
    ).fetchall()
