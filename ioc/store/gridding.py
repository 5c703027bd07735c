"""Which grid cells events and cases lie in: one of each kind, the smallest code on a shared border.

`event.grid_cell_ids` holds all of them in the order of the kinds, `cases.grid_cell_id` that of the
kind its flow asks for. Both follow from the
place, so a new assignment is no new version of the row. Devices carry no cell: what stands in one is asked by place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.flows import flows
from ioc.scope import SYSTEM
from ioc.store import Store
from ioc.store.pool import Conn

SLICE = 20_000
Box = tuple[float, float, float, float]  # west, south, east, north
# table, id, column, its value from the array `f.ids`
_HOLDERS: tuple[tuple[LiteralString, LiteralString, LiteralString, LiteralString], ...] = (
    ("event", "event_id", "grid_cell_ids", "f.ids"),
    # the kind the case's flow asks first (`Flow.grids`), else whichever covers it
    (
        "cases",
        "case_id",
        "grid_cell_id",
        "coalesce(f.ids[array_position(f.kinds, %(kinds)s::jsonb ->> t.flow)], f.ids[1])",
    ),
)
_ASSIGN = """
WITH slice AS MATERIALIZED ({slice}),
found AS MATERIALIZED (
  SELECT s.id, coalesce(a.ids, '{{}}') AS ids, coalesce(a.kinds, '{{}}') AS kinds
  FROM slice s, LATERAL (
    SELECT array_agg(c.grid_cell_id ORDER BY c.kind) AS ids, array_agg(c.kind ORDER BY c.kind) AS kinds FROM (
      SELECT DISTINCT ON (g.kind) g.kind, g.grid_cell_id FROM grid_cell g
      WHERE g.geom && s.geom AND ST_Covers(g.geom, s.geom) ORDER BY g.kind, g.code, g.grid_cell_id) c) a),
moved AS (
  UPDATE {table} t SET {column} = {value} FROM found f WHERE t.{id} = f.id AND t.{column} IS DISTINCT FROM {value}
  RETURNING 1)
SELECT (SELECT count(*) FROM moved)::int AS moved, count(*)::int AS n, max(id) AS last FROM slice
"""
_WRITTEN = "SELECT t.{id} AS id, t.geom FROM {table} t JOIN done d ON d.id = t.{id}"
_INSIDE = """
SELECT t.{id} AS id, t.geom FROM {table} t
WHERE t.{id} > %(after)s AND t.geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)
ORDER BY t.{id} LIMIT %(limit)s
"""
_TOUCHED = """
SELECT ST_XMin(e) AS west, ST_YMin(e) AS south, ST_XMax(e) AS east, ST_YMax(e) AS north FROM (
  SELECT ST_Extent(geom) AS e FROM (
    SELECT b.geom FROM before b JOIN done d ON d.id = b.grid_cell_id
    UNION ALL SELECT g.geom FROM grid_cell g JOIN done d ON d.id = g.grid_cell_id) x) y
"""


def _query(slice_: LiteralString, holder: tuple[LiteralString, ...]) -> sql.Composed:
    table, ident, column, value = holder
    names = {"table": sql.Identifier(table), "id": sql.Identifier(ident)}
    return sql.SQL(_ASSIGN).format(
        slice=sql.SQL(slice_).format(**names), column=sql.Identifier(column), value=sql.SQL(value), **names
    )


def _kinds() -> Jsonb:
    """Kind of grid cell a flow's cases belong to."""
    return Jsonb({key: flow.grids[0] for key, flow in flows().items() if flow.grids})


def assign_written(conn: Conn, table: LiteralString) -> None:
    """The cells of the events or cases an import has just written (`done`)."""
    for holder in _HOLDERS:
        if holder[0] == table:
            conn.execute(_query(_WRITTEN, holder), {"kinds": _kinds()})


def touched(conn: Conn) -> Box | None:
    """The box around the cells an import has just changed (`before`, `done`), as they were and as they are."""
    row = conn.execute(_TOUCHED).fetchone()
    return None if row is None or row["west"] is None else (row["west"], row["south"], row["east"], row["north"])


def join(a: Box | None, b: Box | None) -> Box | None:
    if a is None or b is None:
        return a or b
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def reassign(store: Store, box: Box, progress: Callable[[int], None] = lambda rows: None) -> int:
    """Give every event and case inside `box` the cells it lies in now, in short transactions.

    `progress` gets the rows looked at so far. Returns the number of rows whose cells changed.
    """
    moved = seen = 0
    for holder in _HOLDERS:
        after: int | None = 0
        while after is not None:
            with store.scoped(SYSTEM) as conn:
                changed, n, after = _slice(conn, holder, box, after)
            moved, seen = moved + changed, seen + n
            progress(seen)
    return moved


def reassign_all(conn: Conn) -> int:
    """The same for every row in one transaction, after an import of cells that was killed."""
    moved = 0
    for holder in _HOLDERS:
        after: int | None = 0
        while after is not None:
            changed, _, after = _slice(conn, holder, (-180, -90, 180, 90), after)
            moved += changed
    return moved


def _slice(conn: Conn, holder: tuple[LiteralString, ...], box: Box, after: int) -> tuple[int, int, int | None]:
    """(rows changed, rows looked at, id to go on after or None at the end)."""
    params = dict(zip(("west", "south", "east", "north"), box, strict=True))
    values = {**params, "after": after, "limit": SLICE, "kinds": _kinds()}
    row = conn.execute(_query(_INSIDE, holder), values).fetchone()
    if row is None:
        return 0, 0, None
    return row["moved"], row["n"], row["last"] if row["n"] == SLICE else None
