"""A city's working calendar from its own files: days (日期, 类型 休/班, 名称), hours (星期, 上班, 下班), markets (圩).

The days file is the yearly notice on holidays, one day a row, with 文号 and 日期 as remarks above the table. A year
counts as published when its days are there; a year whose fixed public holidays are not all among them is incomplete
and refused, because every deadline over the gap would be wrong without anybody being told.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ioc.cases.calendar import Calendar, Market, Span, Week, market_faults, span_fault
from ioc.cases.cells import WHOLE, Parsed, Reasons, Row, RowReason, Value, parse_date
from ioc.cases.sheets import Sheet
from ioc.errors import Reason
from ioc.i18n import Text

DAY_COLUMNS: Mapping[str, Sequence[str]] = {"日期": ("date",), "类型": ("kind",), "名称": ("name",), "年度": ("year",)}
HOUR_COLUMNS: Mapping[str, Sequence[str]] = {"星期": ("weekday",), "上班": ("from",), "下班": ("to",)}
MARKET_COLUMNS: Mapping[str, Sequence[str]] = {
    "圩名": ("名称", "market"),
    "间隔天数": ("every",),
    "起始日": ("since",),
    "每月日期": ("days",),
    "上班": (),
    "下班": (),
}
# 调休 is refused: it is said of the free day and of the one worked for it.
KINDS = {"休": False, "放假": False, "班": True, "上班": True, "holiday": False, "workday": True}
# Public holidays of fixed date, 全国年节及纪念日放假办法 (国务院令第 795 号, in force from 2025-01-01), article 2.
FIXED = ((1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3))
NUMERALS = "一二三四五六日"
MAKEUP = 7  # place of the hours of make-up days after those of the seven weekdays
_MAKEUP_WORDS = ("班", "调休上班", "makeup")


# Columns that only one of the three files has.
_PARTS = (
    ("hours", {"星期", "weekday"}),
    ("days", {"日期", "date", "类型", "kind"}),
    ("markets", {"圩名", "market", "间隔天数"}),
)
Hours = tuple[Week, tuple[Span, ...]]  # of Monday to Sunday, and of make-up days


@dataclass(frozen=True, slots=True)
class Days:
    """Free and make-up days with their names. `notice`: the year whose notice names a day; `rows`: where it stands."""

    holidays: dict[dt.date, str]
    makeup: dict[dt.date, str]
    notice: dict[dt.date, int]
    rows: dict[dt.date, Row]

    @property
    def years(self) -> frozenset[int]:
        return frozenset(self.notice.values())


def read_calendar(
    key: str,
    days: Sheet,
    hours: Sheet,
    markets: Sheet | None = None,
    *,
    zone: ZoneInfo,
    title: Text = Text("工作日历", "Working calendar"),
) -> Parsed[Calendar]:
    """The calendar of two or three files, or every reason against them by file and row."""
    day_reasons, hour_reasons = Reasons(days, DAY_COLUMNS), Reasons(hours, HOUR_COLUMNS)
    week, makeup_hours = _week(hour_reasons)
    read = _days(day_reasons)
    _check_days(read, week, day_reasons)
    found_markets, market_reasons = _markets(markets)
    _check_document(days, day_reasons)
    if reasons := [*day_reasons.found, *hour_reasons.found, *market_reasons]:
        return Parsed(None, tuple(reasons))
    calendar = Calendar(
        key=key,
        title=title,
        zone=zone,
        week=week,
        holidays=read.holidays,
        makeup=read.makeup,
        makeup_hours=makeup_hours,
        markets=found_markets,
        years=read.years,
        version=days.notes.get("版本", ""),
        document=document_of(days),
        issued=issued_of(days),
        sample=any(s.sample for s in (days, hours, markets) if s is not None),
    )
    return Parsed(calendar)


def part_of(sheet: Sheet) -> str:
    """Which of the three files a sheet is, by its columns: days, hours or markets; "" for none of them."""
    return next((part for part, columns in _PARTS if columns & set(sheet.columns)), "")


def read_days(sheet: Sheet, week: Week) -> Parsed[Days]:
    """The days of one or more yearly notices, checked against the hours of the `week` they are free or worked in."""
    reasons = Reasons(sheet, DAY_COLUMNS)
    read = _days(reasons)
    _check_days(read, week, reasons)
    _check_document(sheet, reasons)
    return _parsed(read, reasons)


def read_hours(sheet: Sheet) -> Parsed[Hours]:
    """Working hours, set by a document of the place."""
    reasons = Reasons(sheet, HOUR_COLUMNS)
    read = _week(reasons)
    _check_document(sheet, reasons)
    return _parsed(read, reasons)


def read_markets(sheet: Sheet) -> Parsed[tuple[Market, ...]]:
    read, found = _markets(sheet)
    return Parsed(None, tuple(found)) if found else Parsed(read)


def _parsed(value: Value, reasons: Reasons) -> Parsed[Value]:
    return Parsed(None, tuple(sorted(reasons.found, key=lambda r: r.row))) if reasons.found else Parsed(value)


def _check_document(sheet: Sheet, reasons: Reasons) -> None:
    for name, value in (("文号", document_of(sheet)), ("日期", issued_of(sheet))):
        if not value:
            zh, en = f"表前应有一行 # {name}：…", f"a remark # {name}: must stand above the table"
            reasons.add(WHOLE, Reason(name, "missing_field", zh, en))


def document_of(sheet: Sheet) -> str:
    return sheet.notes.get("文号", "")


def issued_of(sheet: Sheet) -> dt.date | None:
    return parse_date(sheet.notes.get("日期", "") or sheet.notes.get("发文日期", ""))


def _days(reasons: Reasons) -> Days:
    out = Days({}, {}, {}, {})
    for row in reasons.rows("日期", "类型"):
        day, works = row.date("日期"), row.choice("类型", KINDS)
        year = row.text("年度").removesuffix("年")
        if year and not re.fullmatch(r"(19|20)\d\d", year):
            row.refuse("年度", "bad_year", "不是有效的年度", "not a year")
            continue
        if day is None or works is None:
            continue
        if day in out.rows:
            row.refuse("日期", "set_twice", f"与第 {out.rows[day].number} 行重复", f"as row {out.rows[day].number}")
            continue
        out.rows[day] = row
        (out.makeup if works else out.holidays)[day] = row.text("名称")
        out.notice[day] = int(year) if year else day.year
    return out


def _check_days(read: Days, week: Week, reasons: Reasons) -> None:
    """A make-up day falls on a day that is free otherwise; a year holds all its fixed public holidays."""
    for day in read.makeup:
        if week[day.weekday()]:
            read.rows[day].refuse("类型", "works_anyway", "当天本来就是工作日", "this day is worked anyway")
    for year in sorted(read.years):
        absent = [dt.date(year, m, d) for m, d in FIXED if dt.date(year, m, d) not in read.holidays]
        if absent:
            shown = "、".join(d.isoformat() for d in absent)
            zh, en = f"{year} 年缺少法定节日 {shown}", f"{year} lacks the public holidays {shown}"
            reasons.add(WHOLE, Reason("日期", "incomplete_year", zh, en, shown))


def _week(reasons: Reasons) -> Hours:
    """Hours of Monday to Sunday and of make-up days. A faulty day is left empty, with a reason."""
    spans: list[list[Span]] = [[] for _ in range(MAKEUP + 1)]
    rows = reasons.rows("星期", "上班", "下班")
    for row in rows:
        start, end = row.minute("上班"), row.minute("下班")
        places = parse_weekdays(row.text("星期"))
        if not places:
            row.refuse("星期", "bad_weekday", "不是星期，例：周一至周五、调休上班", "not a weekday")
        if start is None or end is None:
            continue
        for place in places:
            fault = span_fault(tuple(sorted([*spans[place], (start, end)])))
            if fault:
                row.refuse("下班", "bad_hours", fault.zh, fault.en)
                break
            spans[place] = sorted([*spans[place], (start, end)])
    if rows and not any(spans[:MAKEUP]) and not reasons.found:
        reasons.add(WHOLE, Reason("星期", "no_work", "一周内没有工作时间", "no working time in the week"))
    return tuple(tuple(s) for s in spans[:MAKEUP]), tuple(spans[MAKEUP])


def parse_weekdays(word: str) -> tuple[int, ...]:
    """周一至周五, 星期六, 1-5, 周一、周三; 0 is Monday, `MAKEUP` the make-up days. Empty: not understood."""
    word = word.replace(" ", "")
    if word in _MAKEUP_WORDS:
        return (MAKEUP,)
    out: list[int] = []
    for part in re.split(r"[、,，;；]", word):
        ends = [_weekday(end) for end in re.split(r"至|到|-|~|—", part)]
        if len(ends) > 2 or -1 in ends or ends[0] > ends[-1]:
            return ()
        out += range(ends[0], ends[-1] + 1)
    return tuple(dict.fromkeys(out))


def _weekday(word: str) -> int:
    word = re.sub(r"^(周|星期|礼拜)", "", word).replace("天", "日")
    if re.fullmatch(r"[1-7]", word):
        return int(word) - 1
    return NUMERALS.find(word) if len(word) == 1 else -1


def _markets(sheet: Sheet | None) -> tuple[tuple[Market, ...], list[RowReason]]:
    if sheet is None:
        return (), []
    reasons = Reasons(sheet, MARKET_COLUMNS)
    read = [_market(row) for row in reasons.rows("圩名")]
    return tuple(m for m in read if m is not None), reasons.found


def _market(row: Row) -> Market | None:
    name, every = row.required("圩名"), row.text("间隔天数")
    days = parse_month_days(row.text("每月日期"))
    since = row.date("起始日") if row.text("起始日") else None
    if every and not every.isdigit():
        row.refuse("间隔天数", "bad_number", "应为整数天", "must be a whole number of days")
        return None
    if days is None:
        row.refuse("每月日期", "bad_days", "应为日期，例：3、8、13 或 逢3、8", "days of the month, for example 3、8")
        return None
    duty: tuple[Span, ...] = ()
    if row.text("上班") or row.text("下班"):
        start, end = row.minute("上班"), row.minute("下班")
        duty = ((start, end),) if start is not None and end is not None else ()
    if name is None:
        return None
    market = Market(name, int(every or 0), since, days, duty)
    for fault in market_faults(market):
        row.refuse("圩名", fault.code, fault.zh, fault.en)
    if hours := span_fault(duty):
        row.refuse("下班", "bad_hours", hours.zh, hours.en)
    return market


def parse_month_days(word: str) -> frozenset[int] | None:
    """`3、8、13` as written, `逢3、8` as every day of the month that ends in 3 or 8; None: not understood."""
    if not word:
        return frozenset()
    parts = [p for p in re.split(r"[、,，;；\s]+", word.removeprefix("逢")) if p]
    if not parts or not all(p.isdigit() and len(p) <= 2 for p in parts):
        return None
    numbers = {int(p) for p in parts}
    if not word.startswith("逢"):
        return frozenset(numbers)
    return frozenset(day for day in range(1, 32) if day % 10 in {n % 10 for n in numbers})
