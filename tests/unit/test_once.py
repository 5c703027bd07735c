"""Many ask at once, one makes; a failure is nobody else's."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ioc.once import Once


def test_of_many_askers_one_makes_and_all_get_it() -> None:
    once, kept, made = Once(), dict[str, int](), list[int]()
    together = threading.Barrier(8)

    def make() -> int:
        made.append(1)
        kept["k"] = 7
        return 7

    def ask(_: int) -> int:
        together.wait(5)
        return once.get("k", lambda: kept.get("k"), make)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [7] * 8
    assert made == [1]


def test_after_a_failure_the_next_asker_tries() -> None:
    once, kept = Once(), dict[str, int]()

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        once.get("k", lambda: kept.get("k"), fail)
    assert once.get("k", lambda: kept.get("k"), lambda: 3) == 3
