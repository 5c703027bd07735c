"""A city's duty roster from its own file: 日期, 班次, 开始, 结束, 岗位, 姓名, 账号, 电话, 区划. One person a row.

A shift whose end is not after its start ends on the next day (20:00 to 08:00 crosses midnight, 08:00 to 08:00 is a
day and a night). A file is taken whole or refused with every reason: half a roster would name the wrong people.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from zoneinfo import ZoneInfo

from ioc.cases.cells import WHOLE, Parsed, Reasons, Row
from ioc.cases.sheets import Sheet
from ioc.duty.rules import Duty, Entry, shifts
from ioc.errors import Reason

COLUMNS: Mapping[str, Sequence[str]] = {
    "日期": ("date",),
    "班次": ("shift",),
    "开始": ("from", "开始时间", "上班"),
    "结束": ("to", "结束时间", "下班"),
    "岗位": ("duty", "职责", "角色"),
    "姓名": ("person", "值班人员"),
    "账号": ("login",),
    "电话": ("phone", "手机", "联系电话"),
    "区划": ("region", "区划代码"),
}
DUTY_WORDS: Mapping[str, Duty] = {
    "带班领导": "leader",
    "值班长": "chief",
    "值班员": "officer",
    "网格值守": "grid",
    "leader": "leader",
    "chief": "chief",
    "officer": "officer",
    "grid": "grid",
}
# Digits with an area code or extension; what a person would dial.
_PHONE = re.compile(r"^\+?\d[\d\- ]{2,18}\d$")
LONGEST = 40
RegionOf = Callable[[str], tuple[int, str] | None]  # code or "" -> (region_id, origin)


def read_rosters(
    sheet: Sheet, zone: ZoneInfo, region_of: RegionOf, logins: Callable[[str], bool], origin: str = "real"
) -> Parsed[tuple[Entry, ...]]:
    """The entries in `sheet`, or every reason against it by row. `logins`: whether an account of that name exists."""
    reasons = Reasons(sheet, COLUMNS)
    read: list[tuple[int, Entry]] = []
    for row in reasons.rows("日期", "班次", "开始", "结束", "岗位", "姓名"):
        entry = _entry(row, zone, region_of, logins, origin)
        if entry is not None:
            read.append((row.number, entry))
    _together(reasons, read)
    if reasons.found:
        return Parsed(None, tuple(sorted(reasons.found, key=lambda r: r.row)))
    return Parsed(tuple(e for _, e in read))


def _entry(row: Row, zone: ZoneInfo, region_of: RegionOf, logins: Callable[[str], bool], origin: str) -> Entry | None:
    before = len(row.reasons.found)
    day, name, person = row.date("日期"), _short(row, "班次"), _short(row, "姓名")
    start, end = row.minute("开始"), row.minute("结束")
    duty = row.choice("岗位", DUTY_WORDS)
    region = region_of(row.text("区划"))
    if region is None:
        row.refuse("区划", "unknown_region", "没有此区划", "no such region")
    login, phone = row.text("账号"), row.text("电话")
    if login and not logins(login):
        row.refuse("账号", "unknown_login", "没有此账号", "no such account")
    if phone and not _PHONE.match(phone):
        row.refuse("电话", "bad_phone", "不是电话号码", "not a telephone number")
    if start == 1440:
        row.refuse("开始", "bad_time", "开始时刻应早于 24:00", "must begin before 24:00")
    if len(row.reasons.found) > before or day is None or start is None or end is None:
        return None
    if name is None or person is None or duty is None or region is None:
        return None  # a column is missing, which is told once for the whole file
    starts, ends = span(day, start, end, zone)
    return Entry(
        region[0], day, name, starts, ends, duty, person, login, re.sub(r"[ \-]", "", phone),
        "demo" if "demo" in (origin, region[1]) else "real",
    )  # fmt: skip


def _short(row: Row, column: str) -> str | None:
    word = row.required(column)
    if word and len(word) > LONGEST:
        row.refuse(column, "too_long", f"不超过 {LONGEST} 个字", f"at most {LONGEST} characters")
    return word


def span(day: dt.date, start: int, end: int, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """Minutes of the local day as instants; an end not after the start is the next day's."""

    def at(minutes: int, later: int = 0) -> dt.datetime:
        on = day + dt.timedelta(days=later + minutes // 1440)
        return dt.datetime.combine(on, dt.time(minutes % 1440 // 60, minutes % 60), zone).astimezone(dt.UTC)

    return at(start), at(end, 1 if end <= start else 0)


def _together(reasons: Reasons, read: Sequence[tuple[int, Entry]]) -> None:
    """What single rows cannot tell: a shift with two times, somebody twice in it, two watches of chiefs at once."""
    times: dict[tuple[int, dt.date, str], tuple[dt.datetime, dt.datetime]] = {}
    seen: set[tuple[object, ...]] = set()
    for number, e in read:
        key = (e.region_id, e.day, e.shift)
        if times.setdefault(key, (e.starts_at, e.ends_at)) != (e.starts_at, e.ends_at):
            zh, en = f"{e.day} {e.shift} 前面写的是另一时段", f"{e.day} {e.shift} has another time above"
            reasons.add(number, Reason("开始", "shift_times_differ", zh, en, e.shift))
        who = (*key, e.duty, e.person, e.login)
        if who in seen:
            reasons.add(number, Reason("姓名", "twice", "同一班次同一岗位重复", "twice in the same shift", e.person))
        seen.add(who)
    _overlaps(reasons, read)


def _overlaps(reasons: Reasons, read: Sequence[tuple[int, Entry]]) -> None:
    row_of = {id(e): number for number, e in read}
    watches = shifts(e for _, e in read if e.duty == "chief")
    for region in {s.region_id for s in watches}:
        mine = [s for s in watches if s.region_id == region]
        for first, second in pairwise(mine):
            # a quarter of an hour together is how many centres hand over; half a shift is a mistake
            if second.starts_at < first.ends_at - (first.ends_at - first.starts_at) / 2:
                zh = f"与 {first.day} {first.name} 的值班长时段重叠"
                en = f"overlaps the chief's shift {first.name} of {first.day}"
                number = row_of.get(id(second.entries[0]), WHOLE)
                reasons.add(number, Reason("开始", "overlap", zh, en, second.name))
