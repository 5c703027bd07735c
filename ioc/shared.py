"""What several web processes hold in common: a Redis (`IOC_REDIS_URL`). Without the setting each stands alone.

Needed at the start: a wrong address must not look like a working installation. Afterwards nothing but speed and common
counting rests on it: when it goes away every process goes on by itself, and log, `/readyz` and doctor say so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ioc.errors import ConfigError
from ioc.settings import Settings

log = logging.getLogger("ioc.web")
Value = TypeVar("Value")
# It answers within a millisecond. One that does not within half a second is left alone for two: waiting for it would
# cost a screen more than doing without.
TIMEOUT_S, AWAY_S = 0.5, 2.0


class Shared:
    """One instance a process; thread-safe. `client` is only to be used through `ask`."""

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        try:
            parts = urlsplit(url)
            self.where = f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path
            # one retry, of a connection that was closed meanwhile; a server that is slow is not asked twice
            self.client: redis.Redis = redis.Redis.from_url(
                url,
                socket_timeout=TIMEOUT_S,
                socket_connect_timeout=TIMEOUT_S,
                retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            )
        except ValueError as e:
            raise ConfigError(f"IOC_REDIS_URL 不是 Redis 地址：{e}", f"IOC_REDIS_URL is no address: {e}") from e
        self.fault = ""  # why it is away; empty: it answers
        self._monotonic = monotonic
        self._ask_again = float("-inf")
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raises ConfigError when it does not answer. The address is told without its password."""
        try:
            self.client.ping()
        except redis.RedisError as e:
            raise ConfigError(
                f"连接不上 IOC_REDIS_URL 所指的 Redis（{self.where}）：{e}",
                f"cannot reach the Redis of IOC_REDIS_URL ({self.where}): {e}",
            ) from e

    def answers(self) -> bool:
        """Asks now, if it is not being left alone."""

        def ping() -> bool:
            self.client.ping()
            return True

        return self.ask(ping, lambda: False)

    def ask(self, do: Callable[[], Value], otherwise: Callable[[], Value]) -> Value:
        """`do` with the server, or `otherwise` while it is away. One line of log when it goes, one when it is back."""
        if self.fault and self._monotonic() < self._ask_again:
            return otherwise()
        try:
            value = do()
        except redis.RedisError as e:
            self._gone(e)
            return otherwise()
        if self.fault:
            self._back()
        return value

    def _gone(self, error: redis.RedisError) -> None:
        with self._lock:
            self._ask_again = self._monotonic() + AWAY_S
            if not self.fault:
                log.warning("redis at %s is away, every web process counts and caches alone: %s", self.where, error)
            self.fault = str(error) or type(error).__name__

    def _back(self) -> None:
        with self._lock:
            if self.fault:
                log.warning("redis at %s is back", self.where)
            self.fault = ""


def open_shared(settings: Settings) -> Shared | None:
    """None without a setting. Raises ConfigError when the server does not answer."""
    if not settings.redis_url:
        return None
    shared = Shared(settings.redis_url)
    shared.check()
    return shared
