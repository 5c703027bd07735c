"""Tiles kept in memory: the least used leave first, by bytes. One asker makes a tile, the others wait for it.

Not the shared cache of `ioc.cache`: that one looks at every entry when it is full, which costs more than making a tile.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic

from ioc.once import Once

BYTES = 64 * 2**20
# What an entry costs beside its bytes: key, object, place in the dictionary.
OVERHEAD = 600


@dataclass(frozen=True, slots=True)
class Kept:
    body: bytes
    etag: str
    until: float


class TileMemory:
    """Thread-safe. `ticks` counts seconds."""

    def __init__(self, size: int = BYTES, ticks: Callable[[], float] = monotonic) -> None:
        self._size, self._ticks = size, ticks
        self._lock = threading.Lock()
        self._tiles: OrderedDict[Hashable, Kept] = OrderedDict()
        self._bytes = 0
        self._once = Once()

    def get(self, key: Hashable, keep_s: float, make: Callable[[], tuple[bytes, str]]) -> Kept:
        def fresh() -> Kept:
            body, etag = make()
            tile = Kept(body, etag, self._ticks() + keep_s)
            self._put(key, tile)
            return tile

        return self._once.get(key, lambda: self._find(key), fresh)

    def _find(self, key: Hashable) -> Kept | None:
        with self._lock:
            found = self._tiles.get(key)
            if found is None:
                return None
            if found.until < self._ticks():
                self._drop(key)
                return None
            self._tiles.move_to_end(key)
            return found

    def _put(self, key: Hashable, tile: Kept) -> None:
        with self._lock:
            if key in self._tiles:
                self._drop(key)
            self._tiles[key] = tile
            self._bytes += len(tile.body) + OVERHEAD
            while self._bytes > self._size and len(self._tiles) > 1:
                self._drop(next(iter(self._tiles)))

    def _drop(self, key: Hashable) -> None:
        self._bytes -= len(self._tiles.pop(key).body) + OVERHEAD
