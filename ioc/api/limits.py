"""Token buckets in process: how often one asker may do something. Several web processes each keep their own."""

from __future__ import annotations

import threading
from collections import OrderedDict

from ioc.clock import Clock


class Buckets:
    """`take(key)` is false when `key` has used up `burst`, refilled at `rate` a second."""

    def __init__(self, rate: float, burst: float, clock: Clock, size: int = 20_000) -> None:
        self._rate, self._burst, self._clock, self._size = rate, burst, clock, size
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, cost: float = 1.0) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            left, at = self._left.get(key, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            allowed = left >= cost
            self._left[key] = (left - cost if allowed else left, now)
            self._left.move_to_end(key)
            while len(self._left) > self._size:
                self._left.popitem(last=False)
        return allowed
