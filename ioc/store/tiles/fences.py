"""Tiles of electronic fences, and of the alarms that stand because something crossed one."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ioc.store.tiles.frame import IN_TILE, POINT, SHAPE, TOUCHES, Statement, TileQuery, frame, narrow, on, tile


def fences(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    where, params = narrow(q, "f", ())
    inner = sql.SQL(
        "SELECT {shape} AS geom, f.fence_id AS id, f.name FROM fence f"
        " WHERE f.deleted_at IS NULL AND {touches} AND {where}"
    ).format(shape=on(SHAPE, "f"), touches=on(TOUCHES, "f"), where=where)
    return [(tile("areas", inner), {**frame(q), **params})]


def crossings(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Open fence alarms at the newest position of their device; without one, where the device is kept."""
    where, params = narrow(q, "a", ())
    inner = sql.SQL(
        """
        SELECT {point} AS geom, e.id, e.name, e.name AS label, 'warn' AS icon, 1 AS ex FROM (
          SELECT a.alarm_id AS id, d.name,
                 coalesce(CASE WHEN abs(p.lon) <= 180 AND abs(p.lat) <= 85
                               THEN ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326) END, d.geom) AS geom
          FROM alarm a JOIN device d USING (device_id)
          LEFT JOIN LATERAL (
            SELECT max(l.value) FILTER (WHERE s.property = 'position_lon') AS lon,
                   max(l.value) FILTER (WHERE s.property = 'position_lat') AS lat
            FROM datastream s JOIN latest l USING (datastream_id)
            WHERE s.device_id = a.device_id AND s.property IN ('position_lon', 'position_lat')) p ON true
          WHERE a.category = 'fence' AND a.ended_at IS NULL AND a.hold = '' AND {where}) e
        WHERE {inside}
        """
    ).format(point=on(POINT, "e"), inside=on(IN_TILE, "e"), where=where)
    return [(tile("points", inner), {**frame(q), **params})]
