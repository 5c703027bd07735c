"""The work list: open cases with the reports nobody has taken up yet, as records in the order of the desk.

Writers put `case_record` / `event_record` of the row they have just written into the outbox, in the same transaction,
so that a live row and a listed row are the same thing made by the same function.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from psycopg import sql

from ioc.errors import Invalid, Reason
from ioc.records import case_to_record, event_to_record
from ioc.scope import Scope
from ioc.services import WorkPage
from ioc.store.pool import Conn
from ioc.store.where import visible

LIMIT_MAX = 2000


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


# A row's place in the list, as whole numbers: the same order as `ioc.records.order_key` and frontend/src/core/order.ts.
_NO_DUE = 9_000_000_000_000
_OPEN = """
WITH open AS MATERIALIZED (
  SELECT 0 AS kind, c.case_id AS id,
         CASE WHEN c.flow = 'incident' THEN coalesce(c.incident_level, 5)
              ELSE 9 + array_position(ARRAY['critical', 'urgent', 'routine'], c.urgency) END AS rank,
         coalesce(floor(extract(epoch FROM c.due_at)), %(no_due)s)::bigint AS due,
         -floor(extract(epoch FROM c.opened_at))::bigint AS newest
  FROM cases c WHERE c.closed_at IS NULL AND %(cases)s AND {seen_c} AND {inside_c}
  UNION ALL
  SELECT 1, e.event_id,
         coalesce(e.incident_level, 9 + array_position(ARRAY['critical', 'urgent', 'routine'], e.urgency)),
         %(no_due)s::bigint, -floor(extract(epoch FROM e.received_at))::bigint
  FROM event e WHERE e.status = 'open' AND e.case_id IS NULL AND %(events)s AND {seen_e} AND {inside_e})
SELECT t.total, o.* FROM (SELECT count(*)::int AS total FROM open) t
LEFT JOIN (
  SELECT * FROM open WHERE (rank, due, newest, -id, kind) > (%(rank)s, %(due)s, %(newest)s, %(id)s, %(kind)s)
  ORDER BY rank, due, newest, -id, kind LIMIT %(limit)s + 1) o ON true
ORDER BY o.rank, o.due, o.newest, -o.id, o.kind
"""
_CURSOR = ("rank", "due", "newest", "id", "kind")


def worklist(conn: Conn, scope: Scope, region_ids: Sequence[int] | None, limit: int = 200, after: str = "") -> WorkPage:
    """Open records under `scope`, inside `region_ids` (a region with all below it; None: no limit), `limit` at a time.

    `after` is the `next` of the page before: a place in the order, so that rows which come and go between two pages
    shift nothing. Cases need the right case.view, reports event.view; without either the list is empty, not an error.
    Raises Invalid for an `after` that is none.
    """
    bounded = max(1, min(limit, LIMIT_MAX))
    params: dict[str, Any] = {"no_due": _NO_DUE, "limit": bounded, **_place(after)}
    parts: dict[str, sql.Composable] = {}
    for alias, right in (("c", "case.view"), ("e", "event.view")):
        parts[f"seen_{alias}"], scoped = visible(scope, alias)
        parts[f"inside_{alias}"], drill = region_predicate(region_ids, alias)
        params |= {**scoped, **drill, "cases" if alias == "c" else "events": scope.can(right)}
    found = conn.execute(sql.SQL(_OPEN).format(**parts), params).fetchall()
    rows = [r for r in found if r["id"] is not None]
    more, rows = len(rows) > bounded, rows[:bounded]
    records = {r["key"]: r for r in case_records(conn, [r["id"] for r in rows if r["kind"] == 0])}
    records |= {r["key"]: r for r in event_records(conn, [r["id"] for r in rows if r["kind"] == 1])}
    keys = (f"{'event' if r['kind'] else 'case'}:{r['id']}" for r in rows)
    last = rows[-1] if more else None
    return WorkPage(
        total=found[0]["total"],
        rows=[records[k] for k in keys if k in records],
        next=None if last is None else ".".join(str(-last[n] if n == "id" else last[n]) for n in _CURSOR),
    )


def _place(after: str) -> dict[str, int]:
    """The numbers of a cursor; before everything when there is none."""
    if not after:
        return dict.fromkeys(_CURSOR, -1)
    if not re.fullmatch(r"\d{1,2}\.-?\d{1,13}\.-?\d{1,13}\.-?\d{1,18}\.[01]", after):
        raise Invalid(reasons=[Reason("after", "bad_cursor", "不是上一页给出的位置", "not the next of a page", after)])
    return dict(zip(_CURSOR, map(int, after.split(".")), strict=True))
