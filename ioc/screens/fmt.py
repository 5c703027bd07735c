"""Numbers, ages and times as they are written on screen. Words come from `ioc/words/screens.json`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import Text, catalogue, t
from ioc.screens.state import View

MINUS = "−"
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def number(value: float | None, decimals: int = 0) -> str:
    """Thousands separated, a real minus sign, an em dash for nothing."""
    if value is None:
        return "—"
    text = f"{abs(value):,.{decimals}f}"
    negative = value < 0 and float(text.replace(",", "")) != 0
    return MINUS + text if negative else text


def signed(value: float, decimals: int = 1) -> str:
    """A difference: `+0.2`, `−0.6`, `±0`."""
    text = number(abs(value), decimals)
    if float(text.replace(",", "")) == 0:
        return "±0"
    return f"+{text}" if value > 0 else MINUS + text


def plain(value: float) -> str:
    """A limit or target as a person writes it: no zeros after the point."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def age(seconds: float, lang: str) -> str:
    whole = max(0, int(seconds))
    if whole < 60:
        return t("screens.age.s", lang, n=whole)
    if whole < 3600:
        return t("screens.age.m", lang, n=whole // 60)
    if whole < 86400:
        return t("screens.age.h", lang, n=whole // 3600)
    return t("screens.age.d", lang, n=whole // 86400)


def span(seconds: float, lang: str) -> str:
    """A length of time without `ago`: `12 分`, `3 小时`, `2 天`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return t("screens.span.s", lang, n=whole)
    if whole < 3600:
        return t("screens.span.m", lang, n=whole // 60)
    if whole < 86400:
        return t("screens.span.h", lang, n=whole // 3600)
    return t("screens.span.d", lang, n=whole // 86400)


def clock(at: dt.datetime, view: View, seconds: bool = False) -> str:
    return view.local(at).strftime("%H:%M:%S" if seconds else "%H:%M")


def moment(at: dt.datetime, view: View) -> str:
    """`14:27` today, `10-02 16:00` otherwise, with the year when it is another."""
    local, today = view.local(at), view.local(view.now)
    if local.date() == today.date():
        return local.strftime("%H:%M")
    return local.strftime("%m-%d %H:%M" if local.year == today.year else "%Y-%m-%d %H:%M")


def stamp(at: dt.datetime, view: View) -> str:
    return view.local(at).strftime("%Y-%m-%d %H:%M:%S")


def day(view: View) -> str:
    local = view.local(view.now)
    return f"{local:%Y-%m-%d} {t(f'screens.day.{_WEEKDAYS[local.weekday()]}', view.lang)}"


def weekday(view: View) -> str:
    return t(f"screens.day.{_WEEKDAYS[view.local(view.now).weekday()]}", view.lang)


def iso(at: dt.datetime | None) -> str | None:
    return None if at is None else at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def when(value: Any) -> dt.datetime | None:
    """An ISO text or a datetime to aware UTC; None for nothing readable."""
    if isinstance(value, dt.datetime):
        return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    if not isinstance(value, str) or not value:
        return None
    try:
        parsed = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)


def listed(names: Sequence[str], lang: str) -> str:
    """Several names in one line."""
    return ("、" if lang == "zh" else ", ").join(names)


def unit(value: Any, lang: str) -> str:
    """A unit as the language writes it; the unit of a count has no word in English."""
    text = word(value, lang)
    return "" if text == catalogue()["screens.unit.count"].zh and lang == "en" else text


def word(value: Any, lang: str) -> str:
    """A `Text`, its JSON form, or anything else as text. Empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, Text):
        return value(lang)
    if isinstance(value, Mapping) and "zh" in value:
        return str(value.get(lang) or value["zh"])
    if isinstance(value, bool):
        return t("screens.yes" if value else "screens.no", lang)
    if isinstance(value, float):
        return plain(value)
    return str(value)
