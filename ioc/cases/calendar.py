"""When a place works: hours by weekday, holidays, make-up working days, market days. Frozen, as configured by a city.

Which kind a day is, the first that applies: a make-up day (班) works `makeup_hours`; a holiday (休) is free; a weekday
with hours works them; a market day with duty hours works those; any other day is free. Holidays bind only the days
they name: in a year whose holidays are not published nothing but the weekend is free, and `Due` says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from zoneinfo import ZoneInfo

from ioc.errors import DeclarationError, Reason
from ioc.i18n import Text

Span = tuple[int, int]  # minutes from local midnight, [start, end), 0 <= start < end <= 1440
Week = tuple[tuple[Span, ...], ...]  # Monday first, seven entries
Piece = tuple[dt.datetime, dt.datetime]  # [start, end) in UTC
DAY = 1440
ONE_DAY = dt.timedelta(days=1)
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Market:
    """圩日 of one market, without the lunar calendar: every `every` days from `since`, or on `days` of the month.

    `duty` are the hours an otherwise free market day is worked (圩日值班); none: the day is known, nobody works more.
    """

    name: str
    every: int = 0
    since: dt.date | None = None
    days: frozenset[int] = frozenset()
    duty: tuple[Span, ...] = ()

    def falls_on(self, day: dt.date) -> bool:
        if self.since is not None and self.every > 0:
            return day >= self.since and (day - self.since).days % self.every == 0
        return day.day in self.days


@dataclass(frozen=True, slots=True)
class Calendar:
    """One calendar of working time. Raises DeclarationError, with every fault, when it could not be computed with.

    `holidays` and `makeup` map a local date to its name; `years` are those whose holidays are published and in here.
    `makeup_hours` empty: a make-up day works the hours of the first weekday that has any. `sample`: 示例, shipped to
    show the form, refused by a centre without demo data.
    """

    key: str
    title: Text
    zone: ZoneInfo
    week: Week
    holidays: Mapping[dt.date, str] = field(default_factory=dict[dt.date, str])
    makeup: Mapping[dt.date, str] = field(default_factory=dict[dt.date, str])
    makeup_hours: tuple[Span, ...] = ()
    markets: tuple[Market, ...] = ()
    years: frozenset[int] = frozenset()
    version: str = ""
    document: str = ""
    issued: dt.date | None = None
    sample: bool = False

    def __post_init__(self) -> None:
        faults = calendar_faults(self)
        if faults:
            zh, en = ("；".join(f.zh for f in faults), "; ".join(f.en for f in faults))
            raise DeclarationError(f"日历 {self.key}：{zh}", f"calendar {self.key}: {en}")

    def spans(self, day: dt.date) -> tuple[Span, ...]:
        """Working spans of a local date, in order; empty: a free day."""
        if day in self.makeup:
            return self.makeup_hours or next(spans for spans in self.week if spans)
        if day in self.holidays:
            return ()
        return self.week[day.weekday()] or next((m.duty for m in self.markets if m.duty and m.falls_on(day)), ())

    def works(self, day: dt.date) -> bool:
        """Whether a local date is a 工作日: it has working time."""
        return bool(self.spans(day))

    def markets_on(self, day: dt.date) -> tuple[str, ...]:
        """Names of the markets held on a local date."""
        return tuple(m.name for m in self.markets if m.falls_on(day))

    def local_date(self, at: dt.datetime) -> dt.date:
        return at.astimezone(self.zone).date()

    def pieces(self, day: dt.date) -> tuple[Piece, ...]:
        """Working time of a local date as UTC pieces in order: the moments when the wall clock shows working hours."""
        spans = self.spans(day)
        if not spans:
            return ()
        return tuple(sorted(p for run in _steady(day, self.zone) for span in spans for p in _piece(day, span, *run)))


def calendar_faults(calendar: Calendar) -> tuple[Reason, ...]:
    """Every fault of a calendar: a week without work, spans that overlap or leave the day, a day both 休 and 班 ..."""
    return tuple(_faults(calendar))


def _faults(calendar: Calendar) -> Iterator[Reason]:
    if len(calendar.week) != 7:
        yield Reason("week", "bad_week", "一周应有七天", "a week has seven days", str(len(calendar.week)))
    if not any(calendar.week):
        yield Reason("week", "no_work", "一周内没有工作时间", "no working time in the week")
    named = [(WEEKDAYS[i % 7], WEEKDAYS_EN[i % 7], spans) for i, spans in enumerate(calendar.week)]
    named.append(("调休上班", "make-up day", calendar.makeup_hours))
    named += [(m.name, m.name, m.duty) for m in calendar.markets]
    for zh, en, spans in named:
        if fault := span_fault(spans):
            yield Reason("hours", "bad_hours", f"{zh}：{fault.zh}", f"{en}: {fault.en}", clock_words(spans))
    for day in sorted(set(calendar.holidays) & set(calendar.makeup)):
        yield Reason("date", "both_kinds", f"{day} 既是休又是班", f"{day} is both free and worked", day.isoformat())
    for market in calendar.markets:
        yield from market_faults(market)


def market_faults(market: Market) -> Iterator[Reason]:
    """A market needs exactly one rule: an interval with its first day, or days of the month."""
    by_interval = market.every > 0 and market.since is not None
    if by_interval == bool(market.days) or (market.every > 0) != (market.since is not None) or market.every < 0:
        yield Reason(
            "market", "bad_market", f"{market.name}：应写间隔天数和起始日，或每月日期，二者取一",
            f"{market.name}: give an interval with its first day, or days of the month, one of the two", market.name,
        )  # fmt: skip
    if bad := sorted(d for d in market.days if not 1 <= d <= 31):
        yield Reason("market", "bad_market", f"{market.name}：没有这一天", f"{market.name}: no such day", str(bad))


def span_fault(spans: tuple[Span, ...]) -> Text | None:
    """What is wrong with the spans of one day, or None."""
    if any(not 0 <= start < end <= DAY for start, end in spans):
        return Text("下班应晚于上班，且在 00:00–24:00 之内", "the end must be after the start, within 00:00-24:00")
    if any(a[1] > b[0] for a, b in pairwise(spans)):
        return Text("时段重叠或未按先后排列", "the spans overlap or are out of order")
    return None


def clock_words(spans: tuple[Span, ...]) -> str:
    """`((510, 720),)` as `08:30-12:00`."""
    return " ".join(f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in spans)


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, tzinfo=zone).astimezone(dt.UTC)


def _offset(at: dt.datetime, zone: ZoneInfo) -> dt.timedelta:
    return at.astimezone(zone).utcoffset() or dt.timedelta(0)


def _steady(day: dt.date, zone: ZoneInfo) -> list[tuple[dt.datetime, dt.datetime, dt.timedelta]]:
    """A local date as UTC runs (start, end, offset): one run, or two on the day the clocks are changed."""
    start, end = _midnight(day, zone), _midnight(day + ONE_DAY, zone)
    if start >= end:
        return []  # a date the zone never had (Apia, 2011-12-30)
    before, after = _offset(start, zone), _offset(end - dt.timedelta(seconds=1), zone)
    if before == after:
        return [(start, end, before)]
    low, high = start, end  # offsets change on whole seconds: bisect to the second
    while high - low > dt.timedelta(seconds=1):
        middle = low + dt.timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return [(start, high, before), (high, end, after)]


def _piece(day: dt.date, span: Span, start: dt.datetime, end: dt.datetime, offset: dt.timedelta) -> Iterator[Piece]:
    """The part of a span that lies in a run of one offset."""
    midnight = dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC) - offset
    low = max(start, midnight + dt.timedelta(minutes=span[0]))
    high = min(end, midnight + dt.timedelta(minutes=span[1]))
    if low < high:
        yield low, high
