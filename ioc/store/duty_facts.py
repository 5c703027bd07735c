"""What a shift hands over, counted at one moment: what is open, and what has changed since the shift began."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible
from ioc.store.worklist import region_predicate

# Of the open cases every incident, every 特急 and 紧急 one and whatever is overdue is named, up to so many.
LISTED = 100
_OPEN = """
SELECT count(*) AS open, count(*) FILTER (WHERE c.urgency = 'critical') AS critical,
       count(*) FILTER (WHERE c.urgency = 'urgent') AS urgent, count(*) FILTER (WHERE c.urgency = 'routine') AS routine,
       count(*) FILTER (WHERE c.flow = 'incident') AS incidents, count(*) FILTER (WHERE c.asked <> '') AS requests,
       count(*) FILTER (WHERE NOT c.clock_stopped AND c.due_at < %(now)s) AS overdue,
       count(*) FILTER (WHERE c.hold <> '') AS held
FROM cases c WHERE c.closed_at IS NULL AND {seen} AND {inside}
"""
_LIST = """
SELECT c.case_id, c.number, c.title, c.urgency, c.flow, c.stage, c.incident_level, c.asked, c.due_at,
       coalesce(NOT c.clock_stopped AND c.due_at < %(now)s, false) AS overdue
FROM cases c
WHERE c.closed_at IS NULL AND {seen} AND {inside}
  AND (c.queue_rank < 12 OR c.asked <> '' OR (NOT c.clock_stopped AND c.due_at < %(now)s))
ORDER BY c.queue_rank, c.queue_due, c.queue_new, c.case_id DESC LIMIT %(limit)s
"""
_CHANGED = """
SELECT count(*) FILTER (WHERE c.opened_at >= %(since)s AND c.opened_at <= %(now)s) AS opened,
       count(*) FILTER (WHERE c.closed_at >= %(since)s AND c.closed_at <= %(now)s) AS closed
FROM cases c
WHERE (c.opened_at >= %(since)s OR c.closed_at >= %(since)s) AND {seen} AND {inside}
"""
# Raised in the shift: urgency or level went up from one version to the next, or the level above was called (吹哨).
_RAISED = """
SELECT c.case_id, c.number, c.title, c.urgency, c.incident_level
FROM cases c
WHERE {seen} AND {inside} AND (
  EXISTS (SELECT FROM case_step s WHERE s.case_id = c.case_id AND s.step = 'pass_up'
          AND s.at >= %(since)s AND s.at <= %(now)s)
  OR c.case_id IN (
    SELECT n.case_id FROM case_history n
    JOIN case_history o ON o.case_id = n.case_id AND o.version = n.version - 1
    WHERE n.recorded_at >= %(since)s AND n.recorded_at <= %(now)s
      AND (array_position(ARRAY['routine', 'urgent', 'critical'], n.record ->> 'urgency')
           > array_position(ARRAY['routine', 'urgent', 'critical'], o.record ->> 'urgency')
           OR coalesce((n.record ->> 'incident_level')::int, 9) < coalesce((o.record ->> 'incident_level')::int, 9))))
ORDER BY c.case_id DESC LIMIT %(limit)s
"""
_WARNINGS = """
SELECT w.warning_id, w.kind, w.kind_en, w.colour, w.area FROM warning w
WHERE w.status = 'active' AND w.onset_at <= %(now)s AND (w.expires_at IS NULL OR w.expires_at > %(now)s)
  AND (%(above)s::int[] IS NULL OR w.region_ids && %(above)s::int[] OR cardinality(w.region_ids) = 0)
ORDER BY w.onset_at DESC LIMIT 50
"""


def facts(
    conn: Conn,
    scope: Scope,
    region_ids: Sequence[int] | None,
    around: Sequence[int] | None,
    since: dt.datetime,
    now: dt.datetime,
) -> dict[str, Any]:
    """Open and changed under `scope` inside `region_ids` (None: the whole of it). `around`: the regions whose warnings
    hold here, those above them too. `alarms` is None where the centre keeps none. All JSON-able."""
    seen, params = visible(scope, "c")
    inside, drill = region_predicate(region_ids, "c")
    given = {**params, **drill, "since": since, "now": now, "limit": LISTED}

    def ask(query: LiteralString) -> Sequence[Mapping[str, Any]]:
        return conn.execute(sql.SQL(query).format(seen=seen, inside=inside), given).fetchall()

    warnings = conn.execute(_WARNINGS, {"now": now, "above": list(around) if around is not None else None}).fetchall()
    return {
        "at": now.isoformat(),
        "since": since.isoformat(),
        "open": dict(ask(_OPEN)[0]),
        "cases": [_case(r) for r in ask(_LIST)],
        "warnings": [dict(r) for r in warnings],
        "alarms": _alarms(conn, scope, region_ids),
        "changed": {**ask(_CHANGED)[0], "raised": [_case(r) for r in ask(_RAISED)]},
    }


def _case(row: Mapping[str, Any]) -> dict[str, Any]:
    due = row.get("due_at")
    return {**row, "due_at": due.isoformat()} if due is not None else dict(row)


_ALARMS = """
SELECT count(*) AS n, count(*) FILTER (WHERE a.priority = 'urgent') AS urgent,
       count(*) FILTER (WHERE a.priority = 'high') AS high, count(*) FILTER (WHERE a.state = 'unack') AS unack,
       count(*) FILTER (WHERE a.hold = 'shelved') AS shelved
FROM alarm a WHERE a.ended_at IS NULL AND {seen} AND {inside}
"""


def _alarms(conn: Conn, scope: Scope, region_ids: Sequence[int] | None) -> dict[str, int] | None:
    """Active alarms by what matters to who takes over; None where there is no such table."""
    there = conn.execute("SELECT to_regclass('public.alarm') IS NOT NULL AS yes").fetchone()
    if not there or not there["yes"]:
        return None
    seen, params = visible(scope, "a")
    inside, drill = region_predicate(region_ids, "a")
    row = conn.execute(sql.SQL(_ALARMS).format(seen=seen, inside=inside), {**params, **drill}).fetchone()
    return {k: int(v) for k, v in row.items()} if row else None
