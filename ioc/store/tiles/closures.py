"""Tiles of closed roads: the stretches each standing closure closes, and the outline of a drawn area."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ioc.store.tiles.frame import SHAPE, TOUCHES, Statement, TileQuery, frame, on, tile

# Standing now; those of an exercise are drawn in its own workspace only.
CLOSED_NOW = sql.SQL(
    "NOT c.exercise AND c.recorded_at <= %(now)s AND c.valid_from <= %(now)s"
    " AND (c.valid_to IS NULL OR c.valid_to > %(now)s) AND (c.ended_at IS NULL OR c.ended_at > %(now)s)"
)


def closures(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """As known at `q.now`. Seen wherever they lie: a detour may begin in a neighbour's town."""
    inner = sql.SQL(
        "SELECT {shape} AS geom, a.id, a.name, a.label FROM (SELECT c.closure_id AS id, c.reason AS name,"
        " c.reason AS label, ST_CollectionExtract(ST_Collect(coalesce(c.lines, c.geom), CASE WHEN c.kind = 'area'"
        " THEN ST_Boundary(c.geom) ELSE c.geom END), 2) AS geom FROM road_closure c WHERE {now}) a WHERE {touches}"
    ).format(shape=on(SHAPE, "a"), touches=on(TOUCHES, "a"), now=CLOSED_NOW)
    return [(tile("lines", inner), {**frame(q), "now": q.now})]
