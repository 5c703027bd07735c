"""Emergency resources where they are now: around a place, one of them, their positions, figures and state.

A resource stands at the newest position it told of within `LIVE_FOR`; else where its register keeps it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.scope import Scope
from ioc.store import outbox
from ioc.store.history import record_entity
from ioc.store.pool import Conn
from ioc.store.targets import box_deg
from ioc.store.where import visible

Row = Mapping[str, Any]
# A tracker that has been silent for longer tells nothing of where its vehicle is: a shift is over by then.
LIVE_FOR = dt.timedelta(hours=12)

_AROUND: LiteralString = """
WITH place AS (
  SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS p, ST_GeomFromWKB(%(area)s, 4326) AS area),
box AS (SELECT ST_Expand(p, %(dx)s, %(dy)s) AS b, p, area FROM place),
here AS (
  SELECT l.resource_id, l.geom, l.observed_at AS at, l.speed_kmh, l.heading_deg, l.accuracy_m
  FROM box, resource_live l WHERE l.observed_at > %(since)s AND (l.geom && box.b OR l.geom && box.area)
  UNION ALL
  SELECT r.resource_id, r.geom, NULL, NULL, NULL, NULL FROM box, resource r
  WHERE (r.geom && box.b OR r.geom && box.area) AND r.kind = ANY (%(kinds)s) AND NOT EXISTS (
    SELECT FROM resource_live v WHERE v.resource_id = r.resource_id AND v.observed_at > %(since)s))
SELECT {columns}, m.distance_m, coalesce(ST_Intersects(h.geom, box.area), false) AS inside
FROM box, here h JOIN resource r USING (resource_id) {joined}
CROSS JOIN LATERAL (
  SELECT ST_Distance(ST_Transform(h.geom, %(srid)s::int), ST_Transform(box.p, %(srid)s::int)) AS distance_m) m
WHERE r.kind = ANY (%(kinds)s) AND {seen}
  AND (m.distance_m <= %(radius)s OR coalesce(ST_Intersects(h.geom, box.area), false))
ORDER BY m.distance_m, r.resource_id
"""
_COLUMNS: LiteralString = (
    "r.resource_id, r.source, r.external_id, r.kind, r.name, r.address, r.owner_department, r.contact, r.capacity,"
    " r.status, r.status_at, r.case_id, r.carried, r.people, r.vehicle_class, r.observed_at, r.updated_at, r.origin,"
    " r.version, r.attributes, ST_X(h.geom) AS lon, ST_Y(h.geom) AS lat, h.at AS position_at, h.speed_kmh,"
    " h.heading_deg, h.accuracy_m, k.zh, k.en, k.attributes AS of_kind, f.what, f.figures,"
    " f.observed_at AS figures_at, f.reported_by, b.number AS case_number, b.title AS case_title"
)
_JOINED: LiteralString = (
    "LEFT JOIN dictionary_now k ON k.dict = 'resource_kind' AND k.code = r.kind"
    " LEFT JOIN resource_capacity f USING (resource_id) LEFT JOIN cases b ON b.case_id = r.case_id AND {bound}"
)


def around(
    conn: Conn,
    scope: Scope,
    place: tuple[float, float],
    srid: int,
    radius_m: float,
    area: bytes | None,
    kinds: Sequence[str],
    now: dt.datetime,
) -> Sequence[Row]:
    """Resources of `kinds` within `radius_m` of `place` (lon, lat) or inside `area` (WKB), nearest first, in metres."""
    seen, params = visible(scope, "r")
    bound, more = visible(scope, "b")
    dx, dy = box_deg(place[1], radius_m)
    given = {"lon": place[0], "lat": place[1], "srid": srid, "radius": radius_m, "area": area, "dx": dx, "dy": dy,
             "kinds": list(kinds), "since": now - LIVE_FOR}  # fmt: skip
    query = sql.SQL(_AROUND).format(columns=sql.SQL(_COLUMNS), joined=sql.SQL(_JOINED).format(bound=bound), seen=seen)
    return conn.execute(query, {**params, **more, **given}).fetchall()


def find(conn: Conn, ids: Sequence[str]) -> dict[str, list[Row]]:
    """Resources by the external ids given, of every source. Under the system's scope."""
    rows = conn.execute(
        "SELECT resource_id, source, external_id, kind, region_id, private_to, sensitivity, origin FROM resource"
        " WHERE external_id = ANY (%s) ORDER BY source",
        (list(ids),),
    ).fetchall()
    out: dict[str, list[Row]] = {}
    for row in rows:
        out.setdefault(str(row["external_id"]), []).append(row)
    return out


def named(conn: Conn, name: str) -> Sequence[Row]:
    """Resources of exactly this name. Under the system's scope."""
    query = "SELECT r.* FROM resource r WHERE r.name = %s ORDER BY r.resource_id LIMIT 20"
    return conn.execute(query, (name,)).fetchall()


