"""Tiles of grid cells: outlines close up, and coloured by a measure at every zoom (GRD-02)."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ioc.scope import INTERNAL
from ioc.store.grid_counts import NONE, SUMS, VALUE, Colouring
from ioc.store.tiles.frame import (
    LABELS_FROM,
    PINS_TO,
    SHAPE,
    TOUCHES,
    Statement,
    TileQuery,
    frame,
    narrow,
    on,
    tile,
)  # fmt: skip
from ioc.store.where import visible

NAMES_FROM = 12  # farther out nobody reads a cell's name, and thirty thousand of them are half of a tile


def cells(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Outlines from z 14, number and officer from z 16; with `q.colours` all cells of one kind with their class `c`."""
    if q.colours is not None:
        return [_coloured(q, q.colours)]
    if q.z <= PINS_TO:
        return []
    where, params = narrow(q, "g", ("kind", "department", "source"))
    inner = sql.SQL(
        "SELECT {shape} AS geom, g.grid_cell_id AS id, g.kind AS k, g.name{label}"
        " FROM grid_cell g WHERE {touches} AND {where}"
    ).format(shape=on(SHAPE, "g"), touches=on(TOUCHES, "g"), where=where, label=_label(q))
    return [(tile("areas", inner), {**frame(q), **params})]


def _label(q: TileQuery) -> sql.Composable:
    """The name masked below the internal level."""
    if q.z < LABELS_FROM:
        return sql.SQL("")
    masked = q.scope.sensitivity < INTERNAL
    officer = sql.SQL("left(g.officers->0->>'name', 1) || '**'" if masked else "g.officers->0->>'name'")
    return sql.SQL(", concat_ws(' ', g.code, {}) AS label").format(officer)


def _coloured(q: TileQuery, found: Colouring) -> Statement:
    where, params = narrow(q, "g", ("kind", "department", "source"))
    seen, more = visible(q.scope, "c")
    key = found.measure.key
    inner = sql.SQL(
        "SELECT {shape} AS geom, g.grid_cell_id AS id{name},"
        " CASE WHEN f.grid_cell_id IS NULL THEN -1 WHEN {none} THEN 0"
        " ELSE coalesce(1 + width_bucket(({value})::float8, %(breaks)s::float8[]), -1) END AS c{label}"
        " FROM (SELECT * FROM grid_cell h WHERE {touches} OFFSET 0) g LEFT JOIN grid_fact f USING (grid_cell_id)"
        " LEFT JOIN LATERAL ({sums}) n ON true WHERE g.kind = %(colour_kind)s AND {where}"
    ).format(
        shape=on(SHAPE, "g"), touches=on(TOUCHES, "h"), none=NONE[key], value=VALUE[key], sums=SUMS.format(seen),
        name=sql.SQL(", g.name" if q.z >= NAMES_FROM else ""), where=where, label=_label(q),
    )  # fmt: skip
    given = {"colour_kind": found.kind, "breaks": list(found.breaks)}
    return tile("areas", inner), {**frame(q), **params, **more, **given}
