"""The clocks of one case as data: when it began, when its stage was entered, what stopped and prolonged them. Pure.

A case has two terms. The stage's begins where the stage is entered and is over with it; the whole case's (总时限)
begins where the case is opened and runs until it is closed. Both stand while the case is paused or shelved. An
extension (延期) prolongs the whole term and the stage it is granted in. A reopened case begins both anew, with full
terms: otherwise it would be late the moment it comes back. How long the terms are is not kept here: that is the
published table's, so that a publication changes every open case alike and nothing that happened is lost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from ioc.cases.calendar import Calendar
from ioc.cases.deadlines import Deadline, DeadlineTable
from ioc.cases.stopclock import Act, Clock, Leg
from ioc.cases.worktime import Due, Unit, as_utc

# Codes of `cases.due_label`; the words are those of ioc.records.
PROVISIONAL, UNSET = "provisional", "unset"
RECOMPUTED_BY = "deadlines"  # actor of the history that a publication writes
MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Granted:
    """An extension and when it was granted."""

    at: dt.datetime
    amount: float
    unit: Unit


@dataclass(frozen=True, slots=True)
class Terms:
    """`began`: start of the whole term; `entered`: of the stage's. Times in UTC; acts alternate, in order of time."""

    began: dt.datetime
    entered: dt.datetime
    acts: tuple[tuple[Act, dt.datetime], ...] = ()
    extensions: tuple[Granted, ...] = ()

    @staticmethod
    def begin(at: dt.datetime) -> Terms:
        return Terms(as_utc(at), as_utc(at))

    def enter(self, at: dt.datetime) -> Terms:
        """In the next stage (or in the same one again) from `at` on."""
        return replace(self, entered=self.later(at))

    def act(self, act: Act, at: dt.datetime) -> Terms:
        """Paused or going again. What is so already stays as it is."""
        standing = bool(self.acts) and self.acts[-1][0] == "pause"
        if standing == (act == "pause"):
            return self
        at = self.later(at)
        # a clock knows an act by its moment: two pauses at one instant are two
        return replace(self, acts=(*self.acts, (act, at + MICROSECOND if (act, at) in self.acts else at)))

    def extend(self, at: dt.datetime, amount: float, unit: Unit) -> Terms:
        return replace(self, extensions=(*self.extensions, Granted(self.later(at), amount, unit)))

    def later(self, at: dt.datetime) -> dt.datetime:
        """Not before what happened last: the machine's clock may be set back, a case's may not."""
        return max(as_utc(at), self.entered, *(a[1] for a in self.acts[-1:]))

    def whole(self, term: Deadline) -> Clock:
        """The clock of the whole term."""
        return _clock(self.began, term, self.acts, self.extensions)

    def stage(self, term: Deadline) -> Clock:
        """The clock of the stage the case is in."""
        acts = [a for a in self.acts if a[1] >= self.entered]
        return _clock(self.entered, term, acts, [g for g in self.extensions if g.at >= self.entered])

    def as_dict(self) -> dict[str, Any]:
        """JSON for the store; `Terms.of` reads it."""
        return {
            "began": self.began.isoformat(),
            "entered": self.entered.isoformat(),
            "acts": [[act, at.isoformat()] for act, at in self.acts],
            "extensions": [{"at": g.at.isoformat(), "amount": g.amount, "unit": g.unit} for g in self.extensions],
        }

    @staticmethod
    def of(data: Mapping[str, Any]) -> Terms:
        acts = cast("list[tuple[Act, str]]", data["acts"])
        granted = cast("list[dict[str, Any]]", data["extensions"])
        return Terms(
            dt.datetime.fromisoformat(data["began"]),
            dt.datetime.fromisoformat(data["entered"]),
            tuple((act, dt.datetime.fromisoformat(at)) for act, at in acts),
            tuple(Granted(dt.datetime.fromisoformat(g["at"]), g["amount"], g["unit"]) for g in granted),
        )


def _clock(
    start: dt.datetime, term: Deadline, acts: Sequence[tuple[Act, dt.datetime]], granted: Sequence[Granted]
) -> Clock:
    clock = Clock(start, (Leg(term.amount, term.unit),))
    for g in granted:
        clock = clock.extend(g.amount, g.unit)
    for act, at in acts:
        clock = clock.pause(at) if act == "pause" else clock.resume(at)
    return clock


@dataclass(frozen=True, slots=True)
class Computed:
    """`stage`, `whole`: the terms that apply, None where no document sets one. `missing`: what is not configured."""

    due: Due | None = None
    total: Due | None = None
    stage: Deadline | None = None
    whole: Deadline | None = None
    missing: str = ""  # calendar, deadlines, or row: the table has none for this flow and category

    @property
    def unpublished(self) -> tuple[int, ...]:
        return tuple(sorted({y for d in (self.due, self.total) if d is not None for y in d.unpublished}))

    @property
    def due_at(self) -> dt.datetime | None:
        """Of the stage; where it has no term of its own the whole case's runs on."""
        found = self.due or self.total
        return found.at if found else None

    @property
    def label(self) -> str:
        if self.due_at is None:
            return UNSET
        return PROVISIONAL if self.unpublished else ""


def compute(
    terms: Terms,
    table: DeadlineTable | None,
    calendar: Calendar | None,
    place: tuple[str, str, str],
    now: dt.datetime,
) -> Computed:
    """Both deadlines as known at `now`, for a case at `place`: flow, category code and stage key."""
    if calendar is None or table is None:
        return Computed(missing="calendar" if calendar is None else "deadlines")
    flow, category, key = place
    stage = table.find(flow, category, key) if key else None
    whole = table.find(flow, category)
    now = terms.later(now)
    return Computed(
        terms.stage(stage).due(calendar, now) if stage else None,
        terms.whole(whole).due(calendar, now) if whole else None,
        stage,
        whole,
        "" if stage or whole else "row",
    )
