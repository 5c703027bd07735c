"""Base map features as compact GeoJSON: the centre's regions as shared lines and names, and layers with a `base_role`.

`base` is what the first view needs, `near` what appears from z 12. The base map is the same for everybody who is signed
in: it tells of land, roads and names, not of things. Coordinates have five decimals (1 m).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, ClassVar, LiteralString
from weakref import WeakKeyDictionary

from ioc.errors import NotFound
from ioc.scope import SYSTEM
from ioc.store.pool import Conn, Store

# Simplification in degrees: 0.0004 is about 40 m, a pixel at z 11. `near` keeps what its source has.
COARSE_DEG, FINE_DEG, UNDER_DEG = 0.0004, 0.00005, 0.0015
NEAR_FROM = 12
CHECK_S = 5.0

_VERSION: LiteralString = """
SELECT md5(concat_ws('/', (SELECT count(*) || coalesce(max(updated_at)::text, '') FROM region),
  (SELECT count(*) || coalesce(max(updated_at)::text, '') FROM thematic_layer WHERE base_role IS NOT NULL),
  (SELECT count(*) || coalesce(max(f.updated_at)::text, '')
   FROM thematic_feature f JOIN thematic_layer t USING (layer_id) WHERE t.base_role IS NOT NULL))) AS version
"""
# Shared borders become one line each, so that two neighbours cannot be simplified apart.
_OUTLINE: LiteralString = """
SELECT ST_AsGeoJSON(ST_Simplify(ST_LineMerge(ST_UnaryUnion(ST_Collect(ST_Boundary(geom)))), %(step)s), 5) AS geometry
FROM region WHERE kind = ANY (%(kinds)s) AND geom IS NOT NULL
"""
_FEATURES: LiteralString = """
SELECT t.base_role AS role, f.name, coalesce(f.attributes->>'name_en', '') AS name_en, f.attributes->>'class' AS class,
       (f.attributes->>'rank')::float8 AS rank, (f.attributes->>'min_zoom')::float8 AS min_zoom,
       ST_AsGeoJSON(CASE WHEN ST_Dimension(f.geom) = 0 THEN f.geom
                         -- neighbours lie under the land drawn over them, so they may be coarse and a little too large
                         WHEN t.base_role = 'outside'
                         THEN ST_SimplifyPreserveTopology(ST_Buffer(f.geom, %(under)s, 1), %(under)s)
                         ELSE ST_SimplifyPreserveTopology(f.geom, %(step)s) END, 5) AS geometry
FROM thematic_feature f JOIN thematic_layer t USING (layer_id)
WHERE t.base_role = ANY (%(roles)s)
  AND (coalesce((f.attributes->>'min_zoom')::float8, 0) >= %(near)s) = %(is_near)s
