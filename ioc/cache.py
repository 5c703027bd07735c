"""A cache for what is read, never for what is computed: keyed on the scope class, so that it cannot leak by accident.

flask-caching over memory (one web process) or Redis (`IOC_REDIS_URL`, several). It stands behind a lock per key: two
hundred screens that ask at once cause one read. While Redis is away each process keeps what it reads by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import flask
from flask_caching import Cache
from flask_caching.backends.simplecache import SimpleCache

from ioc import __version__
from ioc.once import Once
from ioc.scope import Scope
from ioc.shared import Shared

Value = TypeVar("Value")
THRESHOLD = 2000  # entries kept in memory


class ScopedCache:
    """`get(scope, name, parts, ttl_s, make)`. Values must be picklable (Redis) and must not be changed by callers."""

    def __init__(self, server: flask.Flask, shared: Shared | None = None) -> None:
        options: dict[str, Any] = {"CACHE_TYPE": "SimpleCache", "CACHE_THRESHOLD": THRESHOLD}
        if shared is not None:
            # values are pickled: two releases that run beside each other during an upgrade do not read each other's
            prefix = f"ioc:cache:{__version__}:"
            options = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_HOST": shared.client, "CACHE_KEY_PREFIX": prefix}
        self._shared = shared
        self._own: Any = SimpleCache(threshold=THRESHOLD)
        self._flask = Cache(server, config=options)
        # The backend itself: threads outside a request (and ASGI) have no Flask context to find it through.
        self._backend: Any = server.extensions["cache"][self._flask]
        self._once = Once()

    def get(self, scope: Scope, name: str, parts: tuple[Any, ...], ttl_s: float, make: Callable[[], Value]) -> Value:
        """The value under this name for everyone of the asker's scope class; made once, kept `ttl_s`."""
        key = self._key(scope, name, parts)

        def fresh() -> Value:
            value = make()
            self._write(key, value, max(1, round(ttl_s)))
            return value

        return self._once.get(key, lambda: cast(Value | None, self._read(key)), fresh)

    def clear(self) -> None:
        self._own.clear()
        self._on_backend(self._backend.clear, lambda: None)

    def _read(self, key: str) -> Any:
        return self._on_backend(lambda: self._backend.get(key), lambda: self._own.get(key))

    def _write(self, key: str, value: Any, ttl_s: int) -> None:
        self._on_backend(
            lambda: self._backend.set(key, value, timeout=ttl_s), lambda: self._own.set(key, value, timeout=ttl_s)
        )

    def _on_backend(self, do: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        return do() if self._shared is None else self._shared.ask(do, otherwise)

    @staticmethod
    def _key(scope: Scope, name: str, parts: tuple[Any, ...]) -> str:
        text = repr((scope.class_key, parts)).encode()
        return f"{name}:{hashlib.blake2b(text, digest_size=16).hexdigest()}"


@runtime_checkable
class CacheUser(Protocol):
    """Who reads through the web process's cache. `version` changes when a number has."""

    def use_cache(self, cache: ScopedCache, version: Callable[[], str]) -> None: ...


def make_cache(server: flask.Flask, shared: Shared | None = None) -> ScopedCache:
    return ScopedCache(server, shared)
