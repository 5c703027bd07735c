"""Named queries of events by the month: all, verified or suspected, of one kind or every; and what reviews refuted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from psycopg import sql

from ioc.declare import Reading
from ioc.i18n import Text
from ioc.store.kpi_rollup import Answer, Ask, origin_of, rolled_up
from ioc.store.pool import Conn

_VERIFIED, _SUSPECTED, _BEFORE = -10, -11, -1


def month_bounds(now: dt.datetime, tz: dt.tzinfo) -> dict[str, dt.datetime]:
    """`month`: local midnight of its first day; `month_before` and `before_now`: the month before, to the same day and
    time of day, at the latest its end."""
    local = now.astimezone(tz)
    first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = first - dt.timedelta(days=1)
    start = last.replace(day=1)
    same = start + (local.replace(tzinfo=None) - first.replace(tzinfo=None))
    out = {"month": first, "month_before": start, "before_now": min(same, first)}
    return {k: v.astimezone(dt.UTC) for k, v in out.items()}


# Which events a number of the month counts. The list behind it (`ioc.store.kpi_records`) has the same condition.
MONTH_COUNTED: Mapping[str, sql.SQL] = {
    "all": sql.SQL("e.status <> 'void'"),
    "verified": sql.SQL("e.status <> 'void' AND NOT e.suspected"),
    "suspected": sql.SQL("e.status <> 'void' AND e.suspected"),
}
KIND = sql.SQL("(%(kind)s = '' OR e.category_code = %(kind)s OR e.attributes ->> 'algorithm' = %(kind)s)")
_MONTH_LEAF = sql.SQL(
    """
SELECT coalesce(e.region_id, %(root)s::int) AS region_id, coalesce(e.private_to, '') AS priv,
       e.sensitivity AS sens, b.bucket, count(*) AS num, 0 AS den, NULL::timestamptz AS as_of,
       bool_or(e.origin = 'demo') AS demo
FROM event e CROSS JOIN LATERAL (
  SELECT 0 AS bucket WHERE e.occurred_at >= %(month)s
  UNION ALL SELECT CASE WHEN e.suspected THEN -11 ELSE -10 END WHERE e.occurred_at >= %(month)s
  UNION ALL SELECT -1 WHERE e.occurred_at < %(before_now)s
) b
WHERE {counted} AND {kind} AND e.occurred_at >= %(month_before)s AND e.occurred_at <= %(now)s
GROUP BY 1, 2, 3, 4"""
)


def events_month(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Events since the first of the month; the note tells verified from suspected. `params`: count, kind."""
    count = str(params.get("count", "all"))
    leaf = _MONTH_LEAF.format(counted=MONTH_COUNTED[count], kind=KIND)
    values = {**month_bounds(ask.now, ask.tz), "kind": str(params.get("kind", ""))}
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, leaf, values).items():
        value = {b: c[0] for b, c in cells.items()}
        now = value.get(0, 0.0)
        note = month_note(int(value.get(_VERIFIED, 0)), int(value.get(_SUSPECTED, 0))) if count == "all" else None
        state = "ok" if now else "empty"
        out[key] = Reading(
            now, now, None, state=state, origin=origin_of(cells), note=note, previous=value.get(_BEFORE, 0.0)
        )
    return out


def month_note(verified: int, suspected: int) -> Text:
    """The two figures beside each other: a suspicion is no fact (EVT-09)."""
    return Text(f"已核实 {verified} · 疑似 {suspected}", f"verified {verified} · suspected {suspected}")


_REFUTED_LEAF = sql.SQL(
    """
SELECT coalesce(x.region_id, %(root)s::int) AS region_id, coalesce(x.private_to, '') AS priv,
       x.sensitivity AS sens, b.bucket, count(*) FILTER (WHERE x.state = 'refuted') AS num, count(*) AS den,
       NULL::timestamptz AS as_of, bool_or(x.origin = 'demo') AS demo
FROM detection x CROSS JOIN LATERAL (
  SELECT 0 AS bucket WHERE x.occurred_at >= %(month)s UNION ALL SELECT -1 WHERE x.occurred_at < %(before_now)s
) b
WHERE x.state IN ('confirmed', 'refuted') AND x.occurred_at >= %(month_before)s AND x.occurred_at <= %(now)s
GROUP BY 1, 2, 3, 4"""
)


def refuted_rate(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Refuted / reviewed detections of this month, percent; previous: the month before to the same time."""
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _REFUTED_LEAF, month_bounds(ask.now, ask.tz)).items():
        refuted, reviewed, _, _ = cells.get(0, (0.0, 0.0, None, False))
        before = cells.get(_BEFORE)
        value = 100.0 * refuted / reviewed if reviewed else None
        previous = 100.0 * before[0] / before[1] if before and before[1] else None
        state = "ok" if reviewed else "empty"
        out[key] = Reading(value, refuted, reviewed, state=state, origin=origin_of(cells), previous=previous)
    return out
