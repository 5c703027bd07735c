"""The queries behind the closed loop's numbers of the month: closed, how long, across departments, three minutes.

A window is the month so far in the centre's zone; it is compared with the month before to the same day and time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from ioc.declare import Reading
from ioc.i18n import Text
from ioc.store.kpi_events import month_bounds
from ioc.store.kpi_rollup import Answer, Ask, Cell, origin_of, rolled_up
from ioc.store.pool import Conn

_NOW, _BEFORE, _GROSS = 0, -1, -2
# Medians do not add up over regions, but counts do: a bucket an hour for two days, then one a day for a year.
_HOURS, _DAYS, _FIRST = 48, 366, 100

# What was taken up: neither refused (不予受理) nor void nor a false alarm. Incidents are counted apart.
ACCEPTED = sql.SQL(
    "k.incident_level IS NULL AND k.flow <> 'incident' AND NOT k.exercise AND k.ended = ''"
    " AND (%(flow)s = '' OR k.flow = %(flow)s)"
)
OPENED_MONTH = sql.SQL("k.opened_at >= %(month)s AND k.opened_at <= %(now)s")
CLOSED_BY_NOW = sql.SQL("coalesce(k.closed_at <= %(now)s, false)")
CLOSED_MONTH = sql.SQL("k.closed_at >= %(month)s AND k.closed_at <= %(now)s AND k.closed_at >= k.opened_at")
# More than one department was given the case (72 h against the usual 48 h: EVT-12).
CROSS = sql.SQL(
    "(SELECT count(DISTINCT s.given ->> 'department') FROM case_step s WHERE s.case_id = k.case_id"
    " AND s.given ->> 'department' <> '') > 1"
)
# Owed an answer within three minutes: answered, or waiting for longer than that already (EVT-17).
ALERT = sql.SQL(
    "NOT k.exercise AND k.urgency = 'critical'"
    " AND (k.responded_at IS NOT NULL OR k.opened_at <= %(now)s - interval '180 seconds')"
)
IN_TIME = sql.SQL(
    "coalesce(k.responded_at - k.opened_at <= interval '180 seconds' AND k.responded_at >= k.opened_at, false)"
)

_HEAD = sql.SQL(
    """
SELECT coalesce(k.region_id, %(root)s::int) AS region_id, coalesce(k.private_to, '') AS priv,
       k.sensitivity AS sens, b.bucket, {num} AS num, {den} AS den, NULL::timestamptz AS as_of,
       bool_or(k.origin = 'demo') AS demo
FROM cases k """
)
_RATE_LEAF = sql.SQL(
    """{head} CROSS JOIN LATERAL (
  SELECT 0 AS bucket, {counted} AS yes WHERE k.opened_at >= %(month)s
  UNION ALL SELECT -1, {counted_before} WHERE k.opened_at < %(before_now)s
) b
WHERE {where} AND k.opened_at >= %(month_before)s AND k.opened_at <= %(now)s GROUP BY 1, 2, 3, 4"""
)
_RATE_HEAD = _HEAD.format(num=sql.SQL("count(*) FILTER (WHERE b.yes)"), den=sql.SQL("count(*)"))
_CLOSED_LEAF = _RATE_LEAF.format(
    head=_RATE_HEAD,
    counted=CLOSED_BY_NOW,
    counted_before=sql.SQL("coalesce(k.closed_at <= %(before_now)s, false)"),
    where=ACCEPTED,
)
_ALERT_LEAF = _RATE_LEAF.format(head=_RATE_HEAD, counted=IN_TIME, counted_before=IN_TIME, where=ALERT)

# `net`: from opening to closing without the time the clock stood, in days; `gross`: with it.
_TOOK_LEAF = sql.SQL(
    """
