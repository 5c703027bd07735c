"""Whether two reports are of one thing: by category, space, time and text. Pure; thresholds are data by category.

A score is a weighted sum of four parts, each 0 to 1. What lies further apart than `radius_m` or `hours`, or is of
categories that exclude each other, is no candidate at all (score 0): no likeness of words makes up for that.
Weights and defaults are this product's own: space weighs most because a report is about a place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WEIGHTS = {"category": 0.30, "space": 0.35, "time": 0.15, "text": 0.20}
# Two phones at one pothole disagree by some 10 m (GNSS in streets): nearer than that is the same place.
SAME_PLACE_M = 10.0
# Categories that cannot be compared: of two tables, or not given.
UNKNOWN = 0.6


@dataclass(frozen=True, slots=True)
class Limits:
    """`certain`: joined without asking; from `hint`: shown as perhaps the same."""

    radius_m: float = 50.0
    hours: float = 72.0
    certain: float = 0.75
    hint: float = 0.5

    def __post_init__(self) -> None:
        if not (self.radius_m > 0 and self.hours > 0 and 0 <= self.hint <= self.certain <= 1):
            raise ValueError("radius and hours above 0, 0 <= hint <= certain <= 1")


@dataclass(frozen=True, slots=True)
class LimitTable:
    """Limits by category prefix, the longest wins; "" for every other."""

    rows: tuple[tuple[str, Limits], ...] = ()

    def find(self, category: str) -> Limits:
        fitting = [(len(prefix), limits) for prefix, limits in self.rows if category.startswith(prefix)]
        return max(fitting, key=lambda pair: pair[0], default=(0, Limits()))[1]

    @property
    def reach_m(self) -> float:
        """The widest radius of any category."""
        return max(limits.radius_m for limits in (Limits(), *(limits for _, limits in self.rows)))

    @property
    def reach_h(self) -> float:
        """The longest time of any category."""
        return max(limits.hours for limits in (Limits(), *(limits for _, limits in self.rows)))


# Where the centre has no table. 街面秩序 (GB/T 30428.2, 05) comes and goes: two cars parked 30 m apart are two.
DEFAULTS = LimitTable((("", Limits()), ("05", Limits(30.0, 12.0, 0.85, 0.6)), ("0505", Limits(15.0, 2.0, 0.9, 0.7))))


@dataclass(frozen=True, slots=True)
class Score:
    """`total` 0-1, and its parts before weighing."""

    total: float
    category: float = 0.0
    space: float = 0.0
    time: float = 0.0
    text: float = 0.0

    @property
    def parts(self) -> dict[str, float]:
        return {n: round(getattr(self, n), 3) for n in WEIGHTS}


NONE = Score(0.0)


def score(
    a: tuple[str, str], b: tuple[str, str], distance_m: float | None, hours: float, text: float, limits: Limits
) -> Score:
    """`a`, `b`: (scheme, code) of the categories; `hours` between them, either way; `text`: likeness of the words, 0-1.

    `distance_m` None: one of them has no place. Then nothing is certain: the total stays below `limits.certain`.
    """
    category = category_part(a, b)
    if category == 0 or abs(hours) > limits.hours or (distance_m is not None and not distance_m <= limits.radius_m):
        return NONE
    parts = {
        "category": category,
        "space": 0.0 if distance_m is None else space_part(distance_m, limits.radius_m),
        "time": 1 - abs(hours) / limits.hours,
        "text": min(max(text, 0.0), 1.0) if math.isfinite(text) else 0.0,
    }
    total = math.fsum(WEIGHTS[n] * value for n, value in parts.items())
    if distance_m is None:
        total = min(total, math.nextafter(limits.certain, 0)) if limits.certain > 0 else 0.0
    return Score(min(total, 1.0), **parts)


def space_part(distance_m: float, radius_m: float) -> float:
    """1 up to `SAME_PLACE_M`, then straight down to 0 at the radius."""
    free = min(SAME_PLACE_M, radius_m / 2)
    return min(1.0, max(0.0, (radius_m - distance_m) / (radius_m - free)))


def category_part(a: tuple[str, str], b: tuple[str, str]) -> float:
    """1 the same, 0.8 one inside the other, 0.5 of one main category, 0.6 not comparable, else 0."""
    if not (a[1] and b[1]) or a[0] != b[0]:
        return UNKNOWN
    if a[1] == b[1]:
        return 1.0
    if a[1].startswith(b[1]) or b[1].startswith(a[1]):
        return 0.8
    # GB/T 30428.2: the first two digits are the main category; tables of words have none
    return 0.5 if a[1][:2] == b[1][:2] and a[1][:2].isdigit() else 0.0


def verdict(found: Score, limits: Limits) -> str:
    """`certain`, `hint` or `""`."""
    if found.total <= 0:
        return ""
    return "certain" if found.total >= limits.certain else "hint" if found.total >= limits.hint else ""


def nearest_hours(at: float, times: Sequence[float]) -> float:
    """Hours between a moment and the nearest of others (epoch seconds)."""
    return min((abs(at - t) / 3600 for t in times), default=0.0)
