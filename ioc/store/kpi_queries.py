"""The named queries behind indicators: a whole region tree, for every audience, in one grouped statement each.

Every statement has the same shape. A *leaf* select groups a table by finest region, `private_to` and sensitivity and
gives `num`, `den`, `as_of` and whether a demo row is inside, under a `bucket`: 0 is the period now, -1 the period it is
compared with, 1-24 the hours of the series (24 = the running hour; 1-48 where a rolling day is needed). `_ROLLUP` adds
the leaves up to every ancestor region through `region_closure`, once per audience that may see them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import sql

from ioc import aqi as air
from ioc.clock import local_day
from ioc.declare import Reading
from ioc.freshness import freshness
from ioc.i18n import Text
from ioc.store.pool import Conn

Row = Mapping[str, Any]
Cell = tuple[float, float, dt.datetime | None, bool]  # num, den, as_of, demo
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
POINTS = 24


@dataclass(frozen=True, slots=True)
class Audience:
    """The department and sensitivity part of a scope. `departments` None: all; empty: only rows shared with all."""

    key: str
    departments: tuple[str, ...] | None
    sensitivity: int


@dataclass(frozen=True, slots=True)
class Ask:
    """One computation. `series` asks for the 24 points too: costly ones are asked for once an hour."""

    now: dt.datetime
    tz: ZoneInfo
    audiences: Sequence[Audience]
    root: int | None = None  # the centre's only root region: what lies in no region is counted there and nowhere below
    series: bool = True

    @property
    def hour(self) -> dt.datetime:
        """Start of the running hour."""
        return self.now.astimezone(self.tz).replace(minute=0, second=0, microsecond=0).astimezone(dt.UTC)

    def common(self) -> dict[str, Any]:
        """Bounds every leaf may use: now, local midnight, 24 h earlier, last week, and where the series begins."""
        day = local_day(self.now, self.tz)[0]
        # Calendar arithmetic in local time, so that a change of clocks does not move "the same time of day".
        local = self.now.astimezone(self.tz)
        before, week = (local - DAY).astimezone(dt.UTC), (local - 7 * DAY).astimezone(dt.UTC)
        return {
            "now": self.now,
            "day": day,
            "before": before,
            "day_before": local_day(self.now, self.tz, 1)[0],
            "week": week,
            "day_week": local_day(self.now, self.tz, 7)[0],
            "since": self.hour - (POINTS - 1) * HOUR,
            "since48": self.hour - (2 * POINTS - 1) * HOUR,
            "with_series": self.series,
            "root": self.root,
        }


Answer = dict[tuple[int, str], Reading]
Compute = Callable[[Conn, Ask, Mapping[str, Any]], Answer]

_ROLLUP = sql.SQL(
    """
WITH leaf AS ({leaf}),
aud AS (SELECT key, all_departments, departments, sensitivity FROM jsonb_to_recordset(%(audiences)s::jsonb)
        AS a (key text, all_departments boolean, departments text[], sensitivity int))
SELECT c.ancestor_id AS region_id, a.key AS audience, l.bucket, sum(l.num)::float8 AS num, sum(l.den)::float8 AS den,
       max(l.as_of) AS as_of, bool_or(l.demo) AS demo
FROM leaf l JOIN region_closure c ON c.descendant_id = l.region_id
JOIN aud a ON l.sens <= a.sensitivity AND (a.all_departments OR l.priv = '' OR l.priv = ANY (a.departments))
GROUP BY 1, 2, 3"""
)


def audiences_json(audiences: Sequence[Audience]) -> str:
    return json.dumps(
        [
            {
                "key": a.key,
                "all_departments": a.departments is None,
                "departments": list(a.departments or ()),
                "sensitivity": a.sensitivity,
            }
            for a in audiences
        ]
    )


def rolled_up(
    conn: Conn, ask: Ask, leaf: sql.Composable, params: Mapping[str, Any]
) -> dict[tuple[int, str], dict[int, Cell]]:
    """Run one leaf for all regions and audiences: {(region, audience): {bucket: cell}}."""
    query = _ROLLUP.format(leaf=leaf)
    values = {**ask.common(), **params, "audiences": audiences_json(ask.audiences)}
    out: dict[tuple[int, str], dict[int, Cell]] = {}
    for r in conn.execute(query, values):
        cell = (float(r["num"] or 0.0), float(r["den"] or 0.0), r["as_of"], bool(r["demo"]))
        out.setdefault((r["region_id"], r["audience"]), {})[r["bucket"]] = cell
    return out


def _origin(cells: Mapping[int, Cell]) -> str:
    return "demo" if any(c[3] for c in cells.values()) else "real"


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
            _percent(online, total), online, total, origin=_origin(cells), series=series, previous=previous
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
        out[key] = Reading(today, today, None, state=state, origin=_origin(cells), series=series, previous=before)
    return out


# ---------------------------------------------------------------- cases

# What carries an incident level has a life and a count of its own.
CASE_COUNTED = sql.SQL("k.incident_level IS NULL")
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
            origin=_origin(cells),
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
            origin=_origin(cells),
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
            origin=_origin(cells),
            series=tuple(_rolling_mean(cells, hour) for hour in range(POINTS + 1, 2 * POINTS + 1)),
            previous=before[0] / before[1] if before and before[1] else None,
        )
    return out


def _rolling_mean(cells: Mapping[int, Cell], hour: int) -> float | None:
    """Mean over the 24 hourly buckets that end with `hour`."""
    window = [cells[h] for h in range(hour - POINTS + 1, hour + 1) if h in cells]
    count = sum(c[1] for c in window)
    return sum(c[0] for c in window) / count if count else None


# ---------------------------------------------------------------- air

# Dust monitors at building sites measure PM10 too, and are no air quality stations.
AIR_STREAMS = sql.SQL(
    """ds.property = ANY (%(air)s) AND (%(kind)s::text = '' OR EXISTS (
         SELECT FROM device s WHERE s.device_id = ds.device_id AND s.kind = %(kind)s))"""
)
_AIR_LEAF = sql.SQL(
    """