WITH took AS MATERIALIZED (
  SELECT k.region_id, k.private_to, k.sensitivity, k.origin, k.closed_at,
         extract(epoch FROM k.closed_at - k.opened_at) / 86400.0 AS gross,
         greatest(0, extract(epoch FROM k.closed_at - k.opened_at) - h.held) / 86400.0 AS net
  FROM cases k CROSS JOIN LATERAL (
    SELECT coalesce(sum(extract(epoch FROM least(coalesce(a.until, k.closed_at), k.closed_at)
                                           - least(a.at, k.closed_at))), 0) AS held
    FROM (SELECT x ->> 0 AS act, (x ->> 1)::timestamptz AS at, lead((x ->> 1)::timestamptz) OVER (ORDER BY n) AS until
          FROM jsonb_array_elements(k.terms -> 'acts') WITH ORDINALITY AS t (x, n)) a
    WHERE a.act = 'pause') h
  WHERE {where} AND k.closed_at >= %(month_before)s AND k.closed_at <= %(now)s AND k.closed_at >= k.opened_at
)
{head} CROSS JOIN LATERAL (
  SELECT 0 AS bucket, k.net AS days WHERE k.closed_at >= %(month)s
  UNION ALL SELECT -2, k.gross WHERE k.closed_at >= %(month)s
  UNION ALL SELECT -1, k.net WHERE k.closed_at < %(before_now)s
  UNION ALL SELECT CASE WHEN k.net < 2 THEN 100 + floor(k.net * 24)::int
                        ELSE 146 + least(366, floor(k.net)::int) END, 0 WHERE k.closed_at >= %(month)s
) b
GROUP BY 1, 2, 3, 4"""
)
_TOOK_HEAD = sql.SQL(
    """
SELECT coalesce(k.region_id, %(root)s::int) AS region_id, coalesce(k.private_to, '') AS priv,
       k.sensitivity AS sens, b.bucket, sum(b.days) AS num, count(*) AS den, NULL::timestamptz AS as_of,
       bool_or(k.origin = 'demo') AS demo
FROM took k """
)


def _rate(cell: Cell | None) -> float | None:
    return 100.0 * cell[0] / cell[1] if cell and cell[1] else None


def _rates(conn: Conn, ask: Ask, leaf: sql.Composable, params: Mapping[str, Any]) -> Answer:
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, leaf, {**month_bounds(ask.now, ask.tz), **params}).items():
        now = cells.get(_NOW)
        part, whole = (now[0], now[1]) if now else (0.0, 0.0)
        state = "ok" if whole else "empty"
        out[key] = Reading(
            _rate(now), part, whole, state=state, origin=origin_of(cells), previous=_rate(cells.get(_BEFORE))
        )
    return out


def closed_rate(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Closed ÷ taken up, of the cases opened this month, percent. `params`: flow."""
    return _rates(conn, ask, _CLOSED_LEAF, {"flow": str(params.get("flow", ""))})


def alert_response(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Answered within 180 s ÷ critical cases of this month that were owed an answer, percent."""
    return _rates(conn, ask, _ALERT_LEAF, params)


def handling_days(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Mean days from opening to closing without held time, of what was closed this month; the note: median, with it.

    `params`: flow; `cross`: only what more than one department had in hand; `per_day`: 1 for days, 24 for hours.
    """
    where = sql.SQL("{} AND {}").format(ACCEPTED, CROSS) if params.get("cross") else ACCEPTED
    leaf = _TOOK_LEAF.format(where=where, head=_TOOK_HEAD)
    scale = float(params.get("per_day", 1))
    values = {**month_bounds(ask.now, ask.tz), "flow": str(params.get("flow", ""))}
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, leaf, values).items():
        now, gross = cells.get(_NOW), cells.get(_GROSS)
        count = now[1] if now else 0.0
        note = _took_note(_median(cells), gross[0] / gross[1], scale) if gross and gross[1] else None
        out[key] = Reading(
            _mean(now, scale), None, count or None, state="ok" if count else "empty", origin=origin_of(cells),
            note=note, previous=_mean(cells.get(_BEFORE), scale),
        )  # fmt: skip
    return out


def _mean(cell: Cell | None, scale: float) -> float | None:
    return scale * cell[0] / cell[1] if cell and cell[1] else None


def _median(cells: Mapping[int, Cell]) -> float:
    """Days; the middle of the bucket in which the middle case lies (of two middle ones the lower)."""
    counts = [(b, c[1]) for b, c in sorted(cells.items()) if b >= _FIRST]
    half, seen = sum(n for _, n in counts) / 2, 0.0
    for bucket, n in counts:
        seen += n
        if seen >= half:
            at = bucket - _FIRST
            return (at + 0.5) / 24 if at < _HOURS else at - _HOURS + 2 + 0.5
    return 0.0


def _took_note(median: float, gross: float, scale: float) -> Text:
    zh, en = ("小时", "h") if scale > 1 else ("天", "d")
    m, g = f"{median * scale:.1f}", f"{gross * scale:.1f}"
    return Text(f"中位 {m} {zh} · 含挂起 {g} {zh}", f"median {m} {en} · with holds {g} {en}")
