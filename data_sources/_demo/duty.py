"""A roster of the demo's own people for some weeks, and the handovers of the days before the demo was loaded."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from ioc.duty.roster_file import span
from ioc.duty.rules import Duty, Entry, shifts, successor
from ioc.store import duty

ACTOR = "demo"
BACK_DAYS, AHEAD_DAYS = 2, 45
_DAY, _NIGHT, _WHOLE = (480, 1200), (1200, 480), (0, 1440)  # 08:00-20:00, 20:00-08:00, the whole day
# shift, its minutes, duty, name, demo account (ioc.accounts.users), made-up number of a range nobody has
_PEOPLE: tuple[tuple[str, tuple[int, int], Duty, str, str, str], ...] = (
    ("全天", _WHOLE, "leader", "周海明", "", "19900000001"),
    ("早班", _DAY, "chief", "何敏仪", "zhibanzhang", "19900000002"),
    ("早班", _DAY, "officer", "冯立", "", "19900000003"),
    ("早班", _DAY, "grid", "谭小玲", "", "19900000004"),
    ("夜班", _NIGHT, "chief", "李嘉欣", "zhiban", "19900000005"),
    ("夜班", _NIGHT, "officer", "梁思雨", "", "19900000006"),
)


def publish(conn: psycopg.Connection[Any], region_id: int, zone: ZoneInfo, at: dt.datetime) -> int:
    """In the caller's transaction. Returns the entries of the roster."""
    today = at.astimezone(zone).date()
    entries = [
        Entry(region_id, day, shift, *span(day, *minutes, zone), duty_, name, login, phone, "demo")
        for n in range(-BACK_DAYS, AHEAD_DAYS + 1)
        for day in (today + dt.timedelta(days=n),)
        for shift, minutes, duty_, name, login, phone in _PEOPLE
    ]
    duty.publish(conn, entries, file_name="示例", actor=ACTOR, now=at)
    _past(conn, entries, at)
    return len(entries)


def _past(conn: psycopg.Connection[Any], entries: list[Entry], at: dt.datetime) -> None:
    """Every handover before now was confirmed by both, a few minutes before and after the end of the shift."""
    all_ = shifts(entries)
    for going in (s for s in all_ if s.watch and s.ends_at <= at):
        coming = successor(all_, going)
        if coming is None:
            continue
        for version, (act, who, minutes) in enumerate((("give", going, -8), ("take", coming, -2)), 1):
            signer = who.signers[0]
            duty.record(
                conn,
                {
                    "region_id": going.region_id,
                    "ends_at": going.ends_at,
                    "version": version,
                    "shift": going.name,
                    "starts_at": going.starts_at,
                    "act": act,
                    "login": signer.login,
                    "actor_name": signer.person,
                    "at": going.ends_at + dt.timedelta(minutes=minutes),
                    "note": "",
                    "facts": {},
                    "sensitivity": 0,
                    "origin": "demo",
                },
            )
