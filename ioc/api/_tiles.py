"""Tiles behind both doors (Flask and ASGI): who may see the layer, cached by scope class and data version, tagged."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from ioc.api._kept import Kept, TileMemory
from ioc.clock import Clock
from ioc.errors import NotFound
from ioc.feed.versions import FeedVersions
from ioc.moment import asked
from ioc.registry import Registry
from ioc.scope import SYSTEM, Scope
from ioc.store import Store, grid_counts, thematic, tiles, topics
from ioc.store.accounts import audit
from ioc.store.loop import LoopReader
from ioc.store.pool import Conn
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
    "target": ("target", "region"),
    "grid_cell": ("grid", "region"),
    "region": ("region",),
    "warning": ("warning", "region"),
    "thematic": ("layer", "region"),
    "patrol_coverage": ("patrol_coverage", "grid", "region"),
    "patrol_track": ("patrol_track", "region"),
    "fence": ("fence", "region"),
    "building": ("building", "region"),
    "crossing": ("alarm", "region"),
    "closure": ("closure",),
    "drone_track": ("drone_track", "region"),
    "drone_trace": ("drone_trace", "resource"),
    "drone_photo": ("drone_photo", "region"),
}
# What also changes as time passes is made anew this often (seconds).
_TICKS: Mapping[str, int] = {
    "heat": 600,
    "warning": 60,
    "patrol_coverage": 600,
    "patrol_track": 600,
    "crossing": 2,
    "closure": 30,
    "resource": 60,
    "drone_trace": 60,
    "drone_track": 600,
}
# Layers that show where people were: whoever opens one is written into the audit, once in this many seconds a region.
_LOOKED: Mapping[str, int] = {"patrol_track": 600}
# Cells coloured by a measure; seen from afar all of a city's are in few tiles.
_COLOURED_CLOSE, _COLOURED_FAR, _CLOSE_FROM = 60, 600, 12
_LOOKS_KEPT = 10_000
_CLASSES_KEPT = 500
# Layers whose tiles can be asked for `by` something: a measure, or topics.
_BY, _BY_MAX = frozenset({"grid_cell", "event", "case", "heat"}), 400
_LEVELS = ("city", "county", "town", "village")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A tile that may be asked for, and the place it is kept at."""

    scope: Scope
    key: str
    query: str
    z: int
    x: int
    y: int
    now: dt.datetime
    region_ids: tuple[int, ...] | None
    place: Hashable
    by: str = ""


