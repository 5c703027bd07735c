"""Shifts and handovers. Pure: rosters, what was done so far and a time give what stands and who may do what.

The two seats of a handover (交接班) are those of the shift that goes and of the shift that comes: the 值班长 with an
account, or where a shift has none, its 值班员. A 带班领导 leads the centre and hands over to nobody here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ioc.errors import Conflict, Forbidden

Duty = Literal["leader", "chief", "officer", "grid"]
Act = Literal["give", "return", "take"]
State = Literal["early", "open", "given", "done", "missing", "continued", "unsigned"]
DUTIES: tuple[Duty, ...] = ("leader", "chief", "officer", "grid")
# From when a shift may be handed over, and how long after its end an unfinished handover counts as missing.
OPENS_BEFORE, MISSING_AFTER = dt.timedelta(minutes=60), dt.timedelta(minutes=30)
# A shift that begins later than so long after another's end does not take over from it: nobody was there.
GAP = dt.timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Entry:
    """One person in one shift. `login` "": nobody who could confirm anything here."""

    region_id: int
    day: dt.date
    shift: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    duty: Duty
    person: str
    login: str = ""
    phone: str = ""
    origin: str = "real"


@dataclass(frozen=True, slots=True)
class Shift:
    """All of one shift of one region."""

    region_id: int
    day: dt.date
    name: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    entries: tuple[Entry, ...]

    def of(self, duty: Duty) -> tuple[Entry, ...]:
        return tuple(e for e in self.entries if e.duty == duty)

    @property
    def watch(self) -> bool:
        """Whether this shift keeps watch, and so has something to hand over."""
        return any(e.duty in ("chief", "officer") for e in self.entries)

    @property
    def signers(self) -> tuple[Entry, ...]:
        """Who may confirm for this shift."""
        chiefs = tuple(e for e in self.of("chief") if e.login)
        return chiefs or tuple(e for e in self.of("officer") if e.login)

    @property
    def origin(self) -> str:
        return "demo" if any(e.origin == "demo" for e in self.entries) else "real"


@dataclass(frozen=True, slots=True)
class Done:
    """One act of a handover, as it was recorded."""

    version: int
    act: Act
    login: str
    name: str
    at: dt.datetime
    note: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Handover:
    """From `going` to `coming`, with what was done so far (oldest first)."""

    going: Shift
    coming: Shift
    done: tuple[Done, ...] = ()

    @property
    def version(self) -> int:
        return self.done[-1].version if self.done else 0

    @property
    def given(self) -> Done | None:
        """The confirmation of the shift that goes, unless it was sent back."""
        last = next((d for d in reversed(self.done) if d.act in ("give", "return")), None)
        return last if last is not None and last.act == "give" else None

    @property
    def taken(self) -> Done | None:
        return next((d for d in self.done if d.act == "take"), None)

    @property
    def overdue_at(self) -> dt.datetime:
        return self.going.ends_at + MISSING_AFTER

    @property
    def opens_at(self) -> dt.datetime:
        return self.going.ends_at - OPENS_BEFORE

    def state(self, now: dt.datetime) -> State:
        if self.taken:
            return "done"
        going, coming = ({e.login for e in s.signers} for s in (self.going, self.coming))
        if not going or not coming:
            return "unsigned"
        if going == coming and len(going) == 1:
            return "continued"  # the same person stays: nothing changes hands
        if now > self.overdue_at:
            return "missing"
        if self.given:
            return "given"
        return "open" if now >= self.opens_at else "early"

    @property
    def late(self) -> bool:
        """Confirmed, but after it had counted as missing."""
        return self.taken is not None and self.taken.at > self.overdue_at


def shifts(entries: Iterable[Entry]) -> tuple[Shift, ...]:
    """Entries by shift, in the order of time."""
    found: dict[tuple[Any, ...], list[Entry]] = {}
    for e in entries:
        found.setdefault((e.starts_at, e.ends_at, e.region_id, e.day, e.shift), []).append(e)
    ordered = sorted(found.items(), key=lambda kv: kv[0][:3] + kv[0][4:])
    return tuple(Shift(k[2], k[3], k[4], k[0], k[1], tuple(v)) for k, v in ordered)


def on_duty(all_: Sequence[Shift], at: dt.datetime) -> tuple[Shift, ...]:
    """Shifts that run at `at`; a shift's end belongs to the next one."""
    return tuple(s for s in all_ if s.starts_at <= at < s.ends_at)


