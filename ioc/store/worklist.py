"""The work list: open cases with the reports nobody has taken up yet, as records in the order of the desk.

Writers put `case_record` / `event_record` of the row they have just written into the outbox, in the same transaction,
so that a live row and a listed row are the same thing made by the same function.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString

from psycopg import sql

from ioc.cases.expected import Expected
from ioc.errors import Invalid, Reason
from ioc.records import case_to_record, event_to_record
from ioc.scope import Scope
from ioc.services import WorkPage
from ioc.store import worklist_mine
from ioc.store.pool import Conn
from ioc.store.topics import current as current_topics
from ioc.store.where import visible

LIMIT_MAX = 2000


def case_records(conn: Conn, ids: Sequence[int]) -> list[dict[str, Any]]:
    rows = conn.execute(
        "SELECT w.*, c.category_code FROM worklist_case w JOIN cases c ON c.case_id = w.id"
        " WHERE w.id = ANY (%(ids)s) AND c.case_id = ANY (%(ids)s)",  # said twice: of the past each is a union
        {"ids": list(ids)},
    ).fetchall()
    topics = current_topics(conn)
    return [case_to_record(r, topics) for r in rows]


# The rows of `worklist_event`; region, source and icon are looked up once for all that share them, not once a row.
_WRITTEN = """
WITH e AS MATERIALIZED (
  SELECT event_id AS id, source_id, title, urgency, incident_level, status, suspected, address, region_id, occurred_at,
         received_at, source, case_id, version, origin, private_to, sensitivity, attributes, ST_X(geom) AS lon,
         ST_Y(geom) AS lat, category_scheme, category_code
  FROM event WHERE event_id = ANY (%s)
), p AS (
  SELECT d.region_id, p.code AS region_code, p.ids AS region_ids, p.steps AS region_steps
  FROM (SELECT DISTINCT region_id FROM e) d CROSS JOIN LATERAL ioc_region_path(d.region_id) p
), i AS (
  SELECT d.*, ioc_category_icon(d.category_scheme, d.category_code) AS icon
  FROM (SELECT DISTINCT category_scheme, category_code FROM e) d
)
SELECT e.*, p.region_code, p.region_ids, p.region_steps, s.title AS source_title, s.title_en AS source_title_en,
       coalesce(e.attributes ->> 'icon', i.icon) AS icon
FROM e LEFT JOIN p USING (region_id)
LEFT JOIN i USING (category_scheme, category_code)
LEFT JOIN source s ON s.source_key = e.source
"""


def event_records(conn: Conn, ids: Sequence[int]) -> list[dict[str, Any]]:
    topics = current_topics(conn)
    return [event_to_record(r, topics) for r in conn.execute(_WRITTEN, (list(ids),))]


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


# A row's place in the list is kept with it (migration 073): the same order as `ioc.records.order_key` and
# frontend/src/core/order.ts. The first condition is the stretch of the index, the second the exact place in it.
_NO_DUE = 9_000_000_000_000
_CASES = """
SELECT 0 AS kind, c.case_id AS id, c.queue_rank AS rank, c.queue_due AS due, c.queue_new AS newest
FROM cases c
WHERE c.closed_at IS NULL AND {seen_c} AND {inside_c}
  AND (c.queue_rank, c.queue_due, c.queue_new) >= (%(rank)s::smallint, %(due)s::bigint, %(newest)s::bigint)
  AND NOT ((c.queue_rank, c.queue_due, c.queue_new) = (%(rank)s, %(due)s, %(newest)s)
           AND (-c.case_id, 0) <= (%(id)s, %(kind)s))
ORDER BY c.queue_rank, c.queue_due, c.queue_new, c.case_id DESC LIMIT %(limit)s + 1
"""
_EVENTS = """
SELECT 1 AS kind, e.event_id AS id, e.queue_rank AS rank, %(no_due)s::bigint AS due, e.queue_new AS newest
FROM event e
WHERE e.status = 'open' AND e.case_id IS NULL AND {seen_e} AND {inside_e} AND {taken_e}
  AND e.queue_rank >= %(rank)s::smallint
  AND (e.queue_rank, %(no_due)s::bigint, e.queue_new) >= (%(rank)s::smallint, %(due)s::bigint, %(newest)s::bigint)
  AND NOT ((e.queue_rank, %(no_due)s, e.queue_new) = (%(rank)s, %(due)s, %(newest)s)
           AND (-e.event_id, 1) <= (%(id)s, %(kind)s))
ORDER BY e.queue_rank, e.queue_new, e.event_id DESC LIMIT %(limit)s + 1
"""
_TOTAL = """
SELECT CASE WHEN %(cases)s THEN (SELECT count(*) FROM cases c WHERE c.closed_at IS NULL AND {seen_c} AND {inside_c})
            ELSE 0 END
     + CASE WHEN %(events)s THEN (SELECT count(*) FROM event e
                                  WHERE e.status = 'open' AND e.case_id IS NULL AND {seen_e} AND {inside_e}
                                    AND {taken_e})
            ELSE 0 END AS total
