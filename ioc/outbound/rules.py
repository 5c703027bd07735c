"""When a delivery is tried again, when a channel rests, and which state follows which. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

State = Literal["waiting", "sending", "submitted", "delivered", "read", "dead", "no_address"]
# A far end that is busy for minutes costs a few tries, one that is away for a day costs some dozens.
FIRST_S, LONGEST_S = 10.0, 1800.0
OPEN_AFTER = 5  # failures in a row
OPEN_FIRST_S, OPEN_LONGEST_S = 30.0, 600.0
# Told by a far end; nothing goes back, and what was read was delivered.
_RANK = {"waiting": 0, "sending": 0, "submitted": 1, "delivered": 2, "read": 3}


def backoff_s(tries: int, share: float) -> float:
    """Seconds until the next try after `tries` failed ones; `share`: chance 0-1, lest many return at once."""
    return min(LONGEST_S, FIRST_S * 2.0 ** min(tries - 1, 20)) * (0.5 + share / 2)


@dataclass(frozen=True, slots=True)
class Circuit:
    """`open_until`: nothing is sent before it; afterwards one delivery tries the way."""

    failures: int = 0
    open_until: dt.datetime | None = None

    def resting(self, now: dt.datetime) -> bool:
        return self.open_until is not None and now < self.open_until

    def after(self, well: bool, now: dt.datetime) -> Circuit:
        """After one answer; a refusal of one message is an answer too, and no fault of the channel."""
        if well:
            return Circuit()
        failures = self.failures + 1
        if failures < OPEN_AFTER:
            return Circuit(failures)
        rest = min(OPEN_LONGEST_S, OPEN_FIRST_S * 2.0 ** min(failures - OPEN_AFTER, 10))
        return Circuit(failures, now + dt.timedelta(seconds=rest))


def advance(now: State, told: Literal["delivered", "read", "dead"]) -> State | None:
    """The state after what a far end tells of, None where that changes nothing.

    What was delivered or read cannot fail any more; a late 已送达 does not take back 已读.
    """
    if now == "dead":
        return "delivered" if told == "delivered" else "read" if told == "read" else None
    if now not in _RANK:
        return None
    if told == "dead":
        return "dead" if _RANK[now] < _RANK["delivered"] else None
    return told if _RANK[told] > _RANK[now] else None


def quiet_until(now: dt.datetime, tz: dt.tzinfo, start: dt.time, end: dt.time) -> dt.datetime:
    """`now`, or the end of the quiet hours it lies in (`start` inclusive, `end` exclusive, over midnight too)."""
    local = now.astimezone(tz)
    at = local.time().replace(tzinfo=None)
    inside = start <= at < end if start <= end else at >= start or at < end
    if not inside or start == end:
        return now
    day = local.date() + dt.timedelta(days=1 if start > end and at >= start else 0)
    return dt.datetime.combine(day, end, tzinfo=tz).astimezone(dt.UTC)


def masked(address: str) -> str:
    """An address as an operator may see it: 138****1234, z***@example.cn."""
    name, at, host = address.rpartition("@")
    if at:
        return f"{name[:1]}***@{host}"
    if len(address) >= 7:
        return f"{address[:3]}****{address[-4:]}"
    return "*" * len(address)
