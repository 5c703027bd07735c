"""Centres of the level below: their records and numbers as they gave them, and the place in their feed.

A page and its place are written in one transaction, and only over the place it was asked for: nothing is left out and
nothing is taken twice, whichever process reads and whenever it dies.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Place = tuple[str, int]  # epoch, feed number; ("", 0): never read


@dataclass(frozen=True, slots=True)
class Record:
    """One case or report of that centre. `removed`: it is none any more (out of our sight, or gone)."""

    key: str
    version: int
    closed: bool
    region: str
    sensitivity: int
    private_to: str | None
    origin: str
    record: Mapping[str, Any]
    removed: bool = False


def ensure(conn: Conn, key: str, title: str, url: str, region: str, now: dt.datetime) -> Place:
    """The centre's row, made or brought up to date. Another address is another feed: it is read from the beginning."""
    row = conn.execute(
        """
        INSERT INTO lower_centre AS c (centre_key, title, url, region_id, updated_at)
        VALUES (%(key)s, %(title)s, %(url)s, (SELECT region_id FROM region WHERE code = %(region)s), %(now)s)
        ON CONFLICT (centre_key) DO UPDATE
        SET title = excluded.title, url = excluded.url, region_id = excluded.region_id,
            updated_at = excluded.updated_at,
            epoch = CASE WHEN c.url = excluded.url THEN c.epoch ELSE '' END,
            feed_no = CASE WHEN c.url = excluded.url THEN c.feed_no ELSE 0 END
        RETURNING epoch, feed_no
        """,
        {"key": key, "title": title, "url": url, "region": region, "now": now},
    ).fetchone()
    assert row is not None
    return row["epoch"], row["feed_no"]


def place(conn: Conn, key: str) -> Place:
    row = conn.execute("SELECT epoch, feed_no FROM lower_centre WHERE centre_key = %s", (key,)).fetchone()
    return (row["epoch"], row["feed_no"]) if row else ("", 0)


def _held(conn: Conn, key: str, asked: Place) -> bool:
    """Lock the centre; False: somebody else has read on meanwhile."""
    row = conn.execute("SELECT epoch, feed_no FROM lower_centre WHERE centre_key = %s FOR UPDATE", (key,)).fetchone()
    return row is not None and (row["epoch"], row["feed_no"]) == asked


def take_page(conn: Conn, key: str, asked: Place, until: Place, rows: Sequence[Record], now: dt.datetime) -> bool:
    """Rows after `asked` up to `until`, in their order. False: not taken, somebody else has."""
    if not _held(conn, key, asked):
        return False
    last = {r.key: r for r in rows}  # in the order of the feed: the last word of each
    _write(conn, key, last.values(), now, guarded=True)
    conn.execute(
        "UPDATE lower_centre SET epoch = %s, feed_no = %s, read_at = %s WHERE centre_key = %s", (*until, now, key)
    )
    return True


def take_all(conn: Conn, key: str, asked: Place, until: Place, rows: Sequence[Record], now: dt.datetime) -> bool:
    """The whole list of open records as of `until`: what is open here and not in it is gone. False: not taken."""
    if not _held(conn, key, asked):
        return False
    conn.execute(
        "DELETE FROM lower_record WHERE centre_key = %s AND NOT closed AND key <> ALL (%s)",
        (key, [r.key for r in rows]),
    )
    if asked[0] != until[0]:  # a feed that began anew may have taken numbers and closings back
        conn.execute("DELETE FROM lower_record WHERE centre_key = %s", (key,))
    _write(conn, key, rows, now, guarded=False)
    conn.execute(
        "UPDATE lower_centre SET epoch = %s, feed_no = %s, synced_at = %s, read_at = %s WHERE centre_key = %s",
        (*until, now, now, key),
    )
    return True


