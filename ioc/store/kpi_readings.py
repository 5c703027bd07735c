"""Indicators that rest on readings and on sources: air quality, sums of latest values, sources in order."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from psycopg import sql

from ioc import aqi as air
from ioc.declare import Reading
from ioc.freshness import freshness
from ioc.store.kpi_rollup import POINTS, Answer, Ask, Cell, Row, origin_of, rolled_up
from ioc.store.pool import Conn
from ioc.store.standards import aqi_tables

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
    tables = aqi_tables(conn)
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
            origin=origin_of(cells),
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
            origin=origin_of(cells),
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


# A door nobody has used yet (an intake that never received anything) is not a source out of order.
SOURCE_SELECT = sql.SQL("SELECT * FROM source WHERE enabled AND state <> 'never' ORDER BY source_key")


def sources_ok(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Sources in order ÷ enabled sources that ever spoke, of the centre as a whole: kept at the root regions only."""
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
