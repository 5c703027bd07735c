"""Tiles kept in memory: the least used leave first, by bytes. One asker makes a tile, the others wait for it.

Not the shared cache of `ioc.cache`: that one looks at every entry when it is full, which costs more than making a tile.
"""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic

from ioc.once import Once

BYTES = 64 * 2**20
# What an entry costs beside its bytes: key, object, place in the dictionary, and some of the packed body.
OVERHEAD = 1500


# A smaller body fits one packet anyway.
PACK_FROM, PACK_LEVEL = 1400, 1


@dataclass(slots=True)
class Kept:
    """`etag` is of the content: a new data version that changed nothing here still answers 304."""

    body: bytes
    etag: str
    until: float
    _packed: bytes = b""

    def worth_packing(self) -> bool:
        return len(self.body) >= PACK_FROM

    def packed(self) -> bytes:
        """The body by gzip, made when first asked for."""
        if not self._packed:
            self._packed = gzip.compress(self.body, PACK_LEVEL)
        return self._packed


class TileMemory:
    """Thread-safe. `ticks` counts seconds."""

    def __init__(self, size: int = BYTES, ticks: Callable[[], float] = monotonic) -> None:
        self._size, self._ticks = size, ticks
        self._lock = threading.Lock()
        self._tiles: OrderedDict[Hashable, Kept] = OrderedDict()
        self._bytes = 0
        self._once = Once()

    def get(self, key: Hashable, keep_s: float, make: Callable[[], tuple[bytes, str]]) -> Kept:
        return self._once.get(key, lambda: self.find(key), lambda: self.put(key, keep_s, *make()))

    def find(self, key: Hashable) -> Kept | None:
        with self._lock:
            found = self._tiles.get(key)
            if found is None:
                return None
            if found.until < self._ticks():
                self._drop(key)
                return None
            self._tiles.move_to_end(key)
            return found

    def put(self, key: Hashable, keep_s: float, body: bytes, etag: str) -> Kept:
        tile = Kept(body, etag, self._ticks() + keep_s)
        with self._lock:
            if key in self._tiles:
                self._drop(key)
            self._tiles[key] = tile
            self._bytes += len(tile.body) + OVERHEAD
            while self._bytes > self._size and len(self._tiles) > 1:
                self._drop(next(iter(self._tiles)))
        return tile

    def _drop(self, key: Hashable) -> None:
        self._bytes -= len(self._tiles.pop(key).body) + OVERHEAD
