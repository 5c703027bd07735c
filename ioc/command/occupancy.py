"""When people are inside a sensitive target (a school in term, a market on its days): read from words, asked at a time.

Nothing given means nothing known: then nobody claims that a place is empty. Local time of the centre throughout.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from ioc.cases.cells import parse_date

Presence = Literal["occupied", "empty", "unknown"]
DAY_MIN = 1440
_SPLIT = re.compile(r"[;；、\n]+|，|,(?!\d{3})")
_HOURS = re.compile(r"^(\d{1,2}):(\d{2})\s*(?:-|~|至|到)\s*(\d{1,2}):(\d{2})$")
_DAYS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 7, "天": 7}
_ALWAYS = frozenset({"全天", "24小时", "全年", "常年", "always", "24h"})


@dataclass(frozen=True, slots=True)
class Occupancy:
    """`hours`: minutes from midnight, may run over midnight (22:00-06:00). `days`: 1 Monday .. 7 Sunday, () every day.
    `terms`: first and last day, () all year."""

    hours: tuple[tuple[int, int], ...] = ()
    days: tuple[int, ...] = ()
    terms: tuple[tuple[dt.date, dt.date], ...] = ()

    @property
    def given(self) -> bool:
        return bool(self.hours or self.days or self.terms)

    def as_dict(self) -> dict[str, Any]:
        if not self.given:
            return {}
        terms = [[a.isoformat(), b.isoformat()] for a, b in self.terms]
        return {"hours": [list(h) for h in self.hours], "days": list(self.days), "terms": terms}


def of(kept: Mapping[str, Any]) -> Occupancy:
    """From what the store keeps (`as_dict`)."""
    return Occupancy(
        tuple((int(a), int(b)) for a, b in kept.get("hours", ())),
        tuple(int(d) for d in kept.get("days", ())),
        tuple((dt.date.fromisoformat(a), dt.date.fromisoformat(b)) for a, b in kept.get("terms", ())),
    )


def presence(occupancy: Occupancy, at: dt.datetime, tz: ZoneInfo) -> Presence:
    """Whether people are inside at `at` (aware). A span over midnight belongs to the day it began on."""
    if not occupancy.given:
        return "unknown"
    local = at.astimezone(tz)
    minute = local.hour * 60 + local.minute
    for back in (0, 1):
        day = local.date() - dt.timedelta(days=back)
        if not _on(occupancy, day):
            continue
        for begin, end in occupancy.hours or ((0, DAY_MIN),):
            last = end if end > begin else end + DAY_MIN
            if begin <= minute + back * DAY_MIN < last:
                return "occupied"
    return "empty"


def _on(occupancy: Occupancy, day: dt.date) -> bool:
    in_term = not occupancy.terms or any(a <= day <= b for a, b in occupancy.terms)
    return in_term and (not occupancy.days or day.isoweekday() in occupancy.days)


# ------------------------------------------------------------ words of files


def hours(text: str) -> tuple[tuple[int, int], ...]:
    """`07:30-11:40；14:00-17:30`, `全天`. Raises ValueError."""
    out: list[tuple[int, int]] = []
    for part in _parts(text):
        if part.lower() in _ALWAYS:
            return ((0, DAY_MIN),)
        found = _HOURS.match(part)
        if found is None:
            raise ValueError(part)
        h1, m1, h2, m2 = (int(g) for g in found.groups())
        begin, end = h1 * 60 + m1, h2 * 60 + m2
        if m1 > 59 or m2 > 59 or begin >= DAY_MIN or end > DAY_MIN or begin == end:
            raise ValueError(part)
        out.append((begin, end))
    return tuple(out)


def days(text: str) -> tuple[int, ...]:
    """`周一至周五`, `星期六、日`, `1-5`, `1,3,5`, `每天`. Sorted, each once. Raises ValueError."""
    out: set[int] = set()
    for part in _parts(text):
        plain = re.sub(r"周|星期|礼拜", "", part)
        if plain in ("每天", "每日", "全周") or part in _ALWAYS:
            return tuple(range(1, 8))
        if plain == "工作日":
            out |= {1, 2, 3, 4, 5}
            continue
        ends = [_day(p) for p in re.split(r"-|~|至|到", plain)]
        if len(ends) == 2:
            first, last = ends
            out |= {(first - 1 + i) % 7 + 1 for i in range((last - first) % 7 + 1)}
        elif len(ends) == 1:
            out.add(ends[0])
        else:
            raise ValueError(part)
    return tuple(sorted(out))


def terms(text: str) -> tuple[tuple[dt.date, dt.date], ...]:
    """`2026-09-01 至 2027-01-20；2027-02-22/2027-07-09`. Raises ValueError."""
    out: list[tuple[dt.date, dt.date]] = []
    for part in _parts(text):
        ends = [p.strip() for p in re.split(r"至|到|~|/(?=\s*\d{4}-)|\s-\s|—+", part)]
        found: Sequence[dt.date | None] = [parse_date(p) for p in ends]
        if len(found) != 2 or found[0] is None or found[1] is None or found[1] < found[0]:
            raise ValueError(part)
        out.append((found[0], found[1]))
    return tuple(out)


def _parts(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text)
    return [p.strip() for p in _SPLIT.split(plain) if p.strip()]


def _day(word: str) -> int:
    word = word.strip()
    found = _DAYS.get(word) or (int(word) if word.isascii() and word.isdigit() and 1 <= int(word) <= 7 else 0)
    if not found:
        raise ValueError(word)
    return found
