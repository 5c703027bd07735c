"""Everything under the cursor (click-through): points first, then lines, then areas from small to large.

Below z 14 devices are drawn as cells, so there a device layer answers with the cell and its counts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import h3.api.basic_int as h3
import psycopg
from psycopg import sql

from ioc.declare import Layer
from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.regions import Regions
from ioc.store.search import path_text
from ioc.store.tiles import PINS_TO, resolution
from ioc.store.where import visible

TOLERANCE_PX = 9.0  # half of the smallest mark's target size
LIMIT = 40
_TILE_PX = 512  # web Mercator world at z 0, as the map client counts

Item = dict[str, Any]
_RANK = {"point": 0, "line": 1, "polygon": 2}


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place on the map at zoom `z`, seen by `scope` inside `region_ids` (None: no drill-down)."""

    lon: float
    lat: float
    z: float
    scope: Scope
    region_ids: Sequence[int] | None
    now: dt.datetime
    lang: str = "zh"
    coloured: bool = False  # grid cells are drawn, and answer, at every zoom

    @property
    def tolerance_deg(self) -> float:
        """`TOLERANCE_PX` on the screen, in degrees of longitude."""
        return TOLERANCE_PX * 360.0 / (_TILE_PX * 2.0**self.z)


def identify(conn: Conn, regions: Regions, cursor: Cursor, layers: Sequence[Layer]) -> list[Item]:
    """Items `{key, layer, title, sub, icon, geometry, lon, lat}` at the cursor. No right: nothing."""
    found: list[tuple[tuple[int, float], Item]] = []
    for layer in layers:
        if not cursor.scope.can(layer.permission):
            continue
        if layer.query == "device" and cursor.z < PINS_TO + 1:
            found += _cell(conn, cursor, layer)
        elif layer.query == "region":
            found += _regions(regions, cursor)
        elif layer.query in _SQL:
            found += _rows(conn, regions, cursor, layer)
    found.sort(key=lambda f: f[0])
    return [item for _, item in found[:LIMIT]]


# OFFSET 0: found by place alone. Joined with an index of classes, each click would read every camera of the city.
_POINTS: LiteralString = """
SELECT {columns}, a.region_id, ST_X(a.geom) AS lon, ST_Y(a.geom) AS lat, ST_Distance(a.geom, p.at) AS rank
FROM (SELECT * FROM {table} h
      WHERE h.geom && ST_Expand(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(tolerance)s) OFFSET 0) a,
     (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS at) p
WHERE {extra} AND {seen} AND {inside}
ORDER BY rank LIMIT 40
"""
_SHAPES: LiteralString = """
SELECT {columns}, a.region_id, NULL::float8 AS lon, NULL::float8 AS lat, ST_Area(a.geom) AS rank
FROM (SELECT * FROM {table} h
      WHERE h.geom && ST_Expand(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(tolerance)s) OFFSET 0) a
WHERE ST_DWithin(a.geom, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), {near}) AND {extra} AND {seen} AND {inside}
ORDER BY rank LIMIT 40
"""


@dataclass(frozen=True, slots=True)
class _Query:
    """How one kind of layer is asked: template, table, columns (key, title, sub words, icon), further condition."""

    template: LiteralString
    table: str
    columns: LiteralString
    extra: LiteralString = "true"


_SQL: Mapping[str, _Query] = {
    "device": _Query(
        _POINTS,
        "device",
        "'device:' || a.device_id AS key, a.name AS title, a.kind, 'device_kind' AS dict, a.class AS icon",
    ),
    "event": _Query(
        _POINTS,
        "event",
        "'event:' || a.event_id AS key, a.title, a.source_id AS kind, '' AS dict, 'pin' AS icon",
        "a.status = 'open' AND a.case_id IS NULL"
        " AND (%(marks)s OR a.urgency <> 'routine' OR a.incident_level IS NOT NULL)",
    ),
    "case": _Query(
        _POINTS,
        "cases",
        "'case:' || a.case_id AS key, a.title, a.number AS kind, '' AS dict, 'check' AS icon",
        "a.closed_at IS NULL AND (%(marks)s OR a.urgency <> 'routine' OR a.incident_level IS NOT NULL)",
    ),
    "resource": _Query(
        _POINTS,
        "resource",
        "'resource:' || a.resource_id AS key, a.name AS title, a.kind, 'resource_kind' AS dict, 'shield' AS icon",
        "%(z)s >= 12",
    ),
    "target": _Query(
        _SHAPES,
        "target",
        "'target:' || a.target_id AS key, a.name AS title, a.kind, 'target_kind' AS dict, 'warn' AS icon",
        "%(z)s >= 12 AND a.removed_at IS NULL",
    ),
    "grid_cell": _Query(
        _SHAPES,
        "grid_cell",
        "'grid:' || a.grid_cell_id AS key, a.name AS title, a.kind, 'grid_kind' AS dict, 'grid' AS icon",
        "(%(marks)s OR %(coloured)s)",
    ),
    "building": _Query(
        _SHAPES,
        "building",
        "'building:' || a.building_id AS key, a.name AS title, a.use AS kind, 'building_use' AS dict, 'home' AS icon",
        "a.retired_at IS NULL AND %(marks)s",
    ),
    "thematic": _Query(
        _SHAPES,
        "thematic_feature",
        "'feature:' || a.feature_id AS key, a.name AS title, '' AS kind, '' AS dict, 'layers' AS icon",
    ),
}


