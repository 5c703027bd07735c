"""The named queries behind indicators: devices, events and cases, and the table of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from ioc.declare import Reading
from ioc.i18n import Text
from ioc.store.kpi_alarms import alarm_load
from ioc.store.kpi_command import medical, structure_health, team_coverage, warning_accuracy
from ioc.store.kpi_events import events_month, refuted_rate
from ioc.store.kpi_incidents import incident_response
from ioc.store.kpi_loop import alert_response, closed_rate, handling_days
from ioc.store.kpi_ratings import repair_rate
from ioc.store.kpi_readings import aqi, sources_ok, sum_latest
from ioc.store.kpi_rollup import POINTS, Answer, Ask, Cell, Compute, origin_of, rolled_up
from ioc.store.pool import Conn

# ---------------------------------------------------------------- devices

DEVICE_COUNTED = sql.SQL("d.class = %(class)s AND d.status <> 'disabled'")
_DEVICE_LEAF = sql.SQL(
    """
SELECT coalesce(d.region_id, %(root)s::int) AS region_id, coalesce(d.private_to, '') AS priv,
       d.sensitivity AS sens, 0 AS bucket,
       count(*) FILTER (WHERE d.status = 'online') AS num, count(*) AS den, NULL::timestamptz AS as_of,
       bool_or(d.origin = 'demo') AS demo
FROM device d WHERE {counted} GROUP BY 1, 2, 3
UNION ALL
SELECT coalesce(d.region_id, %(root)s::int) AS region_id, coalesce(d.private_to, ''), d.sensitivity, l.bucket,
       sum((l.status = 'online')::int - (l.prev = 'online')::int), 0, NULL, bool_or(d.origin = 'demo')
FROM (
  SELECT g.device_id, g.status, 1 + floor(extract(epoch FROM g.observed_at - %(since)s) / 3600)::int AS bucket,
         coalesce(lag(g.status) OVER (PARTITION BY g.device_id ORDER BY g.observed_at, g.recorded_at),
                  (SELECT p.status FROM device_state_log p WHERE p.device_id = g.device_id AND p.observed_at < %(since)s
                   ORDER BY p.recorded_at DESC LIMIT 1), g.status) AS prev
  FROM device_state_log g
  WHERE %(with_series)s AND g.recorded_at >= %(since)s AND g.observed_at >= %(since)s AND g.observed_at <= %(now)s
) l JOIN device d USING (device_id)
WHERE {counted} AND (l.status = 'online') <> (l.prev = 'online') GROUP BY 1, 2, 3, 4"""
).format(counted=DEVICE_COUNTED)


def device_rate(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Online ÷ not disabled, percent, of devices of one `class`. Series: walked back from now by the state log."""
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _DEVICE_LEAF, {"class": params["class"]}).items():
        online, total, _, _ = cells.get(0, (0.0, 0.0, None, False))
        if not total:
            continue
        points = _walk_back(online, {k: c[0] for k, c in cells.items() if k > 0}) if ask.series else ()
        series = tuple(_percent(min(max(p, 0.0), total), total) for p in points)
        previous = series[0] if series else None
        out[key] = Reading(
            _percent(online, total), online, total, origin=origin_of(cells), series=series, previous=previous
        )
    return out


def _percent(part: float, whole: float) -> float | None:
    return 100.0 * part / whole if whole else None


def _walk_back(now: float, deltas: Mapping[int, float]) -> list[float]:
    """Value at the end of each of the 24 hours, from the value now and what changed in each hour."""
    points = [now]
    for hour in range(POINTS, 1, -1):
        points.append(points[-1] - deltas.get(hour, 0.0))
    return points[::-1]


# ---------------------------------------------------------------- events

