"""A transaction that met another writer, and may be done once more as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import psycopg

Value = TypeVar("Value")


def retried(work: Callable[[], Value], tries: int = 3) -> Value:
    """What `work` gives. `work` is one whole transaction: PostgreSQL has undone it where it says deadlock or conflict.

    Raises the last psycopg.errors.DeadlockDetected or SerializationFailure, and whatever else `work` raises.
    """
    for _ in range(tries - 1):
        try:
            return work()
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            continue
    return work()
