"""Rows of the camera wall: cameras and their channels, views with their ends, states, references, the PTZ lock.

Views and locks are read under the system's scope with their actor in the predicate; cameras and references under the
asker's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store import outbox
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]

_CAMERA = """
SELECT d.device_id, d.name, d.kind, d.status, d.status_at, d.national_id, d.address, d.azimuth_deg, d.fov_deg,
       ioc_view_range(d.attributes) AS range_m, d.kind = 'eagle_eye' AS high_point, d.region_id, d.private_to,
       d.sensitivity, d.origin, ST_X(d.geom) AS lon, ST_Y(d.geom) AS lat, r.name AS region,
       n.source AS node_source, n.platform_id, n.gb_id AS channel_id,
       coalesce(n.info ->> 'ptz', d.attributes ->> 'ptz', '') AS ptz
FROM device d
LEFT JOIN region r ON r.region_id = d.region_id
LEFT JOIN LATERAL (
  SELECT n.source, n.platform_id, n.gb_id, n.info FROM video_node n JOIN video_platform p USING (source, platform_id)
  WHERE n.device_id = d.device_id AND n.kind = 'device' AND n.missing_since IS NULL AND n.source = ANY (%(sources)s)
  ORDER BY p.stale, p.confirmed_at DESC NULLS LAST, n.source, n.platform_id LIMIT 1
) n ON true
WHERE d.class = 'camera' AND {where}
"""


def cameras(conn: Conn, scope: Scope, sources: Sequence[str], asked: Mapping[str, Any], limit: int) -> Sequence[Row]:
    """Cameras the scope sees, with their channel on a platform of `sources` (None: no live picture).

    `asked`: ids (list), text (folded), regions (ids), bbox (west, south, east, north). Ids come in the order given.
    """
    seen, params = visible(scope, "d")
    parts: list[sql.Composable] = [seen]
    order = sql.SQL("ORDER BY (d.status = 'online') DESC, d.name, d.device_id")
    if asked.get("ids") is not None:
        parts.append(sql.SQL("d.device_id = ANY (%(ids)s::bigint[])"))
        order = sql.SQL("ORDER BY array_position(%(ids)s::bigint[], d.device_id)")
    for word in range(len(asked.get("words") or ())):
        parts.append(sql.SQL("d.search LIKE {}").format(sql.Placeholder(f"word{word}")))
    if asked.get("regions") is not None:
        parts.append(sql.SQL("d.region_id = ANY (%(regions)s::int[])"))
    if asked.get("bbox") is not None:
        parts.append(sql.SQL("d.geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)"))
        params |= dict(zip(("west", "south", "east", "north"), asked["bbox"], strict=True))
    words = {f"word{i}": f"%{_literal(w)}%" for i, w in enumerate(asked.get("words") or ())}
    query = sql.SQL(_CAMERA).format(where=sql.SQL(" AND ").join(parts)) + order + sql.SQL(" LIMIT %(limit)s")
    given = {"ids": asked.get("ids"), "regions": asked.get("regions"), "sources": list(sources), "limit": limit}
    return conn.execute(query, {**params, **given, **words}).fetchall()


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


# ---------------------------------------------------------------- views

_OPEN = """
INSERT INTO video_view (device_id, actor, actor_name, credential, surface, case_id, purpose, node_source, platform_id,
  channel_id, mux, mux_kind, stream, started_at, seen_at, region_id, private_to, sensitivity, origin)
VALUES (%(device_id)s, %(actor)s, %(actor_name)s, %(credential)s, %(surface)s, %(case_id)s, %(purpose)s,
  %(node_source)s, %(platform_id)s, %(channel_id)s, %(mux)s, %(mux_kind)s, %(stream)s, %(now)s, %(now)s,
  %(region_id)s, %(private_to)s,
  %(sensitivity)s, %(origin)s) RETURNING view_id