def people(found: Sequence[Shift], duty: Duty) -> tuple[Entry, ...]:
    return tuple(e for s in found for e in s.of(duty))


def successor(all_: Sequence[Shift], going: Shift) -> Shift | None:
    """The shift that takes over: the first to begin after it did and to stay longer, without a gap between."""
    later = [
        s
        for s in all_
        if s.watch
        and s.starts_at > going.starts_at
        and s.ends_at > going.ends_at
        and s.starts_at <= going.ends_at + GAP
    ]
    return min(later, key=lambda s: (s.starts_at, s.ends_at), default=None)


def next_watch(all_: Sequence[Shift], at: dt.datetime) -> Shift | None:
    """The next watch to begin."""
    return min((s for s in all_ if s.watch and s.starts_at > at), key=lambda s: s.starts_at, default=None)


def pairs(all_: Sequence[Shift], done: Mapping[dt.datetime, Sequence[Done]]) -> tuple[Handover, ...]:
    """Every handover the rosters ask for, by the end of the shift that goes. `done`: acts by that end."""
    out: dict[dt.datetime, Handover] = {}
    for going in all_:
        coming = successor(all_, going) if going.watch else None
        if coming is not None and going.ends_at not in out:
            out[going.ends_at] = Handover(going, coming, tuple(done.get(going.ends_at, ())))
    return tuple(out[k] for k in sorted(out))


def current(found: Sequence[Handover], now: dt.datetime) -> Handover | None:
    """The one to show: an unfinished one of the running watch before the one that comes next."""
    past = [h for h in found if h.going.ends_at <= now < h.coming.ends_at]
    if past and past[-1].state(now) in ("open", "given", "missing", "early"):
        return past[-1]
    ahead = [h for h in found if h.going.starts_at <= now < h.going.ends_at]
    return ahead[0] if ahead else (past[-1] if past else None)


def check(handover: Handover, act: Act, login: str, now: dt.datetime) -> None:
    """Whether `login` may do this now. Raises Conflict where it is not the time for it, Forbidden for who may not:
    each confirms for the own shift and nobody for another."""
    seat = handover.going if act == "give" else handover.coming
    if login not in {e.login for e in seat.signers}:
        names = "、".join(e.person for e in seat.signers)
        raise Forbidden(f"只能由本人确认：{names or '无账号'}", f"confirmed by {names or 'nobody'} in person only")
    if handover.taken:
        raise Conflict("已交接完成", "the handover is complete")
    if now < handover.opens_at:
        raise Conflict("未到交接时间，班次结束前 60 分钟起", "not yet: from 60 minutes before the end of the shift")
    if now >= handover.coming.ends_at:
        raise Conflict("接班班次已结束", "the shift that was to take over has ended")
    if act == "give" and handover.given:
        raise Conflict("已交班，待接班确认", "handed over already, waiting to be taken")
    if act in ("take", "return") and not handover.given:
        raise Conflict("交班人尚未确认", "the shift that goes has not confirmed yet")
    if act == "take" and handover.given and handover.given.login == login:
        raise Conflict("交班与接班不能是同一人", "one person cannot confirm both sides")


def changes_at(all_: Sequence[Shift], found: Sequence[Handover], now: dt.datetime) -> dt.datetime | None:
    """When any of this looks different by the clock alone: shifts begin and end, handovers open and become missing."""
    moments = [t for s in all_ for t in (s.starts_at, s.ends_at)]
    moments += [t for h in found for t in (h.opens_at, h.overdue_at + dt.timedelta(seconds=1))]
    return min((t for t in moments if t > now), default=None)


def masked(phone: str) -> str:
    """138****0931; short numbers keep their last two digits."""
    if len(phone) >= 8:
        return f"{phone[:3]}{'*' * (len(phone) - 7)}{phone[-4:]}"
    return "*" * max(0, len(phone) - 2) + phone[-2:]
