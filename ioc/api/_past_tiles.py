"""Tiles as they were known at a moment. Kept longer than live ones: they do not change, and players come back."""

from __future__ import annotations

import datetime as dt

from ioc import moment
from ioc.api import Deps
from ioc.api._kept import Kept, TileMemory
from ioc.api._moment import earliest
from ioc.api._tiles import levels, tagged
from ioc.errors import NotFound
from ioc.scope import Scope
from ioc.store import thematic, tiles
from ioc.store.past import Past
from ioc.store.regions import Regions

KEEP_S, FRESH_S = 3600.0, 5.0
BYTES = 48 * 2**20
# Where people walked is shown for the day's work and not played back; what was covered is computed from it.
NOT_KEPT = frozenset({"patrol_track", "patrol_coverage"})


class PastTiles:
    """Thread-safe; one a process."""

    def __init__(self, past: Past, deps: Deps) -> None:
        self._past, self._deps = past, deps
        self._kept, self._regions = TileMemory(BYTES), Regions.of(deps.store)

    def moment(self, text: str) -> dt.datetime | None:
        """None: live. Raises Invalid."""
        now = self._deps.clock.now()
        return moment.parse(text, now, earliest(self._deps.settings, now))

    def get(self, scope: Scope, key: str, z: int, x: int, y: int, region: str, at: dt.datetime) -> Kept:
        """Raises NotFound (also for what is not kept), Forbidden."""
        tiles.lonlat_box(z, x, y)
        declared = self._deps.registry.layers.get("thematic" if key.startswith(thematic.PREFIX) else key)
        if declared is None or declared.query in NOT_KEPT:
            raise NotFound(f"图层 {key}", f"layer {key}")
        scope.require(declared.permission)
        region_ids = self._regions.ids(scope, region)
        keep = KEEP_S if moment.settled(at, self._deps.clock.now()) else FRESH_S

        def make() -> tuple[bytes, str]:
            with self._past.at(at).reading(scope) as conn:
                layer = thematic.resolve(conn, scope, self._deps.registry.layers, key)
                kinds = levels(self._regions.tree(), z) if layer.query == "region" else ()
                return tagged(tiles.render(conn, tiles.TileQuery(scope, layer, z, x, y, at, region_ids, kinds)))

        return self._kept.get((scope.class_key, key, z, x, y, region, at), keep, make)
