"""Counts of vulnerable people that can be told without telling of anybody: the rule, and the functions that keep it.

1. Before anything is asked, each count of each unit is rounded to a multiple of `BASE`, up or down by a draw that is
   weighted so that the expectation stays (random rounding, as statistical offices publish small-area tables). The draw
   comes of a key of this installation, the unit and the group: the same count is rounded the same way every time, so
   that asking or importing again averages nothing out. Answers are computed from these rounded counts alone.
2. An answer is rounded to a multiple of `BASE` too, and below `BASE` it is "<5", also where it is 0.

So the difference of any two answers (ring and ring, ring and drawn area, place and place) is a multiple of `BASE` and
never a count of 1 to 4. However many areas are asked, and however they overlap, they are functions of the rounded
counts: a unit with 1 to 4 people answers as one with none, or as one with five, which up to nine people can be.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence

BASE = 5


def rounded(count: float, key: bytes, unit: str, group: str) -> int:
    """`count` >= 0 as a multiple of `BASE`: the lower one, or the upper with the probability of what is left over."""
    low = math.floor(count / BASE) * BASE
    drawn = hmac.new(key, f"{unit}\x1f{group}".encode(), hashlib.sha256).digest()
    chance = int.from_bytes(drawn[:8], "big") / 2**64
    return low + BASE if chance < (count - low) / BASE else low


def safe(groups: Mapping[str, float], key: bytes, unit: str) -> dict[str, int]:
    """Every group of one unit. `unit` names it for good (source, level, code)."""
    return {group: rounded(count, key, unit, group) for group, count in groups.items()}


def told(value: float) -> int | None:
    """A sum of shares of rounded counts, as it may be said: a multiple of `BASE`; None: fewer than `BASE`."""
    nearest = math.floor(value / BASE + 0.5) * BASE
    return nearest if nearest >= BASE else None


def words(value: int | None) -> str:
    return f"<{BASE}" if value is None else str(value)


def groups_told(sums: Mapping[str, float], order: Sequence[str] = ()) -> list[dict[str, object]]:
    """[{group, count (None: suppressed), shown}], groups of `order` first."""
    keys = [*(g for g in order if g in sums), *sorted(g for g in sums if g not in order)]
    return [{"group": g, "count": told(sums[g]), "shown": words(told(sums[g]))} for g in keys]