def tell(conn: Conn, reason: str, ids: Sequence[int], origin: str) -> None:
    """Screens fetch their resources again."""
    payload = {"layers": ["resource", "drone", "drone_trace"], "reason": reason, "resources": list(ids)[:200]}
    outbox.put(conn, topic="reload", op="change", entity_id=reason, permission="map.view", origin=origin,
               payload=payload)  # fmt: skip
    outbox.wake(conn)


# ------------------------------------------------------------ positions


_LOG = """
INSERT INTO resource_position (resource_id, observed_at, recorded_at, lon, lat, speed_kmh, heading_deg, accuracy_m,
                               late, region_id, private_to, sensitivity, origin)
VALUES (%(resource_id)s, %(at)s, %(now)s, %(lon)s, %(lat)s, %(speed_kmh)s, %(heading_deg)s, %(accuracy_m)s, %(late)s,
        %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s)
"""
_LIVE = """
INSERT INTO resource_live AS t (resource_id, observed_at, received_at, geom, speed_kmh, heading_deg, accuracy_m,
                                region_id, private_to, sensitivity, origin)
VALUES (%(resource_id)s, %(at)s, %(now)s, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(speed_kmh)s,
        %(heading_deg)s, %(accuracy_m)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s)
ON CONFLICT (resource_id) DO UPDATE SET observed_at = excluded.observed_at, received_at = excluded.received_at,
  geom = excluded.geom, speed_kmh = excluded.speed_kmh, heading_deg = excluded.heading_deg,
  accuracy_m = excluded.accuracy_m, region_id = excluded.region_id, private_to = excluded.private_to,
  sensitivity = excluded.sensitivity, origin = excluded.origin
WHERE t.observed_at < excluded.observed_at
"""


def known_positions(conn: Conn, ids: Sequence[int], since: dt.datetime) -> tuple[dict[int, dt.datetime], set[Any]]:
    """(newest time by resource, every (resource, time) known since `since`), the live rows locked in one order."""
    live = conn.execute(
        "SELECT resource_id, observed_at FROM resource_live WHERE resource_id = ANY (%s) ORDER BY resource_id"
        " FOR UPDATE",
        (list(ids),),
    ).fetchall()
    kept = conn.execute(
        "SELECT resource_id, observed_at FROM resource_position WHERE resource_id = ANY (%s) AND observed_at >= %s",
        (list(ids), since),
    ).fetchall()
    return (
        {int(r["resource_id"]): r["observed_at"] for r in live},
        {(int(r["resource_id"]), r["observed_at"]) for r in kept},
    )


def put_positions(conn: Conn, rows: Sequence[Mapping[str, Any]]) -> None:
    """`rows` in the order they are to be known; `late` ones go into the log alone. Under the system's scope."""
    newest: dict[int, Mapping[str, Any]] = {}
    for row in rows:
        before = newest.get(row["resource_id"])
        if not row["late"] and (before is None or before["at"] < row["at"]):
            newest[row["resource_id"]] = row
    with conn.cursor() as cur:
        cur.executemany(_LOG, rows)
        if newest:
            cur.executemany(_LIVE, [newest[i] for i in sorted(newest)])


def positions(
    conn: Conn, scope: Scope, resource_id: int, since: dt.datetime, until: dt.datetime, limit: int = 5000
) -> Sequence[Row]:
    """What was known of a resource's way between two moments, by the time it became known."""
    seen, params = visible(scope, "p")
    query = sql.SQL(
        "SELECT p.observed_at, p.recorded_at, p.lon, p.lat, p.speed_kmh, p.heading_deg, p.late"
        " FROM resource_position p WHERE p.resource_id = %(id)s AND p.recorded_at >= %(since)s"
        " AND p.recorded_at <= %(until)s AND {} ORDER BY p.recorded_at, p.observed_at LIMIT %(limit)s"
    ).format(seen)
    return conn.execute(query, {**params, "id": resource_id, "since": since, "until": until, "limit": limit}).fetchall()


def places_at(conn: Conn, scope: Scope, at: dt.datetime, ids: Sequence[int] | None = None) -> Sequence[Row]:
    """Replay: the newest position of each resource as known at `at` (by `recorded_at`), none older than `LIVE_FOR`."""
    seen, params = visible(scope, "p")
    query = sql.SQL(
        "SELECT DISTINCT ON (p.resource_id) p.resource_id, p.observed_at, p.lon, p.lat, p.speed_kmh, p.heading_deg"
        " FROM resource_position p WHERE p.recorded_at <= %(at)s AND p.recorded_at > %(since)s"
        " AND p.observed_at > %(since)s AND (%(ids)s::bigint[] IS NULL OR p.resource_id = ANY (%(ids)s::bigint[]))"
        " AND {} ORDER BY p.resource_id, p.observed_at DESC, p.recorded_at DESC"
    ).format(seen)
    given = {"at": at, "since": at - LIVE_FOR, "ids": None if ids is None else list(ids)}
    return conn.execute(query, {**params, **given}).fetchall()


# ------------------------------------------------------------ state


