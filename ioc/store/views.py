"""Saved views in the store, under the system's scope: whose they are, and shared with whom, is in the predicate.

A shared view whose region the reader does not see is not listed: it would be an empty list with a foreign name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from ioc.scope import Scope
from ioc.store import outbox
from ioc.store.history import record_entity
from ioc.store.pool import Conn

Row = Mapping[str, Any]
# A demo account's views go with the demo.
_ADD = """
INSERT INTO saved_view (account_id, name, shared, query, region_id, created_at, updated_at, origin)
VALUES (%(account)s, %(name)s, %(shared)s, %(query)s, %(region_id)s, %(now)s, %(now)s,
        coalesce((SELECT a.origin FROM account a WHERE a.account_id = %(account)s), 'real'))
RETURNING *
"""
_CHOOSE = """
INSERT INTO saved_view_default (account_id, view_id, set_at, origin)
VALUES (%(account)s, %(view)s, %(now)s,
        coalesce((SELECT a.origin FROM account a WHERE a.account_id = %(account)s), 'real'))
ON CONFLICT (account_id) DO UPDATE SET view_id = excluded.view_id, set_at = excluded.set_at
"""

_LIST = """
SELECT v.view_id, v.name, v.shared, v.query, v.version, v.account_id = %(account)s AS mine, r.code AS region,
       coalesce(d.view_id = v.view_id, false) AS first
FROM saved_view v
LEFT JOIN region r ON r.region_id = v.region_id
LEFT JOIN saved_view_default d ON d.account_id = %(account)s
WHERE v.deleted_at IS NULL AND (v.account_id = %(account)s OR v.shared)
  AND (v.region_id IS NULL OR (r.region_id IS NOT NULL AND (%(whole)s OR v.region_id = ANY (%(regions)s::int[]))))
  AND (%(view)s::bigint IS NULL OR v.view_id = %(view)s)
ORDER BY v.shared, v.view_id LIMIT 200
"""


def listed(conn: Conn, scope: Scope, account_id: int, view_id: int | None = None) -> Sequence[Row]:
    """One's own and the shared ones, own first, in the order they were made; with `view_id` that one or nothing."""
    given = {"account": account_id, "whole": scope.whole, "regions": sorted(scope.region_ids), "view": view_id}
    return conn.execute(_LIST, given).fetchall()


def locked(conn: Conn, view_id: int) -> Row | None:
    return conn.execute(
        "SELECT * FROM saved_view WHERE view_id = %s AND deleted_at IS NULL FOR UPDATE", (view_id,)
    ).fetchone()


def count(conn: Conn, account_id: int) -> int:
    row = conn.execute(
        "SELECT count(*) AS n FROM saved_view WHERE account_id = %s AND deleted_at IS NULL", (account_id,)
    ).fetchone()
    return int(row["n"]) if row else 0


def add(conn: Conn, account_id: int, values: Row, actor: str, now: dt.datetime) -> int:
    row = conn.execute(
        _ADD,
        {**values, "query": Jsonb(values["query"]), "account": account_id, "now": now},
    ).fetchone()
    assert row is not None
    _keep(conn, row, "new", actor)
    return int(row["view_id"])


def change(conn: Conn, view_id: int, values: Row, actor: str, now: dt.datetime) -> None:
    row = conn.execute(
        "UPDATE saved_view SET name = %(name)s, shared = %(shared)s, query = %(query)s, region_id = %(region_id)s,"
        " version = version + 1, updated_at = %(now)s WHERE view_id = %(id)s RETURNING *",
        {**values, "query": Jsonb(values["query"]), "id": view_id, "now": now},
    ).fetchone()
    if row is not None:
        _keep(conn, row, "change", actor)


def remove(conn: Conn, view_id: int, actor: str, now: dt.datetime) -> None:
    row = conn.execute(
        "UPDATE saved_view SET deleted_at = %s, version = version + 1, updated_at = %s WHERE view_id = %s RETURNING *",
        (now, now, view_id),
    ).fetchone()
    conn.execute("DELETE FROM saved_view_default WHERE view_id = %s", (view_id,))
    if row is not None:
        _keep(conn, row, "remove", actor)


def choose(conn: Conn, account_id: int, view_id: int | None, now: dt.datetime) -> None:
    """The view this person's list begins with; None: the whole list."""
    if view_id is None:
        conn.execute("DELETE FROM saved_view_default WHERE account_id = %s", (account_id,))
        return
    conn.execute(
        _CHOOSE,
        {"account": account_id, "view": view_id, "now": now},
    )


def _keep(conn: Conn, row: Row, op: Any, actor: str) -> None:
    """History, and for desks that show it a word that the list of views is another."""
    record = {k: v.isoformat() if isinstance(v, dt.datetime) else v for k, v in row.items()}
    record_entity(conn, "saved_view", row["view_id"], op, actor, row["origin"], record)
    if row["shared"] or op != "new":
        outbox.put(
            conn,
            topic="view",
            op="remove" if op == "remove" else "change",
            entity_id=row["view_id"],
            permission="case.view",
            origin=row["origin"],
            payload={},
        )
        outbox.wake(conn)
