"""Time is passed in, never taken: deadlines, freshness, midnight and replay are tested with a clock of their own."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """`now` is an aware UTC time; `monotonic` counts seconds and never jumps back."""

    def now(self) -> dt.datetime: ...

    def monotonic(self) -> float: ...


class SystemClock:
    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class FixedClock:
    """A clock that moves only when told to. For tests, screenshots and replay."""

    at: dt.datetime
    _mono: float = field(default=0.0)

    def now(self) -> dt.datetime:
        return self.at

    def monotonic(self) -> float:
        return self._mono

    def advance(self, seconds: float) -> None:
        self.at += dt.timedelta(seconds=seconds)
        self._mono += seconds


def local_day(now: dt.datetime, tz: ZoneInfo, days_back: int = 0) -> tuple[dt.datetime, dt.datetime]:
    """Start and end (UTC) of the local calendar day that holds `now`, or of the day `days_back` before it."""
    day = now.astimezone(tz).date() - dt.timedelta(days=days_back)
    start = dt.datetime.combine(day, dt.time.min, tzinfo=tz)
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min, tzinfo=tz)
    return start.astimezone(dt.UTC), end.astimezone(dt.UTC)


def parse_time(value: str | float | int, tz: ZoneInfo) -> dt.datetime:
    """An ISO 8601 text or epoch milliseconds (a number, or digits of 10 or more) to aware UTC.

    A text without offset is read in `tz`, the centre's own zone. Raises ValueError for anything else.
    """
    if isinstance(value, bool):
        raise ValueError("not a time")
    if isinstance(value, int | float):
        return dt.datetime.fromtimestamp(float(value) / 1000.0, dt.UTC)
    text = value.strip()
    if text.isdigit() and len(text) >= 10:
        scale = 1.0 if len(text) == 10 else 1000.0
        return dt.datetime.fromtimestamp(int(text) / scale, dt.UTC)
    parsed = dt.datetime.fromisoformat(text.replace("/", "-"))
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=tz)
    return parsed.astimezone(dt.UTC)
