"""Editions of the terms of reports (`ioc.command.reporting`): kept whole, the newest in force. System's scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from ioc.store.pool import Conn


def put(conn: Conn, values: Mapping[str, Any], now: dt.datetime) -> bool:
    """A new edition; False where the newest is of the same file."""
    last = conn.execute(
        "SELECT digest FROM report_terms WHERE origin = %s ORDER BY edition_id DESC LIMIT 1", (values["origin"],)
    ).fetchone()
    if last is not None and last["digest"] == values["digest"]:
        return False
    conn.execute(
        "INSERT INTO report_terms (rows, file_name, digest, document, actor, origin, recorded_at)"
        " VALUES (%(rows)s, %(file_name)s, %(digest)s, %(document)s, %(actor)s, %(origin)s, %(now)s)",
        {**values, "rows": Jsonb(values["rows"]), "now": now},
    )
    return True


def open_incidents(conn: Conn) -> list[int]:
    """Open incidents with a row of their own: the terms of others came with them."""
    rows = conn.execute("SELECT i.case_id FROM incident i JOIN cases c USING (case_id) WHERE c.closed_at IS NULL")
    return [int(r["case_id"]) for r in rows]
