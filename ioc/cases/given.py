"""What is given with a step: each name with its own check. Every fault is told, in both languages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ioc.errors import Reason

TEXT_MAX = 4000
TAGS_MAX = 10
UNITS = ("work_hours", "work_days", "emergency_hours")  # 工作时, 工作日, 紧急工作时
# Beside what a step needs, these may always be given.
# `done_at`: when it was done by the clock of a phone that had no network then.
OPTIONAL = ("text", "officer", "photos", "done_at")
Check = Callable[[str, Any], Any]


class Fault(Exception):
    """What is wrong with one value, as the reason says it."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.code, self.zh, self.en = code, zh, en


def checked(
    needs: Sequence[str],
    given: Mapping[str, Any],
    may: Sequence[str] = (),
    *,
    checks: Mapping[str, Check] | None = None,
    optional: Sequence[str] = OPTIONAL,
) -> tuple[dict[str, Any], list[Reason]]:
    """The values of `needs` and of what else is allowed (`may`, `optional`), and the reasons against them.

    `checks`: by name; those of the steps of cases unless others are given.
    """
    known = CHECKS if checks is None else checks
    others = tuple(n for n in (*may, *optional) if n not in needs)
    found: dict[str, Any] = {}
    reasons: list[Reason] = []
    for name in (*needs, *others):
        value = given.get(name)
        if value in (None, "", [], {}):
            if name in needs:
                reasons.append(Reason(name, "missing", "必填", "is required"))
            continue
        try:
            found[name] = known[name](name, value)
        except Fault as fault:
            reasons.append(Reason(name, fault.code, fault.zh, fault.en, str(value)[:120]))
    for name in sorted(set(given) - {*needs, *others}):
        reasons.append(
            Reason(name, "unknown_field", "此步骤没有这一项", "is not part of this step", str(given[name])[:120])
        )
    return found, reasons


def _text(_name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Fault("bad_text", "应为文字", "must be text")
    text = value.strip()
    if not text:
        raise Fault("missing", "必填", "is required")
    if len(text) > TEXT_MAX:
        raise Fault("too_long", f"至多 {TEXT_MAX} 字", f"at most {TEXT_MAX} characters")
    if "\x00" in text:
        raise Fault("bad_text", "含有无效字符", "has a character that cannot be stored")
    return text


def between(low: int, high: int) -> Check:
    def check(_name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Fault("bad_number", f"应为 {low} 至 {high} 的整数", f"must be a whole number from {low} to {high}")
        return value

    return check


def _unit(_name: str, value: Any) -> str:
    if value not in UNITS:
        raise Fault("bad_unit", "应为工作时、工作日或紧急工作时", f"must be one of {', '.join(UNITS)}")
    return str(value)


def _date(_name: str, value: Any) -> str:
    try:
        return dt.date.fromisoformat(str(value)).isoformat()
    except ValueError as e:
        raise Fault("bad_date", "应为日期，如 2026-11-30", "must be a date like 2026-11-30") from e


def _flag(_name: str, value: Any) -> bool:
    found = {"yes": True, "no": False, "是": True, "否": False}.get(value) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise Fault("bad_flag", "应为是或否", "must be yes or no")
    return found


def _place(_name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not {"lon", "lat", "crs"} <= set(value):  # pyright: ignore[reportUnknownArgumentType]
        raise Fault("bad_place", "应有 lon、lat 和 crs", "must have lon, lat and crs")
    found = {str(k): value[k] for k in ("lon", "lat", "crs")}
    accuracy = value.get("accuracy_m")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(accuracy, int | float) and not isinstance(accuracy, bool) and 0 <= accuracy < 1e6:
        found["accuracy_m"] = accuracy
    return found


def _moment(_name: str, value: Any) -> str:
    try:
        at = dt.datetime.fromisoformat(str(value))
    except ValueError as e:
        raise Fault("bad_time", "应为带时区的时间", "must be a time with its offset") from e
    if at.tzinfo is None:
        raise Fault("bad_time", "应为带时区的时间", "must be a time with its offset")
    try:
        return at.astimezone(dt.UTC).isoformat()
    except OverflowError as e:
        raise Fault("bad_time", "应为带时区的时间", "must be a time with its offset") from e


def _tags(name: str, value: Any) -> list[str]:
    try:
        found = list(dict.fromkeys(_keys(name, value)))
    except Fault as e:
        raise Fault("bad_list", "应为原因标签", "must be tags of the reasons") from e
    if len(found) > TAGS_MAX or any(len(t) > 40 or "\x00" in t for t in found):
        raise Fault("bad_list", f"至多 {TAGS_MAX} 个标签", f"at most {TAGS_MAX} tags")
    return found


def _keys(_name: str, value: Any) -> list[str]:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        value = [value]
    if isinstance(value, list):
        value = [str(v) if type(v) is int else v for v in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):  # pyright: ignore[reportUnknownVariableType]
        raise Fault("bad_list", "应为附件编号", "must be keys of attachments")
    return [str(v) for v in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


CHECKS: Mapping[str, Check] = {
    "reason": _text,
    "text": _text,
    "result": _text,
    "department": _text,
    "officer": _text,
    "region": _text,
    "amount": between(1, 1000),
    "unit": _unit,
    "review_on": _date,
    "until": _date,
    "owner": _text,
    "place": _place,
    "satisfaction": between(1, 5),
    "resolved": _flag,
    "tags": _tags,
    "photo_before": _keys,
    "photo_after": _keys,
    "photos": _keys,
    "done_at": _moment,
}
