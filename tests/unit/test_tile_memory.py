"""Tiles in memory: bounded by bytes, least used first, made once however many ask."""

from __future__ import annotations

import threading
import time

import pytest

from ioc.api._kept import OVERHEAD, TileMemory


def test_a_tile_is_made_once_and_again_when_its_time_is_over() -> None:
    now = [0.0]
    memory = TileMemory(ticks=lambda: now[0])
    made: list[int] = []

    def make() -> tuple[bytes, str]:
        made.append(1)
        return b"x" * len(made), "e"

    assert memory.get("a", 10, make).body == b"x"
    assert memory.get("a", 10, make).body == b"x"
    now[0] = 11
    assert memory.get("a", 10, make).body == b"xx"
    assert len(made) == 2


def test_the_least_used_leave_first_and_the_size_is_kept() -> None:
    memory = TileMemory(size=3 * (100 + OVERHEAD))
    made: list[str] = []

    def get(key: str) -> None:
        memory.get(key, 60, lambda: (made.append(key), (b"x" * 100, "e"))[1])

    for key in ("a", "b", "c", "a", "d", "a", "b"):
        get(key)
    assert made == ["a", "b", "c", "d", "b"]


def test_a_tile_larger_than_everything_is_still_answered() -> None:
    memory = TileMemory(size=10)
    assert memory.get("a", 60, lambda: (b"y" * 500, "e")).body == b"y" * 500
    assert memory.get("b", 60, lambda: (b"z", "e")).body == b"z"


def test_many_who_ask_at_once_cause_one_making() -> None:
    memory = TileMemory()
    made: list[int] = []

    def make() -> tuple[bytes, str]:
        time.sleep(0.05)
        made.append(1)
        return b"x", "e"

    threads = [threading.Thread(target=memory.get, args=("k", 60, make)) for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert made == [1]


def test_a_failed_making_is_told_and_leaves_nothing_behind() -> None:
    memory = TileMemory()

    def fail() -> tuple[bytes, str]:
        raise LookupError

    with pytest.raises(LookupError):
        memory.get("k", 60, fail)
    assert memory.get("k", 60, lambda: (b"ok", "e")).body == b"ok"
