"""Conditions of a batch of values, many at once: arrays in, truths out. Pure; histories are handed in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
History: TypeAlias = Sequence[tuple[dt.datetime, float]]  # of one datastream, oldest first


def limits(value: Floats, high: Floats, low: Floats, hysteresis: Floats, inclusive: Bools) -> tuple[Bools, Bools]:
    """(beyond, back) of each value. NaN limits are open: nothing is beyond them, and everything is back from them.

    Beyond: at or past the limit (past it where not `inclusive`). Back: on the safe side of it by more than nothing,
    and by `hysteresis` at least.
    """
    with np.errstate(invalid="ignore"):
        over = np.where(inclusive, value >= high, value > high)
        under = np.where(inclusive, value <= low, value < low)
        from_high = np.isnan(high) | (value <= high - hysteresis)
        from_low = np.isnan(low) | (value >= low + hysteresis)
    beyond = over | under
    return beyond, from_high & from_low & ~beyond


def rate_per_hour(history: History, at: dt.datetime, value: float, window: dt.timedelta, side: str) -> float | None:
    """Change to `value` since the lowest (side high) or highest value of the window before it, per hour.

    Over the time in between, but a quarter of the window at least, so that the noise of two close readings is no rate.
    None without an earlier value in the window.
    """
    before = [(t, v) for t, v in history if at - window <= t < at]
    if not before:
        return None
    pick = min if side == "high" else max
    start, base = pick(before, key=lambda p: p[1])
    hours = max((at - start).total_seconds(), window.total_seconds() / 4) / 3600.0
    change = value - base if side == "high" else base - value
    return change / hours


def times_beyond(history: History, at: dt.datetime, window: dt.timedelta, limit: float) -> int:
    """How often the series went from below `limit` to it or above within the window that ends at `at` (inclusive)."""
    count, was = 0, False
    for t, v in history:
        is_beyond = v >= limit
        if is_beyond and not was and at - window < t <= at:
            count += 1
        was = is_beyond
    return count
