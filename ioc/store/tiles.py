"""Vector tiles (MVT 2.1) straight from PostGIS, one query a tile, under the asker's scope.

Bands of `design.md` section 7: up to z 11 H3 cells, z 12-13 pins, from z 14 the things themselves. A point or a cell
(by its centre) lies in exactly one tile: west and north edge in, east and south edge out, so that the sums of all tiles
of a zoom are the counts of the layer panel. Every value is a bound parameter.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import h3.api.basic_int as h3
import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from ioc.declare import Heat, Layer
from ioc.errors import NotFound
from ioc.scope import INTERNAL, SENSITIVE, Scope
from ioc.store import direct
from ioc.store.pool import Plan
from ioc.store.where import visible

MAX_ZOOM = 22
CELLS_TO, PINS_TO, LABELS_FROM = 11, 13, 16
# H3 resolution of the aggregates by zoom: a hexagon is 10-30 px wide; a pin (z 12-13) needs 100 px to its neighbour.
_RES = {7: 6, 8: 7, 9: 7, 10: 8, 11: 8, 12: 7, 13: 8}
_HEAT_RES = {10: 8, 11: 8, 12: 9, 13: 9}
# With more marks than this in one tile (512 px) at z 14-15 a quarter of it is covered and none can be told from its
# neighbour: the tile keeps its count pins (r9) instead.
DENSE, DENSE_RES = 1500, 9
EXTENT = 4096
# Degrees to look beyond the tile for rows of a cell whose centre lies inside: one and a half cell diameters.
_CELL_MARGIN_DEG = {7: 0.045, 8: 0.017, 9: 0.0065}

Params = dict[str, Any]
# Query text as the server gets it, and its parameters.
Statement = tuple[bytes, Params]


@dataclass(frozen=True, slots=True)
class TileQuery:
    """One tile of one layer for one asker. `region_ids` None: no drill-down. `kinds`: region levels to draw."""

    scope: Scope
    layer: Layer
    z: int
    x: int
    y: int
    now: dt.datetime
    region_ids: tuple[int, ...] | None = None
    kinds: Sequence[str] = ()


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


def render(conn: psycopg.Connection[Any], q: TileQuery) -> bytes:
    """The tile's bytes; empty when nothing lies in it. `conn` is scoped to `q.scope`."""
    build = _QUERIES.get(q.layer.query)
    if build is None:
        raise NotFound(f"图层 {q.layer.key}", f"layer {q.layer.key}")
    made = build(conn, q)
    if q.layer.query == "device" and PINS_TO < q.z < LABELS_FROM:
        return _marks_or_pins(conn, q, made[0])
    if q.layer.query == "device":
        return _direct(conn, made[0])[0]
    return b"".join(_run(conn, statement) for statement in made)


def plan(query: str, z: int) -> Plan:
    """How the statements of a tile are best planned.

    A close tile of devices has one good plan, the index of places, and planning it anew costs more than running it
    (0.3 ms against 0.8 ms in all). Farther out the best plan depends on how much the tile covers.
    """
    return "generic" if query == "device" and z >= PINS_TO else "custom"