EVENT_COUNTED = sql.SQL("e.status <> 'void' AND NOT e.suspected")
_EVENT_LEAF = sql.SQL(
    """
SELECT coalesce(e.region_id, %(root)s::int) AS region_id, coalesce(e.private_to, '') AS priv,
       e.sensitivity AS sens, b.bucket, count(*) AS num, 0 AS den,
       NULL::timestamptz AS as_of, bool_or(e.origin = 'demo') AS demo
FROM event e CROSS JOIN LATERAL (
  SELECT 0 AS bucket WHERE e.occurred_at >= %(day)s AND e.occurred_at <= %(now)s
  UNION ALL SELECT -1 WHERE e.occurred_at >= %(day_week)s AND e.occurred_at <= %(week)s
  UNION ALL SELECT 1 + floor(extract(epoch FROM e.occurred_at - %(since)s) / 3600)::int
            WHERE e.occurred_at >= %(since)s AND e.occurred_at <= %(now)s
) b
WHERE {counted}
  AND (e.occurred_at BETWEEN %(day_week)s AND %(week)s OR e.occurred_at BETWEEN least(%(since)s, %(day)s) AND %(now)s)
GROUP BY 1, 2, 3, 4"""
).format(counted=EVENT_COUNTED)


def events_today(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Events since local midnight; previous: the same weekday last week to the same time; series: per hour."""
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _EVENT_LEAF, params).items():
        today = cells.get(0, (0.0, 0.0, None, False))[0]
        before = cells.get(-1, (0.0, 0.0, None, False))[0]
        series = tuple(cells[h][0] if h in cells else 0.0 for h in range(1, POINTS + 1))
        state = "ok" if today else "empty"
        out[key] = Reading(today, today, None, state=state, origin=origin_of(cells), series=series, previous=before)
    return out


# ---------------------------------------------------------------- cases

# What is an incident or carries its level has a life and a count of its own; an exercise is in no number.
CASE_COUNTED = sql.SQL("k.incident_level IS NULL AND k.flow <> 'incident' AND NOT k.exercise")
CASE_OPEN = sql.SQL("k.opened_at <= %(now)s AND (k.closed_at IS NULL OR k.closed_at > %(now)s)")
# Of the cases whose answer was owed between two times: closed in between, or fallen due in between and still open.
CASE_DUE = sql.SQL(
    """(k.on_time IS NOT NULL AND k.closed_at >= {start} AND k.closed_at <= {end}
        OR NOT k.clock_stopped AND k.total_due_at >= {start} AND k.total_due_at < {end}
           AND (k.closed_at IS NULL OR k.closed_at > {end}))"""
)
CASE_KEPT = sql.SQL("k.on_time IS TRUE AND k.closed_at >= {start} AND k.closed_at <= {end}")
CASE_ANSWERED = sql.SQL("k.responded_at >= {start} AND k.responded_at <= {end} AND k.responded_at >= k.opened_at")

_URGENCY_BUCKET = {-10: "routine", -11: "urgent", -12: "critical"}
_OPEN_LEAF = sql.SQL(
    """
SELECT coalesce(k.region_id, %(root)s::int) AS region_id, coalesce(k.private_to, '') AS priv,
       k.sensitivity AS sens, b.bucket, sum(b.n) AS num, 0 AS den,
       NULL::timestamptz AS as_of, bool_or(k.origin = 'demo') AS demo
FROM cases k CROSS JOIN LATERAL (
  SELECT 0 AS bucket, 1 AS n WHERE {is_open}
  UNION ALL SELECT CASE k.urgency WHEN 'critical' THEN -12 WHEN 'urgent' THEN -11 ELSE -10 END, 1 WHERE {is_open}
  UNION ALL SELECT -1, 1 WHERE k.opened_at <= %(before)s AND (k.closed_at IS NULL OR k.closed_at > %(before)s)
  UNION ALL SELECT 1 + floor(extract(epoch FROM k.opened_at - %(since)s) / 3600)::int, 1
            WHERE k.opened_at >= %(since)s AND k.opened_at <= %(now)s
  UNION ALL SELECT 1 + floor(extract(epoch FROM k.closed_at - %(since)s) / 3600)::int, -1
            WHERE k.closed_at >= %(since)s AND k.closed_at <= %(now)s
) b
WHERE {counted}
  AND (k.closed_at IS NULL OR k.closed_at >= least(%(since)s, %(before)s))
GROUP BY 1, 2, 3, 4"""
).format(counted=CASE_COUNTED, is_open=CASE_OPEN)


def open_cases(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Cases not closed; the note tells them by urgency; previous: open 24 h ago; series: at each full hour."""
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _OPEN_LEAF, params).items():
        value = {k: c[0] for k, c in cells.items()}
        now = value.get(0, 0.0)
        series = tuple(_walk_back(now, {k: n for k, n in value.items() if k > 0}))
        urgency = {word: int(value.get(b, 0.0)) for b, word in _URGENCY_BUCKET.items()}
        out[key] = Reading(
            now,
            now,
            None,
            state="ok" if now else "empty",
            origin=origin_of(cells),
            note=urgency_note(urgency),
            series=series,
            previous=value.get(-1, 0.0),
        )
    return out