"""
_PAGES: Mapping[str, LiteralString] = {"case.view": _CASES, "event.view": _EVENTS}
_CURSOR = ("rank", "due", "newest", "id", "kind")


def worklist(
    conn: Conn, scope: Scope, region_ids: Sequence[int] | None, limit: int = 200, after: str = "",
    expected: Expected | None = None,
) -> WorkPage:  # fmt: skip
    """Open records under `scope`, inside `region_ids` (a region with all below it; None: no limit), `limit` at a time.

    `after` is the `next` of the page before: a place in the order, so that rows which come and go between two pages
    shift nothing. Cases need the right case.view, reports event.view; without either the list is empty, not an error.
    `expected`: only what waits for one person's next step.
    Raises Invalid for an `after` that is none.
    """
    bounded = max(1, min(limit, LIMIT_MAX))
    found: list[dict[str, Any]] = []
    for right in _PAGES:
        if scope.can(right):
            found += conn.execute(*page_query(right, scope, region_ids, bounded, after, expected)).fetchall()
    found.sort(key=lambda r: (r["rank"], r["due"], r["newest"], -r["id"], r["kind"]))
    more, rows = len(found) > bounded, found[:bounded]
    cases = [r["id"] for r in rows if r["kind"] == 0]
    records = {r["key"]: r for r in case_records(conn, cases)}
    if expected is not None:
        records |= {r["key"]: r for r in over(conn, cases, records.values())}
    records |= {r["key"]: r for r in event_records(conn, [r["id"] for r in rows if r["kind"] == 1])}
    keys = (f"{'event' if r['kind'] else 'case'}:{r['id']}" for r in rows)
    last = rows[-1] if more else None
    return WorkPage(
        total=_total(conn, scope, region_ids, expected),
        rows=[records[k] for k in keys if k in records],
        next=None if last is None else ".".join(str(-last[n] if n == "id" else last[n]) for n in _CURSOR),
    )


def page_query(
    right: str, scope: Scope, region_ids: Sequence[int] | None, limit: int, after: str, expected: Expected | None = None
) -> tuple[sql.Composed, dict[str, Any]]:
    """One page of cases (right case.view) or reports (event.view), and one row more if there is one."""
    parts, params = _parts(scope, region_ids, expected)
    params |= {"no_due": _NO_DUE, "limit": limit, **_place(after)}
    if expected is not None and right == "case.view":
        return worklist_mine.cases_page(parts, expected), {**params, **worklist_mine.values(expected)}
    return sql.SQL(_PAGES[right]).format(**parts), params


def mine_keys(conn: Conn, scope: Scope, region_ids: Sequence[int] | None, expected: Expected, limit: int) -> list[str]:
    """Keys of all records that wait for one person's next step, in no order."""
    parts, params = _parts(scope, region_ids, expected)
    return worklist_mine.keys(conn, scope, expected, parts, params, limit)


_AWAITS = {
    "submitted": {"zh": "复盘待审批", "en": "Review to approve"},
    "draft": {"zh": "复盘被退回", "en": "Review sent back"},
}
_REVIEWS = (
    "SELECT r.case_id, r.state FROM incident_review r WHERE r.case_id = ANY (%s) AND r.state <> 'closed'"
    " AND (r.state = 'submitted' OR r.returned <> '')"
)


def over(conn: Conn, ids: Sequence[int], records: Iterable[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Of cases that wait for somebody, the records of those that are over, with what of them waits (`awaits`)."""
    states = {int(r["case_id"]): str(r["state"]) for r in conn.execute(_REVIEWS, (list(ids),))}
    found = case_records(conn, sorted(states)) if records is None else records
    return [{**r, "awaits": _AWAITS[states[r["id"]]]} for r in found if r["closed"] and r["id"] in states]


def _total(conn: Conn, scope: Scope, region_ids: Sequence[int] | None, expected: Expected | None) -> int:
    parts, params = _parts(scope, region_ids, expected)
    rights = {"cases": scope.can("case.view"), "events": scope.can("event.view")}
    query = sql.SQL(_TOTAL).format(**parts)
    if expected is not None:
        query, params = worklist_mine.total(parts, expected), {**params, **worklist_mine.values(expected)}
    row = conn.execute(query, {**params, **rights}).fetchone()
    return int(row["total"]) if row else 0


def _parts(
    scope: Scope, region_ids: Sequence[int] | None, expected: Expected | None
) -> tuple[dict[str, sql.Composable], dict[str, Any]]:
    parts: dict[str, sql.Composable] = {"taken_e": _taken(expected)}
    params: dict[str, Any] = {}
    for alias in ("c", "e"):
        parts[f"seen_{alias}"], scoped = visible(scope, alias)
        parts[f"inside_{alias}"], drill = region_predicate(region_ids, alias)
        params |= {**scoped, **drill}
    return parts, params


def _taken(expected: Expected | None) -> sql.Composable:
    """Which reports: all, or those the person is expected to take up. 疑似 ones wait for a reviewer, not for a case."""
    if expected is None:
        return sql.SQL("true")
    return sql.SQL("NOT e.suspected") if expected.reports else sql.SQL("false")


def _place(after: str) -> dict[str, int]:
    """The numbers of a cursor; before everything when there is none."""
    if not after:
        return dict.fromkeys(_CURSOR, -1)
    if not re.fullmatch(r"\d{1,2}\.-?\d{1,13}\.-?\d{1,13}\.-?\d{1,18}\.[01]", after):
        raise Invalid(reasons=[Reason("after", "bad_cursor", "不是上一页给出的位置", "not the next of a page", after)])
    return dict(zip(_CURSOR, map(int, after.split(".")), strict=True))
