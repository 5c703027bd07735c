"""Saved groups of cameras, under the system's scope: whose they are, and shared with whom, is in the predicate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ioc.store.history import record_entity
from ioc.store.pool import Conn

Row = Mapping[str, Any]
_COLUMNS = "group_id, account_id, name, shared, on_wall, device_ids, panes, dwell_s, version, origin"


def listed(conn: Conn, account_id: int | None) -> Sequence[Row]:
    """One's own and the shared ones, own first."""
    return conn.execute(
        f"SELECT {_COLUMNS} FROM video_group WHERE deleted_at IS NULL AND (account_id = %s OR shared)"  # noqa: S608
        " ORDER BY shared, group_id LIMIT 200",
        (account_id,),
    ).fetchall()


def on_wall(conn: Conn) -> Row | None:
    """The shared group walls show on a day without an incident."""
    return conn.execute(
        f"SELECT {_COLUMNS} FROM video_group WHERE deleted_at IS NULL AND shared AND on_wall"  # noqa: S608
        " ORDER BY group_id DESC LIMIT 1"
    ).fetchone()


def locked(conn: Conn, group_id: int) -> Row | None:
    return conn.execute(
        f"SELECT {_COLUMNS} FROM video_group WHERE group_id = %s AND deleted_at IS NULL FOR UPDATE",  # noqa: S608
        (group_id,),
    ).fetchone()


_ADD = """
INSERT INTO video_group (account_id, name, shared, on_wall, device_ids, panes, dwell_s, created_at, updated_at, origin)
VALUES (%(account)s, %(name)s, %(shared)s, %(on_wall)s, %(device_ids)s::bigint[], %(panes)s, %(dwell_s)s, %(now)s,
        %(now)s, coalesce((SELECT a.origin FROM account a WHERE a.account_id = %(account)s), 'real'))
RETURNING *
"""


def add(conn: Conn, account_id: int, values: Row, actor: str, now: dt.datetime) -> Row:
    row = conn.execute(_ADD, {**values, "account": account_id, "now": now}).fetchone()
    assert row is not None
    return _keep(conn, row, "new", actor)


def change(conn: Conn, group_id: int, values: Row, actor: str, now: dt.datetime) -> Row:
    row = conn.execute(
        "UPDATE video_group SET name = %(name)s, shared = %(shared)s, on_wall = %(on_wall)s,"
        " device_ids = %(device_ids)s::bigint[], panes = %(panes)s, dwell_s = %(dwell_s)s, version = version + 1,"
        " updated_at = %(now)s WHERE group_id = %(id)s RETURNING *",
        {**values, "id": group_id, "now": now},
    ).fetchone()
    assert row is not None
    return _keep(conn, row, "change", actor)


def remove(conn: Conn, group_id: int, actor: str, now: dt.datetime) -> None:
    row = conn.execute(
        "UPDATE video_group SET deleted_at = %s, version = version + 1, updated_at = %s WHERE group_id = %s"
        " RETURNING *",
        (now, now, group_id),
    ).fetchone()
    if row is not None:
        _keep(conn, row, "remove", actor)


def _keep(conn: Conn, row: Row, op: Literal["new", "change", "remove"], actor: str) -> Row:
    record = {k: v.isoformat() if isinstance(v, dt.datetime) else v for k, v in row.items()}
    record_entity(conn, "video_group", row["group_id"], op, actor, row["origin"], record)
    return row
