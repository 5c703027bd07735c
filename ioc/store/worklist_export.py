"""The work list as it was filtered, whole: which rows in which order, and these rows in portions.

The same conditions as the list in the browser (frontend/src/core/order.ts `matches`), here in SQL, because the file
holds all rows and not those a browser has fetched.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from ioc.records import case_to_record, event_to_record
from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible
from ioc.store.worklist import region_predicate

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """`show`: all, mine, incidents, cases, overdue, closed. `mine`: keys of what waits for the asker, for that show.
    `day`: from when to when a case was closed `today`. Empty lists: any."""

    show: str
    now: dt.datetime
    day: tuple[dt.datetime, dt.datetime]
    urgency: tuple[str, ...] = ()
    flow: tuple[str, ...] = ()
    newest: bool = False
    region_ids: tuple[int, ...] | None = None
    mine: tuple[str, ...] = ()


_IDS = """
SELECT * FROM (
  SELECT 0 AS kind, c.case_id AS id, c.queue_rank AS rank, c.queue_due AS due, c.queue_new AS newest, c.origin
  FROM cases c WHERE %(cases)s AND {seen_c} AND {inside_c} AND {show_c}
    AND (%(urgency)s::text[] = '{{}}' OR c.urgency = ANY (%(urgency)s))
    AND (%(flow)s::text[] = '{{}}' OR c.flow = ANY (%(flow)s))
  UNION ALL
  SELECT 1, e.event_id, e.queue_rank, %(no_due)s::bigint, e.queue_new, e.origin
  FROM event e WHERE %(events)s AND e.status = 'open' AND e.case_id IS NULL AND {seen_e} AND {inside_e} AND {show_e}
    AND (%(urgency)s::text[] = '{{}}' OR e.urgency = ANY (%(urgency)s))
    AND (%(flow)s::text[] = '{{}}'
         OR CASE WHEN e.incident_level IS NULL THEN 'event' ELSE 'incident' END = ANY (%(flow)s))) x
ORDER BY {order} LIMIT %(limit)s
"""
# (of a case, of a report that is none yet)
_SHOWS: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "all": ("c.closed_at IS NULL", "true"),
    "mine": ("c.case_id = ANY (%(mine_cases)s)", "e.event_id = ANY (%(mine_events)s)"),
    "incidents": ("c.closed_at IS NULL AND c.flow = 'incident'", "e.incident_level IS NOT NULL"),
    "cases": ("c.closed_at IS NULL AND c.flow <> 'incident'", "e.incident_level IS NULL"),
    "overdue": ("c.closed_at IS NULL AND c.due_at < %(now)s AND NOT c.clock_stopped", "false"),
    "closed": ("c.closed_at >= %(start)s AND c.closed_at < %(stop)s", "false"),
}
SHOWS = tuple(_SHOWS)
_NO_DUE = 9_000_000_000_000


def ids(conn: Conn, scope: Scope, wanted: Wanted, limit: int) -> Sequence[Row]:
    """{kind (0 case, 1 report), id, origin} of the rows in the order of the list, at most `limit`."""
    seen_c, params_c = visible(scope, "c")
    seen_e, params_e = visible(scope, "e")
    inside_c, drill = region_predicate(wanted.region_ids, "c")
    inside_e, _ = region_predicate(wanted.region_ids, "e")
    show_c, show_e = _SHOWS[wanted.show]
    query = sql.SQL(_IDS).format(
        seen_c=seen_c, seen_e=seen_e, inside_c=inside_c, inside_e=inside_e, show_c=sql.SQL(show_c),
        show_e=sql.SQL(show_e),
        order=sql.SQL("newest, id DESC" if wanted.newest else "rank, due, newest, id DESC, kind"),
    )  # fmt: skip
    mine = {kind: [int(k.partition(":")[2]) for k in wanted.mine if k.startswith(kind)] for kind in ("case", "event")}
    given = {
        **params_c, **params_e, **drill, "cases": scope.can("case.view"), "events": scope.can("event.view"),
        "urgency": list(wanted.urgency), "flow": list(wanted.flow), "no_due": _NO_DUE, "limit": limit,
        "now": wanted.now, "start": wanted.day[0], "stop": wanted.day[1], "mine_cases": mine["case"],
        "mine_events": mine["event"],
    }  # fmt: skip
    return conn.execute(query, given).fetchall()


_CASES = """
SELECT w.*, c.officer, c.satisfaction, c.total_due_at, c.hold
FROM worklist_case w JOIN cases c ON c.case_id = w.id WHERE w.id = ANY (%s)
"""


def portion(conn: Conn, listed: Sequence[Row]) -> list[tuple[Row, Row]]:
    """(record as the list shows it, row behind it) of `listed`, in its order; without what the scope of the connection
    no longer sees."""
    of_kind = {k: [r["id"] for r in listed if r["kind"] == k] for k in (0, 1)}
    cases = conn.execute(_CASES, (of_kind[0],)).fetchall()
    events = conn.execute("SELECT * FROM worklist_event WHERE id = ANY (%s)", (of_kind[1],)).fetchall()
    found: dict[tuple[int, int], tuple[Row, Row]] = {(0, int(r["id"])): (case_to_record(r), r) for r in cases}
    found |= {(1, int(r["id"])): (event_to_record(r), r) for r in events}
    return [found[r["kind"], r["id"]] for r in listed if (r["kind"], r["id"]) in found]
