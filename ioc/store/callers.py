"""Sealed personal data of callers, and the events of a record as one asker sees them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]


def put(
    conn: Conn, source: str, source_id: str, event_id: int, sealed: bytes, key_id: str, origin: str, now: dt.datetime
) -> None:
    """Under the system's scope; an order that comes again replaces what it said before."""
    conn.execute(
        "INSERT INTO caller (source, source_id, event_id, sealed, key_id, region_id, private_to, origin, updated_at,"
        " recorded_at) SELECT %(source)s, %(source_id)s, event_id, %(sealed)s, %(key_id)s, region_id, private_to,"
        " %(origin)s, %(now)s, %(now)s FROM event WHERE event_id = %(event_id)s"
        " ON CONFLICT (source, source_id) DO UPDATE SET event_id = excluded.event_id, sealed = excluded.sealed,"
        " key_id = excluded.key_id, region_id = excluded.region_id, private_to = excluded.private_to,"
        " updated_at = excluded.updated_at",
        {"source": source, "source_id": source_id, "event_id": event_id, "sealed": sealed, "key_id": key_id,
         "origin": origin, "now": now},
    )  # fmt: skip


def of_events(conn: Conn, event_ids: Sequence[int]) -> Sequence[Row]:
    """Under the system's scope."""
    return conn.execute(
        "SELECT * FROM caller WHERE event_id = ANY (%s) ORDER BY event_id", (list(event_ids),)
    ).fetchall()


def events_of(conn: Conn, scope: Scope, kind: str, number: int) -> Sequence[int]:
    """Events of a case, or the event itself, that `scope` sees."""
    seen, params = visible(scope, "e")
    if kind == "case":
        case_seen, more = visible(scope, "c")
        query = sql.SQL(
            "SELECT e.event_id FROM event e JOIN cases c USING (case_id) WHERE c.case_id = %(id)s AND {} AND {}"
        ).format(case_seen, seen)
        params |= more
    else:
        query = sql.SQL("SELECT e.event_id FROM event e WHERE e.event_id = %(id)s AND {}").format(seen)
    return [int(r["event_id"]) for r in conn.execute(query, {**params, "id": number}).fetchall()]


def case_of_event(conn: Conn, event_id: int) -> Row | None:
    """The event with the case it is part of."""
    return conn.execute(
        "SELECT event_id, case_id, status, attributes, sensitivity, origin FROM event WHERE event_id = %s", (event_id,)
    ).fetchone()
