"""督办: entries made by steps of cases, answered by who has them, closed by who asked. History in `entity_history`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import sql

from ioc.scope import Scope
from ioc.store import outbox
from ioc.store.history import record_entity
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """`until`: the moment it must be answered by; None: 批示 without a term."""

    case_id: int
    case_version: int
    kind: Literal["supervise", "instruct"]
    what: str
    by_actor: str
    by_name: str
    owner_department: str | None
    owner_person: str
    until: dt.datetime | None
    origin: str


def make(conn: Conn, entry: Entry, now: dt.datetime) -> int:
    row = conn.execute(
        "INSERT INTO supervision (case_id, case_version, kind, what, by_actor, by_name, owner_department,"
        " owner_person, until, made_at, updated_at, origin) VALUES (%(case_id)s, %(case_version)s, %(kind)s, %(what)s,"
        " %(by_actor)s, %(by_name)s, %(owner_department)s, %(owner_person)s, %(until)s, %(now)s, %(now)s, %(origin)s)"
        " RETURNING *",
        {**{n: getattr(entry, n) for n in Entry.__slots__}, "now": now},
    ).fetchone()
    if row is None:
        raise LookupError("supervision")
    _keep(conn, row, "new", entry.by_actor)
    return int(row["supervision_id"])


_SELECT = """
SELECT s.*, c.number, c.title, c.flow, c.stage, c.department, c.officer, c.urgency, c.region_id, c.private_to,
       c.sensitivity, c.closed_at AS case_closed_at
FROM supervision s JOIN cases c USING (case_id)
"""


def read(conn: Conn, scope: Scope, supervision_id: int) -> Row | None:
    """The entry with its case, locked, if `scope` sees the case."""
    seen, params = visible(scope, "c")
    query = sql.SQL(_SELECT + "WHERE s.supervision_id = %(id)s AND {} FOR UPDATE OF s").format(seen)
    return conn.execute(query, {**params, "id": supervision_id}).fetchone()


_ORDER = "ORDER BY (s.until IS NULL), s.until, s.supervision_id LIMIT %(limit)s"
_STATES: Mapping[str, str] = {
    "active": "s.state <> 'closed'",
    "open": "s.state = 'open'",
    "answered": "s.state = 'answered'",
    "overdue": "s.state = 'open' AND s.until < %(now)s",
    "closed": "s.state = 'closed'",
    "all": "TRUE",
}
STATES = tuple(_STATES)


def listed(
    conn: Conn,
    scope: Scope,
    *,
    state: str,
    now: dt.datetime,
    region_ids: Sequence[int] | None = None,
    case_id: int | None = None,
    limit: int = 200,
) -> Sequence[Row]:
    """Entries about cases the scope sees, those that are due first, with `total`. `state`: one of `STATES`."""
    seen, params = visible(scope, "c")
    parts: list[sql.Composable] = [seen, sql.SQL(_STATES[state])]  # pyright: ignore[reportArgumentType]
    if region_ids is not None:
        parts.append(sql.SQL("c.region_id = ANY (%(drill)s::int[])"))
        params["drill"] = list(region_ids)
    if case_id is not None:
        parts.append(sql.SQL("s.case_id = %(case_id)s"))
        params["case_id"] = case_id
    query = sql.SQL("SELECT x.*, count(*) OVER () AS total FROM ({} WHERE {}) x {}").format(
        sql.SQL(_SELECT),
        sql.SQL(" AND ").join(parts),
        sql.SQL(_ORDER.replace("s.", "x.")),  # pyright: ignore[reportArgumentType]
    )
    return conn.execute(query, {**params, "now": now, "limit": limit}).fetchall()


def answer(conn: Conn, row: Row, text: str, actor: str, name: str, now: dt.datetime) -> Row:
    return _change(conn, row, {"state": "answered", "answer": text, "answered_by": name or actor, "answered_at": now},
                   actor, now)  # fmt: skip


def close(conn: Conn, row: Row, actor: str, name: str, now: dt.datetime) -> Row:
    return _change(conn, row, {"state": "closed", "closed_by": name or actor, "closed_at": now}, actor, now)


def reopen(conn: Conn, row: Row, actor: str, now: dt.datetime) -> Row:
    """The answer was not enough: it is open again, its term as it was."""
    return _change(conn, row, {"state": "open"}, actor, now)


def _change(conn: Conn, row: Row, changes: Mapping[str, Any], actor: str, now: dt.datetime) -> Row:
    sets = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in changes)
    query = sql.SQL(
        "UPDATE supervision SET {}, version = version + 1, updated_at = %(now)s WHERE supervision_id = %(id)s"
        " RETURNING *"
    ).format(sets)
    after = conn.execute(query, {**changes, "now": now, "id": row["supervision_id"]}).fetchone()
    if after is None:
        raise LookupError(row["supervision_id"])
    _keep(conn, after, "change", actor)
    outbox.put(
        conn,
        topic="supervision",
        op="change",
        entity_id=row["supervision_id"],
        region_id=row["region_id"],
        private_to=row["private_to"],
        sensitivity=row["sensitivity"],
        permission="case.view",
        origin=row["origin"],
        payload={"key": f"supervision:{row['supervision_id']}", "case": f"case:{row['case_id']}",
                 "state": after["state"]},
    )  # fmt: skip
    outbox.wake(conn)
    return after


def _keep(conn: Conn, row: Row, op: Literal["new", "change"], actor: str) -> None:
    record = {k: v.isoformat() if isinstance(v, dt.datetime) else v for k, v in row.items()}
    record_entity(conn, "supervision", row["supervision_id"], op, actor, row["origin"], record)
