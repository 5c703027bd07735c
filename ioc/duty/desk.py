"""Who is on duty and how a handover stands, read; a handover confirmed. Time and scope are handed in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from ioc.clock import Clock
from ioc.duty import rules
from ioc.duty.rules import Act, Done, Entry, Handover, Shift
from ioc.duty.watch import tell_missing
from ioc.errors import Conflict, Invalid, IocError, NotFound, Reason
from ioc.scope import INTERNAL, SYSTEM, Scope
from ioc.store import Conn, Store, duty_facts
from ioc.store import duty as rows
from ioc.store.regions import Region, Regions

# Shifts that touch so much time before and after are read: the longest shift is a day and a night.
BACK, AHEAD = dt.timedelta(hours=72), dt.timedelta(hours=72)
RECENT = 6
NOTE_MAX = 4000


@dataclass(frozen=True, slots=True)
class Officer:
    """Who asks: the scope, and the account by which rosters and confirmations know the person."""

    scope: Scope
    login: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Now:
    """What stands at one moment in one region."""

    region: Region | None
    shifts: tuple[Shift, ...] = ()
    handovers: tuple[Handover, ...] = ()


@dataclass
class DutyDesk:
    """The use-cases of one store."""

    store: Store
    clock: Clock

    # ------------------------------------------------------------ reading

    def on(self, scope: Scope, region: str, at: dt.datetime | None = None) -> dict[str, Any]:
        """Who is on duty at `at` (None: now), who comes next, and the handover; JSON-able.

        The roster is the region's own, or that of the nearest region above it the asker may see. Raises NotFound for a
        region outside the scope.
        """
        now = at or self.clock.now()
        with self.store.scoped(scope) as conn:
            found = self._now(conn, scope, region, now)
        running = rules.on_duty(found.shifts, now)
        watch = next((s for s in running if s.watch), None)
        upcoming = rules.next_watch(found.shifts, now)
        shown = rules.current(found.handovers, now)
        changes = rules.changes_at(found.shifts, found.handovers, now)
        whole = scope.can("duty.phone")
        return {
            "at": now.isoformat(),
            "region": None if found.region is None else {"code": found.region.code, "name": found.region.name},
            "shift": None if watch is None else _shift(watch, whole),
            "on": [_entry(e, whole) for d in rules.DUTIES for e in rules.people(running, d)],
            "next": None if upcoming is None else _shift(upcoming, whole),
            "handover": None if shown is None else _handover(shown, now),
            "recent": [_brief(h, now) for h in reversed(found.handovers) if h.going.ends_at <= now][:RECENT],
            "changes_at": None if changes is None else changes.isoformat(),
        }

    def handover(self, officer: Officer, region: str, ends_at: dt.datetime | None = None) -> dict[str, Any] | None:
        """The handover to be shown, or that of the shift which ends at `ends_at`, with its facts: as recorded with the
        last act, else as they are now. None: the rosters ask for none."""
        now = self.clock.now()
        with self.store.scoped(officer.scope) as conn:
            found = self._now(conn, officer.scope, region, now)
            shown = next((h for h in found.handovers if h.going.ends_at == ends_at), None)
            shown = rules.current(found.handovers, now) if ends_at is None else shown
            if shown is None or found.region is None:
                return None
            last = shown.taken or shown.given
            facts = last.facts if last is not None else self._facts(conn, officer.scope, found.region, shown, now)
        return {
            **_handover(shown, now),
            "region": {"code": found.region.code, "name": found.region.name},
            "facts": dict(facts),
            "may": _may(shown, officer.login, now),
        }

    def _now(self, conn: Conn, scope: Scope, region: str, now: dt.datetime) -> Now:
        regions = Regions.of(self.store)
        here = regions.root(scope, region)
        if here is None:
            return Now(None)
        seen = [r for r in regions.tree().path(here) if scope.whole or r.region_id in scope.region_ids]
        for place in reversed(seen):
            entries = rows.entries(conn, scope, place.region_id, now - BACK, now + AHEAD)
            if entries:
                all_ = rules.shifts(entries)
                done = rows.acts(conn, scope, place.region_id, now - BACK, now + AHEAD)
                return Now(place, all_, rules.pairs(all_, done))
        return Now(here)

    def _facts(self, conn: Conn, scope: Scope, region: Region, handover: Handover, now: dt.datetime) -> dict[str, Any]:
        """Of the region with all below it; nothing that only one department may see, nothing above 内部: the record is
        read by everybody of the region who has that level."""
        tree = Regions.of(self.store).tree()
        top = tree.roots == (region,) and scope.whole
        below = tree.below[region.region_id]
        ids = None if top else sorted(below if scope.whole else below & scope.region_ids)
        cut = replace(scope, departments=frozenset(), sensitivity=min(scope.sensitivity, INTERNAL))
        around = None if top else sorted(below | tree.above[region.region_id])
        return duty_facts.facts(conn, cut, ids, around, handover.going.starts_at, now)

    # ------------------------------------------------------------ confirming

    def act(
        self, officer: Officer, region: str, ends_at: dt.datetime, act: Act, version: int, note: str
    ) -> dict[str, Any]:
        """One confirmation of one's own. `version`: of the handover as the officer saw it.

        Raises NotFound, Forbidden (not one's own seat), Conflict (not now, or somebody was first), Invalid.
        """
        note = note.strip()
        if act == "return" and not note:
            raise Invalid(reasons=[Reason("note", "missing", "退回须说明缺什么", "say what is missing")])
        if len(note) > NOTE_MAX or "\0" in note:
            zh, en = f"不超过 {NOTE_MAX} 字", f"at most {NOTE_MAX} characters"
            raise Invalid(reasons=[Reason("note", "bad_note", zh, en, note[:60])])
        now = self.clock.now()
        try:
            with self.store.scoped(officer.scope) as conn:
                found = self._now(conn, officer.scope, region, now)
                shown = next((h for h in found.handovers if h.going.ends_at == ends_at), None)
                if shown is None or found.region is None:
                    raise NotFound("交接班", "handover")
                rules.check(shown, act, officer.login, now)
                if shown.version != version:
                    raise _first(shown)
                facts = self._facts(conn, officer.scope, found.region, shown, now)
                rows.record(conn, _row(officer, found.region, shown, act, now, note, facts))
        except psycopg.errors.UniqueViolation as e:
            raise Conflict("对方刚刚已操作，请看最新状态", "the other seat was first: look again") from e
        done = self.handover(officer, region, ends_at)
        if done is None:
            raise NotFound("交接班", "handover")
        return done

    def watch(self) -> int:
        """Tell the chiefs of every handover that has become missing, once each. Returns how many are new."""
        now = self.clock.now()
        told = 0
        with self.store.scoped(SYSTEM) as conn:
            for region_id in rows.regions_on(conn, now - BACK, now):
                all_ = rules.shifts(rows.entries(conn, SYSTEM, region_id, now - BACK, now + AHEAD))
                done = rows.acts(conn, SYSTEM, region_id, now - BACK, now + AHEAD)
                told += tell_missing(conn, region_id, rules.pairs(all_, done), now)
        return told


def _first(handover: Handover) -> Conflict:
    last = handover.done[-1] if handover.done else None
    words = {"give": ("已交班", "handed over"), "return": ("已退回", "sent it back"), "take": ("已接班", "took over")}
    zh, en = words[last.act] if last else ("已更新", "changed it")
    who = last.name if last else ""
    return Conflict(f"{who} {zh}，请看最新状态", f"{who} {en}: look again", {"version": handover.version})


def _row(
    officer: Officer, region: Region, h: Handover, act: Act, now: dt.datetime, note: str, facts: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "region_id": region.region_id,
        "ends_at": h.going.ends_at,
        "version": h.version + 1,
        "shift": h.going.name,
        "starts_at": h.going.starts_at,
        "act": act,
        "login": officer.login,
        "actor_name": officer.name,
        "at": now,
        "note": note,
        "facts": dict(facts),
        "sensitivity": min(officer.scope.sensitivity, INTERNAL),
        "origin": h.going.origin,
    }


def _may(h: Handover, login: str, now: dt.datetime) -> list[str]:
    """The acts this account may do now."""
    acts: Sequence[Act] = ("give", "take", "return")
    out: list[str] = []
    for act in acts:
        try:
            rules.check(h, act, login, now)
        except IocError:
            continue
        out.append(act)
    return out


# ------------------------------------------------------------ JSON


def _entry(e: Entry, whole: bool) -> dict[str, Any]:
    phone = e.phone if whole else rules.masked(e.phone)
    return {"duty": e.duty, "person": e.person, "phone": phone, "shift": e.shift}


def _shift(s: Shift, whole: bool) -> dict[str, Any]:
    return {
        "name": s.name,
        "day": s.day.isoformat(),
        "starts_at": s.starts_at.isoformat(),
        "ends_at": s.ends_at.isoformat(),
        "people": [_entry(e, whole) for e in s.entries],
    }


def _seat(s: Shift, done: Done | None) -> dict[str, Any]:
    names = [e.person for e in s.signers]
    confirmed = None if done is None else {"name": done.name, "at": done.at.isoformat(), "note": done.note}
    return {
        "shift": s.name,
        "day": s.day.isoformat(),
        "starts_at": s.starts_at.isoformat(),
        "ends_at": s.ends_at.isoformat(),
        "signers": names,
        "others": len(s.entries) - len(names),
        "confirmed": confirmed,
    }


def _handover(h: Handover, now: dt.datetime) -> dict[str, Any]:
    return {
        **_brief(h, now),
        "version": h.version,
        "opens_at": h.opens_at.isoformat(),
        "overdue_at": h.overdue_at.isoformat(),
        "going": _seat(h.going, h.given),
        "coming": _seat(h.coming, h.taken),
        "acts": [{"act": d.act, "name": d.name, "at": d.at.isoformat(), "note": d.note} for d in h.done],
    }


def _brief(h: Handover, now: dt.datetime) -> dict[str, Any]:
    return {
        "ends_at": h.going.ends_at.isoformat(),
        "from": h.going.name,
        "to": h.coming.name,
        "state": h.state(now),
        "late": h.late,
    }
