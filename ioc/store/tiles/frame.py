"""What every tile query is made of: its edges, the scope's predicate, the MVT envelope round the rows."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from psycopg import sql

from ioc.declare import Layer
from ioc.errors import NotFound
from ioc.scope import Scope
from ioc.store.direct import Row
from ioc.store.grid_counts import Colouring
from ioc.store.where import visible

MAX_ZOOM = 22
CELLS_TO, PINS_TO, LABELS_FROM = 11, 13, 16
# H3 resolution of the aggregates by zoom: a hexagon is 10-30 px wide; a pin (z 12-13) needs 100 px to its neighbour.
_RES = {7: 6, 8: 7, 9: 7, 10: 8, 11: 8, 12: 7, 13: 8}
EXTENT = 4096

Params = dict[str, Any]
# Query text as the server gets it, and its parameters.
Statement = tuple[bytes, Params]
# A tile as the statements it asks, one after the other, each answered by its first row: whoever drives it decides
# whether a thread waits or the event loop.
Steps: TypeAlias = Generator[Statement, Row, bytes]


@dataclass(frozen=True, slots=True)
class TileQuery:
    """One tile of one layer for one asker. `region_ids` None: no drill-down. `kinds`: region levels to draw.

    `colours`: how the layer's areas are coloured; None draws outlines. `more`: a further condition on the rows, which
    the query knows as `e`, with its parameters.
    """

    scope: Scope
    layer: Layer
    z: int
    x: int
    y: int
    now: dt.datetime
    region_ids: tuple[int, ...] | None = None
    kinds: Sequence[str] = ()
    colours: Colouring | None = None
    more: tuple[sql.Composable, Params] | None = None
    past: bool = False  # asked of the views of a moment gone by


def resolution(z: int) -> int:
    """H3 resolution of the device aggregates at zoom `z` (up to 13)."""
    return 5 if z <= 6 else _RES[min(z, PINS_TO)]


def lonlat_box(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east, north of a web Mercator tile in degrees. Raises NotFound for a tile that does not exist."""
    n = 1 << z if 0 <= z <= MAX_ZOOM else 0
    if not (0 <= x < n and 0 <= y < n):
        raise NotFound(f"瓦片 {z}/{x}/{y}", f"tile {z}/{x}/{y}")

    def lat(row: int) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / n))))

    return x / n * 360 - 180, lat(y + 1), (x + 1) / n * 360 - 180, lat(y)


def frame(q: TileQuery) -> Params:
    """Tile edges in degrees, and the linear map from Mercator to tile units for `POINT`."""
    west, south, east, north = lonlat_box(q.z, q.x, q.y)
    top, bottom = (math.log(math.tan(math.radians(45 + v / 2))) for v in (north, south))
    return {
        "w": west, "s": south, "e": east, "n": north, "top": top,
        "kx": EXTENT / (east - west), "ky": EXTENT / (top - bottom), "z": q.z, "x": q.x, "y": q.y,
    }  # fmt: skip


# The same as ST_AsMVTGeom(ST_Transform(...)) of a point, at a fifth of its cost.
POINT = sql.SQL(
    "ST_MakePoint(floor((ST_X({g}) - %(w)s) * %(kx)s),"
    " floor((%(top)s - ln(tan(radians(45 + ST_Y({g}) / 2)))) * %(ky)s))"
)
IN_TILE = sql.SQL(
    "{g} && ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326)"
    " AND ST_X({g}) >= %(w)s AND ST_X({g}) < %(e)s AND ST_Y({g}) > %(s)s AND ST_Y({g}) <= %(n)s"
)
SHAPE = sql.SQL("ST_AsMVTGeom(ST_Transform({g}, 3857), ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 64, true)")
TOUCHES = sql.SQL("{g} && ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326)")


def on(piece: sql.SQL, alias: str, column: str = "geom") -> sql.Composed:
    return piece.format(g=sql.Identifier(alias, column))


def narrow(q: TileQuery, alias: str, columns: Sequence[str]) -> tuple[sql.Composed, Params]:
    """The scope's predicate, the drill-down, and the layer's own `where`."""
    parts: list[sql.Composable] = []
    scoped, params = visible(q.scope, alias)
    parts.append(scoped)
    out: Params = dict(params)
    if q.region_ids is not None:
        parts.append(sql.SQL("{} = ANY (%(tile_regions)s)").format(sql.Identifier(alias, "region_id")))
        out["tile_regions"] = list(q.region_ids)
    for column, value in q.layer.where.items():
        if column not in columns:
            raise NotFound(f"图层 {q.layer.key} 的条件 {column}", f"condition {column} of layer {q.layer.key}")
        parts.append(sql.SQL("{} = {}").format(sql.Identifier(alias, column), sql.Placeholder(f"where_{column}")))
        out[f"where_{column}"] = value
    if q.more is not None:
        parts.append(q.more[0])
        out |= q.more[1]
    return sql.SQL(" AND ").join(parts), out


def mvt(name: str, inner: sql.Composable) -> sql.Composed:
    return sql.SQL("SELECT ST_AsMVT(t, {}, 4096, 'geom') FROM ({}) t").format(sql.Literal(name), inner)


def tile(name: str, inner: sql.Composable) -> bytes:
    return mvt(name, inner).as_bytes(None)
