"""One thread makes what several ask for at the same moment; the others wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TypeVar

Value = TypeVar("Value")


class Once:
    """Thread-safe. Where values are kept is the caller's business: `find` looks there, `make` puts them there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, find: Callable[[], Value | None], make: Callable[[], Value]) -> Value:
        """What `find` gives, else what `make` gives. A `make` that fails leaves the next asker to try."""
        found = find()
        if found is not None:
            return found
        with self._lock:
            own = self._making.setdefault(key, threading.Lock())
        try:
            with own:
                found = find()
                return make() if found is None else found
        finally:
            with self._lock:
                self._making.pop(key, None)