class TileService:
    """Thread-safe; one a process."""

    def __init__(self, store: Store, registry: Registry, clock: Clock, versions: FeedVersions) -> None:
        self._store, self._registry, self._clock, self._versions = store, registry, clock, versions
        self._kept = TileMemory()
        self._making: dict[Hashable, asyncio.Future[bytes | None]] = {}  # the event loop's alone
        self._regions = Regions.of(store)
        self._classes: dict[tuple[str, str], grid_counts.Colouring] = {}
        self._looks: dict[tuple[str, str, str], dt.datetime] = {}

    def get(self, scope: Scope, key: str, z: int, x: int, y: int, region: str = "", v: str = "", by: str = "") -> Kept:
        """`by`: what grid cells are coloured by, or the topics of work.

        `v`: a version of the client's own; another one is never answered from what an earlier one left behind.

        Raises NotFound (no such layer, tile or region for this asker), Forbidden, Invalid (no measure).
        """
        wanted = self._wanted(scope, key, z, x, y, region, v, by)
        self._note_look(wanted, region)
        return self._kept.get(wanted.place, KEEP_S, lambda: tagged(self._made(wanted)))

    async def soon(
        self, reader: LoopReader, scope: Scope, key: str, z: int, x: int, y: int, region: str = "", v: str = ""
    ) -> Kept | None:
        """`get` on the event loop, `reader`'s. None: something would have to be waited for; ask from a thread."""
        if (region and not self._regions.at_hand) or key in _LOOKED:
            return None
        wanted = self._wanted(scope, key, z, x, y, region, v)
        found = self._kept.find(wanted.place)
        if found is not None:
            return found
        body = await self._once(wanted, reader)
        return None if body is None else self._kept.put(wanted.place, KEEP_S, *tagged(body))

    def _note_look(self, w: _Wanted, region: str) -> None:
        """Before the tile is given. Told again when some time has passed, not for each of a map's tiles."""
        every = _LOOKED.get(w.query)
        if every is None:
            return
        look = (w.scope.actor, w.key, region)
        last = self._looks.get(look)
        if last is not None and (w.now - last).total_seconds() < every:
            return
        with self._store.scoped(SYSTEM) as conn:
            audit(conn, actor=w.scope.actor, action="patrol.look", object_=f"layer:{w.key}", detail={"region": region})
        if len(self._looks) >= _LOOKS_KEPT:
            self._looks.clear()
        self._looks[look] = w.now

    async def _once(self, wanted: _Wanted, reader: LoopReader) -> bytes | None:
        """One asker makes the tile, the others wait for it."""
        making = self._making.get(wanted.place)
        if making is None:
            making = self._making[wanted.place] = asyncio.ensure_future(self._made_soon(wanted, reader))
            making.add_done_callback(lambda _: self._making.pop(wanted.place, None))
        return await asyncio.shield(making)  # an asker that leaves does not take the tile from the others

    def _wanted(self, scope: Scope, key: str, z: int, x: int, y: int, region: str, v: str, by: str = "") -> _Wanted:
        tiles.lonlat_box(z, x, y)
        now = self._clock.now()
        query = self._query(scope, key)
        by = by[:_BY_MAX] if query in _BY else ""
        coloured = by and query == "grid_cell"
        if coloured:
            grid_counts.measure(scope, by)
        every = _TICKS.get(query) if not coloured else _COLOURED_CLOSE if z >= _CLOSE_FROM else _COLOURED_FAR
        tick = int(now.timestamp() // every) if every else 0
        alarmed = ("alarm",) if self._carries_alarms(scope, key) else ()
        version = self._versions.of(*_TOPICS.get(query, ()), *alarmed)
        place = (scope.class_key, key, z, x, y, region, version, tick, v[:20], by, asked())
        return _Wanted(scope, key, query, z, x, y, now, self._regions.ids(scope, region), place, by)

    def _carries_alarms(self, scope: Scope, key: str) -> bool:
        layer = self._registry.layers.get(key)
        return layer is not None and tiles.carries_alarms(layer, scope)

    def _made(self, w: _Wanted) -> bytes:
        with self._store.reading(w.scope, tiles.plan(w.query, w.z)) as conn:
            layer = thematic.resolve(conn, w.scope, self._registry.layers, w.key)
            kinds = levels(self._regions.tree(), w.z) if layer.query == "region" else ()
            colours = self._colours(conn, w) if w.by and w.query == "grid_cell" else None
            more = topics.predicate(conn, "e", w.by) if w.by and colours is None else None
            q = tiles.TileQuery(w.scope, layer, w.z, w.x, w.y, w.now, w.region_ids, kinds, colours, more)
            return tiles.render(conn, q)

    def _colours(self, conn: Conn, w: _Wanted) -> grid_counts.Colouring:
        """Classes are the same for all tiles of a scope until the numbers have been computed anew."""
        key = (w.scope.class_key, w.by)
        at = grid_counts.computed_at(conn)
        kept = self._classes.get(key)
        if kept is None or kept.computed_at != at:
            if len(self._classes) >= _CLASSES_KEPT:
                self._classes.clear()
            kept = self._classes[key] = grid_counts.colouring(conn, w.scope, w.by)
        return kept

    async def _made_soon(self, w: _Wanted, reader: LoopReader) -> bytes | None:
        layer = self._registry.layers.get(w.key)
        way = layer and tiles.steps(tiles.TileQuery(w.scope, layer, w.z, w.x, w.y, w.now, w.region_ids))
        if not way:
            return None
        try:
            statement = next(way)
            while True:
                row = await reader.first_row(w.scope, tiles.plan(w.query, w.z), *statement)
                if row is None:
                    return None
                statement = way.send(row)
        except StopIteration as e:
            return e.value

    def _query(self, scope: Scope, key: str) -> str:
        """Name of the layer's query, with its right checked before anything is looked up."""
        layer = self._registry.layers.get("thematic" if key.startswith(thematic.PREFIX) else key)
        if layer is None:
            raise NotFound(f"图层 {key}", f"layer {key}")
        scope.require(layer.permission)
        return layer.query


def tagged(body: bytes) -> tuple[bytes, str]:
    return body, hashlib.blake2b(body, digest_size=8).hexdigest()


def levels(tree: RegionTree, z: int) -> tuple[str, ...]:
    """Kinds of region that suit a zoom: counties, towns from z 10, villages from z 13; zones while they are readable.

    A centre without that level shows the next larger one it has.
    """
    have = {r.kind for r in tree.by_id.values()}
    wanted = 1 if z <= 9 else 2 if z <= 12 else 3
    fitting = [kind for kind in _LEVELS[: wanted + 1] if kind in have] or [k for k in _LEVELS if k in have][:1]
    return (*fitting[-1:], *(("zone",) if z <= 12 else ()))
