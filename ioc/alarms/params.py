"""Parameters of alarm rules: what each test has, within which bounds, and how overrides lie over shipped values.

Times end in `_s` (seconds). `hours` are local spans of a day in which a rule holds ("22:00-06:00"), `weekdays` the days
(1 Monday .. 7 Sunday); empty: always.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from ioc.declare import AlarmRule, AlarmTest
from ioc.errors import Reason

PRIORITIES = ("urgent", "high", "medium", "low")
DAY_S = 86_400.0
Check: TypeAlias = Callable[[Any], Any]  # the clean value; raises ValueError with (zh, en)
_SPAN = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$")


class _Bad(ValueError):
    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


def _number(low: float, high: float) -> Check:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise _Bad("应为数字", "must be a number")
        if not low <= value <= high:
            raise _Bad(f"应在 {low:g} 到 {high:g} 之间", f"must be {low:g} to {high:g}")
        return float(value)

    return check


def _choice(*words: str) -> Check:
    def check(value: Any) -> str:
        if value not in words:
            raise _Bad(f"应为 {'、'.join(words)} 之一", f"must be one of {', '.join(words)}")
        return str(value)

    return check


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Bad("应为是或否", "must be true or false")
    return value


def _whole(low: int, high: int) -> Check:
    inner = _number(low, high)

    def check(value: Any) -> int:
        found = inner(value)
        if not found.is_integer():
            raise _Bad("应为整数", "must be a whole number")
        return int(found)

    return check


def _hours(value: Any) -> list[str]:
    spans = cast("list[Any]", value) if isinstance(value, list) else None
    if spans is None or len(spans) > 8 or not all(isinstance(s, str) and _SPAN.match(s) for s in spans):
        raise _Bad("应为时段列表，如 22:00-06:00", "must be a list of spans like 22:00-06:00")
    return [str(s) for s in spans]


def _weekdays(value: Any) -> list[int]:
    days = cast("list[Any]", value) if isinstance(value, list) else None
    if days is None or not all(isinstance(d, int) and not isinstance(d, bool) and 1 <= d <= 7 for d in days):
        raise _Bad("应为 1 至 7 的列表（1 为周一）", "must be a list of 1 to 7 (1 is Monday)")
    return sorted({int(d) for d in days})


def _text(limit: int) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > limit or "\x00" in value:
            raise _Bad(f"应为不超过 {limit} 字的文字", f"must be a text of at most {limit} characters")
        return value.strip()

    return check


_SECONDS = _number(0, 7 * DAY_S)
_VALUE = _number(-1e9, 1e9)
COMMON: Mapping[str, Check] = {
    "enabled": _flag,
    "priority": _choice(*PRIORITIES),
    "on_delay_s": _SECONDS,
    "off_delay_s": _SECONDS,
    "realarm_s": _SECONDS,
    "lateness_s": _SECONDS,
    "hours": _hours,
    "weekdays": _weekdays,
    "notify": _flag,
    "escalate_s": _number(30, DAY_S),
}
# What every rule starts from; a rule's own shipped values lie over it.
DEFAULTS: Mapping[str, Any] = {
    "enabled": True,
    "on_delay_s": 0.0,
    "off_delay_s": 0.0,
    "realarm_s": 0.0,
    "lateness_s": 3600.0,
    "hours": [],
    "weekdays": [],
    "notify": True,
    "escalate_s": 600.0,
}
_SIDE = {"side": _choice("high", "low")}
BY_TEST: Mapping[AlarmTest, Mapping[str, Check]] = {
    "threshold": {
        **_SIDE,
        "high": _VALUE,
        "low": _VALUE,
        "hysteresis": _number(0, 1e9),
        "inclusive": _flag,
        "factor": _number(0.0001, 10_000),
        "datum": _text(40),
    },
    "rate": {**_SIDE, "per_hour": _number(0.000001, 1e9), "window_s": _number(60, 2 * DAY_S)},
    "missing": {"intervals": _number(1, 1000), "at_least_s": _number(10, 30 * DAY_S)},
    "stuck": {"for_s": _number(60, 30 * DAY_S), "epsilon": _number(0, 1e9)},
    "count": {"high": _VALUE, "count": _whole(2, 1000), "window_s": _number(60, 2 * DAY_S)},
    "fence": {"fence": _text(200), "inside": _flag},
    "compound": {"mode": _choice("all", "any")},
}


def known(rule: AlarmRule) -> Mapping[str, Check]:
    return {**COMMON, **BY_TEST[rule.test]}


def check(rule: AlarmRule, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Reason]]:
    """The clean parameters of an override, and a reason for each that cannot be. None takes an override back."""
    out: dict[str, Any] = {}
    reasons: list[Reason] = []
    checks = known(rule)
    for name, value in given.items():
        if name not in checks:
            names = ", ".join(sorted(checks))
            reasons.append(
                Reason(f"params.{name}", "unknown_param", f"没有此参数，可用：{names}", f"no such parameter: {names}")
            )
            continue
        if value is None:
            continue
        try:
            out[name] = checks[name](value)
        except _Bad as e:
            reasons.append(Reason(f"params.{name}", "bad_param", e.zh, e.en, str(value)[:120]))
    return out, reasons


def effective(rule: AlarmRule, overrides: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Shipped values with overrides over them, the most specific last."""
    out: dict[str, Any] = {**DEFAULTS, "priority": rule.priority, **rule.params}
    for one in overrides:
        out |= one
    return out


def in_hours(params: Mapping[str, Any], at: dt.datetime, tz: dt.tzinfo) -> bool:
    """Does the rule hold at `at`? A span over midnight belongs to the weekday it begins on."""
    hours, weekdays = params.get("hours") or (), params.get("weekdays") or ()
    if not hours and not weekdays:
        return True
    local = at.astimezone(tz)
    minute, day = local.hour * 60 + local.minute, local.isoweekday()

    def allowed(weekday: int) -> bool:
        return not weekdays or weekday in weekdays

    if not hours:
        return allowed(day)
    before = 7 if day == 1 else day - 1
    for span in hours:
        start, end = ((int(p[:2]) * 60 + int(p[3:])) for p in str(span).split("-"))
        if start < end and start <= minute < end and allowed(day):
            return True
        if start >= end and ((minute >= start and allowed(day)) or (minute < end and allowed(before))):
            return True
    return False