SELECT s.region_id, s.priv, s.sens, s.bucket, sum(s.mean) AS num, count(*) AS den, max(s.as_of) AS as_of,
       bool_or(s.demo) AS demo
FROM (
  SELECT coalesce(ds.region_id, %(root)s::int) AS region_id, coalesce(ds.private_to, '') AS priv,
         ds.sensitivity AS sens,
         100 * array_position(%(air)s, ds.property) AS bucket, avg(o.value) AS mean, max(o.observed_at) AS as_of,
         bool_or(ds.origin = 'demo') AS demo
  FROM datastream ds JOIN observation o ON o.datastream_id = ds.datastream_id
  WHERE {streams} AND o.observed_at > %(now)s - interval '1 hour' AND o.observed_at <= %(now)s
    AND o.quality <= 1 AND o.value >= 0
  GROUP BY ds.datastream_id
  UNION ALL
  SELECT coalesce(ds.region_id, %(root)s::int) AS region_id, coalesce(ds.private_to, ''), ds.sensitivity,
         100 * array_position(%(air)s, ds.property)
           + 1 + floor(extract(epoch FROM o.observed_at - %(since)s) / 3600)::int AS bucket,
         avg(o.value), NULL, bool_or(ds.origin = 'demo')
  FROM datastream ds JOIN observation o ON o.datastream_id = ds.datastream_id
  WHERE %(with_series)s AND {streams} AND o.observed_at >= %(since)s AND o.observed_at <= %(now)s
    AND o.quality <= 1 AND o.value >= 0
  GROUP BY ds.datastream_id, 4
) s GROUP BY 1, 2, 3, 4"""
).format(streams=AIR_STREAMS)


def air_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """`kind`: the device kind that counts as a station; empty: whatever measures a pollutant."""
    return {"air": list(air.POLLUTANTS), "kind": params.get("kind", "")}


def aqi(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """AQI of the mean concentration over a region's stations (the rule HJ 663 uses for a city), last hour.

    The denominator is the number of stations of the pollutant most stations measure. Missing pollutants are named.
    """
    tables = _setting(conn, "aqi.tables")
    day = ask.now.astimezone(ask.tz).date()
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _AIR_LEAF, air_params(params)).items():
        index = air.aqi(_concentrations(cells, 0), day, tables=tables)
        series = tuple(_index(cells, h, day, tables) for h in range(1, POINTS + 1)) if ask.series else ()
        stations = max((c[1] for b, c in cells.items() if b % 100 == 0), default=0.0)
        as_of = max((c[2] for c in cells.values() if c[2] is not None), default=None)
        out[key] = Reading(
            float(index.value) if index else None,
            None,
            stations or None,
            as_of=as_of,
            state="ok" if index else "empty",
            origin=_origin(cells),
            note=index.note() if index else None,
            series=series,
            previous=series[0] if series else None,
        )
    return out


def _concentrations(cells: Mapping[int, Cell], hour: int) -> dict[str, float | None]:
    found = {p: cells.get(100 * (i + 1) + hour) for i, p in enumerate(air.POLLUTANTS)}
    return {p: c[0] / c[1] if c and c[1] else None for p, c in found.items()}


def _index(cells: Mapping[int, Cell], hour: int, day: dt.date, tables: Mapping[str, Any] | None) -> float | None:
    found = air.aqi(_concentrations(cells, hour), day, tables=tables)
    return float(found.value) if found else None


def _setting(conn: Conn, key: str) -> Mapping[str, Any] | None:
    row = conn.execute("SELECT value FROM setting WHERE key = %s", (key,)).fetchone()
    return row["value"] if row else None


# ---------------------------------------------------------------- a sum of latest readings

LATEST_COUNTED = sql.SQL(
    """ds.property = %(property)s AND (%(kind)s::text = '' OR d.kind = %(kind)s)
    AND (%(within)s::text = '' OR EXISTS (SELECT FROM region_closure w JOIN region r ON r.region_id = w.ancestor_id
         WHERE r.code = %(within)s AND w.descendant_id = ds.region_id))
    AND (%(tag)s::jsonb IS NULL OR d.attributes @> %(tag)s::jsonb)"""
)
LATEST_ALIVE = sql.SQL(
    """t.value IS NOT NULL AND t.quality <= 1 AND t.observed_at <= %(now)s
    AND t.observed_at > %(now)s - 10 * ds.interval_s * interval '1 second'"""
)
_LATEST_LEAF = sql.SQL(
    """
