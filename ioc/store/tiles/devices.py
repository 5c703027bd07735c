"""Tiles of devices: H3 cells, count pins, marks, and from z 16 the things with their value and view."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import sql

from ioc.errors import NotFound
from ioc.scope import SENSITIVE, Scope
from ioc.store.direct import Row, Written
from ioc.store.tiles import alarms
from ioc.store.tiles.frame import (
    CELLS_TO,
    IN_TILE,
    LABELS_FROM,
    PINS_TO,
    POINT,
    TOUCHES,
    Statement,
    Steps,
    TileQuery,
    frame,
    on,
    resolution,
    tile,
)  # fmt: skip
from ioc.store.where import visible

# So many marks in one tile (512 px) at z 14-15 stand 21 px apart on average, where a mark with its halo has 12 px: with
# more of them neighbours touch everywhere, and the tile keeps its count pins (r9) instead.
DENSE, DENSE_RES = 600, 9


def steps(q: TileQuery) -> Steps:
    """The tile's bytes; empty when nothing lies in it."""
    if PINS_TO < q.z < LABELS_FROM:
        return (yield from _marks_or_pins(q))
    return (yield from _counted(_device_query(q, _band(q.z))))[0]


def _counted(statement: Statement) -> Generator[Statement, Row, tuple[bytes, int]]:
    """The tile, and what the query counted beside it (0 when it counts nothing)."""
    row = yield statement
    return (row[0] or b"") if row else b"", int.from_bytes(row[1] or b"", "big") if len(row) > 1 else 0


@dataclass(frozen=True, slots=True)
class _Shape:
    """What decides the text of a device query; the rest is parameters. Composing SQL costs more than sending it."""

    band: str
    whole: bool
    guarded: bool
    departments: bool
    drill: bool
    columns: tuple[str, ...]
    alarms: bool = False
    past: bool = False

    def seen(self, alias: str) -> sql.Composable:
        """The scope's predicate alone."""
        scope = Scope(
            "shape",
            whole=self.whole,
            departments=frozenset() if self.departments else None,
            sensitivity=0 if self.guarded else SENSITIVE,
        )
        return visible(scope, alias)[0]

    def where(self, alias: str) -> sql.Composed:
        parts: list[sql.Composable] = [self.seen(alias)]
        if self.drill:
            parts.append(sql.SQL("{} = ANY (%(tile_regions)s)").format(sql.Identifier(alias, "region_id")))
        for column in self.columns:
            parts.append(sql.SQL("{} = {}").format(sql.Identifier(alias, column), sql.Placeholder(f"where_{column}")))
        return sql.SQL(" AND ").join(parts)


