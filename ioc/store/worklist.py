"""The work list: open cases with the reports nobody has taken up yet, as records in the order of the desk.

Writers put `case_record` / `event_record` of the row they have just written into the outbox, in the same transaction,
so that a live row and a listed row are the same thing made by the same function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from ioc.records import case_to_record, event_to_record, order_key
from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

_LIMIT_MAX = 2000


def case_records(conn: Conn, ids: Sequence[int]) -> list[dict[str, Any]]:
    rows = conn.execute("SELECT * FROM worklist_case WHERE id = ANY (%s)", (list(ids),)).fetchall()
    return [case_to_record(r) for r in rows]


def event_records(conn: Conn, ids: Sequence[int]) -> list[dict[str, Any]]:
    rows = conn.execute("SELECT * FROM worklist_event WHERE id = ANY (%s)", (list(ids),)).fetchall()
    return [event_to_record(r) for r in rows]


def case_record(conn: Conn, case_id: int) -> dict[str, Any]:
    """Record of one case the connection's scope sees. Raises LookupError when there is none."""
    found = case_records(conn, [case_id])
    if not found:
        raise LookupError(f"case {case_id}")
    return found[0]


def event_record(conn: Conn, event_id: int) -> dict[str, Any]:
    """Record of one event the connection's scope sees. Raises LookupError when there is none."""
    found = event_records(conn, [event_id])
    if not found:
        raise LookupError(f"event {event_id}")
    return found[0]


def region_predicate(region_ids: Sequence[int] | None, alias: str) -> tuple[sql.Composable, dict[str, Any]]:
    """`alias.region_id` inside a drill-down; None (the whole of the scope) is no condition at all."""
    if region_ids is None:
        return sql.SQL("true"), {}
    return sql.SQL("{}.region_id = ANY (%(drill)s)").format(sql.Identifier(alias)), {"drill": list(region_ids)}


_OPEN_CASES = """
SELECT w.* FROM worklist_case w JOIN (
  SELECT c.case_id FROM cases c
  WHERE c.closed_at IS NULL AND {seen} AND {inside}
  ORDER BY c.flow = 'incident' DESC, c.incident_level NULLS LAST,
           CASE c.urgency WHEN 'critical' THEN 0 WHEN 'urgent' THEN 1 ELSE 2 END, c.due_at NULLS LAST, c.opened_at DESC
  LIMIT %(limit)s) o ON o.case_id = w.id
"""
_OPEN_EVENTS = """
SELECT w.* FROM worklist_event w JOIN (
  SELECT e.event_id FROM event e
  WHERE e.status = 'open' AND e.case_id IS NULL AND {seen} AND {inside}
  ORDER BY e.incident_level NULLS LAST,
           CASE e.urgency WHEN 'critical' THEN 0 WHEN 'urgent' THEN 1 ELSE 2 END, e.occurred_at DESC
  LIMIT %(limit)s) o ON o.event_id = w.id
"""


def worklist(conn: Conn, scope: Scope, region_ids: Sequence[int] | None, limit: int = 200) -> list[Mapping[str, Any]]:
    """At most `limit` open records under `scope`, inside `region_ids` (a region with all below it; None: no limit).

    Cases need the right case.view, reports event.view; without either the list is empty, not an error.
    """
    bounded = max(1, min(limit, _LIMIT_MAX))
    records: list[Mapping[str, Any]] = []
    if scope.can("case.view"):
        rows = _rows(conn, scope, region_ids, bounded, sql.SQL(_OPEN_CASES), "c")
        records += [case_to_record(r) for r in rows]
    if scope.can("event.view"):
        rows = _rows(conn, scope, region_ids, bounded, sql.SQL(_OPEN_EVENTS), "e")
        records += [event_to_record(r) for r in rows]
    return sorted(records, key=order_key)[:bounded]


def _rows(
    conn: Conn, scope: Scope, region_ids: Sequence[int] | None, limit: int, query: sql.SQL, alias: str
) -> list[dict[str, Any]]:
    seen, params = visible(scope, alias)
    inside, drill = region_predicate(region_ids, alias)
    return conn.execute(query.format(seen=seen, inside=inside), {**params, **drill, "limit": limit}).fetchall()
