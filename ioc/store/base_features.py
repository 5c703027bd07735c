"""The base map as vector tiles: the centre's regions as shared lines and names, and layers with a `base_role`.

The base map is the same for everybody who is signed in: it tells of land, roads and names, not of things. Its parts are
read once a version and simplified once a zoom, to less than a pixel; PostGIS cuts and writes the tiles.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, ClassVar, LiteralString
from weakref import WeakKeyDictionary

import numpy as np
import shapely
from numpy.typing import NDArray

from ioc.scope import SYSTEM
from ioc.store.pool import Conn, Store
from ioc.store.tiles.frame import EXTENT, lonlat_box

# Beyond this zoom a browser enlarges the last tiles.
ZOOM_MAX = 14
# Villages and small streets appear from here; a road layer of the city's own says so by `min_zoom`.
NEAR_FROM = 12
# Simplification at each zoom, in pixels of a 512 px tile; neighbours lie under the land drawn over them, so they may be
# coarse and a little too large.
STEP_PX = 0.6
FINE_DEG, UNDER_DEG = 0.00005, 0.0015
# Around a tile, in tile units: half of the widest line of the style, which is 48 px.
BUFFER = 256
CHECK_S = 5.0

_VERSION: LiteralString = """
SELECT md5(concat_ws('/', (SELECT count(*) || coalesce(max(updated_at)::text, '') FROM region),
  (SELECT count(*) || coalesce(max(updated_at)::text, '') FROM thematic_layer WHERE base_role IS NOT NULL),
  (SELECT count(*) || coalesce(max(f.updated_at)::text, '')
   FROM thematic_feature f JOIN thematic_layer t USING (layer_id) WHERE t.base_role IS NOT NULL))) AS version
"""
# Shared borders become one line each, so that two neighbours cannot be simplified apart.
_OUTLINE: LiteralString = """
SELECT ST_AsBinary(ST_LineMerge(ST_UnaryUnion(ST_Collect(ST_Boundary(geom))))) AS shape
FROM region WHERE kind = ANY (%(kinds)s) AND geom IS NOT NULL
"""
_FEATURES: LiteralString = """
SELECT t.base_role AS role, f.name, coalesce(f.attributes->>'name_en', '') AS name_en, f.attributes->>'class' AS class,
       (f.attributes->>'rank')::float8 AS rank, (f.attributes->>'min_zoom')::float8 AS min_zoom,
       ST_AsBinary(CASE WHEN ST_Dimension(f.geom) = 0 THEN f.geom
                        WHEN t.base_role = 'outside'
                        THEN ST_SimplifyPreserveTopology(ST_Buffer(f.geom, %(under)s, 1), %(under)s)
                        ELSE ST_SimplifyPreserveTopology(f.geom, %(fine)s) END) AS shape
FROM thematic_feature f JOIN thematic_layer t USING (layer_id)
WHERE t.base_role = ANY (%(roles)s) ORDER BY t.base_role, f.feature_id
"""
# Where no base layer says what is land, the uppermost regions are.
_LAND: LiteralString = """
SELECT ST_AsBinary(ST_Union(geom)) AS shape FROM region
WHERE geom IS NOT NULL AND kind <> 'zone' AND (parent_id IS NULL OR parent_id NOT IN (SELECT region_id FROM region))
"""
_NAMES: LiteralString = """
SELECT name, name_en, kind, ST_AsBinary(coalesce(center, ST_PointOnSurface(geom))) AS shape
FROM region WHERE kind = ANY (%(kinds)s) AND (center IS NOT NULL OR geom IS NOT NULL) ORDER BY code
"""
_COLUMNS = ("role", "kind", "class", "name", "name_en", "rank", "min_zoom")
_TILE: LiteralString = """
SELECT ST_AsMVT(t, 'base', 4096, 'geom') AS body FROM (
  SELECT ST_AsMVTGeom(ST_Transform(ST_GeomFromWKB(p.shape, 4326), 3857), ST_TileEnvelope(%(z)s, %(x)s, %(y)s),
                      4096, %(buffer)s, true) AS geom,
         p.role, p.kind, p.class, p.name, p.name_en, p.rank, p.min_zoom
  FROM unnest(%(shape)s::bytea[], %(role)s::text[], %(kind)s::text[], %(class)s::text[], %(name)s::text[],
              %(name_en)s::text[], %(rank)s::float8[], %(min_zoom)s::float8[])
       AS p(shape, role, kind, class, name, name_en, rank, min_zoom)) t
