"""Tiles of emergency resources, where they are now, and of sensitive targets."""

from __future__ import annotations

import datetime as dt
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from ioc.freshness import LATE, STALE
from ioc.store.resources import LIVE_FOR
from ioc.store.tiles.frame import IN_TILE, LABELS_FROM, POINT, Statement, TileQuery, frame, narrow, on, tile

# A tracker speaks every two minutes: late after one interval, stale after three (design.md section 8).
INTERVAL = dt.timedelta(minutes=2)
LATE_FOR, STALE_FOR = INTERVAL * LATE, INTERVAL * STALE
_AGED: LiteralString = (
    ", concat(r.name, CASE WHEN l.observed_at < %(late_since)s"
    " THEN ' ' || (extract(epoch FROM %(now)s - l.observed_at) / 60)::int || '′' END) AS label,"
    " extract(epoch FROM l.observed_at)::bigint AS at"
)


def resources(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Each once: at the newest position it told of within `LIVE_FOR`, else where it is kept. `at`: the position's age.

    A position older than `STALE_FOR` is drawn like what does not answer (`s` offline), and one older than `LATE_FOR`
    carries its age in minutes. Two branches, because each has an index of its places.
    """
    where, params = narrow(q, "r", ("kind", "status", "source"))
    close = q.z >= LABELS_FROM
    columns = sql.SQL("r.resource_id AS id, r.kind AS k, r.name")
    kept = sql.SQL(
        "SELECT {point} AS geom, {columns}, r.status AS s{label} FROM resource r WHERE {inside} AND {where}"
        " AND NOT EXISTS (SELECT FROM resource_live v"
        " WHERE v.resource_id = r.resource_id AND v.observed_at > %(live_since)s)"
    ).format(
        point=on(POINT, "r"), inside=on(IN_TILE, "r"), where=where, columns=columns,
        label=sql.SQL(", r.name AS label, extract(epoch FROM r.observed_at)::bigint AS at" if close else ""),
    )  # fmt: skip
    moved = sql.SQL(
        "SELECT {point} AS geom, {columns},"
        " CASE WHEN l.observed_at < %(stale_since)s THEN 'offline' ELSE r.status END AS s{label}"
        " FROM resource_live l JOIN resource r USING (resource_id)"
        " WHERE {inside} AND l.observed_at > %(live_since)s AND {where}"
    ).format(
        point=on(POINT, "l"), inside=on(IN_TILE, "l"), where=where, columns=columns,
        label=sql.SQL(_AGED if close else ""),
    )  # fmt: skip
    inner = sql.SQL("{} UNION ALL {}").format(kept, moved)
    since = {"live_since": q.now - LIVE_FOR, "stale_since": q.now - STALE_FOR, "late_since": q.now - LATE_FOR,
             "now": q.now}  # fmt: skip
    return [(tile("points", inner), {**frame(q), **params, **since})]


def targets(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """A mark each, on the line or inside the polygon.

    `hz`: the level of a major hazard, told by colour and number (EMG-04); of anything graded the label has the level.
    `ex` 1: a bridge or line below its limit.
    """
    where, params = narrow(q, "t", ("kind", "source", "level"))
    label = sql.SQL(
        ", concat_ws(' ', t.name, (ARRAY['一级', '二级', '三级', '四级'])[t.level]) AS label,"
        " coalesce(k.attributes->>'icon', 'warn') AS icon"
        if q.z >= LABELS_FROM
        else ""
    )
    inner = sql.SQL(
        "SELECT {point} AS geom, t.target_id AS id, t.kind AS k, t.name, t.level AS lv,"
        " CASE WHEN t.kind = 'major_hazard' THEN t.level END AS hz,"
        " coalesce(t.health < t.health_limit, false)::int AS ex{label}"
        " FROM target t LEFT JOIN dictionary_now k ON k.dict = 'target_kind' AND k.code = t.kind"
        " WHERE t.removed_at IS NULL AND {inside} AND {where}"
    ).format(point=on(POINT, "t", "spot"), inside=on(IN_TILE, "t", "spot"), where=where, label=label)
    return [(tile("points", inner), {**frame(q), **params})]