def urgency_note(counts: Mapping[str, int]) -> Text:
    """Open cases by urgency, highest first."""
    c, u, r = counts["critical"], counts["urgent"], counts["routine"]
    return Text(f"特急 {c} · 紧急 {u} · 一般 {r}", f"critical {c} · urgent {u} · routine {r}")


def _between(start: str, end: str, *parts: sql.SQL) -> dict[str, sql.Composed]:
    bounds = {"start": sql.SQL(start), "end": sql.SQL(end)}  # pyright: ignore[reportArgumentType] - constants of this file
    return {f"p{i}": p.format(**bounds) for i, p in enumerate(parts)}


_NOW, _BEFORE = ("%(day)s", "%(now)s"), ("%(day_before)s", "%(before)s")
_EDGE = ("h.at - interval '1 day'", "h.at")
_ON_TIME_LEAF = sql.SQL(
    """
SELECT coalesce(k.region_id, %(root)s::int) AS region_id, coalesce(k.private_to, '') AS priv,
       k.sensitivity AS sens, b.bucket, sum(b.kept) AS num,
       count(*) AS den, NULL::timestamptz AS as_of, bool_or(k.origin = 'demo') AS demo
FROM cases k CROSS JOIN LATERAL (
  SELECT 0 AS bucket, coalesce({kept_now}, false)::int AS kept WHERE {due_now}
  UNION ALL SELECT -1, coalesce({kept_before}, false)::int WHERE {due_before}
  UNION ALL SELECT h.no, coalesce({kept_edge}, false)::int
            FROM (SELECT no, least(%(since)s + no * interval '1 hour', %(now)s) AS at
                  FROM generate_series(1, 24) AS no) h WHERE {due_edge}
) b
WHERE {counted}
  AND (k.closed_at >= least(%(day_before)s, %(since)s - interval '1 day')
       OR k.closed_at IS NULL AND k.total_due_at >= least(%(day_before)s, %(since)s - interval '1 day'))
GROUP BY 1, 2, 3, 4"""
).format(
    counted=CASE_COUNTED,
    kept_now=_between(*_NOW, CASE_KEPT)["p0"],
    due_now=_between(*_NOW, CASE_DUE)["p0"],
    kept_before=_between(*_BEFORE, CASE_KEPT)["p0"],
    due_before=_between(*_BEFORE, CASE_DUE)["p0"],
    kept_edge=_between(*_EDGE, CASE_KEPT)["p0"],
    due_edge=_between(*_EDGE, CASE_DUE)["p0"],
)