ORDER BY t.base_role, f.feature_id
"""
# Where no base layer says what is land, the uppermost regions are.
_LAND: LiteralString = """
SELECT ST_AsGeoJSON(ST_SimplifyPreserveTopology(ST_Union(geom), %(step)s), 5) AS geometry FROM region
WHERE geom IS NOT NULL AND kind <> 'zone' AND (parent_id IS NULL OR parent_id NOT IN (SELECT region_id FROM region))
"""
_NAMES: LiteralString = """
SELECT name, name_en, kind, ST_AsGeoJSON(coalesce(center, ST_PointOnSurface(geom)), 5) AS geometry
FROM region WHERE kind = ANY (%(kinds)s) AND (center IS NOT NULL OR geom IS NOT NULL) ORDER BY code
"""

ROLES = ("sea", "outside", "land", "water", "river", "highway", "road", "rail", "place")
_PLACE_KINDS = ("sea", "island", "bay", "harbour", "scenic", "neighbour")
Document = tuple[bytes, str]


class BaseMap:
    """Rendered documents of one store, kept until regions or base features change. Thread-safe."""

    _all: ClassVar[WeakKeyDictionary[Store, BaseMap]] = WeakKeyDictionary()
    _all_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, store: Store, ticks: Callable[[], float] = monotonic) -> None:
        self._store, self._ticks = store, ticks
        self._lock = threading.Lock()
        self._version, self._checked = "", float("-inf")
        self._documents: dict[str, Document] = {}

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
                    self._version, self._documents = version, {}
                self._checked = self._ticks()
            return self._version

    def document(self, name: str) -> Document:
        """(GeoJSON bytes, ETag) of `base`, `near`, a role, `county`, `town` or `boundaries`. Raises NotFound."""
        self.version()
        found = self._documents.get(name)
        if found is None:
            with self._store.reading(SYSTEM) as conn:
                body = collection(_features(conn, name))
            found = (body, hashlib.blake2b(body, digest_size=8).hexdigest())
            self._documents[name] = found
        return found


def collection(features: list[str]) -> bytes:
    """A FeatureCollection from ready features."""
    return ('{"type":"FeatureCollection","features":[' + ",".join(features) + "]}").encode()


def _feature(geometry: str, **properties: Any) -> str:
    kept = {k: v for k, v in properties.items() if v not in (None, "")}
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    return f'{{"type":"Feature","properties":{text},"geometry":{geometry}}}'


def _features(conn: Conn, name: str) -> list[str]:
    if name == "base":
        ground = _rows(conn, ROLES, near=False)
        land = [] if any('"role":"land"' in f for f in ground) else _land(conn)
        names = _names(conn, ("county", "zone", "town"))
        return [*ground, *land, *_outline(conn, "town"), *_outline(conn, "county"), *names]
    if name == "near":
        return [*_rows(conn, ROLES, near=True), *_names(conn, ("village",))]
    if name in ROLES:
        return [*_rows(conn, (name,), near=False), *_rows(conn, (name,), near=True)]
    if name in ("county", "town"):
        return _outline(conn, name)
    if name == "boundaries":
        return [*_outline(conn, "town"), *_outline(conn, "county")]
    raise NotFound(f"底图 {name}", f"base map {name}")


def _rows(conn: Conn, roles: tuple[str, ...], near: bool) -> list[str]:
    params = {
        "roles": list(roles),
        "near": NEAR_FROM,
        "is_near": near,
        "step": FINE_DEG if near else COARSE_DEG,
        "under": UNDER_DEG,
    }
    out: list[str] = []
    for r in conn.execute(_FEATURES, params):
        kind = None
        if r["role"] == "place":
            kind = r["class"] if r["class"] in _PLACE_KINDS else "other"
        # names of lines and areas are not drawn, so they are not sent
        words = (
            {"name": r["name"], "name_en": r["name_en"], "rank": r["rank"], "min_zoom": r["min_zoom"]} if kind else {}
        )
        out.append(
            _feature(r["geometry"], role=r["role"], kind=kind, **{"class": r["class"]} if not kind else {}, **words)
        )
    return out


def _land(conn: Conn) -> list[str]:
    row = conn.execute(_LAND, {"step": COARSE_DEG}).fetchone()
    return [_feature(row["geometry"], role="land")] if row and row["geometry"] else []


def _outline(conn: Conn, level: str) -> list[str]:
    # a centre without counties draws its own outline in their place
    kinds = ["city", "county"] if level == "county" else [level]
    row = conn.execute(_OUTLINE, {"step": COARSE_DEG / 2, "kinds": kinds}).fetchone()
    return [_feature(row["geometry"], role=level)] if row and row["geometry"] else []


def _names(conn: Conn, kinds: tuple[str, ...]) -> list[str]:
    rank: Mapping[str, int] = {"county": 1, "zone": 2, "town": 3, "village": 4}
    rows = conn.execute(_NAMES, {"kinds": list(kinds)})
    return [
        _feature(r["geometry"], kind=r["kind"], name=r["name"], name_en=r["name_en"], rank=rank[r["kind"]])
        for r in rows
    ]