def _rows(conn: Conn, regions: Regions, cursor: Cursor, layer: Layer) -> list[tuple[tuple[int, float], Item]]:
    query = _SQL[layer.query]
    seen, params = visible(cursor.scope, "a")
    inside = sql.SQL("true" if cursor.region_ids is None else "a.region_id = ANY (%(drill)s)")
    extra: list[sql.Composable] = [sql.SQL(query.extra)]
    for column in layer.where:  # checked by the tile query of the same layer
        extra.append(sql.SQL("{} = {}").format(sql.Identifier("a", column), sql.Placeholder(f"where_{column}")))
        params[f"where_{column}"] = layer.where[column]
    composed = sql.SQL(query.template).format(
        columns=sql.SQL(query.columns),
        table=sql.Identifier(query.table),
        extra=sql.SQL(" AND ").join(extra),
        seen=seen,
        inside=inside,
        # an area is hit inside it, a line or a point within the tolerance
        near=sql.SQL("0" if layer.geometry == "polygon" else "%(tolerance)s"),
    )
    values = {
        "lon": cursor.lon,
        "lat": cursor.lat,
        "z": cursor.z,
        "tolerance": cursor.tolerance_deg,
        "marks": cursor.z >= PINS_TO + 1,
        "coloured": cursor.coloured,
        "drill": list(cursor.region_ids or ()),
        **params,
    }
    return [_item(conn, regions, cursor, layer, row) for row in conn.execute(composed, values, prepare=False)]


def _item(
    conn: psycopg.Connection[Any], regions: Regions, cursor: Cursor, layer: Layer, row: Mapping[str, Any]
) -> tuple[tuple[int, float], Item]:
    geometry = layer.geometry if layer.geometry in _RANK else "polygon"
    place = path_text(regions.tree(), row["region_id"], cursor.lang)
    kind = _word(conn, row["dict"], row["kind"], cursor.lang) or layer.title(cursor.lang)
    item: Item = {
        "key": row["key"],
        "layer": layer.key,
        "title": row["title"] or kind,
        "sub": " · ".join(p for p in (kind, place) if p),
        "icon": row["icon"],
        "geometry": geometry,
        "lon": row["lon"],
        "lat": row["lat"],
    }
    return (_RANK[geometry], float(row["rank"] or 0)), item


def _word(conn: psycopg.Connection[Any], table: str, code: str, lang: str) -> str:
    if not table:
        return code
    row = conn.execute("SELECT zh, en FROM dictionary_now WHERE dict = %s AND code = %s", (table, code)).fetchone()
    return str(row["en" if lang == "en" else "zh"]) if row else code


def _regions(regions: Regions, cursor: Cursor) -> list[tuple[tuple[int, float], Item]]:
    out: list[tuple[tuple[int, float], Item]] = []
    tree = regions.tree()
    for region in regions.locate(cursor.scope, cursor.lon, cursor.lat):
        west, south, east, north = region.bbox or (0.0, 0.0, 0.0, 0.0)
        item: Item = {
            "key": f"region:{region.code}",
            "layer": "region",
            "title": region.ref(cursor.lang).name,
            "sub": path_text(tree, region.parent_id, cursor.lang),
            "icon": "map",
            "geometry": "polygon",
            "lon": region.center[0] if region.center else None,
            "lat": region.center[1] if region.center else None,
            "bbox": region.bbox,
        }
        out.append(((_RANK["polygon"], (east - west) * (north - south)), item))
    return out


def _cell(conn: Conn, cursor: Cursor, layer: Layer) -> list[tuple[tuple[int, float], Item]]:
    res = resolution(int(cursor.z))
    cell = h3.latlng_to_cell(cursor.lat, cursor.lon, res)
    seen, params = visible(cursor.scope, "c")
    parts: list[sql.Composable] = [sql.SQL("c.res = %(res)s AND c.cell = %(cell)s"), seen]
    if cursor.region_ids is not None:
        parts.append(sql.SQL("c.region_id = ANY (%(drill)s)"))
    for column in layer.where:
        parts.append(sql.SQL("{} = {}").format(sql.Identifier("c", column), sql.Placeholder(f"where_{column}")))
    query = sql.SQL(
        "SELECT coalesce(sum(c.total), 0)::int AS n, coalesce(sum(c.offline), 0)::int AS off,"
        " coalesce(sum(c.exceeded), 0)::int AS ex FROM device_cell c WHERE {}"
    ).format(sql.SQL(" AND ").join(parts))
    where = {f"where_{k}": v for k, v in layer.where.items()}
    drill = list(cursor.region_ids or ())
    row = conn.execute(query, {**params, **where, "res": res, "cell": cell, "drill": drill}).fetchone()
    if row is None or not row["n"]:
        return []
    lat, lon = h3.cell_to_latlng(cell)
    words = {"off": ("离线", "offline"), "ex": ("超限", "exceeded")}
    sub = " · ".join(f"{w[cursor.lang == 'en']} {row[k]}" for k, w in words.items() if row[k])
    item: Item = {
        "key": f"cell:{layer.key}:{cell:x}",
        "layer": layer.key,
        "title": f"{layer.title(cursor.lang)} {row['n']}",
        "sub": sub,
        "icon": layer.icon,
        "geometry": "polygon",
        "lon": lon,
        "lat": lat,
    }
    return [((_RANK["point"], 1.0), item)]
