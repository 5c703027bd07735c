"""Absolute counts under a scope and a region: by urgency and level, deadlines, today by hour, and what stands where."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from psycopg import sql

from ioc.clock import local_day
from ioc.scope import Scope
from ioc.services import Counts
from ioc.store.cells import device_counts
from ioc.store.pool import Conn
from ioc.store.where import visible
from ioc.store.worklist import region_predicate

_OPEN = """
SELECT count(*) FILTER (WHERE x.level IS NULL) AS open,
       count(*) FILTER (WHERE x.level IS NULL AND x.urgency = 'critical') AS critical,
       count(*) FILTER (WHERE x.level IS NULL AND x.urgency = 'urgent') AS urgent,
       count(*) FILTER (WHERE x.level IS NULL AND x.urgency = 'routine') AS routine,
       count(*) FILTER (WHERE x.due_at < %(now)s AND NOT x.clock_stopped) AS overdue
FROM (SELECT c.urgency, c.due_at, c.clock_stopped, CASE WHEN c.queue_rank = 5 THEN 0 ELSE c.incident_level END AS level
      FROM cases c
      WHERE c.closed_at IS NULL AND NOT c.exercise AND {seen} AND {inside}) x
"""
_LEVELS_CASE = """
SELECT c.incident_level AS level, count(*) AS n, count(*) FILTER (WHERE c.level_state = 'initial') AS initial
FROM cases c
WHERE c.closed_at IS NULL AND NOT c.exercise AND c.incident_level IS NOT NULL AND {seen} AND {inside} GROUP BY 1
"""
# Rank 5 of the queue (migration 073) is an incident whose level nobody has said: no ordinary case.
_UNLEVELLED = """
SELECT count(*) AS n FROM cases c
WHERE c.closed_at IS NULL AND NOT c.exercise AND c.queue_rank = 5 AND {seen} AND {inside}
"""
_LEVELS_EVENT = """
SELECT e.incident_level AS level, count(*) AS n, count(*) AS initial
FROM event e WHERE e.status = 'open' AND e.case_id IS NULL AND e.incident_level IS NOT NULL AND {seen} AND {inside}
GROUP BY 1
"""
_HOURS = """
SELECT extract(hour FROM e.occurred_at AT TIME ZONE %(tz)s)::int AS hour, count(*)::int AS n
FROM event e
WHERE e.occurred_at >= %(start)s AND e.occurred_at < %(stop)s AND e.status <> 'void' AND NOT e.suspected
  AND {seen} AND {inside}
GROUP BY 1
"""
_CLOSED = """
SELECT count(*)::int AS n FROM cases c
WHERE c.closed_at >= %(start)s AND c.closed_at < %(stop)s AND NOT c.exercise AND {seen} AND {inside}
"""
_GRIDS = "SELECT count(*)::int AS n FROM grid_cell g WHERE {seen} AND {inside}"
_RESOURCES = "SELECT count(*)::int AS n FROM resource r WHERE {seen} AND {inside}"


class _Asker:
    """One scope, region and moment; runs the named counts on one connection."""

    def __init__(self, conn: Conn, scope: Scope, region_ids: Sequence[int] | None) -> None:
        self.conn, self.scope, self.region_ids = conn, scope, region_ids

    def rows(self, query: LiteralString, alias: str, **params: Any) -> list[dict[str, Any]]:
        seen, scoped = visible(self.scope, alias)
        inside, drill = region_predicate(self.region_ids, alias)
        return self.conn.execute(
            sql.SQL(query).format(seen=seen, inside=inside), {**scoped, **drill, **params}
        ).fetchall()

    def number(self, query: LiteralString, alias: str, **params: Any) -> int:
        return int(self.rows(query, alias, **params)[0]["n"])

    def hours(self, day: tuple[dt.datetime, dt.datetime], tz: ZoneInfo) -> list[int]:
        out = [0] * 24
        for row in self.rows(_HOURS, "e", start=day[0], stop=day[1], tz=tz.key):
            out[row["hour"]] = row["n"]
        return out

    def levels(self) -> tuple[dict[int, int], dict[int, int]]:
        totals, initial = dict.fromkeys(range(1, 5), 0), dict.fromkeys(range(1, 5), 0)
        found: list[dict[str, Any]] = []
        if self.scope.can("case.view"):
            found += self.rows(_LEVELS_CASE, "c")
            if bare := self.number(_UNLEVELLED, "c"):
                totals[0] = bare
        if self.scope.can("event.view"):
            found += self.rows(_LEVELS_EVENT, "e")
        for row in found:
            totals[row["level"]] += row["n"]
            initial[row["level"]] += row["initial"]
        return totals, initial


def counts(conn: Conn, scope: Scope, region_ids: Sequence[int] | None, now: dt.datetime, tz: ZoneInfo) -> Counts:
    """Counts of what `scope` sees inside `region_ids` (None: no drill-down). Days are those of the centre's zone.

    `open` and the urgencies count cases beside the incidents, which are counted by level (0: none said yet, only where
    there are such). What the asker lacks the
    right for counts 0.
    """
    ask = _Asker(conn, scope, region_ids)
    today, week_ago = local_day(now, tz), local_day(now, tz, 7)
    blank = {"open": 0, "critical": 0, "urgent": 0, "routine": 0, "overdue": 0}
    cases = ask.rows(_OPEN, "c", now=now)[0] if scope.can("case.view") else blank
    closed = ask.number(_CLOSED, "c", start=today[0], stop=today[1]) if scope.can("case.view") else 0
    hours, before = ([0] * 24, [0] * 24)
    if scope.can("event.view"):
        hours, before = ask.hours(today, tz), ask.hours(week_ago, tz)
    levels, initial = ask.levels()
    this_hour = now.astimezone(tz).hour
    return Counts(
        open=cases["open"],
        critical=cases["critical"],
        urgent=cases["urgent"],
        routine=cases["routine"],
        overdue=cases["overdue"],
        incidents=levels,
        provisional=initial,
        today=sum(hours),
        closed_today=closed,
        hours=tuple(n if h <= this_hour else None for h, n in enumerate(hours)),
        hours_last_week=tuple(before),
        devices=_things(ask),
    )


def _things(ask: _Asker) -> dict[str, int]:
    out = {"camera": 0, "sensor": 0, "camera_offline": 0, "sensor_offline": 0, "sensor_exceeded": 0}
    if ask.scope.can("device.view"):
        for kind, count in device_counts(ask.conn, ask.scope, ask.region_ids).items():
            out[kind] = count.total
            out[f"{kind}_offline"] = count.offline
            out[f"{kind}_exceeded"] = count.exceeded
    out["grid_cell"] = ask.number(_GRIDS, "g") if ask.scope.can("grid.view") else 0
    out["resource"] = ask.number(_RESOURCES, "r") if ask.scope.can("resource.view") else 0
    return out
