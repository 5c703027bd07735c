"""A track from the points a phone sends, in whatever order they come. Pure: a function of the set of points.

Points come in batches, late and twice. They are kept by time; of two for one moment the more exact one stays. A point
nobody could have reached (a jump) or a coarse one is flagged and left out of the distance; it is never dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

GOOD, JUMP, COARSE = 0, 1, 2
# 35 m/s is 126 km/h: above what a car may drive on any road but a motorway (道路交通安全法实施条例, 第四十五条).
MAX_SPEED_MPS = 35.0
# A position that may be wrong by more says little about where in a grid cell somebody was.
COARSE_M = 100.0
# Standing still is no walk: a step counts when it is longer than this and than what the two positions may be wrong by.
STEP_M = 5.0
# Mean earth radius (IUGG).
RADIUS_M = 6_371_008.8


class Point(NamedTuple):
    """`at_ms` epoch milliseconds; degrees; `accuracy_m` NaN where the phone does not say."""

    at_ms: int
    lon: float
    lat: float
    accuracy_m: float = math.nan


@dataclass(frozen=True, slots=True)
class Track:
    """Points by time, a flag for each, and the metres along the good ones."""

    points: tuple[Point, ...]
    flags: tuple[int, ...]
    distance_m: float

    @property
    def good(self) -> list[Point]:
        return [p for p, flag in zip(self.points, self.flags, strict=True) if flag == GOOD]

    @property
    def jumps(self) -> int:
        return self.flags.count(JUMP)


def merged(old: Iterable[Point], new: Iterable[Point]) -> Track:
    """The track of both. Which came first, and how often, makes no difference."""
    by_time: dict[int, Point] = {}
    for p in (*old, *new):
        have = by_time.get(p.at_ms)
        if have is None or _rank(p) < _rank(have):
            by_time[p.at_ms] = p
    points = tuple(by_time[at] for at in sorted(by_time))
    flags = tuple(flagged(points))
    good = [p for p, flag in zip(points, flags, strict=True) if flag == GOOD]
    return Track(points, flags, length(good))


def _rank(p: Point) -> tuple[float, float, float]:
    return (math.inf if math.isnan(p.accuracy_m) else p.accuracy_m, p.lon, p.lat)


def flagged(points: Sequence[Point]) -> list[int]:
    """A flag for each point (by time, no two at one moment).

    The longest stretch in which each step could be made is believed; from its ends outwards a point is believed when it
    could be reached from the last one that is. So one wild fix does not condemn the track after it, nor a wild start.
    """
    flags = [COARSE if p.accuracy_m > COARSE_M else JUMP for p in points]
    use = [i for i, flag in enumerate(flags) if flag == JUMP]
    if not use:
        return flags
    begin, end = _longest(points, use)
    for i in use[begin:end]:
        flags[i] = GOOD
    for step, rest in ((1, use[end:]), (-1, use[:begin][::-1])):
        last = points[use[end - 1] if step == 1 else use[begin]]
        for i in rest:
            if reachable(last, points[i]):
                flags[i], last = GOOD, points[i]
    return flags


def _longest(points: Sequence[Point], use: Sequence[int]) -> tuple[int, int]:
    """First and one past the last index (into `use`) of the longest stretch; of equals the earliest."""
    best, start = (0, 1), 0
    for k in range(1, len(use) + 1):
        if k == len(use) or not reachable(points[use[k - 1]], points[use[k]]):
            if k - start > best[1] - best[0]:
                best = (start, k)
            start = k
    return best


def reachable(a: Point, b: Point) -> bool:
    """Whether one can get from a to b in the time between, allowing for what either may be wrong by."""
    seconds = abs(b.at_ms - a.at_ms) / 1000
    return metres(a, b) <= MAX_SPEED_MPS * seconds + _doubt(a) + _doubt(b)


def _doubt(p: Point) -> float:
    return STEP_M if math.isnan(p.accuracy_m) else p.accuracy_m


def metres(a: Point, b: Point) -> float:
    """Great-circle distance (haversine)."""
    la, lb = math.radians(a.lat), math.radians(b.lat)
    h = math.sin((lb - la) / 2) ** 2 + math.cos(la) * math.cos(lb) * math.sin(math.radians(b.lon - a.lon) / 2) ** 2
    return 2 * RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def length(points: Sequence[Point]) -> float:
    """Metres along the points, without the trembling of one who stands."""
    total = 0.0
    if not points:
        return total
    anchor = points[0]
    for p in points[1:]:
        step = metres(anchor, p)
        if step > max(STEP_M, _doubt(anchor), _doubt(p)):
            total += step
            anchor = p
    return total