"""


def open_view(conn: Conn, values: Row) -> int:
    row = conn.execute(_OPEN, dict(values)).fetchone()
    assert row is not None
    return int(row["view_id"])


def view(conn: Conn, view_id: int, *, lock: bool = False) -> Row | None:
    """An open view."""
    query = "SELECT * FROM video_view WHERE view_id = %s AND ended_at IS NULL"
    return conn.execute(query + (" FOR UPDATE" if lock else ""), (view_id,)).fetchone()  # pyright: ignore


def muxed(conn: Conn, mux: str, credential: str, since: dt.datetime) -> Sequence[Row]:
    """The open views of a page's one connection that have given a sign of life since."""
    return conn.execute(
        "SELECT view_id, node_source, platform_id, channel_id, stream, mux_kind FROM video_view WHERE mux = %s"
        " AND mux <> '' AND mux_kind <> '' AND ended_at IS NULL AND credential = %s AND seen_at > %s LIMIT 40",
        (mux, credential, since),
    ).fetchall()


def count_open(conn: Conn, actor: str) -> int:
    row = conn.execute(
        "SELECT count(*) AS n FROM video_view WHERE actor = %s AND ended_at IS NULL", (actor,)
    ).fetchone()
    return int(row["n"]) if row else 0


_SEEN = """
UPDATE video_view SET seen_at = %(now)s, stream = %(stream)s, state = %(state)s, code = %(code)s, frames = %(frames)s,
  frame_at = %(frame_at)s, anchor = %(anchor)s, same_since = %(same_since)s, lifted_at = %(lifted_at)s,
  lifted_code = %(lifted_code)s
WHERE view_id = %(view_id)s AND ended_at IS NULL
"""


def seen(conn: Conn, values: Row) -> None:
    conn.execute(_SEEN, dict(values))


def end_view(conn: Conn, view_id: int, why: str, at: dt.datetime) -> Row | None:
    """The ended view; None when it had ended before."""
    return conn.execute(
        "UPDATE video_view SET ended_at = %s, ended_why = %s WHERE view_id = %s AND ended_at IS NULL RETURNING *",
        (at, why, view_id),
    ).fetchone()


def end_silent(conn: Conn, before: dt.datetime) -> Sequence[Row]:
    """Ends the views whose panes have said nothing since `before`, at their last sign of life."""
    return conn.execute(
        "UPDATE video_view SET ended_at = seen_at, ended_why = 'silent' WHERE view_id = ANY (ARRAY("
        "SELECT view_id FROM video_view WHERE ended_at IS NULL AND seen_at < %s LIMIT 200 FOR UPDATE SKIP LOCKED))"
        " RETURNING *",
        (before,),
    ).fetchall()


def watched(conn: Conn, node_source: str, platform_id: str, channel_id: str) -> bool:
    """Whether anybody still looks at the channel."""
    return conn.execute(
        "SELECT FROM video_view WHERE node_source = %s AND platform_id = %s AND channel_id = %s AND ended_at IS NULL"
        " LIMIT 1",
        (node_source, platform_id, channel_id),
    ).fetchone() is not None  # fmt: skip


def add_state(conn: Conn, row: Row, state: str, code: str, similarity: float | None, now: dt.datetime) -> None:
    """A changed state with its record for the screens, in the caller's transaction."""
    conn.execute(
        "INSERT INTO video_state (device_id, view_id, state, code, similarity, at, region_id, private_to, sensitivity,"
        " origin, recorded_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (row["device_id"], row["view_id"], state, code, similarity, now, row["region_id"], row["private_to"],
         row["sensitivity"], row["origin"], now),
    )  # fmt: skip
    outbox.put(
        conn, topic="video", op="change", entity_id=row["device_id"], region_id=row["region_id"],
        private_to=row["private_to"], sensitivity=row["sensitivity"], permission="video.view", origin=row["origin"],
        payload={"device_id": row["device_id"], "state": state, "code": code, "at": now.isoformat()},
    )  # fmt: skip
    outbox.wake(conn)