def on_time_rate(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Closed on time ÷ owed today, percent; previous: yesterday to the same time; series: the 24 h before each hour."""
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _ON_TIME_LEAF, params).items():
        kept, due, _, _ = cells.get(0, (0.0, 0.0, None, False))
        rate = {b: _percent(c[0], c[1]) for b, c in cells.items()}
        out[key] = Reading(
            rate.get(0),
            kept,
            due,
            state="ok" if due else "empty",
            origin=origin_of(cells),
            series=tuple(rate.get(h) for h in range(1, POINTS + 1)),
            previous=rate.get(-1),
        )
    return out


_RESPONSE_LEAF = sql.SQL(
    """
SELECT coalesce(k.region_id, %(root)s::int) AS region_id, coalesce(k.private_to, '') AS priv,
       k.sensitivity AS sens, b.bucket,
       sum(extract(epoch FROM k.responded_at - k.opened_at) / 60.0) AS num, count(*) AS den,
       NULL::timestamptz AS as_of, bool_or(k.origin = 'demo') AS demo
FROM cases k CROSS JOIN LATERAL (
  SELECT 0 AS bucket WHERE {now_}
  UNION ALL SELECT -1 WHERE {before_}
  UNION ALL SELECT 1 + floor(extract(epoch FROM k.responded_at - %(since48)s) / 3600)::int
            WHERE k.responded_at >= %(since48)s AND k.responded_at <= %(now)s AND k.responded_at >= k.opened_at
) b
WHERE {counted} AND k.responded_at BETWEEN least(%(day_before)s, %(since48)s) AND %(now)s
GROUP BY 1, 2, 3, 4"""
).format(
    counted=CASE_COUNTED,
    now_=_between(*_NOW, CASE_ANSWERED)["p0"],
    before_=_between(*_BEFORE, CASE_ANSWERED)["p0"],
)


def mean_response(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Mean minutes to the first answer of cases answered today; numerator: minutes, denominator: cases."""
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _RESPONSE_LEAF, params).items():
        minutes, count, _, _ = cells.get(0, (0.0, 0.0, None, False))
        before = cells.get(-1)
        out[key] = Reading(
            minutes / count if count else None,
            minutes,
            count,
            state="ok" if count else "empty",
            origin=origin_of(cells),
            series=tuple(_rolling_mean(cells, hour) for hour in range(POINTS + 1, 2 * POINTS + 1)),
            previous=before[0] / before[1] if before and before[1] else None,
        )
    return out


def _rolling_mean(cells: Mapping[int, Cell], hour: int) -> float | None:
    """Mean over the 24 hourly buckets that end with `hour`."""
    window = [cells[h] for h in range(hour - POINTS + 1, hour + 1) if h in cells]
    count = sum(c[1] for c in window)
    return sum(c[0] for c in window) / count if count else None


_NOTHING = Reading(None, state="empty")
_NO_COUNT = Reading(0.0, 0.0, None, state="empty", previous=0.0)
_ZERO = Reading(0.0, 0.0, None, state="empty", series=(0.0,) * POINTS, previous=0.0)


@dataclass(frozen=True, slots=True)
class Named:
    """A query by name. `heavy_series`: its 24 points are asked for once an hour. `empty`: what no row means."""

    compute: Compute
    heavy_series: bool = False
    empty: Reading = _NOTHING


QUERIES: Mapping[str, Named] = {
    "device_rate": Named(device_rate, heavy_series=True),
    "events_today": Named(events_today, empty=_ZERO),
    "events_month": Named(events_month, empty=_NO_COUNT),
    "refuted_rate": Named(refuted_rate),
    "open_cases": Named(open_cases, empty=_ZERO),
    "on_time_rate": Named(on_time_rate),
    "mean_response": Named(mean_response),
    "repair_rate": Named(repair_rate),
    "closed_rate": Named(closed_rate),
    "handling_days": Named(handling_days),
    "alert_response": Named(alert_response),
    "incident_response": Named(incident_response),
    "team_coverage": Named(team_coverage),
    "warning_accuracy": Named(warning_accuracy),
    "medical": Named(medical),
    "structure_health": Named(structure_health),
    "aqi": Named(aqi, heavy_series=True),
    "sum_latest": Named(sum_latest, heavy_series=True),
    "sources_ok": Named(sources_ok),
    "alarm_load": Named(alarm_load),
}