def statements(conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """The SQL behind `render`, for EXPLAIN and for measuring the floor."""
    return _QUERIES[q.layer.query](conn, q)


def explained(query: bytes) -> bytes:
    """`query` as EXPLAIN, for tests that fail when an index is not used."""
    return b"EXPLAIN (COSTS off) " + query


def _run(conn: psycopg.Connection[Any], statement: Statement) -> bytes:
    query, params = statement
    with conn.cursor(row_factory=tuple_row, binary=True) as cur:
        row = cur.execute(query, params).fetchone()
    return bytes(row[0] or b"") if row else b""


def _direct(conn: psycopg.Connection[Any], statement: Statement) -> tuple[bytes, int]:
    """The tile, and what the query counted beside it (0 when it counts nothing)."""
    row = direct.first_row(conn, *statement)
    return (row[0] or b"") if row else b"", int.from_bytes(row[1] or b"", "big") if len(row) > 1 else 0


# ---------------------------------------------------------------- shared pieces


def _frame(q: TileQuery) -> Params:
    """Tile edges in degrees, and the linear map from Mercator to tile units for `_POINT`."""
    west, south, east, north = lonlat_box(q.z, q.x, q.y)
    top, bottom = (math.log(math.tan(math.radians(45 + v / 2))) for v in (north, south))
    return {
        "w": west, "s": south, "e": east, "n": north, "top": top,
        "kx": EXTENT / (east - west), "ky": EXTENT / (top - bottom), "z": q.z, "x": q.x, "y": q.y,
    }  # fmt: skip


# The same as ST_AsMVTGeom(ST_Transform(...)) of a point, at a fifth of its cost.
_POINT = sql.SQL(
    "ST_MakePoint(floor((ST_X({g}) - %(w)s) * %(kx)s),"
    " floor((%(top)s - ln(tan(radians(45 + ST_Y({g}) / 2)))) * %(ky)s))"
)
_IN_TILE = sql.SQL(
    "{g} && ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326)"
    " AND ST_X({g}) >= %(w)s AND ST_X({g}) < %(e)s AND ST_Y({g}) > %(s)s AND ST_Y({g}) <= %(n)s"
)
_SHAPE = sql.SQL("ST_AsMVTGeom(ST_Transform({g}, 3857), ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 64, true)")
_TOUCHES = sql.SQL("{g} && ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326)")


def _on(piece: sql.SQL, alias: str, column: str = "geom") -> sql.Composed:
    return piece.format(g=sql.Identifier(alias, column))


def _narrow(q: TileQuery, alias: str, columns: Sequence[str]) -> tuple[sql.Composed, Params]:
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
    return sql.SQL(" AND ").join(parts), out


def _mvt(name: str, inner: sql.Composable) -> sql.Composed:
    return sql.SQL("SELECT ST_AsMVT(t, {}, 4096, 'geom') FROM ({}) t").format(sql.Literal(name), inner)


def _tile(name: str, inner: sql.Composable) -> bytes:
    return _mvt(name, inner).as_bytes(None)


# ---------------------------------------------------------------- devices


@dataclass(frozen=True, slots=True)
class _Shape:
    """What decides the text of a device query; the rest is parameters. Composing SQL costs more than sending it."""

    band: str
    whole: bool
    guarded: bool
    departments: bool
    drill: bool
    columns: tuple[str, ...]

    def where(self, alias: str) -> sql.Composed:
        scope = Scope(
            "shape",
            whole=self.whole,
            departments=frozenset() if self.departments else None,
            sensitivity=0 if self.guarded else SENSITIVE,
        )
        parts: list[sql.Composable] = [visible(scope, alias)[0]]
        if self.drill:
            parts.append(sql.SQL("{} = ANY (%(tile_regions)s)").format(sql.Identifier(alias, "region_id")))
        for column in self.columns:
            parts.append(sql.SQL("{} = {}").format(sql.Identifier(alias, column), sql.Placeholder(f"where_{column}")))
        return sql.SQL(" AND ").join(parts)


def _devices(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    band = "cells" if q.z <= CELLS_TO else "pins" if q.z <= PINS_TO else "marks" if q.z < LABELS_FROM else "points"
    return [_device_query(q, band)]


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
    )
    params = _frame(q) | {f"where_{column}": value for column, value in q.layer.where.items()}
    if q.region_ids is not None:
        params["tile_regions"] = list(q.region_ids)
    params |= visible(scope, "d" if band in ("marks", "points") else "c")[1]
    params["res"], params["most"] = resolution(q.z), DENSE + 1
    return _device_text(shape), params


def _marks_or_pins(conn: psycopg.Connection[Any], q: TileQuery, marks: Statement) -> bytes:
    """z 14-15: the marks; where there are too many of them, the count pins of the same tile.

    Which tiles were too full is remembered, so that their marks are not made each time to be thrown away.
    """
    place = (q.layer.key, q.z, q.x, q.y, q.scope.class_key, hash(q.region_ids))
    if place in _full:
        body, n = _direct(conn, _pins_of(q))
        if n > DENSE:
            return body
        _full.pop(place, None)
    body, n = _direct(conn, marks)
    if n <= DENSE:
        return body
    if len(_full) >= _FULL_KEPT:
        _full.clear()
    _full[place] = None
    return _direct(conn, _pins_of(q))[0]


def _pins_of(q: TileQuery) -> Statement:
    text, params = _device_query(q, "pins")
    return text, params | {"res": DENSE_RES}


_FULL_KEPT = 4096
_full: dict[tuple[Any, ...], None] = {}


@lru_cache(maxsize=256)
def _device_text(shape: _Shape) -> bytes:
    if shape.band in ("cells", "pins"):
        counted = sql.SQL("SELECT ST_AsMVT(t, {}, 4096, 'geom'), coalesce(sum(t.n), 0) FROM ({}) t")
        return counted.format(sql.Literal(shape.band), _cell_rows(shape.where("c"))).as_bytes(None)
    if shape.band == "points":
        return _tile("points", _device_points(shape.where("d")))
    return _device_marks(shape.where("d")).as_bytes(None)


def _cell_rows(where: sql.Composable) -> sql.Composed:
    return sql.SQL(
        "SELECT {point} AS geom, to_hex(c.cell) AS h, sum(c.total)::int AS n, sum(c.offline)::int AS off,"
        " sum(c.exceeded)::int AS ex FROM device_cell c WHERE c.res = %(res)s::smallint AND {inside} AND {where}"
        " GROUP BY c.cell, c.center HAVING sum(c.total) > 0"
    ).format(point=_on(_POINT, "c", "center"), inside=_on(_IN_TILE, "c", "center"), where=where)


# Only the place is left to the planner: OFFSET 0 keeps it from joining the index of places with one of classes or
# regions, which would read every camera of the city for each tile.
_DEVICES_HERE = sql.SQL("(SELECT * FROM device d WHERE {touches} OFFSET 0) d").format(touches=_on(_TOUCHES, "d"))


def _device_marks(where: sql.Composable) -> sql.Composed:
    """Marks with their number, at most one more than a tile may hold."""
    return sql.SQL(
        "SELECT ST_AsMVT(t, 'points', 4096, 'geom'), count(*) FROM ("
        "SELECT {point} AS geom, d.device_id AS id, d.kind AS k, d.status AS s, d.exceeded::int AS ex, d.name"
        " FROM {here} WHERE {inside} AND {where} LIMIT %(most)s) t"
    ).format(point=_on(_POINT, "d"), here=_DEVICES_HERE, inside=_on(_IN_TILE, "d"), where=where)


def _device_points(where: sql.Composable) -> sql.Composed:
    """z >= 16: with the value that matters most (exceeded first), the view cone and the kind's icon."""
    return sql.SQL(
        """
        SELECT {point} AS geom, d.device_id AS id, d.kind AS k, d.status AS s, d.exceeded::int AS ex, d.name,
               v.label, d.azimuth_deg AS az, d.fov_deg AS fov, coalesce(k.attributes->>'icon', d.class) AS icon
        FROM {here}
        LEFT JOIN dictionary_now k ON k.dict = 'device_kind' AND k.code = d.kind
        LEFT JOIN LATERAL (
          SELECT trim_scale(round(l.value::numeric, 2)) || coalesce(nullif(' ' || ds.unit, ' '), '') AS label
          FROM datastream ds JOIN latest l USING (datastream_id)
          WHERE d.class <> 'camera' AND ds.device_id = d.device_id AND l.value IS NOT NULL
          ORDER BY l.exceeded DESC, ds.datastream_id LIMIT 1) v ON true
        WHERE {inside} AND {where}
        """
    ).format(point=_on(_POINT, "d"), here=_DEVICES_HERE, inside=_on(_IN_TILE, "d"), where=where)


# ---------------------------------------------------------------- events, cases, heat

_URGENCY = sql.SQL("CASE {a}.urgency WHEN 'critical' THEN 2 WHEN 'urgent' THEN 1 ELSE 0 END")
# Open work only. An event that became part of a case is drawn as that case.
_OPEN_EVENT = sql.SQL("e.status = 'open' AND e.case_id IS NULL")
_OPEN_CASE = sql.SQL("e.closed_at IS NULL")
_LOUD = sql.SQL("(e.urgency <> 'routine' OR e.incident_level IS NOT NULL)")


def _events(conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    return _work(conn, q, "event", _OPEN_EVENT, sql.SQL("(e.incident_level IS NOT NULL)::int"))


def _cases(conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    return _work(conn, q, "cases", _OPEN_CASE, sql.SQL("(e.level_state = 'initial')::int"))


def _work(
    conn: psycopg.Connection[Any], q: TileQuery, table: str, is_open: sql.Composable, provisional: sql.Composable
) -> list[Statement]:
    """Incidents, 特急 and 紧急 at every zoom; 一般 as counts at z 12-13 and as marks from z 14."""
    where, params = _narrow(q, "e", ("category_scheme", "category_code", "flow", "urgency", "source"))
    band = sql.SQL("true") if q.z > PINS_TO else _LOUD
    inner = sql.SQL(
        "SELECT {point} AS geom, e.{id} AS id, {k} AS k, {urgency} AS u, coalesce(e.incident_level, 0)::int AS lv,"
        " {provisional} AS pv, e.title FROM {table} e WHERE {inside} AND {is_open} AND {band} AND {where}"
    ).format(
        point=_on(_POINT, "e"),
        id=sql.Identifier("event_id" if table == "event" else "case_id"),
        k=sql.SQL("e.category_code" if table == "event" else "e.flow"),
        urgency=_URGENCY.format(a=sql.Identifier("e")),
        provisional=provisional,
        table=sql.Identifier(table),
        inside=_on(_IN_TILE, "e"),
        is_open=is_open,
        band=band,
        where=where,
    )
    out: list[Statement] = [(_tile("points", inner), {**_frame(q), **params})]
    if CELLS_TO < q.z <= PINS_TO:
        quiet = sql.SQL("{} AND NOT {} AND {}").format(is_open, _LOUD, where)
        out.append(_counted(conn, q, table, quiet, params, resolution(q.z), "pins"))
    return out


def _heat(conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Events of the last days in H3 cells, up to z 13. Void events are no events."""
    if q.z > PINS_TO:
        return []
    where, params = _narrow(q, "e", ("category_scheme", "category_code", "urgency", "source"))
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
    ).format(sql.Identifier(table), _on(_TOUCHES, "e"), where)
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
    return _tile(name, inner), {**_frame(q), **columns}


# ---------------------------------------------------------------- resources, areas


def _resources(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    where, params = _narrow(q, "r", ("kind", "status", "source"))
    label = sql.SQL(", r.name AS label, extract(epoch FROM r.observed_at)::bigint AS at")
    inner = sql.SQL(
        "SELECT {point} AS geom, r.resource_id AS id, r.kind AS k, r.status AS s, r.name{label}"
        " FROM resource r WHERE {inside} AND {where}"
    ).format(
        point=_on(_POINT, "r"),
        inside=_on(_IN_TILE, "r"),
        where=where,
        label=label if q.z >= LABELS_FROM else sql.SQL(""),
    )
    return [(_tile("points", inner), {**_frame(q), **params})]


def _grid_cells(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """From z 14; number and officer from z 16, the name masked below the internal level."""
    if q.z <= PINS_TO:
        return []
    where, params = _narrow(q, "g", ("kind", "department", "source"))
    masked = q.scope.sensitivity < INTERNAL
    officer = sql.SQL("left(g.officers->0->>'name', 1) || '**'" if masked else "g.officers->0->>'name'")
    label = sql.SQL(", concat_ws(' ', g.code, {}) AS label").format(officer)
    inner = sql.SQL(
        "SELECT {shape} AS geom, g.grid_cell_id AS id, g.kind AS k, g.name{label}"
        " FROM grid_cell g WHERE {touches} AND {where}"
    ).format(
        shape=_on(_SHAPE, "g"),
        touches=_on(_TOUCHES, "g"),
        where=where,
        label=label if q.z >= LABELS_FROM else sql.SQL(""),
    )
    return [(_tile("areas", inner), {**_frame(q), **params})]


def _regions(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    allowed = q.region_ids
    if allowed is None and not q.scope.whole:
        allowed = sorted(q.scope.region_ids)
    limit = sql.SQL("true") if allowed is None else sql.SQL("r.region_id = ANY (%(allowed)s)")
    inner = sql.SQL(
        "SELECT {shape} AS geom, r.region_id AS id, r.code, r.name, r.kind AS k, r.sketch::int AS sketch"
        " FROM region r WHERE {touches} AND r.kind = ANY (%(kinds)s) AND {limit}"
    ).format(shape=_on(_SHAPE, "r"), touches=_on(_TOUCHES, "r"), limit=limit)
    params = {**_frame(q), "kinds": list(q.kinds or ("county", "zone")), "allowed": list(allowed or ())}
    return [(_tile("areas", inner), params)]


def _warnings(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Warnings in force at `q.now`: their own area, or the outlines of the regions they name.

    A warning for the whole city concerns a town, so the closure is asked upwards.
    """
    if q.z >= LABELS_FROM:
        return []
    inner = sql.SQL(
        """
        SELECT {shape} AS geom, a.id, a.name, a.name_en, a.colour
        FROM (SELECT w.warning_id AS id, w.kind AS name, w.kind_en AS name_en, w.colour,
                     coalesce(w.geom, r.geom) AS geom
              FROM warning w LEFT JOIN region r ON w.geom IS NULL AND r.region_id = ANY (w.region_ids)
              WHERE w.status = 'active' AND w.onset_at <= %(now)s AND (w.expires_at IS NULL OR w.expires_at > %(now)s)
                AND ({whole} OR w.region_ids && ARRAY(SELECT u.ancestor_id FROM region_closure u
                                                      WHERE u.descendant_id = ANY (%(allowed)s::int[])))) a
        WHERE {touches}
        """
    ).format(
        shape=_on(_SHAPE, "a"),
        touches=_on(_TOUCHES, "a"),
        whole=sql.SQL("true" if q.scope.whole and q.region_ids is None else "false"),
    )
    allowed = sorted(q.scope.region_ids) if q.region_ids is None else list(q.region_ids)
    return [(_tile("areas", inner), {**_frame(q), "now": q.now, "allowed": allowed})]


def _thematic(_conn: psycopg.Connection[Any], q: TileQuery) -> list[Statement]:
    """Features of one thematic layer; `where` carries its `layer_id`, put there by `ioc.store.thematic`."""
    where, params = _narrow(q, "f", ("layer_id",))
    label = ", coalesce(f.attributes->>%(label)s, f.name) AS label" if q.z >= LABELS_FROM else ""
    inner = sql.SQL(
        "SELECT {shape} AS geom, f.feature_id AS id, f.name{label} FROM thematic_feature f WHERE {touches} AND {where}"
    ).format(
        shape=_on(_POINT, "f") if q.layer.geometry == "point" else _on(_SHAPE, "f"),
        touches=_on(_IN_TILE if q.layer.geometry == "point" else _TOUCHES, "f"),
        where=where,
        label=sql.SQL(label),
    )
    name = {"point": "points", "line": "lines"}.get(q.layer.geometry, "areas")
    detail = q.layer.detail
    return [(_tile(name, inner), {**_frame(q), **params, "label": getattr(detail, "label", "") or "name"})]


_QUERIES: Mapping[str, Callable[[psycopg.Connection[Any], TileQuery], list[Statement]]] = {
    "device": _devices,
    "event": _events,
    "case": _cases,
    "heat": _heat,
    "resource": _resources,
    "grid_cell": _grid_cells,
    "region": _regions,
    "warning": _warnings,
    "thematic": _thematic,
}