WHERE t.geom IS NOT NULL
"""

ROLES = ("sea", "outside", "land", "water", "river", "highway", "road", "rail", "place")
_PLACE_KINDS = ("sea", "island", "bay", "harbour", "scenic", "neighbour")
_RANK: Mapping[str, int] = {"county": 1, "zone": 2, "town": 3, "village": 4}
# What a style does not draw farther out is not sent.
_FROM: Mapping[str, int] = {"road": 7, "town": 7, "street": NEAR_FROM}
Shapes = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class _Part:
    """One feature: its shape in degrees, what the style asks of it, and the zoom it is sent from."""

    shape: Any
    props: Mapping[str, Any]
    since: int


@dataclass(frozen=True, slots=True)
class _Level:
    """The parts of one zoom, simplified, with an index of their places."""

    shapes: Shapes
    props: Sequence[Mapping[str, Any]]
    index: shapely.STRtree


class BaseMap:
    """The base map of one store, read anew when regions or base features change. Thread-safe."""

    _all: ClassVar[WeakKeyDictionary[Store, BaseMap]] = WeakKeyDictionary()
    _all_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, store: Store, ticks: Callable[[], float] = monotonic) -> None:
        self._store, self._ticks = store, ticks
        self._lock = threading.Lock()
        self._version, self._checked = "", float("-inf")
        self._parts: Sequence[_Part] | None = None
        self._levels: dict[int, _Level] = {}

    @classmethod
    def of(cls, store: Store) -> BaseMap:
        with cls._all_lock:
            found = cls._all.get(store)
            if found is None:
                found = cls._all[store] = cls(store)
            return found

    def version(self) -> str:
        with self._lock:
            if self._ticks() - self._checked >= CHECK_S:
                with self._store.reading(SYSTEM) as conn:
                    row = conn.execute(_VERSION).fetchone()
                version = str(row["version"])[:12] if row else ""
                if version != self._version:
                    self._version, self._parts, self._levels = version, None, {}
                self._checked = self._ticks()
            return self._version

    def tile(self, z: int, x: int, y: int) -> bytes:
        """A vector tile (MVT 2.1) with one layer, `base`; empty where nothing lies. Raises NotFound."""
        west, south, east, north = lonlat_box(z, x, y)
        level = self._level(z)
        pad = (east - west) * BUFFER / EXTENT
        box = west - pad, max(south - pad, -85.0), east + pad, min(north + pad, 85.0)
        at = np.sort(level.index.query(shapely.box(*box)))
        shapes = shapely.clip_by_rect(level.shapes[at], *box)
        kept = ~shapely.is_empty(shapes)
        if not kept.any():
            return b""
        props = [level.props[i] for i in at[kept].tolist()]
        params: dict[str, Any] = {name: [p.get(name) for p in props] for name in _COLUMNS}
        params |= {"z": z, "x": x, "y": y, "buffer": BUFFER, "shape": shapely.to_wkb(shapes[kept]).tolist()}
        with self._store.reading(SYSTEM) as conn:
            row = conn.execute(_TILE, params).fetchone()
        return bytes(row["body"] or b"") if row else b""

    def _level(self, z: int) -> _Level:
        self.version()
        with self._lock:
            found = self._levels.get(z)
            if found is None:
                if self._parts is None:
                    with self._store.reading(SYSTEM) as conn:
                        self._parts = _read(conn)
                found = self._levels[z] = _simplified(self._parts, z)
            return found


def _simplified(parts: Sequence[_Part], z: int) -> _Level:
    wanted = [p for p in parts if p.since <= z]
    shapes: Shapes = np.array([p.shape for p in wanted], dtype=object)
    if z < ZOOM_MAX and len(wanted):
        shapes = shapely.simplify(shapes, STEP_PX * 360 / 512 / (1 << z), preserve_topology=True)
    return _Level(shapes, [p.props for p in wanted], shapely.STRtree(shapes))


def _read(conn: Conn) -> Sequence[_Part]:
    ground = _features(conn)
    land = [] if any(p.props["role"] == "land" for p in ground) else _shapes(conn, _LAND, {}, role="land")
    # a centre without counties draws its own outline in their place
    lines = [
        *_shapes(conn, _OUTLINE, {"kinds": ["town"]}, role="town"),
        *_shapes(conn, _OUTLINE, {"kinds": ["city", "county"]}, role="county"),
    ]
    return [*ground, *land, *lines, *_names(conn)]


def _part(shape: Any, **props: Any) -> _Part:
    role = str(props.get("role") or props.get("kind"))
    near = (props.get("min_zoom") or 0) >= NEAR_FROM or role == "village"
    if near and role == "road":
        role = props["role"] = "street"
    kept = {k: v for k, v in props.items() if v not in (None, "")}
    return _Part(shapely.from_wkb(bytes(shape)), kept, max(NEAR_FROM if near else 0, _FROM.get(role, 0)))


def _features(conn: Conn) -> list[_Part]:
    params = {"roles": list(ROLES), "fine": FINE_DEG, "under": UNDER_DEG}
    out: list[_Part] = []
    for r in conn.execute(_FEATURES, params):
        if r["role"] == "place":
            kind = r["class"] if r["class"] in _PLACE_KINDS else "other"
            words = {k: r[k] for k in ("name", "name_en", "rank", "min_zoom")}
            out.append(_part(r["shape"], role="place", kind=kind, **words))
        else:  # names of lines and areas are not drawn, so they are not sent
            out.append(_part(r["shape"], role=r["role"], **{"class": r["class"], "min_zoom": r["min_zoom"]}))
    return out


def _shapes(conn: Conn, query: LiteralString, params: Mapping[str, Any], role: str) -> list[_Part]:
    row = conn.execute(query, params).fetchone()
    return [_part(row["shape"], role=role)] if row and row["shape"] is not None else []


def _names(conn: Conn) -> list[_Part]:
    rows = conn.execute(_NAMES, {"kinds": list(_RANK)})
    return [
        _part(r["shape"], kind=r["kind"], name=r["name"], name_en=r["name_en"], rank=float(_RANK[r["kind"]]))
        for r in rows
    ]
