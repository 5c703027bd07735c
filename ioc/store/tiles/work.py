"""Tiles of work: events, cases, and the heat of events."""

from __future__ import annotations

import datetime as dt
from typing import Any

import h3.api.basic_int as h3
import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from ioc.declare import Heat
from ioc.store.tiles.frame import (
    CELLS_TO,
    IN_TILE,
    PINS_TO,
    POINT,
    TOUCHES,
    Params,
    Statement,
    TileQuery,
    frame,
    lonlat_box,
    narrow,
    on,
    resolution,
    tile,
)  # fmt: skip

_HEAT_RES = {10: 8, 11: 8, 12: 9, 13: 9}
# Degrees to look beyond the tile for rows of a cell whose centre lies inside: one and a half cell diameters.
_CELL_MARGIN_DEG = {7: 0.045, 8: 0.017, 9: 0.0065}


_URGENCY = sql.SQL("CASE {a}.urgency WHEN 'critical' THEN 2 WHEN 'urgent' THEN 1 ELSE 0 END")
# Open work only. An event that became part of a case is drawn as that case.
_OPEN_EVENT = sql.SQL("e.status = 'open' AND e.case_id IS NULL")
_OPEN_CASE = sql.SQL("e.closed_at IS NULL")
_NARROWS = {
    "event": ("category_scheme", "category_code", "urgency", "source", "suspected"),
    "cases": ("category_scheme", "category_code", "flow", "urgency", "source"),
}
# An incident is loud from the moment it is opened, also while nobody has said its level.
_LOUD = {
    "event": sql.SQL("(e.urgency <> 'routine' OR e.incident_level IS NOT NULL)"),
    "cases": sql.SQL("(e.urgency <> 'routine' OR e.incident_level IS NOT NULL OR e.flow = 'incident')"),
}


def events(conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    return _work(conn, q, "event", _OPEN_EVENT, sql.SQL("(e.incident_level IS NOT NULL)::int"))


def cases(conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    return _work(conn, q, "cases", _OPEN_CASE, sql.SQL("(e.level_state = 'initial')::int"))


def _work(
    conn: psycopg.Connection[Any], q: TileQuery, table: str, is_open: sql.Composable, provisional: sql.Composable
) -> list[Statement]:
    """Incidents, 特急 and 紧急 at every zoom; 一般 as counts at z 12-13 and as marks from z 14."""
    where, params = narrow(q, "e", _NARROWS[table])
    band = sql.SQL("true") if q.z > PINS_TO else _LOUD[table]
    inner = sql.SQL(
        "SELECT {point} AS geom, e.{id} AS id, {k} AS k, {urgency} AS u, coalesce(e.incident_level, 0)::int AS lv,"
        " {provisional} AS pv, e.title FROM {table} e WHERE {inside} AND {is_open} AND {band} AND {where}"
    ).format(
        point=on(POINT, "e"),
        id=sql.Identifier("event_id" if table == "event" else "case_id"),
        k=sql.SQL("e.category_code" if table == "event" else "e.flow"),
        urgency=_URGENCY.format(a=sql.Identifier("e")),
        provisional=provisional,
        table=sql.Identifier(table),
        inside=on(IN_TILE, "e"),
        is_open=is_open,
        band=band,
        where=where,
    )
    out: list[Statement] = [(tile("points", inner), {**frame(q), **params})]
    if CELLS_TO < q.z <= PINS_TO:
        quiet = sql.SQL("{} AND NOT {} AND {}").format(is_open, _LOUD[table], where)
        out.append(_counted(conn, q, table, quiet, params, resolution(q.z), "pins"))
    return out


def heat(conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Events of the last days in H3 cells, up to z 13. Void events are no events."""
    if q.z > PINS_TO:
        return []
    where, params = narrow(q, "e", ("category_scheme", "category_code", "urgency", "source"))
    style = q.layer.overview
    days = style.days if isinstance(style, Heat) else Heat().days
    recent = sql.SQL("e.status <> 'void' AND e.occurred_at > %(since)s AND {}").format(where)
    since = {"since": q.now - dt.timedelta(days=days)}
    return [_counted(conn, q, "event", recent, {**params, **since}, _HEAT_RES.get(q.z, 7), "cells")]


def _counted(
    conn: psycopg.Connection[Any],
    q: TileQuery,
    table: str,
    where: sql.Composable,
    params: Params,
    res: int,
    name: str,
) -> Statement:
    """Rows counted by H3 cell, for cells whose centre lies in the tile. The centres come from H3, hence two steps."""
    west, south, east, north = lonlat_box(q.z, q.x, q.y)
    margin = _CELL_MARGIN_DEG[res]
    near: Params = {"w": west - margin, "s": south - margin, "e": east + margin, "n": north + margin, "res": res}
    query = sql.SQL(
        "SELECT ioc_h3_parent(e.h3_10, %(res)s) AS cell, count(*)::int FROM {} e"
        " WHERE e.h3_10 IS NOT NULL AND {} AND {} GROUP BY 1"
    ).format(sql.Identifier(table), on(TOUCHES, "e"), where)
    with conn.cursor(row_factory=tuple_row) as cur:
        rows: list[tuple[int, int]] = cur.execute(query, {**params, **near}).fetchall()
    places = [(cell, n, *h3.cell_to_latlng(cell)) for cell, n in rows]
    kept = [p for p in places if west <= p[3] < east and south < p[2] <= north]
    inner = sql.SQL(
        "SELECT ST_MakePoint(floor((c.lon - %(w)s) * %(kx)s),"
        " floor((%(top)s - ln(tan(radians(45 + c.lat / 2)))) * %(ky)s)) AS geom,"
        " to_hex(c.cell) AS h, c.n, 0 AS off, 0 AS ex"
        " FROM unnest(%(cells)s::bigint[], %(counts)s::int[], %(lats)s::float8[], %(lons)s::float8[])"
        " AS c(cell, n, lat, lon)"
    )
    columns = {key: [p[i] for p in kept] for i, key in enumerate(("cells", "counts", "lats", "lons"))}
    return tile(name, inner), {**frame(q), **columns}
