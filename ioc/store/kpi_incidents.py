"""The query behind 应急响应时长 (EMG-19): from 接报 to the decision about the response, of this month's incidents.

Compared with the same part of the month a year ago (同比). Exercises are in no number; what was decided without a
response (不启动响应) is decided all the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from psycopg import sql

from ioc.declare import Reading
from ioc.store.kpi_events import month_bounds
from ioc.store.kpi_rollup import Answer, Ask, Cell, origin_of, rolled_up
from ioc.store.pool import Conn

RESPONDED = sql.SQL("k.flow = 'incident' AND NOT k.exercise AND i.responded_at >= k.opened_at")
IN_MONTH = sql.SQL("i.responded_at >= %(month)s AND i.responded_at <= %(now)s")
_LEAF = sql.SQL(
    """
SELECT coalesce(k.region_id, %(root)s::int) AS region_id, coalesce(k.private_to, '') AS priv,
       k.sensitivity AS sens, b.bucket, sum(extract(epoch FROM i.responded_at - k.opened_at)) / 60.0 AS num,
       count(*) AS den, NULL::timestamptz AS as_of, bool_or(k.origin = 'demo') AS demo
FROM incident i JOIN cases k USING (case_id) CROSS JOIN LATERAL (
  SELECT 0 AS bucket WHERE {month}
  UNION ALL SELECT -1 WHERE i.responded_at >= %(year_before)s AND i.responded_at <= %(year_now)s
) b
WHERE {responded} GROUP BY 1, 2, 3, 4"""
).format(month=IN_MONTH, responded=RESPONDED)


def incident_response(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Mean minutes from 接报 to 启动响应 of incidents that were responded to this month; previous: a year ago."""
    bounds = month_bounds(ask.now, ask.tz)
    before = {"year_before": _a_year_ago(bounds["month"], ask.tz), "year_now": _a_year_ago(ask.now, ask.tz)}
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _LEAF, {**bounds, **before, **params}).items():
        now = cells.get(0)
        count = now[1] if now else 0.0
        out[key] = Reading(
            _mean(now), None, count or None, state="ok" if count else "empty", origin=origin_of(cells),
            previous=_mean(cells.get(-1)),
        )  # fmt: skip
    return out


def _mean(cell: Cell | None) -> float | None:
    return cell[0] / cell[1] if cell and cell[1] else None


def _a_year_ago(at: dt.datetime, tz: dt.tzinfo) -> dt.datetime:
    """The same local day and time; of 29 February the 28th."""
    local = at.astimezone(tz)
    try:
        return local.replace(year=local.year - 1).astimezone(dt.UTC)
    except ValueError:
        return local.replace(year=local.year - 1, day=28).astimezone(dt.UTC)
