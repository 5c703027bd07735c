"""Whether a condition counts yet: on-delay and off-delay, for one rule on one datastream. Pure.

A value holds until the next one, as the timer sees it too, so the outcome depends on what was observed and when, not
on when it was looked at: a delay that ran out between two values ends at its own time, not at the later value's.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

Name = Literal["normal", "pending", "active", "clearing"]
ChangeKind = Literal["raise", "clear"]


@dataclass(frozen=True, slots=True)
class Phase:
    """`since`: when the running delay began; in `active` when the condition became true. `value`: of that moment."""

    name: Name = "normal"
    since: dt.datetime | None = None
    value: float | None = None


NORMAL = Phase()


@dataclass(frozen=True, slots=True)
class Delays:
    on: dt.timedelta = dt.timedelta(0)
    off: dt.timedelta = dt.timedelta(0)


@dataclass(frozen=True, slots=True)
class Change:
    """The condition was raised or cleared at `at`, by `value`."""

    kind: ChangeKind
    at: dt.datetime
    value: float | None


def due(phase: Phase, delays: Delays) -> dt.datetime | None:
    """When the running delay ends by itself; None: nothing runs."""
    if phase.since is None or phase.name not in ("pending", "clearing"):
        return None
    return phase.since + (delays.on if phase.name == "pending" else delays.off)


def elapse(phase: Phase, now: dt.datetime, delays: Delays) -> tuple[Phase, tuple[Change, ...]]:
    """What has become of a running delay by `now`."""
    end = due(phase, delays)
    if end is None or end > now:
        return phase, ()
    if phase.name == "pending":
        return Phase("active", phase.since, phase.value), (Change("raise", end, phase.value),)
    return NORMAL, (Change("clear", end, phase.value),)


def observe(
    phase: Phase, beyond: bool, back: bool, at: dt.datetime, value: float | None, delays: Delays
) -> tuple[Phase, tuple[Change, ...]]:
    """One observation, not older than the last. `beyond`: the condition is met; `back`: met no more, by hysteresis too.

    Between the two nothing begins; a clearing that has begun is called off only by a value beyond the limit again.
    """
    phase, changes = elapse(phase, at, delays)
    if beyond and back:
        raise ValueError("a value cannot be beyond and back at once")
    if phase.name == "normal" and beyond:
        phase = Phase("pending", at, value)
    elif phase.name == "pending" and not beyond:
        phase = NORMAL
    elif phase.name == "active" and back:
        phase = Phase("clearing", at, value)
    elif phase.name == "clearing" and beyond:
        phase = Phase("active", at, value)
    phase, more = elapse(phase, at, delays)
    return phase, (*changes, *more)
