"""How well a grid cell is walked: days since the last time, and the share of a week's plan that was done. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

# The last seven days, not the calendar week: on a Monday morning nobody is behind with everything.
PERIOD = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Coverage:
    """`days_since` None: never. `share` None: nothing is planned. `overdue`: longer ago than the plan allows."""

    days_since: int | None
    done: int
    planned: float
    share: float | None
    overdue: bool


def coverage(last_at: dt.datetime | None, done: int, planned: float, now: dt.datetime, tz: ZoneInfo) -> Coverage:
    """`done` in the last `PERIOD`, `planned` times a week; days are those of the centre's calendar."""
    days = None if last_at is None else max(0, (now.astimezone(tz).date() - last_at.astimezone(tz).date()).days)
    share = min(1.0, done / planned) if planned > 0 else None
    late = planned > 0 and (last_at is None or now - last_at > PERIOD / planned)
    return Coverage(days, done, planned, share, late)


def together(cells: Iterable[Coverage]) -> float | None:
    """Share over several cells: a cell walked twice as often as planned does not make up for one nobody walked."""
    planned = done = 0.0
    for c in cells:
        planned += c.planned
        done += min(float(c.done), c.planned)
    return done / planned if planned > 0 else None
