"""Shifts and handovers by the clock, and rosters from files."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioc.cases.sheets import read_sheet
from ioc.duty import rules
from ioc.duty.roster_file import read_rosters, span
from ioc.duty.rules import Act, Done, Entry, Handover
from ioc.errors import IocError

ZONE = ZoneInfo("Asia/Shanghai")
DAY = dt.date(2026, 10, 3)
HEAD = "日期,班次,开始,结束,岗位,姓名,账号,电话,区划\n"
LOGINS = {"he", "xu", "li"}


def read(text: str):
    found = read_sheet("r.csv", (HEAD + text).encode())
    return read_rosters(found, ZONE, lambda c: (1, "real") if c in ("", "99") else None, LOGINS.__contains__)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(dt.UTC)


GOOD = """2026-10-03,全天,00:00,24:00,带班领导,周海明,,13800000931,
2026-10-03,早班,08:00,20:00,值班长,何敏仪,he,138 0000 0932,99
2026-10-03,早班,08:00,20:00,值班员,李嘉欣,li,,
2026-10-03,夜班,20:00,08:00,值班长,许家豪,xu,,
2026-10-04,早班,08:00,20:00,值班长,何敏仪,he,,
"""


def made() -> tuple[rules.Shift, ...]:
    found = read(GOOD)
    assert found.value is not None, found.reasons
    return rules.shifts(found.value)


def test_a_roster_over_midnight() -> None:
    shifts = made()
    assert [(s.name, s.starts_at, s.ends_at) for s in shifts] == [
        ("全天", at("2026-10-03T00:00"), at("2026-10-04T00:00")),
        ("早班", at("2026-10-03T08:00"), at("2026-10-03T20:00")),
        ("夜班", at("2026-10-03T20:00"), at("2026-10-04T08:00")),
        ("早班", at("2026-10-04T08:00"), at("2026-10-04T20:00")),
    ]
    late = rules.on_duty(shifts, at("2026-10-04T02:00"))
    assert [e.person for s in late for e in s.entries] == ["许家豪"]
    edge = rules.on_duty(shifts, at("2026-10-03T20:00"))
    assert [p.person for p in rules.people(edge, "chief")] == ["许家豪"], "an end belongs to the next shift"
    assert shifts[1].entries[0].phone == "13800000932"
    upcoming = rules.next_watch(shifts, at("2026-10-03T21:00"))
    assert upcoming is not None
    assert upcoming.day == dt.date(2026, 10, 4)


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ("2026-13-03,早班,08:00,20:00,值班长,何,,,", "日期", "bad_date"),
        ("2026-10-03,早班,25:00,20:00,值班长,何,,,", "开始", "bad_time"),
        ("2026-10-03,早班,24:00,08:00,值班长,何,,,", "开始", "bad_time"),
        ("2026-10-03,早班,08:00,20:00,队长,何,,,", "岗位", "bad_choice"),
        ("2026-10-03,早班,08:00,20:00,值班长,,,,", "姓名", "missing_field"),
        ("2026-10-03,早班,08:00,20:00,值班长,何,nobody,,", "账号", "unknown_login"),
        ("2026-10-03,早班,08:00,20:00,值班长,何,,call me,", "电话", "bad_phone"),
        ("2026-10-03,早班,08:00,20:00,值班长,何,,,12", "区划", "unknown_region"),
        ("2026-10-03,早班,09:00,20:00,值班员,王,,,", "开始", "shift_times_differ"),
        ("2026-10-03,早班,08:00,20:00,值班长,何敏仪,he,,", "姓名", "twice"),
        ("2026-10-03,中班,10:00,18:00,值班长,王,,,", "开始", "overlap"),
    ],
)
def test_faults_are_named(line: str, column: str, code: str) -> None:
    found = read(GOOD + line + "\n")
    assert found.value is None
    assert (7, column, code) in [(r.row, r.reason.field, r.reason.code) for r in found.reasons]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)), st.integers(0, 1439), st.integers(0, 1440))
def test_a_shift_is_never_empty_nor_longer_than_a_day(day: dt.date, start: int, end: int) -> None:
    starts, ends = span(day, start, end, ZONE)
    assert dt.timedelta(0) < ends - starts <= dt.timedelta(days=1)
    local = starts.astimezone(ZONE)
    assert (local.date(), local.hour * 60 + local.minute) == (day, start)


def handover(*done: Done) -> Handover:
    shifts = made()
    return Handover(shifts[1], shifts[2], done)


def acted(act: Act, login: str, when: str, version: int = 1) -> Done:
    return Done(version, act, login, login, at(when))


def test_the_states_by_the_clock() -> None:
    h = handover()
    assert h.state(at("2026-10-03T18:59")) == "early"
    assert h.state(at("2026-10-03T19:00")) == "open"
    assert h.state(at("2026-10-03T20:30")) == "open"
    assert h.state(at("2026-10-03T20:30") + dt.timedelta(seconds=1)) == "missing"
    given_ = handover(acted("give", "he", "2026-10-03T19:50"))
    assert given_.state(at("2026-10-03T19:51")) == "given"
    assert given_.state(at("2026-10-03T20:31")) == "missing", "one side is not both"
    done = handover(acted("give", "he", "2026-10-03T19:50"), acted("take", "xu", "2026-10-03T20:40", 2))
    assert done.state(at("2026-10-05T00:00")) == "done"
    assert done.late
    back = handover(acted("give", "he", "2026-10-03T19:50"), acted("return", "xu", "2026-10-03T19:55", 2))
    assert back.given is None


def refused(h: Handover, act: Act, login: str, when: str) -> str:
    try:
        rules.check(h, act, login, at(when))
    except IocError as e:
        return e.code
    return ""


def test_each_confirms_for_the_own_seat_only() -> None:
    h, now = handover(), "2026-10-03T19:50"
    assert refused(h, "give", "he", now) == ""
    assert [refused(h, "give", who, now) for who in ("xu", "li", "")] == ["forbidden"] * 3
    assert refused(h, "take", "xu", now) == "conflict", "nothing to take yet"
    given_ = handover(acted("give", "he", now))
    assert refused(given_, "take", "xu", now) == ""
    assert refused(given_, "take", "he", now) == "forbidden"
    assert refused(given_, "give", "he", now) == "conflict"
    assert refused(h, "give", "he", "2026-10-03T18:00") == "conflict", "too early"
    assert refused(given_, "take", "xu", "2026-10-04T08:00") == "conflict", "the shift is over"


def test_who_stays_hands_over_to_nobody() -> None:
    lines = GOOD.replace("许家豪,xu", "何敏仪,he")
    found = read(lines)
    assert found.value is not None
    shifts = rules.shifts(found.value)
    assert Handover(shifts[1], shifts[2]).state(at("2026-10-03T22:00")) == "continued"
    nobody = read(GOOD.replace("许家豪,xu", "许家豪,"))
    assert nobody.value is not None
    shifts = rules.shifts(nobody.value)
    assert Handover(shifts[1], shifts[2]).state(at("2026-10-03T22:00")) == "unsigned"


def test_what_changes_by_the_clock_alone_is_said_beforehand() -> None:
    shifts = made()
    pairs = rules.pairs(shifts, {})
    assert [(h.going.name, h.coming.name) for h in pairs] == [("早班", "夜班"), ("夜班", "早班")]
    now, seen = at("2026-10-03T18:00"), []
    for _ in range(4):
        changes = rules.changes_at(shifts, pairs, now)
        assert changes is not None
        assert changes > now
        now = changes
        shown = rules.current(pairs, now)
        assert shown is not None
        seen.append((now.astimezone(ZONE).strftime("%H:%M:%S"), shown.state(now)))
    assert seen == [("19:00:00", "open"), ("20:00:00", "open"), ("20:30:01", "missing"), ("00:00:00", "missing")]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(["give", "take", "return"]), st.sampled_from(["he", "xu", "li"]),
                          st.integers(-120, 900)), max_size=12))  # fmt: skip
def test_no_way_of_acting_ends_without_both(tries: list[tuple[Act, str, int]]) -> None:
    """Whatever is tried in whatever order: what is complete was confirmed by the own seat of each side, in turn."""
    h, end = handover(), at("2026-10-03T20:00")
    for act, login, minutes in sorted(tries, key=lambda x: x[2]):
        now = end + dt.timedelta(minutes=minutes)
        try:
            rules.check(h, act, login, now)
        except IocError:
            continue
        h = Handover(h.going, h.coming, (*h.done, Done(h.version + 1, act, login, login, now)))
    for d in h.done:
        assert d.login == ("he" if d.act == "give" else "xu")
    if h.taken:
        assert h.done[-1].act == "take"
        assert h.given is not None
        assert h.given.at <= h.taken.at


@pytest.mark.parametrize(("phone", "shown"), [("13800000931", "138****0931"), ("110", "*10"), ("", "")])
def test_a_phone_is_masked(phone: str, shown: str) -> None:
    assert rules.masked(phone) == shown


def test_a_day_and_a_night() -> None:
    entry = Entry(1, DAY, "全天", *span(DAY, 480, 480, ZONE), "chief", "何")
    assert entry.ends_at - entry.starts_at == dt.timedelta(days=1)
