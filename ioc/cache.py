"""A cache for what is read, never for what is computed: keyed on the scope class, so that it cannot leak by accident.

flask-caching over memory (one web process) or Redis (`IOC_REDIS_URL`, several). It stands behind a lock per key: two
hundred screens that ask at once cause one read.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import flask
from flask_caching import Cache

from ioc.scope import Scope
from ioc.settings import Settings

Value = TypeVar("Value")
THRESHOLD = 2000  # entries kept in memory


class ScopedCache:
    """`get(scope, name, parts, ttl_s, make)`. Values must be picklable (Redis) and must not be changed by callers."""

    def __init__(self, server: flask.Flask, settings: Settings) -> None:
        options: dict[str, Any] = {
            "CACHE_TYPE": "SimpleCache",
            "CACHE_THRESHOLD": THRESHOLD,
            "CACHE_KEY_PREFIX": "ioc:",
        }
        if settings.redis_url:
            options = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": settings.redis_url, "CACHE_KEY_PREFIX": "ioc:"}
        self._flask = Cache(server, config=options)
        # The backend itself: threads outside a request (and ASGI) have no Flask context to find it through.
        self._backend: Any = server.extensions["cache"][self._flask]
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}

    def get(self, scope: Scope, name: str, parts: tuple[Any, ...], ttl_s: float, make: Callable[[], Value]) -> Value:
        """The value under this name for everyone of the asker's scope class; made once, kept `ttl_s`."""
        key = self._key(scope, name, parts)
        found = self._backend.get(key)
        if found is not None:
            return cast(Value, found)
        with self._lock:
            own = self._making.setdefault(key, threading.Lock())
        with own:
            found = self._backend.get(key)
            if found is None:
                found = make()
                self._backend.set(key, found, timeout=max(1, round(ttl_s)))
        with self._lock:
            self._making.pop(key, None)
        return cast(Value, found)

    def clear(self) -> None:
        self._backend.clear()

    @staticmethod
    def _key(scope: Scope, name: str, parts: tuple[Any, ...]) -> str:
        text = repr((scope.class_key, parts)).encode()
        return f"{name}:{hashlib.blake2b(text, digest_size=16).hexdigest()}"


@runtime_checkable
class CacheUser(Protocol):
    """Who reads through the web process's cache. `version` changes when a number has."""

    def use_cache(self, cache: ScopedCache, version: Callable[[], str]) -> None: ...


def make_cache(server: flask.Flask, settings: Settings) -> ScopedCache:
    return ScopedCache(server, settings)
