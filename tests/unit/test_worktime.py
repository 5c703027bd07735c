"""Working time against a calculation that shares nothing with it: one that steps through the minutes of the clock."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioc.cases import calendar as calendars
from ioc.cases.calendar import Calendar, Market
from ioc.cases.stopclock import Clock, Leg
from ioc.cases.worktime import UNITS, Unit, due, worked, working_time
from ioc.errors import DeclarationError, Invalid
from ioc.i18n import Text

CHINA = ZoneInfo("Asia/Shanghai")
OFFICE = ((510, 720), (870, 1050))  # 08:30-12:00, 14:30-17:30
MINUTE = dt.timedelta(minutes=1)
D = dt.date


def make(zone: ZoneInfo = CHINA, **changes: object) -> Calendar:
    base = Calendar(
        key="test",
        title=Text("测试", "Test"),
        zone=zone,
        week=(OFFICE,) * 5 + ((), ()),
        holidays={D(2026, 10, d): "国庆节" for d in range(1, 8)} | {D(2026, 12, 31): "元旦", D(2027, 1, 1): "元旦"},
        makeup={D(2026, 9, 20): "国庆节", D(2026, 10, 10): "国庆节"},
        markets=(
            Market("东圩", every=5, since=D(2026, 9, 5), duty=((480, 690),)),
            Market("西圩", days=frozenset({3})),
        ),
        years=frozenset({2026, 2027}),
    )
    return replace(base, **changes)


CAL = make()


def at(text: str, zone: ZoneInfo = CHINA) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(dt.UTC)


# ---------------------------------------------------------------- the independent calculation


def works_now(cal: Calendar, moment: dt.datetime) -> bool:
    """Whether the minute that begins at `moment` is working time, from the wall clock alone."""
    wall = moment.astimezone(cal.zone)
    day, minute = wall.date(), wall.hour * 60 + wall.minute
    if day in cal.makeup:
        spans = cal.makeup_hours or cal.week[0]
    elif day in cal.holidays:
        spans = ()
    elif cal.week[day.weekday()]:
        spans = cal.week[day.weekday()]
    else:
        spans = ()
        for market in cal.markets:
            held = day.day in market.days
            if market.since and day >= market.since:
                held = (day.toordinal() - market.since.toordinal()) % market.every == 0
            if held and market.duty:
                spans = market.duty
                break
    return any(a <= minute < b for a, b in spans)


def minutes_from(start: dt.datetime) -> Iterator[dt.datetime]:
    for n in range(90 * 1440):  # a fault ends in an error, not in a test that never ends
        yield start + n * MINUTE


def stepped_due(
    cal: Calendar, start: dt.datetime, amount: int, unit: Unit, running: Callable[[dt.datetime], bool] = lambda m: True
) -> dt.datetime:
    """`amount` in minutes, or in working days. A day is spent in its last working minute, if the clock runs then."""
    if amount == 0:
        return start
    received, count = start.astimezone(cal.zone).date(), 0
    for moment in minutes_from(start):
        spent = {
            "emergency_hours": lambda m: True,
            "work_hours": lambda m: works_now(cal, m),
            "work_days": lambda m: m.astimezone(cal.zone).date() > received and last_of_its_day(cal, m),
        }[unit]
        count += running(moment) and spent(moment)
        if count == amount:
            return moment + MINUTE
    raise AssertionError


def last_of_its_day(cal: Calendar, moment: dt.datetime) -> bool:
    day, later = moment.astimezone(cal.zone).date(), moment + MINUTE
    if not works_now(cal, moment):
        return False
    while later.astimezone(cal.zone).date() == day:
        if works_now(cal, later):
            return False
        later += MINUTE
    return True


def amount_in(unit: Unit, count: int) -> float:
    return count if unit == "work_days" else count / 60


# from Tuesday before the National Day through its make-up Saturdays, and over the turn of the year
starts = st.one_of(
    st.integers(0, 45 * 1440).map(lambda m: at("2026-09-15 00:00") + m * MINUTE),
    st.integers(0, 8 * 1440).map(lambda m: at("2026-12-28 00:00") + m * MINUTE),
)
terms = st.one_of(
    st.tuples(st.just("work_days"), st.integers(0, 7)),
    st.tuples(st.just("work_hours"), st.integers(0, 40 * 60)),
    st.tuples(st.just("emergency_hours"), st.integers(0, 90 * 60)),
)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(starts, terms)
def test_due_is_what_stepping_through_the_minutes_gives(start: dt.datetime, term: tuple[Unit, int]) -> None:
    unit, count = term
    assert due(CAL, start, amount_in(unit, count), unit).at == stepped_due(CAL, start, count, unit)


@quick
@given(starts, st.integers(0, 12 * 1440))
def test_worked_is_the_number_of_minutes_stepped_through(start: dt.datetime, minutes: int) -> None:
    end = start + minutes * MINUTE
    counted = sum(works_now(CAL, start + i * MINUTE) for i in range(minutes))
    assert working_time(CAL, start, end) == counted * MINUTE
    assert worked(CAL, start, end, "work_hours") == pytest.approx(counted / 60)
    assert worked(CAL, start, end, "emergency_hours") == pytest.approx(minutes / 60)


ZONES = ("Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "America/New_York", "Asia/Shanghai")
CHANGES = (
    "2017-10-13",
    "2018-02-15",
    "2026-03-06",
    "2026-03-27",
    "2026-04-03",
    "2026-10-02",
    "2026-10-23",
    "2026-10-30",
)


@quick
@given(
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(0, 3 * 1440),
    st.sampled_from((((0, 1440),), ((90, 150), (1380, 1440)), ((0, 20), (100, 125), (130, 200)))),
    st.integers(0, 20 * 60),
)
def test_any_zone_on_the_night_the_clocks_change(
    zone: str, day: str, offset: int, spans: tuple[tuple[int, int], ...], minutes: int
) -> None:
    cal = make(ZoneInfo(zone), week=(spans,) * 7, holidays={}, makeup={}, markets=())
    start = at(f"{day} 00:00", cal.zone) + offset * MINUTE
    assert due(cal, start, minutes / 60, "work_hours").at == stepped_due(cal, start, minutes, "work_hours")
    assert due(cal, start, 2, "work_days").at == stepped_due(cal, start, 2, "work_days")


# ---------------------------------------------------------------- laws


@given(starts, starts, st.integers(0, 60), st.integers(0, 60), st.sampled_from(UNITS))
def test_later_receipt_and_longer_terms_are_never_due_earlier(
    one: dt.datetime, other: dt.datetime, few: int, many: int, unit: Unit
) -> None:
    (one, other), (few, many) = sorted((one, other)), sorted((few, many))
    assert due(CAL, one, few, unit).at <= due(CAL, other, few, unit).at
    assert due(CAL, one, few, unit).at <= due(CAL, one, many, unit).at
    assert due(CAL, one, few, unit).at >= one


@given(starts, st.integers(1, 100_000), st.sampled_from(("work_hours", "emergency_hours")))
def test_worked_until_due_is_the_term_to_the_microsecond(start: dt.datetime, seconds: int, unit: Unit) -> None:
    start += dt.timedelta(microseconds=333_333)
    end = due(CAL, start, seconds / 3600, unit).at
    assert worked(CAL, start, end, unit) == pytest.approx(seconds / 3600, abs=1e-9)
    assert due(CAL, start, worked(CAL, start, end, unit), unit).at == end
    just_before = worked(CAL, start, end - dt.timedelta(microseconds=1), unit)
    assert just_before < worked(CAL, start, end, unit)  # it is the earliest such moment


@given(starts, st.integers(1, 40))
def test_working_days_until_due_are_the_term(start: dt.datetime, days: int) -> None:
    end = due(CAL, start, days, "work_days").at
    assert worked(CAL, start, end, "work_days") == days
    assert worked(CAL, start, end - dt.timedelta(microseconds=1), "work_days") == days - 1


@given(starts, st.integers(0, 30), st.integers(0, 30), st.sampled_from(UNITS))
def test_a_term_in_two_parts_is_the_whole_term(start: dt.datetime, a: int, b: int, unit: Unit) -> None:
    assert due(CAL, due(CAL, start, a, unit).at, b, unit).at == due(CAL, start, a + b, unit).at


@given(starts, starts)
def test_time_does_not_run_backwards(a: dt.datetime, b: dt.datetime) -> None:
    a, b = max(a, b), min(a, b)
    assert [worked(CAL, a, b, unit) for unit in UNITS] == [0, 0, 0]


# ---------------------------------------------------------------- known cases


@pytest.mark.parametrize(
    ("start", "amount", "unit", "expected"),
    [
        ("2026-09-11 17:20", 1, "work_hours", "2026-09-14 09:20"),  # Friday 17:20, over the weekend
        ("2026-09-11 11:30", 1, "work_hours", "2026-09-11 15:00"),  # over lunch
        ("2026-09-11 08:30", 6.5, "work_hours", "2026-09-11 17:30"),  # ends with the day, not on Monday
        ("2026-09-18 17:20", 1, "work_hours", "2026-09-20 09:20"),  # the Sunday is a make-up day
        ("2026-09-30 17:20", 1, "work_hours", "2026-10-08 09:20"),  # National Day
        ("2026-10-09 17:20", 1, "work_hours", "2026-10-10 09:20"),  # make-up Saturday
        ("2026-09-11 23:59", 1, "emergency_hours", "2026-09-12 00:59"),  # midnight
        ("2026-09-11 17:20", 1, "work_days", "2026-09-14 17:30"),
        ("2026-09-12 10:00", 1, "work_days", "2026-09-14 17:30"),  # received on a Saturday
        ("2026-09-11 00:00", 2, "work_days", "2026-09-15 17:30"),
        ("2026-09-30 09:00", 3, "work_days", "2026-10-10 17:30"),  # 8, 9 and the make-up Saturday, the 10th
        ("2026-12-30 17:00", 1, "work_hours", "2027-01-04 09:00"),  # year change: Dec 31 and Jan 1 free, then a weekend
        ("2026-12-30 17:00", 1, "work_days", "2027-01-04 17:30"),
        ("2026-12-31 23:30", 1, "emergency_hours", "2027-01-01 00:30"),
    ],
)
def test_cases_worked_out_by_hand(start: str, amount: float, unit: Unit, expected: str) -> None:
    cal = make(markets=())
    assert due(cal, at(start), amount, unit).at == at(expected)


def test_market_duty_counts_on_free_weekends_but_not_in_holidays() -> None:
    sunday = D(2026, 9, 25) + dt.timedelta(days=15)  # every fifth day from September 5
    assert CAL.markets_on(D(2026, 10, 3)) == ("西圩",)
    assert CAL.markets_on(D(2026, 9, 5)) == ("东圩",)
    assert CAL.markets_on(D(2026, 8, 31)) == ()  # before the first one
    assert sunday in CAL.makeup
    assert CAL.spans(sunday) == OFFICE  # made up, so full hours
    assert CAL.spans(D(2026, 10, 5)) == ()  # a market, in the holidays
    assert CAL.spans(D(2026, 9, 5)) == ((480, 690),)
    assert not make(markets=(Market("西圩", days=frozenset({5})),)).works(D(2026, 9, 5))  # no duty hours, no work
    assert due(CAL, at("2026-09-04 17:20"), 1, "work_hours").at == at("2026-09-05 08:50")


def test_a_span_in_a_year_without_published_holidays_says_so() -> None:
    cal = make(years=frozenset({2026}), markets=())
    sure = due(cal, at("2026-12-25 09:00"), 2, "work_days")
    assert (sure.certain, sure.note) == (True, None)
    unsure = due(cal, at("2026-12-30 09:00"), 2, "work_days")
    assert not unsure.certain
    assert unsure.unpublished == (2027,)
    assert unsure.note is not None
    assert unsure.note.zh == "2027 年节假日未公布，暂按周末推算，公布后重算"
    assert "2027" in unsure.note.en
    assert due(cal, at("2026-12-30 09:00"), 200, "emergency_hours").certain  # holidays do not touch it
    assert due(cal, at("2027-02-01 09:00"), 5, "work_days").at == at("2027-02-08 17:30")  # weekends only


@pytest.mark.parametrize(
    ("amount", "unit"),
    [
        (-1, "work_hours"),
        (float("nan"), "work_hours"),
        (1.5, "work_days"),
        (1e9, "emergency_hours"),
        (float("inf"), "work_days"),
    ],
)
def test_bad_amounts_are_refused_with_a_reason(amount: float, unit: Unit) -> None:
    with pytest.raises(Invalid) as refused:
        due(CAL, at("2026-09-11 09:00"), amount, unit)
    assert [r.field for r in refused.value.reasons] == ["amount"]
    assert all(r.zh and r.en for r in refused.value.reasons)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        due(CAL, dt.datetime(2026, 9, 11, 9), 1, "work_hours")
    assert refused.value.reasons[0].code == "naive_time"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"week": ((),) * 7}, "没有工作时间"),
        ({"week": (OFFICE,) * 5}, "七天"),
        ({"week": (((720, 510),),) * 7}, "下班应晚于上班"),
        ({"week": (((510, 720), (700, 900)),) * 7}, "重叠"),
        ({"makeup_hours": ((0, 1441),)}, "24:00"),
        ({"makeup": {D(2026, 10, 1): "x"}}, "既是休又是班"),
        ({"markets": (Market("无规则"),)}, "无规则"),
        ({"markets": (Market("两种", every=3, since=D(2026, 1, 1), days=frozenset({1})),)}, "两种"),
        ({"markets": (Market("坏日", days=frozenset({32})),)}, "没有这一天"),
    ],
)
def test_a_calendar_that_cannot_be_computed_with_is_refused(changes: dict[str, object], word: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        make(**changes)
    assert word in refused.value.message("zh")
    assert refused.value.message("en")


def test_the_work_is_in_proportion_to_the_days_of_the_span(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, steady = [], calendars._steady

    def counting(day: dt.date, zone: ZoneInfo):
        looked.append(day)
        return steady(day, zone)

    monkeypatch.setattr(calendars, "_steady", counting)
    end = due(CAL, at("2026-01-01 00:00"), 2000, "work_hours").at
    assert len(looked) == len(set(looked)) <= (end - at("2026-01-01 00:00")).days + 1
    looked.clear()
    far = due(CAL, at("2026-01-01 00:00"), 87_600, "emergency_hours").at
    assert (far - at("2026-01-01 00:00")).days == 3650
    assert looked == []


# ---------------------------------------------------------------- the clock that can be stopped

# Acts of one instant have no order of their own: the second of two equal ones is a repetition (tested below).
gaps = st.lists(st.integers(1, 3 * 1440), max_size=6)


def run_through(clock: Clock, marks: list[dt.datetime]) -> Clock:
    for i, mark in enumerate(marks):
        clock = clock.pause(mark) if i % 2 == 0 else clock.resume(mark)
    return clock


def marks_of(start: dt.datetime, steps: list[int]) -> list[dt.datetime]:
    return [start + sum(steps[: i + 1]) * MINUTE for i in range(len(steps))]


@quick
@given(starts, terms.filter(lambda t: t[1] > 0), gaps)
def test_a_stopped_clock_counts_only_the_minutes_it_runs(
    start: dt.datetime, term: tuple[Unit, int], steps: list[int]
) -> None:
    unit, count = term
    marks = marks_of(start, steps)
    clock = run_through(Clock.begin(start, amount_in(unit, count), unit), marks)
    now = (marks or [start])[-1] + 1440 * MINUTE
    if not clock.running:
        marks = [*marks, now]  # as though it went on now

    def running(moment: dt.datetime) -> bool:
        return sum(mark <= moment for mark in marks) % 2 == 0

    assert clock.due(CAL, now).at == stepped_due(CAL, start, count, unit, running)


@given(starts, st.integers(1, 40), st.sampled_from(UNITS), gaps, st.integers(0, 20 * 1440))
def test_spent_and_remaining_make_the_term_and_the_rest_ends_at_the_deadline(
    start: dt.datetime, amount: int, unit: Unit, steps: list[int], later: int
) -> None:
    clock = run_through(Clock.begin(start, amount, unit), marks_of(start, steps))
    now = start + later * MINUTE
    end = clock.due(CAL, now).at
    left, over = clock.remaining(CAL, now), clock.overrun(CAL, now)
    if end <= now:
        assert left == ()
        known = [s for s in clock.stretches if s.running]
        ran = sum(worked_between(unit, end, now, s.start, s.end or now) for s in known)
        assert over.amount == pytest.approx(ran, abs=1e-9)
    else:
        assert over.amount == 0
        assert 0 < left[0].amount <= amount
        known_acts = [a for a in clock.acts if a[1] <= now]
        if not known_acts:
            assert left[0].amount == pytest.approx(amount - worked(CAL, start, now, unit))
        if unit != "work_days":  # a day under way is spent at its end, so days do not restart in the middle of one
            future = Clock.begin(now, left[0].amount, unit)
            assert future.due(CAL, now).at == pytest.approx(end, abs=dt.timedelta(microseconds=1))


def worked_between(unit: Unit, low: dt.datetime, high: dt.datetime, a: dt.datetime, b: dt.datetime) -> float:
    """What passed between, days counted from the day after `low`."""
    a, b = max(a, low), min(b, high)
    if a >= b:
        return 0.0
    return worked(CAL, low, b, unit) - worked(CAL, low, a, unit)


@given(starts, st.integers(1, 30), st.sampled_from(UNITS), gaps)
def test_every_pause_only_puts_the_deadline_off(start: dt.datetime, amount: int, unit: Unit, steps: list[int]) -> None:
    marks, clock = marks_of(start, steps), Clock.begin(start, amount, unit)
    now = (marks or [start])[-1]
    ends = [run_through(clock, marks[:n]).due(CAL, now).at for n in range(len(marks) + 1) if n % 2 == 0]
    assert ends == sorted(ends)


@given(starts, gaps.filter(bool), st.data())
def test_the_same_act_again_changes_nothing_and_an_earlier_one_is_refused(
    start: dt.datetime, steps: list[int], data: st.DataObject
) -> None:
    clock = run_through(Clock.begin(start, 4, "work_hours"), marks_of(start, steps))
    act, moment = data.draw(st.sampled_from(clock.acts))
    assert getattr(clock, act)(moment) is clock  # a message delivered twice
    last = clock.acts[-1][1]
    repeated = clock.pause(last + MINUTE) if not clock.running else clock.resume(last + MINUTE)
    assert repeated is clock
    with pytest.raises(Invalid) as refused:
        clock.resume(start - MINUTE) if clock.running else clock.pause(start - MINUTE)
    assert refused.value.reasons[0].code == "time_order"


def test_stretches_tell_when_it_ran_and_when_it_stood() -> None:
    clock = Clock.begin(at("2026-09-11 09:00"), 4, "work_hours").pause(at("2026-09-11 10:00"))
    assert not clock.running
    assert clock.due(CAL, at("2026-09-14 09:00")).at == at("2026-09-14 12:00")  # as though it went on at 09:00
    clock = clock.resume(at("2026-09-14 10:00"))
    assert [(s.running, s.end) for s in clock.stretches] == [
        (True, at("2026-09-11 10:00")),
        (False, at("2026-09-14 10:00")),
        (True, None),
    ]
    assert clock.due(CAL, at("2026-09-14 10:00")).at == at("2026-09-14 15:30")
    assert clock.due(CAL, at("2026-09-11 09:30")).at == at("2026-09-11 15:30")  # as it was known then


def test_a_pause_inside_a_day_costs_no_working_day_and_one_over_its_end_costs_one() -> None:
    clock = Clock.begin(at("2026-09-14 09:00"), 2, "work_days")
    now = at("2026-09-16 09:00")
    inside = clock.pause(at("2026-09-15 10:00")).resume(at("2026-09-15 16:00"))
    assert inside.due(CAL, now).at == at("2026-09-16 17:30")
    over = clock.pause(at("2026-09-15 17:00")).resume(at("2026-09-16 08:30"))
    assert over.due(CAL, now).at == at("2026-09-17 17:30")
    assert over.remaining(CAL, now) == (Leg(2, "work_days"),)
    assert over.overrun(CAL, at("2026-09-19 09:00")) == Leg(1, "work_days")


def test_a_stop_and_a_start_at_one_instant_cost_nothing_and_their_repetition_is_known() -> None:
    clock, t = Clock.begin(at("2026-09-14 09:00"), 1, "work_hours"), at("2026-09-14 09:30")
    both = clock.pause(t).resume(t)
    assert both.due(CAL, t) == clock.due(CAL, t)
    assert both.pause(t) is both
    assert both.running


def test_at_the_very_end_of_a_day_a_stop_still_counts_it_and_a_start_does_not() -> None:
    clock, now = Clock.begin(at("2026-09-14 09:00"), 2, "work_days"), at("2026-09-16 09:00")
    stopped_at_the_end = clock.pause(at("2026-09-15 17:30")).resume(at("2026-09-15 20:00"))
    assert stopped_at_the_end.due(CAL, now).at == at("2026-09-16 17:30")
    started_at_the_end = clock.pause(at("2026-09-15 10:00")).resume(at("2026-09-15 17:30"))
    assert started_at_the_end.due(CAL, now).at == at("2026-09-17 17:30")
    end = at("2026-09-16 17:30")
    assert clock.remaining(CAL, end) == ()
    assert clock.remaining(CAL, end - MINUTE) == (Leg(1, "work_days"),)


def test_a_stop_after_the_deadline_does_not_move_it() -> None:
    clock = Clock.begin(at("2026-09-14 09:00"), 1, "work_hours").pause(at("2026-09-14 11:00"))
    assert clock.due(CAL, at("2026-09-20 09:00")).at == at("2026-09-14 10:00")
    assert clock.overrun(CAL, at("2026-09-20 09:00")) == Leg(1, "work_hours")


def test_an_extension_begins_where_the_term_ended_and_counts_once() -> None:
    clock = Clock.begin(at("2026-09-14 09:00"), 2, "work_hours").extend(1, "work_days", "延〔2026〕1号")
    now = at("2026-09-14 10:00")
    assert clock.due(CAL, now).at == at("2026-09-15 17:30")
    assert clock.remaining(CAL, now) == (Leg(1, "work_hours"), Leg(1, "work_days", "延〔2026〕1号"))
    assert clock.extend(1, "work_days", "延〔2026〕1号") is clock
    with pytest.raises(Invalid) as refused:
        clock.extend(2, "work_days", "延〔2026〕1号")
    assert refused.value.reasons[0].code == "other_extension"
    assert len(clock.extend(1, "work_days").extend(1, "work_days").legs) == 4
    with pytest.raises(Invalid):
        clock.extend(0, "work_hours")


@given(starts, st.integers(1, 20), st.integers(1, 20), st.sampled_from(UNITS))
def test_an_extension_in_the_same_unit_is_a_longer_term(start: dt.datetime, a: int, b: int, unit: Unit) -> None:
    assert Clock.begin(start, a, unit).extend(b, unit).due(CAL, start) == due(CAL, start, a + b, unit)


@given(starts, st.integers(3, 60), gaps.filter(lambda g: len(g) >= 2))
def test_broken_hours_over_many_pauses_stay_exact(start: dt.datetime, parts: int, steps: list[int]) -> None:
    """A third of an hour is no binary fraction: a term that ends exactly at a stop must not slip to the next start."""
    clock, moment = Clock.begin(start, parts / 3, "emergency_hours"), start
    for _ in range(parts):
        moment += 20 * MINUTE
        clock, end = clock.pause(moment), moment
        moment += (1 + steps[0]) * MINUTE
        clock = clock.resume(moment)
    assert clock.due(CAL, moment).at == end


@given(starts, st.integers(1, 9), st.sampled_from(UNITS), gaps)
def test_a_clock_comes_back_from_its_record(start: dt.datetime, amount: int, unit: Unit, steps: list[int]) -> None:
    clock = run_through(Clock.begin(start, amount, unit).extend(2, "work_days", "a"), marks_of(start, steps))
    assert Clock.of(json.loads(json.dumps(clock.as_dict()))) == clock
    if clock.acts:
        broken = clock.as_dict() | {"acts": [["pause", (start - MINUTE).isoformat()]]}
        with pytest.raises(Invalid):
            Clock.of(broken)


def test_a_provisional_deadline_stays_provisional_through_the_clock() -> None:
    cal = make(years=frozenset({2026}))
    clock = Clock.begin(at("2026-12-30 09:00"), 2, "work_days")
    assert clock.due(cal, at("2026-12-30 09:00")).unpublished == (2027,)