def locked(conn: Conn, scope: Scope, resource_id: int) -> Row | None:
    """The resource, if `scope` sees it, until the transaction ends."""
    seen, params = visible(scope, "r")
    query = sql.SQL("SELECT r.* FROM resource r WHERE r.resource_id = %(id)s AND {} FOR UPDATE").format(seen)
    return conn.execute(query, {**params, "id": resource_id}).fetchone()


def peek(conn: Conn, scope: Scope, resource_id: int) -> Row | None:
    """The resource, if `scope` sees it, as it is at this moment."""
    seen, params = visible(scope, "r")
    query = sql.SQL("SELECT r.* FROM resource r WHERE r.resource_id = %(id)s AND {}").format(seen)
    return conn.execute(query, {**params, "id": resource_id}).fetchone()


def bound_to(conn: Conn, case_id: int) -> list[int]:
    rows = conn.execute("SELECT resource_id FROM resource WHERE case_id = %s ORDER BY resource_id", (case_id,))
    return [int(r["resource_id"]) for r in rows.fetchall()]


def set_state(conn: Conn, resource_id: int, status: str, case_id: int | None, actor: str, now: dt.datetime) -> Row:
    """Status and incident with history and feed record. Under the system's scope, the row locked."""
    row = conn.execute(
        "UPDATE resource SET status = %s, case_id = %s, status_at = %s, updated_at = %s, version = version + 1"
        " WHERE resource_id = %s RETURNING *, ioc_record(resource) AS record",
        (status, case_id, now, now, resource_id),
    ).fetchone()
    assert row is not None
    record_entity(conn, "resource", resource_id, "change", actor, row["origin"], row["record"])
    tell(conn, "resource-state", [resource_id], row["origin"])
    return row


# ------------------------------------------------------------ figures


def capacity(conn: Conn, resource_id: int) -> Row | None:
    """What was last reported, locked."""
    return conn.execute("SELECT * FROM resource_capacity WHERE resource_id = %s FOR UPDATE", (resource_id,)).fetchone()


def put_capacity(conn: Conn, resource: Row, values: Mapping[str, Any], now: dt.datetime) -> None:
    """`values`: what, observed_at, version, figures, reported_by. Replaces what was; the history keeps it."""
    scope = {n: resource[n] for n in ("resource_id", "region_id", "private_to", "sensitivity", "origin")}
    row = conn.execute(
        """
        INSERT INTO resource_capacity (resource_id, what, observed_at, version, figures, reported_by, received_at,
                                       region_id, private_to, sensitivity, origin)
        VALUES (%(resource_id)s, %(what)s, %(observed_at)s, %(version)s, %(figures)s, %(reported_by)s, %(now)s,
                %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s)
        ON CONFLICT (resource_id) DO UPDATE SET what = excluded.what, observed_at = excluded.observed_at,
          version = excluded.version, figures = excluded.figures, reported_by = excluded.reported_by,
          received_at = excluded.received_at, region_id = excluded.region_id, private_to = excluded.private_to,
          sensitivity = excluded.sensitivity, origin = excluded.origin
        RETURNING (xmax = 0) AS created, to_jsonb(resource_capacity) AS record
        """,
        {**scope, **values, "figures": Jsonb(dict(values["figures"])), "now": now},
    ).fetchone()
    assert row is not None
    op = "new" if row["created"] else "change"
    record_entity(conn, "resource_capacity", scope["resource_id"], op, values["reported_by"], scope["origin"],
                  row["record"])  # fmt: skip


def late_capacity(conn: Conn, resource: Row, values: Mapping[str, Any], now: dt.datetime) -> None:
    """A report older than what is known: kept in the history alone, marked so."""
    record = {**values, "observed_at": values["observed_at"].isoformat(), "resource_id": resource["resource_id"],
              "received_at": now.isoformat(), "late": True}  # fmt: skip
    record_entity(conn, "resource_capacity", resource["resource_id"], "change", values["reported_by"],
                  resource["origin"], record)  # fmt: skip


def by_key(conn: Conn, scope: Scope, source: str, external_id: str) -> Row | None:
    """The resource by its natural key, if `scope` sees it."""
    seen, params = visible(scope, "r")
    query = sql.SQL("SELECT r.* FROM resource r WHERE r.source = %(s)s AND r.external_id = %(e)s AND {}").format(seen)
    return conn.execute(query, {**params, "s": source, "e": external_id}).fetchone()


def capacity_sum(conn: Conn) -> Row | None:
    """How many resources have figures, how new the newest is, and whether all are of the demo."""
    return conn.execute(
        "SELECT count(*) AS n, max(observed_at) AS at, bool_and(origin = 'demo') AS demo FROM resource_capacity"
    ).fetchone()


def lock_capacity(conn: psycopg.Connection[Any], resource_id: int) -> None:
    """One report of a resource at a time, also its first."""
    conn.execute("SELECT pg_advisory_xact_lock(4930159, %s::int)", (resource_id % 2_147_483_647,))
