"""Tiles of patrols: cells by how long ago they were walked, and tracks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
from psycopg import sql

from ioc.patrols.coverage import PERIOD
from ioc.store.tiles.frame import SHAPE, TOUCHES, Statement, TileQuery, frame, narrow, on, tile

CELLS_FROM, TRACKS_FROM = 13, 12
TRACK_DAYS = dt.timedelta(days=7)


def coverage(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Cells with a plan or a patrol. `s`: 1 in time, 2 overdue, 0 without a plan; the label is the days since."""
    if q.z < CELLS_FROM:
        return []
    where, params = narrow(q, "g", ("kind",))
    inner = sql.SQL(
        """
        SELECT {shape} AS geom, g.grid_cell_id AS id, g.kind AS k, g.name,
               CASE WHEN pl.times IS NULL THEN 0
                    WHEN d.last_at IS NULL OR d.last_at < %(now)s - %(period)s / pl.times THEN 2 ELSE 1 END AS s,
               CASE WHEN d.last_at IS NULL THEN '—'
                    WHEN d.last_at < %(now)s - %(period)s / pl.times THEN '! ' ELSE '' END ||
               CASE WHEN d.last_at IS NULL THEN ''
                    ELSE floor(extract(epoch FROM %(now)s - d.last_at) / 86400)::int || ' d' END AS label
        FROM grid_cell g
        LEFT JOIN LATERAL (SELECT sum(p.times_a_week)::float8 AS times FROM patrol_plan p
                           WHERE p.grid_cell_id = g.grid_cell_id) pl ON true
        LEFT JOIN LATERAL (SELECT max(p.ended_at) AS last_at FROM patrol p
                           WHERE p.grid_cell_id = g.grid_cell_id AND p.inside > 0 AND p.ended_at <= %(now)s) d ON true
        WHERE {touches} AND {where} AND (pl.times IS NOT NULL OR d.last_at IS NOT NULL)
        """
    ).format(shape=on(SHAPE, "g"), touches=on(TOUCHES, "g"), where=where)
    return [(tile("areas", inner), {**frame(q), **params, "now": q.now, "period": PERIOD})]


def tracks(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Lines of the last days, without a name; which patrol it was is told by its record."""
    if q.z < TRACKS_FROM:
        return []
    where, params = narrow(q, "t", ())
    inner = sql.SQL(
        "SELECT {shape} AS geom, t.patrol_id AS id FROM patrol_track t"
        " WHERE {touches} AND t.begun_at >= %(since)s AND {where}"
    ).format(shape=on(SHAPE, "t"), touches=on(TOUCHES, "t"), where=where)
    return [(tile("lines", inner), {**frame(q), **params, "since": q.now - TRACK_DAYS})]
