"""Age to state. Nothing is rendered without its age: a number travels with `as_of`, `source` and `interval`.

Thresholds, `design.md` section 8: to one interval live; to three late; to ten stale (滞后); beyond lost (断开).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

Freshness = Literal["live", "late", "stale", "lost", "never"]
LATE, STALE, LOST = 1.0, 3.0, 10.0


def freshness(as_of: dt.datetime | None, interval: dt.timedelta, now: dt.datetime) -> Freshness:
    """State of something last true at `as_of` from a source that speaks every `interval`."""
    if as_of is None:
        return "never"
    ratio = (now - as_of).total_seconds() / max(interval.total_seconds(), 0.001)
    if ratio <= LATE:
        return "live"
    if ratio <= STALE:
        return "late"
    return "stale" if ratio <= LOST else "lost"


@dataclass(frozen=True, slots=True)
class Dated:
    """A value that cannot be had without its age."""

    value: float | None
    as_of: dt.datetime | None
    interval: dt.timedelta
    source: str
    origin: str = "real"

    def state(self, now: dt.datetime) -> Freshness:
        return freshness(self.as_of, self.interval, now)

    def age_s(self, now: dt.datetime) -> float | None:
        return None if self.as_of is None else max(0.0, (now - self.as_of).total_seconds())