def states_at(conn: Conn, scope: Scope, device_ids: Sequence[int], at: dt.datetime) -> Sequence[Row]:
    """What was known at `at` of the pictures of these cameras: the newest state of each, for a replay."""
    visible_, params = visible(scope, "s")
    query = sql.SQL(
        "SELECT DISTINCT ON (s.device_id) s.device_id, s.state, s.code, s.similarity, s.at FROM video_state s"
        " WHERE s.device_id = ANY (%(ids)s::bigint[]) AND s.at <= %(at)s AND s.recorded_at <= %(at)s AND {seen}"
        " ORDER BY s.device_id, s.at DESC, s.state_id DESC"
    ).format(seen=visible_)
    return conn.execute(query, {**params, "ids": list(device_ids), "at": at}).fetchall()


# ---------------------------------------------------------------- references

_IN_FORCE = """
SELECT DISTINCT ON (light, preset) reference_id, device_id, light, preset, version, actor_name, taken_at, {columns}
FROM video_reference WHERE device_id = %s ORDER BY light, preset, version DESC
"""


def references(conn: Conn, device_id: int, *, pictures: bool = False) -> list[Row]:
    """The references in force, with `grey`, and `picture` where asked for."""
    columns = sql.SQL("grey, picture" if pictures else "grey, picture IS NOT NULL AS there")
    rows = conn.execute(sql.SQL(_IN_FORCE).format(columns=columns), (device_id,)).fetchall()
    return [r for r in rows if r["grey"] is not None]


def reference_picture(conn: Conn, scope: Scope, reference_id: int) -> bytes | None:
    seen_, params = visible(scope, "v")
    row = conn.execute(
        sql.SQL("SELECT v.picture FROM video_reference v WHERE v.reference_id = %(id)s AND {}").format(seen_),
        {**params, "id": reference_id},
    ).fetchone()
    return None if row is None or row["picture"] is None else bytes(row["picture"])


_ADD_REFERENCE = """
INSERT INTO video_reference (device_id, light, preset, version, picture, grey, actor, actor_name, taken_at, region_id,
  private_to, sensitivity, origin)
SELECT %(device_id)s, %(light)s, %(preset)s, coalesce(max(version), 0) + 1, %(picture)s, %(grey)s, %(actor)s,
  %(actor_name)s, %(now)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s
FROM video_reference WHERE device_id = %(device_id)s AND light = %(light)s AND preset = %(preset)s
RETURNING reference_id, version
"""


def add_reference(conn: Conn, values: Row) -> Row:
    """A new version; `picture` and `grey` None withdraw the one in force."""
    conn.execute("SELECT pg_advisory_xact_lock(4930265, (%s::bigint %% 2147483647)::int)", (values["device_id"],))
    row = conn.execute(_ADD_REFERENCE, dict(values)).fetchone()
    assert row is not None
    return row


# ---------------------------------------------------------------- the PTZ lock

_TAKE = """
INSERT INTO video_ptz AS p (device_id, actor, actor_name, taken_at, until, moved_at, origin)
VALUES (%(device_id)s, %(actor)s, %(actor_name)s, %(now)s, %(until)s, %(now)s, %(origin)s)
ON CONFLICT (device_id) DO UPDATE SET actor = excluded.actor, actor_name = excluded.actor_name,
  taken_at = CASE WHEN p.actor = excluded.actor AND p.until > %(now)s THEN p.taken_at ELSE excluded.taken_at END,
  until = excluded.until, moved_at = excluded.moved_at
WHERE p.actor = excluded.actor OR p.until <= %(now)s
RETURNING p.actor
"""


def take_ptz(conn: Conn, values: Row) -> bool:
    """The lock, taken or kept. False: somebody else has it."""
    return conn.execute(_TAKE, dict(values)).fetchone() is not None


def ptz(conn: Conn, device_id: int) -> Row | None:
    return conn.execute("SELECT * FROM video_ptz WHERE device_id = %s", (device_id,)).fetchone()


def release_ptz(conn: Conn, device_id: int, actor: str, now: dt.datetime) -> None:
    conn.execute(
        "UPDATE video_ptz SET until = %s WHERE device_id = %s AND actor = %s AND until > %s",
        (now, device_id, actor, now),
    )