_UPSERT = """
INSERT INTO lower_record AS l (centre_key, key, kind, version, closed, record, region_id, private_to, sensitivity,
                               origin, received_at)
SELECT %(centre)s, %(key)s, %(kind)s, %(version)s, %(closed)s, %(record)s,
       coalesce((SELECT region_id FROM region WHERE code = %(region)s), c.region_id), %(private_to)s, %(sensitivity)s,
       %(origin)s, %(now)s
FROM lower_centre c WHERE c.centre_key = %(centre)s
ON CONFLICT (centre_key, key) DO UPDATE
SET version = excluded.version, closed = excluded.closed, record = excluded.record, region_id = excluded.region_id,
    private_to = excluded.private_to, sensitivity = excluded.sensitivity, origin = excluded.origin,
    received_at = excluded.received_at
WHERE NOT %(guarded)s OR l.version <= excluded.version
"""


def _write(conn: Conn, centre: str, rows: Iterable[Record], now: dt.datetime, *, guarded: bool) -> None:
    kept = list(rows)
    gone = [r.key for r in kept if r.removed]
    if gone:
        conn.execute("DELETE FROM lower_record WHERE centre_key = %s AND key = ANY (%s)", (centre, gone))
    values = [
        {
            "centre": centre, "key": r.key, "kind": r.key.partition(":")[0], "version": r.version, "closed": r.closed,
            "record": Jsonb(dict(r.record)), "region": r.region, "private_to": r.private_to,
            "sensitivity": r.sensitivity, "origin": r.origin, "now": now, "guarded": guarded,
        }
        for r in kept
        if not r.removed
    ]  # fmt: skip
    if values:
        with conn.cursor() as cur:
            cur.executemany(_UPSERT, values)


def put_indicators(
    conn: Conn, centre: str, region: str, numbers: Sequence[Mapping[str, Any]], sensitivity: int, now: dt.datetime
) -> None:
    """All numbers of one region of that centre, `as_of` a time or None; what it does not give any more goes."""
    conn.execute(
        "DELETE FROM lower_indicator WHERE centre_key = %s AND region_code = %s AND code <> ALL (%s)",
        (centre, region, [n["code"] for n in numbers]),
    )
    with conn.cursor() as cur:
        cur.executemany(
            """
            INSERT INTO lower_indicator (centre_key, region_code, code, record, as_of, region_id, sensitivity, origin,
                                         received_at)
            SELECT %(centre)s, %(region)s, %(code)s, %(record)s, %(as_of)s,
                   coalesce((SELECT region_id FROM region WHERE code = %(region)s), c.region_id), %(sensitivity)s,
                   %(origin)s, %(now)s
            FROM lower_centre c WHERE c.centre_key = %(centre)s
            ON CONFLICT (centre_key, region_code, code) DO UPDATE
            SET record = excluded.record, as_of = excluded.as_of, region_id = excluded.region_id,
                sensitivity = excluded.sensitivity, origin = excluded.origin, received_at = excluded.received_at
            """,
            [
                {"centre": centre, "region": region, "code": n["code"], "as_of": n["as_of"],
                 "record": Jsonb({**n, "as_of": _text(n["as_of"])}), "sensitivity": sensitivity,
                 "origin": n["origin"], "now": now}
                for n in numbers
            ],
        )  # fmt: skip


def _text(at: dt.datetime | None) -> str | None:
    return None if at is None else at.isoformat()


# ---------------------------------------------------------------- reading

_STATE = """
SELECT c.centre_key AS key, c.title, r.code AS region, c.synced_at, c.read_at, s.state, s.error_code, s.error_zh,
       s.error_en, s.error_since, s.last_seen_at, s.interval_s
FROM lower_centre c LEFT JOIN region r USING (region_id) LEFT JOIN source s ON s.source_key = 'lower:' || c.centre_key
ORDER BY c.centre_key
"""


def centres(conn: Conn) -> Sequence[Mapping[str, Any]]:
    return conn.execute(_STATE).fetchall()


