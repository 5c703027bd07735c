"""Keys met so far in a file, in 16 bytes a row, so that a million rows cost 16 MB and not a dictionary of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Seen = Literal["new", "same", "different"]
_U = np.uint64
_MASK = (1 << 64) - 1


class SeenKeys:
    """Keys and contents by their 64-bit hashes. Two keys of a million-row file share one by chance once in 40 million
    files; the second of them would then be refused as a duplicate, never stored wrongly."""

    def __init__(self) -> None:
        self._levels: list[tuple[NDArray[np.uint64], NDArray[np.uint64]]] = []  # sorted keys, contents beside them

    def check(self, keys: Sequence[object], contents: Sequence[object]) -> list[Seen]:
        """What each row is against all rows before it. The first of a key is `new`; the rest are compared with it."""
        k = np.fromiter((hash(v) & _MASK for v in keys), dtype=_U, count=len(keys))
        c = np.fromiter((hash(v) & _MASK for v in contents), dtype=_U, count=len(contents))
        out: list[Seen] = ["new"] * len(keys)
        for level, content in self._levels:
            at = np.minimum(np.searchsorted(level, k), len(level) - 1)
            for i in np.nonzero(level[at] == k)[0].tolist():
                out[i] = "same" if content[at[i]] == c[i] else "different"
        order = np.argsort(k, kind="stable")
        sorted_keys = k[order]
        again = np.nonzero(sorted_keys[1:] == sorted_keys[:-1])[0] + 1 if len(keys) > 1 else np.empty(0, dtype=np.int64)
        first: dict[int, int] = {}
        for place in again.tolist():
            head = first.setdefault(int(sorted_keys[place]), int(order[place - 1]))
            i = int(order[place])
            if out[i] == "new":
                out[i] = "same" if c[i] == c[head] else "different"
        fresh = np.fromiter((s == "new" for s in out), dtype=bool, count=len(out))
        self._add(k[fresh], c[fresh])
        return out

    def _add(self, keys: NDArray[np.uint64], contents: NDArray[np.uint64]) -> None:
        """Merge into the levels, each at least twice as long as the next: few levels, few copies."""
        if not len(keys):
            return
        order = np.argsort(keys)
        level = keys[order], contents[order]
        while self._levels and len(self._levels[-1][0]) < 2 * len(level[0]):
            other = self._levels.pop()
            both = np.concatenate((other[0], level[0]))
            order = np.argsort(both, kind="stable")
            level = both[order], np.concatenate((other[1], level[1]))[order]
        self._levels.append(level)
