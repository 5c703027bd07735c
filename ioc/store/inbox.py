"""Notices as their addressees read them, and who has read what about a record. Under the system's scope."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
_RECORD = re.compile(r"[a-z_]{1,30}:[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: by login, the departments named in the account, and roles. A department or role is told of a place;
    only those hear it who may see the place."""

    login: str
    scope: Scope
    roles: tuple[str, ...] = ()


def _mine(reader: Reader) -> tuple[sql.Composable, dict[str, Any]]:
    seen, params = visible(reader.scope, "n")
    query = sql.SQL(
        "((n.to_kind = 'account' AND n.to_ref = %(login)s)"
        " OR (((n.to_kind = 'department' AND n.to_ref = ANY (%(departments)s::text[]))"
        " OR (n.to_kind = 'role' AND n.to_ref = ANY (%(roles)s::text[])))"
        " AND ((n.region_id IS NULL AND n.sensitivity <= %(level)s) OR {})))"
    ).format(seen)
    departments = sorted(reader.scope.departments or ())
    own = {"login": reader.login, "departments": departments, "roles": list(reader.roles)}
    return query, {**params, **own, "level": reader.scope.sensitivity}


def mine(conn: Conn, reader: Reader, *, unread: bool, before: int | None, limit: int) -> Sequence[Row]:
    """Newest first; `before`: only those with a smaller id."""
    where, params = _mine(reader)
    more = [where]
    if unread:
        more.append(sql.SQL("n.read_at IS NULL"))
    if before is not None:
        more.append(sql.SQL("n.notice_id < %(before)s"))
    query = sql.SQL("SELECT n.* FROM notice n WHERE {} ORDER BY n.notice_id DESC LIMIT %(limit)s").format(
        sql.SQL(" AND ").join(more)
    )
    return conn.execute(query, {**params, "before": before, "limit": limit}).fetchall()


def unread_count(conn: Conn, reader: Reader) -> int:
    where, params = _mine(reader)
    row = conn.execute(
        sql.SQL("SELECT count(*) AS n FROM notice n WHERE n.read_at IS NULL AND {}").format(where), params
    ).fetchone()
    return int(row["n"]) if row else 0


def read(conn: Conn, reader: Reader, notice_id: int, now: dt.datetime) -> Row | None:
    """Marked as read by the asker, once: the first reader of a department or role stands. None: not the asker's."""
    where, params = _mine(reader)
    query = sql.SQL(
        "UPDATE notice n SET read_at = coalesce(n.read_at, %(now)s),"
        " read_by = CASE WHEN n.read_at IS NULL THEN %(login)s ELSE n.read_by END"
        " WHERE n.notice_id = %(id)s AND {} RETURNING n.*"
    ).format(where)
    return conn.execute(query, {**params, "id": notice_id, "now": now}).fetchone()


def about(conn: Conn, record: str) -> Sequence[Row]:
    """Every notice about a record, each with its deliveries."""
    return conn.execute(
        """
        SELECT n.*, coalesce((
          SELECT jsonb_agg(jsonb_build_object('channel', d.channel, 'state', d.state, 'submitted_at', d.submitted_at,
                   'delivered_at', d.delivered_at, 'read_at', d.read_at, 'error', d.error, 'error_en', d.error_en)
                 ORDER BY d.channel)
          FROM delivery d WHERE d.notice_id = n.notice_id), '[]') AS deliveries
        FROM notice n WHERE n.about = %s ORDER BY n.notice_id LIMIT 5000
        """,
        (record,),
    ).fetchall()


def record_seen(conn: Conn, scope: Scope, record: str) -> bool | None:
    """Whether `scope` sees the record; None where the kind has no table of places of its own."""
    if not _RECORD.fullmatch(record):
        return False
    kind, _, number = record.partition(":")
    if kind in _TABLES:
        table, column = _TABLES[kind]
        where, params = visible(scope, "t")
        query = sql.SQL("SELECT 1 FROM {} t WHERE {} = %(id)s AND {}").format(
            sql.Identifier(table), sql.Identifier("t", column), where
        )
        return conn.execute(query, {**params, "id": int(number)}).fetchone() is not None
    if kind == "warning":
        return warning_seen(conn, scope, int(number))
    return None


def warning_seen(conn: Conn, scope: Scope, warning_id: int) -> bool:
    """Whether the warning touches a region of `scope`, or one above it; one without regions concerns everybody."""
    query = (
        "SELECT 1 FROM warning w WHERE w.warning_id = %(id)s AND (%(whole)s OR w.region_ids = '{}' OR w.region_ids &&"
        " ARRAY(SELECT u.ancestor_id FROM region_closure u WHERE u.descendant_id = ANY (%(regions)s::int[])))"
    )
    values = {"id": warning_id, "whole": scope.whole, "regions": sorted(scope.region_ids)}
    return conn.execute(query, values).fetchone() is not None


_TABLES: Mapping[str, tuple[str, str]] = {
    "case": ("cases", "case_id"),
    "incident": ("cases", "case_id"),
    "event": ("event", "event_id"),
    "device": ("device", "device_id"),
}
