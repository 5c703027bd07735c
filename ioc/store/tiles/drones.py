"""Tiles of drones: flights brought in, what live drones have just flown, photo points."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
from psycopg import sql

from ioc.store.tiles.frame import (
    IN_TILE,
    LABELS_FROM,
    POINT,
    SHAPE,
    TOUCHES,
    Statement,
    TileQuery,
    frame,
    narrow,
    on,
    tile,
)

FLIGHTS_FOR, TRACE_FOR, PHOTOS_FOR = dt.timedelta(days=7), dt.timedelta(hours=2), dt.timedelta(days=30)
_PHOTO_NAME = sql.SQL("coalesce(nullif(p.note, ''), split_part(p.external_id, '@', 1))")
GAP = dt.timedelta(minutes=5)  # positions farther apart are of two flights: no line is drawn between them


def flights(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """By the place of a flight's beginning it belongs to a region, wherever it went."""
    where, params = narrow(q, "f", ("source",))
    inner = sql.SQL(
        "SELECT {shape} AS geom, a.id, a.name, a.label FROM (SELECT f.flight_id AS id, ST_Force2D(f.geom) AS geom,"
        " coalesce(nullif(f.name, ''), f.external_id) AS name, coalesce(nullif(f.name, ''), f.external_id) AS label"
        " FROM drone_flight f WHERE {touches} AND f.begun_at > %(since)s AND f.begun_at <= %(now)s AND {where}) a"
    ).format(shape=on(SHAPE, "a"), touches=on(TOUCHES, "f"), where=where)
    return [(tile("lines", inner), {**frame(q), **params, "since": q.now - FLIGHTS_FOR, "now": q.now})]


def traces(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Positions of resources of kind `drone` within `TRACE_FOR`, joined where they are less than `GAP` apart."""
    where, params = narrow(q, "r", ("source",))
    inner = sql.SQL(
        """
        SELECT {shape} AS geom, a.id, a.name FROM (
          SELECT s.resource_id AS id, s.name, ST_MakeLine(ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326)
                 ORDER BY s.observed_at) AS geom
          FROM (SELECT t.*, count(*) FILTER (WHERE t.apart) OVER (PARTITION BY t.resource_id ORDER BY t.observed_at)
                       AS leg
                FROM (SELECT p.resource_id, r.name, p.lon, p.lat, p.observed_at, p.observed_at - lag(p.observed_at)
                             OVER (PARTITION BY p.resource_id ORDER BY p.observed_at) > %(gap)s AS apart
                      FROM resource r JOIN resource_position p USING (resource_id)
                      WHERE r.kind = 'drone' AND p.observed_at > %(since)s AND p.observed_at <= %(now)s
                        AND p.recorded_at > %(since)s AND {where}) t) s
          GROUP BY s.resource_id, s.name, s.leg HAVING count(*) > 1) a
        WHERE {touches}
        """
    ).format(shape=on(SHAPE, "a"), touches=on(TOUCHES, "a"), where=where)
    return [(tile("lines", inner), {**frame(q), **params, "since": q.now - TRACE_FOR, "gap": GAP, "now": q.now})]


def photos(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """`ex` 1: it has become a report."""
    where, params = narrow(q, "p", ("source",))
    label = sql.SQL(
        ", left({name}, 24) AS label, extract(epoch FROM p.taken_at)::bigint AS at" if q.z >= LABELS_FROM else ""
    ).format(name=_PHOTO_NAME)
    inner = sql.SQL(
        "SELECT {point} AS geom, p.photo_id AS id, 'photo' AS k, left({name}, 60) AS name,"
        " (p.event_id IS NOT NULL)::int AS ex{label} FROM drone_photo p"
        " WHERE {inside} AND p.taken_at > %(since)s AND p.taken_at <= %(now)s AND {where}"
    ).format(point=on(POINT, "p"), inside=on(IN_TILE, "p"), where=where, label=label, name=_PHOTO_NAME)
    return [(tile("points", inner), {**frame(q), **params, "since": q.now - PHOTOS_FOR, "now": q.now})]
