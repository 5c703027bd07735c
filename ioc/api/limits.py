"""Token buckets: how often one asker may do something. Where there is a Redis, counted there for all processes."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from ioc.clock import Clock
from ioc.shared import Shared

# The same bucket as one number: the time at which it will be full again. Checked and moved in one step.
# KEYS: the bucket. ARGV: now and the time one take costs (both seconds), the time a whole bucket takes to fill.
_TAKE = """
local now, cost, full = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + cost
if at - now > full + 0.000001 then return 0 end
redis.call('SET', KEYS[1], string.format('%.6f', at), 'PX', math.ceil((at - now) * 1000))
return 1
"""


class Buckets:
    """`take(key)` is false when `key` has used up `burst`, refilled at `rate` a second.

    `name` tells buckets of different purposes apart in `shared`; while that is away each process counts by itself.
    """

    def __init__(
        self, rate: float, burst: float, clock: Clock, size: int = 20_000, shared: Shared | None = None, name: str = ""
    ) -> None:
        self._rate, self._burst, self._clock, self._size = rate, burst, clock, size
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._shared, self._name = shared, name
        self._script = shared.client.register_script(_TAKE) if shared is not None else None

    def take(self, key: str, cost: float = 1.0) -> bool:
        if self._shared is None:
            return self._take_here(key, cost)
        return self._shared.ask(lambda: self._take_there(key, cost), lambda: self._take_here(key, cost))

    def _take_there(self, key: str, cost: float) -> bool:
        assert self._script is not None
        # hashed: a key may be a credential's
        bucket = f"ioc:rate:{self._name}:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
        now = self._clock.now().timestamp()
        return bool(self._script(keys=[bucket], args=[now, cost / self._rate, self._burst / self._rate]))

    def _take_here(self, key: str, cost: float) -> bool:
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
