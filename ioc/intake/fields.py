"""Parsers of single fields, as REST, MQTT, CSV and Excel deliver them. Each returns the value or raises `Refuse`."""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from ioc import geo
from ioc.clock import parse_time
from ioc.errors import Invalid
from ioc.intake.reasons import Refuse, reason

_LEVELS = {
    **{str(n): n for n in range(1, 5)},
    **{w: n for n, w in enumerate(("i", "ii", "iii", "iv"), 1)},
    **{w: n for n, w in enumerate(("一", "二", "三", "四"), 1)},
    **{w: n for n, w in enumerate(("特别重大", "重大", "较大", "一般"), 1)},
}
_YES = frozenset({"1", "true", "yes", "y", "是", "有", "疑似"})
_NO = frozenset({"0", "false", "no", "n", "否", "无", ""})
_PHONE = re.compile(r"(?<!\d)(1\d{2})\d{4}(\d{4})(?!\d)|(?<!\d)(0\d{2,3}[- ]?\d{2,3})\d{2,3}(\d{2})(?!\d)")
# Chinese and slashed dates of spreadsheets: 2026年10月3日 14时05分, 2026/10/3 14:05
_DATE = re.compile(
    r"^\s*(\d{4})[年/\-.](\d{1,2})[月/\-.](\d{1,2})日?(?:[T\s]*(\d{1,2})[:时点](\d{1,2})(?:[:分](\d{1,2})(?:\.(\d{1,6}))?)?[秒分]?)?\s*$"
)


@dataclass(frozen=True, slots=True)
class TimeRules:
    """What times are acceptable at `now`. `past` None: no lower bound. Text without offset is read in `tz`."""

    now: dt.datetime
    tz: ZoneInfo
    future: dt.timedelta = dt.timedelta(minutes=10)
    past: dt.timedelta | None = None


# NUL and halves of surrogate pairs: valid in JSON, but no table takes them.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def blank(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, float) and math.isnan(value))
    )


def text(value: Any, limit: int = 500) -> str:
    """Trimmed text. A spreadsheet's 441702.0 is the text 441702."""
    if isinstance(value, str):
        out = value.strip()
    elif isinstance(value, bool):
        raise Refuse("bad_text")
    elif isinstance(value, float) and value.is_integer():
        out = str(int(value))
    elif isinstance(value, int | float | dt.date):
        out = str(value)
    else:
        raise Refuse("bad_text")
    if len(out) > limit:
        raise Refuse("too_long", limit=limit)
    if _NO_TEXT.search(out):
        raise Refuse("bad_text")
    return out


def number(value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number within `low .. high` (inclusive); also as text, with full-width digits or thousands commas."""
    if isinstance(value, bool) or value is None:
        raise Refuse("bad_number")
    try:
        out = float(value) if not isinstance(value, str) else _number_text(value)
    except (TypeError, ValueError, OverflowError):
        raise Refuse("bad_number") from None
    if not math.isfinite(out):
        raise Refuse("bad_number")
    if not low <= out <= high:
        raise Refuse("out_of_range", low=_plain(low), high=_plain(high))
    return out


def _number_text(value: str) -> float:
    plain = value.strip() if value.isascii() else unicodedata.normalize("NFKC", value).strip()
    if "," in plain and re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    if "_" in plain:  # Python reads 1_000 as a number; no instrument writes it
        raise ValueError(value)
    return float(plain)


def _plain(bound: float) -> str:
    return "∞" if bound == math.inf else "-∞" if bound == -math.inf else f"{bound:g}"


def integer(value: Any, low: int, high: int) -> int:
    out = number(value, low, high)
    if not out.is_integer():
        raise Refuse("bad_number")
    return int(out)


def flag(value: Any) -> bool:
    word = str(value).strip().lower() if not isinstance(value, bool) else ("1" if value else "0")
    word = word.removesuffix(".0")
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Refuse("bad_choice", choices="是、否")


def time(value: Any, rules: TimeRules) -> dt.datetime:
    """Aware UTC. ISO 8601, epoch milliseconds, a spreadsheet's date, or a Chinese date; within `rules`."""
    try:
        out = _parse_any_time(value, rules.tz)
        if out > rules.now + rules.future:
            raise Refuse("future_time", minutes=f"{rules.future.total_seconds() / 60:g}")
        if rules.past is not None and out < rules.now - rules.past:
            raise Refuse("too_old", days=rules.past.days)
    except (ValueError, OverflowError, OSError, TypeError):
        raise Refuse("bad_time") from None
    return out


def moment(name: str, raw: str | None, tz: ZoneInfo) -> dt.datetime | None:
    """A time of a query or a form (ISO 8601, epoch ms, `2026-10-03 14:05`), aware; None where none is given.

    An unescaped + of an offset arrives as a space. Text without offset is read in `tz`. Raises Invalid.
    """
    text = (raw or "").strip()
    if not text:
        return None
    try:
        return parse_time(text.replace(" ", "+") if "T" in text else text, tz)
    except (ValueError, OverflowError, OSError):
        raise Invalid(reasons=[reason(name, "bad_time", text[:120])]) from None


def _parse_any_time(value: Any, tz: ZoneInfo) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=tz)).astimezone(dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time.min, tzinfo=tz).astimezone(dt.UTC)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(value)
    if isinstance(value, str):
        match = _DATE.match(unicodedata.normalize("NFKC", value))
        if match:
            y, mo, d, h, mi, s, frac = match.groups()
            micro = int((frac or "").ljust(6, "0") or 0)
            local = dt.datetime(int(y), int(mo), int(d), int(h or 0), int(mi or 0), int(s or 0), micro, tzinfo=tz)
            return local.astimezone(dt.UTC)
    elif not math.isfinite(value):
        raise ValueError(value)
    return parse_time(value, tz)


def level(value: Any) -> int:
    """Incident level 1 to 4 from 2, "Ⅱ", "II级", "二级" or "重大"."""
    if isinstance(value, bool):
        raise Refuse("bad_level")
    word = unicodedata.normalize("NFKC", str(value)).strip().lower().removesuffix(".0").removesuffix("级")
    if word not in _LEVELS:
        raise Refuse("bad_level")
    return _LEVELS[word]


def crs(value: Any) -> str:
    try:
        return geo.parse_crs(text(value))
    except ValueError:
        raise Refuse("unknown_crs") from None


def mask_phone(value: str) -> str:
    """138****1234: what is not needed is not kept (SEC-04)."""
    return _PHONE.sub(lambda m: f"{m[1]}****{m[2]}" if m[1] else f"{m[3]}***{m[4]}", value)


def coordinates_fit(x: float, y: float, system: str) -> str:
    """ "" when `x, y` can be coordinates of `system`, else the reason code.

    Offset and geographic systems are degrees inside or near China; projected ones are metres of a Gauss-Kruger zone
    (northing 0-6,000 km; easting 100-900 km, or with the zone number in front).
    """
    degrees = abs(x) <= 180 and abs(y) <= 180
    if system in geo.GEOGRAPHIC or system in geo.OFFSET:
        if not degrees:
            return "crs_mismatch"
        if geo.looks_swapped(x, y):
            return "swapped_lonlat"
        return "" if abs(y) <= 90 else "out_of_range"
    if degrees:
        return "crs_mismatch"
    if 1e5 <= y % 1e6 <= 9e5 and 1e6 < x < 6e6 and not 1e6 <= y < 6e6:
        return "swapped_lonlat"
    return "" if 0 < y < 6e6 and 1e5 <= x % 1e6 <= 9e5 else "crs_mismatch"