SELECT coalesce(ds.region_id, %(root)s::int) AS region_id, coalesce(ds.private_to, '') AS priv,
       ds.sensitivity AS sens, 0 AS bucket, sum(t.value) AS num,
       count(*) AS den, max(t.observed_at) AS as_of, bool_or(ds.origin = 'demo') AS demo
FROM datastream ds JOIN device d USING (device_id) JOIN latest t USING (datastream_id)
WHERE {counted} AND {alive} GROUP BY 1, 2, 3
UNION ALL
SELECT s.region_id, s.priv, s.sens, s.bucket, sum(s.mean), count(*), NULL, bool_or(s.demo)
FROM (
  SELECT coalesce(ds.region_id, %(root)s::int) AS region_id, coalesce(ds.private_to, '') AS priv,
         ds.sensitivity AS sens,
         1 + floor(extract(epoch FROM o.observed_at - %(since)s) / 3600)::int AS bucket, avg(o.value) AS mean,
         bool_or(ds.origin = 'demo') AS demo
  FROM datastream ds JOIN device d USING (device_id) JOIN observation o USING (datastream_id)
  WHERE %(with_series)s AND {counted} AND o.observed_at >= %(since)s AND o.observed_at <= %(now)s
    AND o.quality <= 1 AND o.value IS NOT NULL
  GROUP BY ds.datastream_id, ds.region_id, ds.private_to, ds.sensitivity, 4
) s GROUP BY 1, 2, 3, 4"""
).format(counted=LATEST_COUNTED, alive=LATEST_ALIVE)


def latest_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults of `sum_latest`: see there."""
    tag = params.get("tag")
    return {
        "property": params["property"],
        "kind": params.get("kind", ""),
        "within": params.get("within", ""),
        "tag": (tag if isinstance(tag, str) else json.dumps(tag)) if tag else None,
    }


def sum_latest(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Sum of the latest readings of one `property`, such as people counted at gates.

    Optional: `kind` (device kind), `within` (code of a region the devices must lie in), `tag` (a JSON object the
    device's attributes must contain), `scale` (0.0001 shows 万). Readings older than ten of their intervals are left
    out. Numerator: the unscaled sum; denominator: readings in it. Series: sum of the hourly means.
    """
    scale = float(params.get("scale", 1.0))
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _LATEST_LEAF, latest_params(params)).items():
        now = cells.get(0)
        series = tuple(cells[h][0] * scale if h in cells else None for h in range(1, POINTS + 1)) if ask.series else ()
        out[key] = Reading(
            now[0] * scale if now else None,
            now[0] if now else None,
            now[1] if now else None,
            as_of=now[2] if now else None,
            state="ok" if now else "empty",
            origin=_origin(cells),
            series=series,
            previous=series[0] if series else None,
        )
    return out


# ---------------------------------------------------------------- sources


def source_in_order(row: Row, now: dt.datetime) -> bool:
    """Without error and heard within three of its intervals (live or late, design.md section 8)."""
    heard = max((t for t in (row["last_seen_at"], row["last_data_at"]) if t is not None), default=None)
    interval = dt.timedelta(seconds=row["interval_s"])
    return row["state"] not in ("error", "off") and freshness(heard, interval, now) in ("live", "late")


SOURCE_SELECT = sql.SQL("SELECT * FROM source WHERE enabled ORDER BY source_key")


def sources_ok(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Sources in order ÷ enabled sources, of the centre as a whole: kept at the root regions only."""
    rows = conn.execute(SOURCE_SELECT).fetchall()
    top = conn.execute("SELECT region_id FROM region WHERE parent_id IS NULL AND kind <> 'zone'")
    roots = [r["region_id"] for r in top]
    good = float(sum(source_in_order(r, ask.now) for r in rows))
    reading = Reading(
        good if rows else None,
        good,
        float(len(rows)),
        as_of=ask.now if rows else None,
        state="ok" if rows else "unconnected",
        origin="demo" if any(r["origin"] == "demo" for r in rows) else "real",
    )
    return {(root, a.key): reading for root in roots for a in ask.audiences}


_NOTHING = Reading(None, state="empty")
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
    "open_cases": Named(open_cases, empty=_ZERO),
    "on_time_rate": Named(on_time_rate),
    "mean_response": Named(mean_response),
    "aqi": Named(aqi, heavy_series=True),
    "sum_latest": Named(sum_latest, heavy_series=True),
    "sources_ok": Named(sources_ok),
}