def records(
    conn: Conn, scope: Scope, *, centre: str, closed: bool, region_ids: Sequence[int] | None, limit: int, after: str
) -> Sequence[Mapping[str, Any]]:
    """Records under the scope in the order of (centre, key). `after`: the last one of the page before, centre/key."""
    seen, params = visible(scope, "l")
    before_centre, _, before_key = after.partition("/")
    query = sql.SQL(
        """
        SELECT l.centre_key, c.title AS centre, l.key, l.closed, l.record, l.origin, l.received_at, r.code AS region,
               s.state AS link
        FROM lower_record l JOIN lower_centre c USING (centre_key) LEFT JOIN region r ON r.region_id = l.region_id
        LEFT JOIN source s ON s.source_key = 'lower:' || l.centre_key
        WHERE {seen} AND (%(centre)s = '' OR l.centre_key = %(centre)s) AND (%(closed)s OR NOT l.closed)
          AND (%(ids)s::int[] IS NULL OR l.region_id = ANY (%(ids)s::int[]))
          AND (l.centre_key, l.key) > (%(c)s, %(k)s)
        ORDER BY l.centre_key, l.key LIMIT %(limit)s
        """
    ).format(seen=seen)
    ids = None if region_ids is None else list(region_ids)
    given = {"centre": centre, "closed": closed, "ids": ids, "c": before_centre, "k": before_key, "limit": limit}
    return conn.execute(query, {**params, **given}).fetchall()


def latest(
    conn: Conn, scope: Scope, kinds: Sequence[str], region_ids: Sequence[int] | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Open records of `kinds` (case, event), those first that came last."""
    seen, params = visible(scope, "l")
    query = sql.SQL(
        """
        SELECT l.centre_key, c.title AS centre, l.key, l.record, l.origin, l.received_at, s.state AS link
        FROM lower_record l JOIN lower_centre c USING (centre_key)
        LEFT JOIN source s ON s.source_key = 'lower:' || l.centre_key
        WHERE {seen} AND NOT l.closed AND l.kind = ANY (%(kinds)s)
          AND (%(ids)s::int[] IS NULL OR l.region_id = ANY (%(ids)s::int[]))
        ORDER BY l.received_at DESC, l.centre_key, l.key LIMIT %(limit)s
        """
    ).format(seen=seen)
    ids = None if region_ids is None else list(region_ids)
    return conn.execute(query, {**params, "kinds": list(kinds), "ids": ids, "limit": limit}).fetchall()


def open_counts(conn: Conn, scope: Scope, kinds: Sequence[str], region_ids: Sequence[int] | None) -> dict[str, int]:
    """How many of these are open, by centre; centres without any are left out."""
    seen, params = visible(scope, "l")
    query = sql.SQL(
        "SELECT l.centre_key, count(*)::int AS n FROM lower_record l WHERE {seen} AND NOT l.closed"
        " AND l.kind = ANY (%(kinds)s) AND (%(ids)s::int[] IS NULL OR l.region_id = ANY (%(ids)s::int[]))"
        " GROUP BY l.centre_key"
    ).format(seen=seen)
    ids = None if region_ids is None else list(region_ids)
    rows = conn.execute(query, {**params, "kinds": list(kinds), "ids": ids}).fetchall()
    return {r["centre_key"]: int(r["n"]) for r in rows}


def indicators(conn: Conn, scope: Scope, *, centre: str, region: str) -> Sequence[Mapping[str, Any]]:
    seen, params = visible(scope, "l")
    query = sql.SQL(
        """
        SELECT l.centre_key, c.title AS centre, l.region_code AS region, l.code, l.record, l.as_of, l.origin,
               l.received_at, s.state AS link
        FROM lower_indicator l JOIN lower_centre c USING (centre_key)
        LEFT JOIN source s ON s.source_key = 'lower:' || l.centre_key
        WHERE {seen} AND (%(centre)s = '' OR l.centre_key = %(centre)s)
          AND (%(region)s = '' OR l.region_code = %(region)s)
        ORDER BY l.centre_key, l.region_code, l.code
        """
    ).format(seen=seen)
    return conn.execute(query, {**params, "centre": centre, "region": region}).fetchall()
