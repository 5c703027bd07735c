"""Tiles of buildings: footprints from z 14, with the height a tilted map raises them to."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ioc.store.tiles.frame import SHAPE, TOUCHES, Statement, TileQuery, frame, narrow, on, tile

FROM_ZOOM = 14  # below, a tile would hold a whole town of them
_SMALLEST_PX = 2.0  # footprints smaller than that on their longer side are not drawn


def buildings(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """`hm`: height in metres, where it is known; `fl`: floors; `k`: use."""
    if q.z < FROM_ZOOM:
        return []
    where, params = narrow(q, "b", ())
    degrees = _SMALLEST_PX * 360 / (512 * 2**q.z)
    inner = sql.SQL(
        "SELECT {shape} AS geom, b.building_id AS id, b.name, b.use AS k, b.floors::int AS fl, b.height_m AS hm"
        " FROM building b WHERE b.retired_at IS NULL AND {touches} AND {where}"
        " AND greatest(ST_XMax(b.geom) - ST_XMin(b.geom), ST_YMax(b.geom) - ST_YMin(b.geom)) >= %(smallest)s"
    ).format(shape=on(SHAPE, "b"), touches=on(TOUCHES, "b"), where=where)
    return [(tile("areas", inner), {**frame(q), **params, "smallest": degrees})]
