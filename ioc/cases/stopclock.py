"""A deadline clock that can be stopped (暂停计时、挂账) and prolonged (延时). Immutable: every act gives a new clock.

Conventions: time passes only while the clock runs; a working day is spent when the clock runs at the end of its
working time, so a pause inside one day costs nothing and a pause over the evening costs that day. An extension begins
where the term before it ends, whatever its own unit and whenever it was granted. While the clock stands, its deadline
is what it would be if it went on now; one that was passed before the stop stays where it was.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from ioc.cases.calendar import Calendar
from ioc.cases.worktime import Due, Unit, amount_of, as_utc, check_amount, count_of, reach, spent, unpublished
from ioc.errors import Invalid, Reason

Act = Literal["pause", "resume"]
_WORDS: dict[Act, str] = {"pause": "暂停", "resume": "恢复"}
Run = tuple[dt.datetime, dt.datetime]
FOREVER = dt.datetime.max.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of the term: the first one, or an extension with the reference (文号) that granted it."""

    amount: float
    unit: Unit
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time during which the clock ran or stood. `end` None: it still does."""

    start: dt.datetime
    end: dt.datetime | None
    running: bool


@dataclass(frozen=True, slots=True)
class Clock:
    """Started at `start` (UTC) for `legs`; `acts` are its pauses and resumptions, alternating and in order of time."""

    start: dt.datetime
    legs: tuple[Leg, ...]
    acts: tuple[tuple[Act, dt.datetime], ...] = ()

    @staticmethod
    def begin(start: dt.datetime, amount: float, unit: Unit) -> Clock:
        """A running clock. Raises Invalid for a time without zone or an amount that is no term."""
        return Clock(as_utc(start), (_leg(amount, unit),))

    @property
    def running(self) -> bool:
        return not self.acts or self.acts[-1][0] == "resume"

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """Running and standing times in order, each beginning where the one before it ends."""
        marks = [self.start, *(at for _, at in self.acts)]
        ends = [*marks[1:], None]
        return tuple(Stretch(a, b, i % 2 == 0) for i, (a, b) in enumerate(zip(marks, ends, strict=True)))

    def pause(self, at: dt.datetime) -> Clock:
        """Stopped at `at`. A stopped clock, or one that knows this very stop, stays as it is.

        Raises Invalid when `at` lies before the last act: time does not run backwards.
        """
        return self._act("pause", as_utc(at))

    def resume(self, at: dt.datetime) -> Clock:
        """Going again from `at`; as `pause` for repetitions and for times before the last act."""
        return self._act("resume", as_utc(at))

    def _act(self, act: Act, at: dt.datetime) -> Clock:
        if (act, at) in self.acts:
            return self
        last = self.acts[-1][1] if self.acts else self.start
        if at < last:
            zh = f"{_WORDS[act]}时间早于上一次操作 {last.isoformat()}"
            raise Invalid(reasons=[Reason("at", "time_order", zh, f"before the last act {last}", at.isoformat())])
        return self if self.running == (act == "resume") else replace(self, acts=(*self.acts, (act, at)))

    def extend(self, amount: float, unit: Unit, reference: str = "") -> Clock:
        """Prolonged by `amount`. A `reference` (文号) prolongs once; known with another amount it is Invalid."""
        leg = _leg(amount, unit, reference)
        known = next((x for x in self.legs if reference and x.reference == reference), None)
        if known is None:
            return replace(self, legs=(*self.legs, leg))
        if known != leg:
            zh, en = f"{reference} 已用于另一次延时", f"{reference} already granted another extension"
            raise Invalid(reasons=[Reason("reference", "other_extension", zh, en, reference)])
        return self

    def due(self, calendar: Calendar, now: dt.datetime) -> Due:
        """When the term ends as known at `now`: acts later than `now` are not known yet, a standing clock goes on."""
        ends = self._ends(calendar, as_utc(now))
        since, years = self.start, set[int]()
        for leg, end in zip(self.legs, ends, strict=True):
            years |= set(unpublished(calendar, since, end, leg.unit))
            since = end
        return Due(ends[-1], tuple(sorted(years)))

    def remaining(self, calendar: Calendar, now: dt.datetime) -> tuple[Leg, ...]:
        """What is still to run at `now`, leg by leg in each one's own unit; empty once the term has ended."""
        now = as_utc(now)
        runs, since, left = self._runs(now), self.start, list[Leg]()
        for leg, end in zip(self.legs, self._ends(calendar, now), strict=True):
            if end > now:
                done = _spent(calendar, runs, since, now, leg.unit)
                left.append(replace(leg, amount=amount_of(count_of(leg.amount, leg.unit) - done, leg.unit)))
            since = end
        return tuple(left)

    def overrun(self, calendar: Calendar, now: dt.datetime) -> Leg:
        """How far the term is passed at `now`, in the unit of its last leg; 0 until then. Pauses do not count."""
        now = as_utc(now)
        end = self._ends(calendar, now)[-1]
        unit = self.legs[-1].unit
        return Leg(amount_of(_spent(calendar, self._runs(now), end, now, unit), unit), unit)

    def _runs(self, now: dt.datetime) -> list[Run]:
        """Running times as known at `now`; the last one is open, from `now` on when the clock stands."""
        known = replace(self, acts=tuple(a for a in self.acts if a[1] <= now))
        runs = [(s.start, s.end or FOREVER) for s in known.stretches if s.running]
        return runs if known.running else [*runs, (max(now, self.start), FOREVER)]

    def _ends(self, calendar: Calendar, now: dt.datetime) -> list[dt.datetime]:
        """When each leg ends. A leg begins where the one before it ended."""
        runs, since, ends = self._runs(now), self.start, list[dt.datetime]()
        for leg in self.legs:
            since = _reach(calendar, runs, since, leg)
            ends.append(since)
        return ends

    def as_dict(self) -> dict[str, Any]:
        """JSON for the store; `Clock.of` reads it."""
        return {
            "start": self.start.isoformat(),
            "legs": [{"amount": x.amount, "unit": x.unit, "reference": x.reference} for x in self.legs],
            "acts": [[act, at.isoformat()] for act, at in self.acts],
        }

    @staticmethod
    def of(data: dict[str, Any]) -> Clock:
        """A clock from `as_dict`. Its acts are done again, so that a broken record raises Invalid."""
        first, *more = cast("list[dict[str, Any]]", data["legs"])
        clock = Clock.begin(dt.datetime.fromisoformat(data["start"]), first["amount"], first["unit"])
        for leg in more:
            clock = clock.extend(leg["amount"], leg["unit"], leg["reference"])
        for act, at in cast("list[tuple[Act, str]]", data["acts"]):
            clock = clock._act(act, dt.datetime.fromisoformat(at))
        return clock


