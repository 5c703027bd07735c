"""Rows of attachments. What is bound is read under the asker's scope; what is not, under the system's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
_COLUMNS = sql.SQL(
    "a.attachment_id, a.sm3, a.given_sm3, a.media_type, a.bytes, a.width, a.height, a.uploader, a.uploader_name,"
    " a.uploaded_at, a.case_id, a.event_id, a.origin"
)
_ADD = """
INSERT INTO attachment (sm3, given_sm3, media_type, bytes, width, height, uploader, uploader_name, once, uploaded_at,
                        case_id, event_id, bound_at, origin)
VALUES (%(sm3)s, %(given_sm3)s, %(media_type)s, %(bytes)s, %(width)s, %(height)s, %(uploader)s, %(uploader_name)s,
        %(once)s, %(now)s, %(case_id)s, %(event_id)s, %(bound_at)s, %(origin)s)
ON CONFLICT (uploader, once) DO NOTHING
RETURNING attachment_id
"""


def add(conn: Conn, values: Mapping[str, Any], now: dt.datetime) -> int | None:
    """Its id; None where the uploader has used the key `once` before."""
    row = conn.execute(_ADD, {**values, "now": now}).fetchone()
    return None if row is None else int(row["attachment_id"])


def by_key(conn: Conn, uploader: str, once: str) -> Row | None:
    query = sql.SQL("SELECT {} FROM attachment a WHERE a.uploader = %s AND a.once = %s").format(_COLUMNS)
    return conn.execute(query, (uploader, once)).fetchone()


def read(conn: Conn, attachment_id: int) -> Row | None:
    query = sql.SQL("SELECT {} FROM attachment a WHERE a.attachment_id = %s").format(_COLUMNS)
    return conn.execute(query, (attachment_id,)).fetchone()


def locked(conn: Conn, ids: Sequence[int]) -> dict[int, Row]:
    """Rows by id, until the transaction ends; always in the same order, so that two who bind do not wait in a ring."""
    query = sql.SQL(
        "SELECT {} FROM attachment a WHERE a.attachment_id = ANY(%s) ORDER BY a.attachment_id FOR UPDATE"
    ).format(_COLUMNS)
    return {int(r["attachment_id"]): r for r in conn.execute(query, (list(ids),))}


def bind(conn: Conn, ids: Sequence[int], case_id: int, origin: str, now: dt.datetime) -> None:
    conn.execute(
        "UPDATE attachment SET case_id = %s, origin = %s, bound_at = coalesce(bound_at, %s)"
        " WHERE attachment_id = ANY(%s) AND case_id IS NULL",
        (case_id, origin, now, list(ids)),
    )


def used(conn: Conn, uploader: str, since: dt.datetime) -> int:
    """How many files an uploader has sent since."""
    row = conn.execute(
        "SELECT count(*) AS n FROM attachment WHERE uploader = %s AND uploaded_at > %s", (uploader, since)
    ).fetchone()
    return int(row["n"]) if row else 0


def total_bytes(conn: Conn) -> int:
    row = conn.execute("SELECT coalesce(sum(bytes), 0)::bigint AS n FROM attachment").fetchone()
    return int(row["n"]) if row else 0


_SAME = """
WITH RECURSIVE same AS (
  SELECT %(id)s::bigint AS case_id
  UNION SELECT m.case_id FROM cases m JOIN same ON m.merged_into = same.case_id WHERE {seen_m}),
reported AS (SELECT e.event_id, e.attributes FROM event e JOIN same USING (case_id) WHERE {seen_e}),
found AS (
  SELECT a.attachment_id FROM attachment a JOIN same USING (case_id)
  UNION SELECT a.attachment_id FROM attachment a JOIN reported USING (event_id))
SELECT {columns}, coalesce(e.attributes ->> 'anonymous', '') IN ('true', '1', 'yes') AS anonymous
FROM found JOIN attachment a USING (attachment_id) LEFT JOIN event e ON e.event_id = a.event_id AND {seen_e}
ORDER BY a.uploaded_at, a.attachment_id LIMIT 500
"""


def of_case(conn: Conn, scope: Scope, case_id: int) -> list[Row]:
    """Those of a case the asker sees, and of its reports the asker sees, oldest first. `anonymous`: the report is.

    A case others have been merged into shows theirs too, as far as the asker sees these; taken apart again, each has
    its own.
    """
    seen_e, of_events = visible(scope, "e")
    seen_m, of_merged = visible(scope, "m")
    query = sql.SQL(_SAME).format(columns=_COLUMNS, seen_e=seen_e, seen_m=seen_m)
    return list(conn.execute(query, {**of_events, **of_merged, "id": case_id}).fetchall())


def of_event(conn: Conn, scope: Scope, event_id: int) -> list[Row]:
    seen, params = visible(scope, "e")
    query = sql.SQL(
        "SELECT {columns}, coalesce(e.attributes ->> 'anonymous', '') IN ('true', '1', 'yes') AS anonymous"
        " FROM attachment a JOIN event e ON e.event_id = a.event_id AND {seen}"
        " WHERE a.event_id = %(id)s ORDER BY a.uploaded_at, a.attachment_id LIMIT 500"
    ).format(columns=_COLUMNS, seen=seen)
    return list(conn.execute(query, {**params, "id": event_id}).fetchall())


def event_seen(conn: Conn, scope: Scope, event_id: int) -> bool:
    seen, params = visible(scope, "e")
    query = sql.SQL("SELECT 1 FROM event e WHERE e.event_id = %(id)s AND {}").format(seen)
    return conn.execute(query, {**params, "id": event_id}).fetchone() is not None


# ------------------------------------------------------------ the keeper's, as the owner


def expire(
    conn: psycopg.Connection[Any], unbound_before: dt.datetime, old_before: dt.datetime, most: int = 1000
) -> list[str]:
    """Removes rows nobody has bound in time, and those past the retention of history. Returns their files' digests."""
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute(
            "DELETE FROM attachment WHERE attachment_id = ANY(ARRAY(SELECT attachment_id FROM attachment WHERE"
            " (bound_at IS NULL AND uploaded_at < %s) OR uploaded_at < %s LIMIT %s)) RETURNING sm3",
            (unbound_before, old_before, most),
        ).fetchall()
    return [str(r[0]) for r in rows]


def spoken_of(conn: psycopg.Connection[Any], digests: Sequence[str]) -> set[str]:
    """Of these files, those a row speaks of."""
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute("SELECT DISTINCT sm3 FROM attachment WHERE sm3 = ANY(%s)", (list(digests),)).fetchall()
    return {str(r[0]) for r in rows}
