"""Deadlines in working time: when something is due, and how much has been worked. Pure; the clock is passed in.

Units, as city tables use them (三种时限单位, practice of GB/T 30428.8 and of local handling manuals):

- 工作时 `work_hours`: hours of working time. They run from the moment of receipt inside working hours, stand still over
  lunch, evening, weekend and holiday, and run on make-up days (调休上班). Received outside: from the next opening.
- 工作日 `work_days`: whole working days. The day of receipt does not count, whatever its hour and whether it is worked
  or not; the term ends with the working time of the Nth working day after it.
- 紧急工作时、自然时 `emergency_hours`: hours of the wall clock, day and night, every day.

A working day is therefore spent at the end of its working time: `worked` counts those ends, and a stopped clock spends
a day only when it runs at that moment. Times given must be aware; times returned are UTC. A term reached exactly at the
end of a span is due there, not at the next opening.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Literal, get_args

from ioc.cases.calendar import ONE_DAY, Calendar, Market
from ioc.errors import Invalid, Reason
from ioc.i18n import Text

__all__ = ["UNITS", "UNIT_TEXT", "Calendar", "Due", "Market", "Unit", "amount_fault", "due", "worked", "working_time"]

Unit = Literal["work_hours", "work_days", "emergency_hours"]
UNITS: tuple[Unit, ...] = get_args(Unit)
UNIT_TEXT = {
    "work_hours": Text("工作时", "working hours"),
    "work_days": Text("工作日", "working days"),
    "emergency_hours": Text("自然时", "running hours"),
}
# Ten years: longer than any term of handling, short enough that a mistyped number cannot leave the range of dates.
MOST: dict[Unit, float] = {"work_hours": 20_000, "work_days": 2_500, "emergency_hours": 87_600}
ZERO, MICROSECOND = dt.timedelta(0), dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Due:
    """When a term ends (`at`, UTC). `unpublished`: years it touches whose holidays the calendar does not hold."""

    at: dt.datetime
    unpublished: tuple[int, ...] = ()

    @property
    def certain(self) -> bool:
        return not self.unpublished

    @property
    def note(self) -> Text | None:
        """Why the time is provisional; None when it is not. To be computed again once the holidays are published."""
        if not self.unpublished:
            return None
        zh, en = "、".join(map(str, self.unpublished)), ", ".join(map(str, self.unpublished))
        return Text(
            f"{zh} 年节假日未公布，暂按周末推算，公布后重算",
            f"The holidays of {en} are not published: only weekends are taken as free, to be recomputed",
        )


def amount_fault(amount: float, unit: Unit) -> Reason | None:
    """Why `amount` of `unit` is no term: negative, not finite, beyond ten years, or a broken working day."""
    shown = f"{amount:g} {unit}"
    if not 0 <= amount <= MOST[unit]:  # also catches NaN
        most = f"{MOST[unit]:g}"
        return Reason("amount", "out_of_range", f"应在 0 至 {most} 之间", f"must be between 0 and {most}", shown)
    if unit == "work_days" and amount != int(amount):
        return Reason("amount", "broken_day", "工作日应为整数", "working days must be whole", shown)
    return None


def due(calendar: Calendar, start: dt.datetime, amount: float, unit: Unit) -> Due:
    """The earliest time at which `amount` of `unit` has been worked since `start`. Raises Invalid for a bad amount."""
    check_amount(amount, unit)
    start = as_utc(start)
    end = reach(calendar, start, count_of(amount, unit), unit, calendar.local_date(start))
    return Due(end, unpublished(calendar, start, end, unit))


def worked(calendar: Calendar, start: dt.datetime, end: dt.datetime, unit: Unit) -> float:
    """How much of `unit` passed from `start` to `end`, the inverse of `due`; 0 when `end` is not after `start`.

    Hours may be broken; working days are those whose working time has ended.
    """
    start, end = as_utc(start), as_utc(end)
    return amount_of(spent(calendar, start, end, unit, calendar.local_date(start)), unit)


def working_time(calendar: Calendar, start: dt.datetime, end: dt.datetime) -> dt.timedelta:
    """Working time between two moments, exact to the microsecond."""
    return sum((b - a for a, b in _between(calendar, as_utc(start), as_utc(end))), ZERO)


# ---------------------------------------------------------------- what the stopped clock is built from


def check_amount(amount: float, unit: Unit) -> None:
    if fault := amount_fault(amount, unit):
        raise Invalid(reasons=[fault])


def as_utc(at: dt.datetime) -> dt.datetime:
    if at.tzinfo is None:
        raise Invalid(reasons=[Reason("at", "naive_time", "时间没有时区", "the time has no zone", at.isoformat())])
    return at.astimezone(dt.UTC)


def count_of(amount: float, unit: Unit) -> int:
    """An amount as whole days or whole microseconds, so that sums over many pauses stay exact."""
    return int(amount) if unit == "work_days" else dt.timedelta(hours=amount) // MICROSECOND


def amount_of(count: int, unit: Unit) -> float:
    """The inverse of `count_of`: days, or hours."""
    return float(count) if unit == "work_days" else count * MICROSECOND / dt.timedelta(hours=1)


def reach(calendar: Calendar, start: dt.datetime, count: int, unit: Unit, received: dt.date) -> dt.datetime:
    """UTC time at which `count` is spent when counting begins at `start`; days count from the day after `received`."""
    if count == 0:
        return start
    if unit == "emergency_hours":
        return start + count * MICROSECOND
    if unit == "work_days":
        return next(islice(_day_ends(calendar, start, received), count - 1, None))
    left = count * MICROSECOND
    for a, b in _from(calendar, start):
        if b - a >= left:
            return a + left
        left -= b - a
    raise AssertionError("a calendar has no last piece of work")


def spent(calendar: Calendar, start: dt.datetime, end: dt.datetime, unit: Unit, received: dt.date) -> int:
    """Count of `unit` spent in (start, end]; a working day is spent at the end of its working time."""
    if end <= start:
        return 0
    if unit == "emergency_hours":
        return (end - start) // MICROSECOND
    if unit == "work_hours":
        return working_time(calendar, start, end) // MICROSECOND
    return sum(1 for _ in takewhile(lambda at: at <= end, _day_ends(calendar, start, received)))


def unpublished(calendar: Calendar, start: dt.datetime, end: dt.datetime, unit: Unit) -> tuple[int, ...]:
    """Local years from `start` to `end` without published holidays. Running hours do not depend on holidays."""
    if unit == "emergency_hours":
        return ()
    first, last = calendar.local_date(start).year, calendar.local_date(end).year
    return tuple(y for y in range(first, last + 1) if y not in calendar.years)


def _from(calendar: Calendar, start: dt.datetime) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Working pieces from `start` on, without end."""
    day = calendar.local_date(start)
    while True:
        for a, b in calendar.pieces(day):
            if b > start:
                yield max(a, start), b
        day += ONE_DAY


def _between(calendar: Calendar, start: dt.datetime, end: dt.datetime) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    for a, b in _from(calendar, start):
        if a >= end:
            return
        yield a, min(b, end)


def _day_ends(calendar: Calendar, after: dt.datetime, received: dt.date) -> Iterator[dt.datetime]:
    """Ends of working days after `after`, of local dates later than `received`, without end."""
    day = max(calendar.local_date(after), received + ONE_DAY)
    while True:
        pieces = calendar.pieces(day)
        if pieces and pieces[-1][1] > after:
            yield pieces[-1][1]
        day += ONE_DAY