def _leg(amount: float, unit: Unit, reference: str = "") -> Leg:
    check_amount(amount, unit)
    if not count_of(amount, unit):
        raise Invalid(reasons=[Reason("amount", "out_of_range", "应大于 0", "must be more than 0", f"{amount:g}")])
    return Leg(amount, unit, reference)


def _reach(calendar: Calendar, runs: Sequence[Run], since: dt.datetime, leg: Leg) -> dt.datetime:
    """When a leg that begins at `since` is spent, counting only in `runs` (in order, the last one open)."""
    received, left = calendar.local_date(since), count_of(leg.amount, leg.unit)
    for a, b in runs:
        a = max(a, since)
        if a >= b:
            continue
        done = 0 if b == FOREVER else spent(calendar, a, b, leg.unit, received)
        if b == FOREVER or done >= left:
            return reach(calendar, a, left, leg.unit, received)
        left -= done
    raise AssertionError("the last run is open")


def _spent(calendar: Calendar, runs: Sequence[Run], since: dt.datetime, until: dt.datetime, unit: Unit) -> int:
    """What passed of `unit` from `since` to `until` while the clock ran."""
    received = calendar.local_date(since)
    parts = ((max(a, since), min(b, until)) for a, b in runs)
    return sum(spent(calendar, a, b, unit, received) for a, b in parts if a < b)