def statements(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    return [_device_query(q, _band(q.z))]


def _band(z: int) -> str:
    return "cells" if z <= CELLS_TO else "pins" if z <= PINS_TO else "marks" if z < LABELS_FROM else "points"


def _device_query(q: TileQuery, band: str) -> Statement:
    for column in q.layer.where:
        if column not in ("class", "kind"):
            raise NotFound(f"图层 {q.layer.key} 的条件 {column}", f"condition {column} of layer {q.layer.key}")
    scope = q.scope
    shape = _Shape(
        band,
        scope.whole,
        scope.sensitivity < SENSITIVE,
        scope.departments is not None,
        q.region_ids is not None,
        tuple(q.layer.where),
        alarms.shown(q.layer, scope),
        q.past,
    )
    params = frame(q) | {f"where_{column}": value for column, value in q.layer.where.items()}
    if q.region_ids is not None:
        params["tile_regions"] = list(q.region_ids)
    own = "d" if band in ("marks", "points") else "c"
    for alias in {own, "d", "a"} if shape.alarms else {own}:
        params |= _scoped(scope, alias)
    params["res"], params["most"] = resolution(q.z), DENSE + 1
    return _device_text(shape), params


def _marks_or_pins(q: TileQuery) -> Steps:
    """z 14-15: the marks; where there are too many of them, the count pins of the same tile.

    Which tiles were too full is remembered, so that their marks are not made each time to be thrown away.
    """
    place = (q.layer.key, q.z, q.x, q.y, q.scope.class_key, hash(q.region_ids))
    if place in _full:
        body, n = yield from _counted(_pins_of(q))
        if n > DENSE:
            return body
        _full.pop(place, None)
    body, n = yield from _counted(_device_query(q, "marks"))
    if n <= DENSE:
        return body
    if len(_full) >= _FULL_KEPT:
        _full.clear()
    _full[place] = None
    return (yield from _counted(_pins_of(q)))[0]


def _pins_of(q: TileQuery) -> Statement:
    text, params = _device_query(q, "pins")
    return text, params | {"res": DENSE_RES}


_FULL_KEPT = 4096
_full: dict[tuple[Any, ...], None] = {}


@lru_cache(maxsize=512)
def _scoped(scope: Scope, alias: str) -> Mapping[str, Any]:
    """The scope's parameters; a list of a thousand regions is not written anew for each tile."""
    params = visible(scope, alias)[1]
    return {name: Written(value) if isinstance(value, list) else value for name, value in params.items()}


@lru_cache(maxsize=256)
def _device_text(shape: _Shape) -> bytes:
    if shape.band in ("cells", "pins"):
        counted = sql.SQL("SELECT ST_AsMVT(t, {}, 4096, 'geom'){}, coalesce(sum(t.n), 0) FROM ({}) t")
        more = _alarmed(shape) if shape.alarms else sql.SQL("")
        return counted.format(sql.Literal(shape.band), more, _cell_rows(shape.where("c"))).as_bytes(None)
    carried = (alarms.LISTED, alarms.of_device(shape.seen("a"))) if shape.alarms else (sql.SQL(""), sql.SQL(""))
    if shape.band == "points":
        return tile("points", _device_points(shape.where("d"), *carried))
    return _device_marks(shape.where("d"), *carried).as_bytes(None)


def _alarmed(shape: _Shape) -> sql.Composed:
    """Beside the counts, the devices that need somebody now: a second layer of the tile."""
    rows = alarms.far(on(POINT, "d"), on(IN_TILE, "d"), shape.where("d"), shape.seen("a"), past=shape.past)
    return sql.SQL(" || coalesce((SELECT ST_AsMVT(p, 'points', 4096, 'geom') FROM ({}) p), '')").format(rows)


def _cell_rows(where: sql.Composable) -> sql.Composed:
    return sql.SQL(
        "SELECT {point} AS geom, to_hex(c.cell) AS h, sum(c.total)::int AS n, sum(c.offline)::int AS off,"
        " sum(c.exceeded)::int AS ex FROM device_cell c WHERE c.res = %(res)s::smallint AND {inside} AND {where}"
        " GROUP BY c.cell, c.center HAVING sum(c.total) > 0"
    ).format(point=on(POINT, "c", "center"), inside=on(IN_TILE, "c", "center"), where=where)


# Only the place is left to the planner: OFFSET 0 keeps it from joining the index of places with one of classes or
# regions, which would read every camera of the city for each tile.
_DEVICES_HERE = sql.SQL("(SELECT * FROM device d WHERE {touches} OFFSET 0) d").format(touches=on(TOUCHES, "d"))


def _device_marks(where: sql.Composable, listed: sql.SQL, joined: sql.Composable) -> sql.Composed:
    """Marks with their number, at most one more than a tile may hold."""
    return sql.SQL(
        "SELECT ST_AsMVT(t, 'points', 4096, 'geom'), count(*) FROM ("
        "SELECT {point} AS geom, d.device_id AS id, d.kind AS k, d.status AS s, d.exceeded::int AS ex, d.name{listed}"
        " FROM {here}{joined} WHERE {inside} AND {where} LIMIT %(most)s) t"
    ).format(point=on(POINT, "d"), here=_DEVICES_HERE, inside=on(IN_TILE, "d"), where=where, listed=listed,
             joined=joined)  # fmt: skip


def _device_points(where: sql.Composable, listed: sql.SQL, joined: sql.Composable) -> sql.Composed:
    """z >= 16: with the value that matters most (exceeded first), the view cone and the kind's icon."""
    return sql.SQL(
        """
        SELECT {point} AS geom, d.device_id AS id, d.kind AS k, d.status AS s, d.exceeded::int AS ex, d.name,
               v.label, d.azimuth_deg AS az, d.fov_deg AS fov, coalesce(k.attributes->>'icon', d.class) AS icon{listed}
        FROM {here}{joined}
        LEFT JOIN dictionary_now k ON k.dict = 'device_kind' AND k.code = d.kind
        LEFT JOIN LATERAL (
          SELECT trim_scale(round(l.value::numeric, 2)) || coalesce(nullif(' ' || ds.unit, ' '), '') AS label
          FROM datastream ds JOIN latest l USING (datastream_id)
          WHERE d.class <> 'camera' AND ds.device_id = d.device_id AND l.value IS NOT NULL
          ORDER BY l.exceeded DESC, ds.datastream_id LIMIT 1) v ON true
        WHERE {inside} AND {where}
        """
    ).format(point=on(POINT, "d"), here=_DEVICES_HERE, inside=on(IN_TILE, "d"), where=where, listed=listed,
             joined=joined)  # fmt: skip
