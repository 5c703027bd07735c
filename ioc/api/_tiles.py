"""Tiles behind both doors (Flask and ASGI): who may see the layer, cached by scope class and data version, tagged."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ioc.api._kept import TileMemory
from ioc.clock import Clock
from ioc.errors import NotFound
from ioc.feed.versions import FeedVersions
from ioc.registry import Registry
from ioc.scope import Scope
from ioc.store import Store, thematic, tiles
from ioc.store.regions import Regions, RegionTree

MIME = "application/vnd.mapbox-vector-tile"
# A tile is right until its topics change; should this process have lost the feed, it is wrong for no longer than this.
KEEP_S = 30.0
_TOPICS: Mapping[str, tuple[str, ...]] = {
    "device": ("device", "region"),
    "event": ("event", "case", "region"),
    "case": ("case", "region"),
    "heat": ("event", "region"),
    "resource": ("resource", "region"),
    "grid_cell": ("grid", "region"),
    "region": ("region",),
    "warning": ("warning", "region"),
    "thematic": ("layer", "region"),
}
# What also changes as time passes is made anew this often (seconds).
_TICKS: Mapping[str, int] = {"heat": 600, "warning": 60}
_LEVELS = ("city", "county", "town", "village")


@dataclass(frozen=True, slots=True)
class Tile:
    """`etag` is of the content: a new data version that changed nothing here still answers 304."""

    body: bytes
    etag: str


class TileService:
    """Thread-safe; one a process."""

    def __init__(self, store: Store, registry: Registry, clock: Clock, versions: FeedVersions) -> None:
        self._store, self._registry, self._clock, self._versions = store, registry, clock, versions
        self._kept = TileMemory()
        self._regions = Regions.of(store)

    def get(self, scope: Scope, key: str, z: int, x: int, y: int, region: str = "", v: str = "") -> Tile:
        """`v`: a version of the client's own; another one is never answered from what an earlier one left behind.

        Raises NotFound (no such layer, tile or region for this asker) and Forbidden.
        """
        tiles.lonlat_box(z, x, y)
        now = self._clock.now()
        query = self._query(scope, key)
        ids = self._regions.ids(scope, region)
        tick = int(now.timestamp() // _TICKS[query]) if query in _TICKS else 0
        version = self._versions.of(*_TOPICS.get(query, ()))

        def make() -> tuple[bytes, str]:
            with self._store.reading(scope, tiles.plan(query, z)) as conn:
                layer = thematic.resolve(conn, scope, self._registry.layers, key)
                kinds = levels(self._regions.tree(), z) if layer.query == "region" else ()
                body = tiles.render(conn, tiles.TileQuery(scope, layer, z, x, y, now, ids, kinds))
            return body, hashlib.blake2b(body, digest_size=8).hexdigest()

        place = (scope.class_key, key, z, x, y, region, version, tick, v[:20])
        found = self._kept.get(place, KEEP_S, make)
        return Tile(found.body, found.etag)

    def _query(self, scope: Scope, key: str) -> str:
        """Name of the layer's query, with its right checked before anything is looked up."""
        layer = self._registry.layers.get("thematic" if key.startswith(thematic.PREFIX) else key)
        if layer is None:
            raise NotFound(f"图层 {key}", f"layer {key}")
        scope.require(layer.permission)
        return layer.query


def levels(tree: RegionTree, z: int) -> tuple[str, ...]:
    """Kinds of region that suit a zoom: counties, towns from z 10, villages from z 13; zones while they are readable.

    A centre without that level shows the next larger one it has.
    """
    have = {r.kind for r in tree.by_id.values()}
    wanted = 1 if z <= 9 else 2 if z <= 12 else 3
    fitting = [kind for kind in _LEVELS[: wanted + 1] if kind in have] or [k for k in _LEVELS if k in have][:1]
    return (*fitting[-1:], *(("zone",) if z <= 12 else ()))
