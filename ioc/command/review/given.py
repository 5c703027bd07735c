"""What is entered into a review: losses, moments, lessons, the conclusion. Pure; each name with its own check.

What is unknown stays unknown: null takes a value back to 未填, and nothing becomes 0 by itself.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from ioc.command.record import iso, moment
from ioc.command.review.figures import ENTERED, LOSSES, SPANS
from ioc.errors import Invalid, Reason

Row = Mapping[str, Any]
MOST_TEXT, MOST_SOURCE, MOST_VALUE = 20_000, 200, 10**10


def edited(row: Row, given: Row, case: Row, by: str, now: dt.datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """(columns, what the step of the chain keeps). `given`: conclusion, losses {key: {value, source}|null}, times
    {key: {at, source}|null}. Raises Invalid with every reason."""
    faults: list[Reason] = []
    changes: dict[str, Any] = {}
    said: dict[str, Any] = {}
    if given.get("conclusion") is not None:
        changes["conclusion"] = _text("conclusion", given["conclusion"], MOST_TEXT, faults)
        said["other"] = "结论"
    if given.get("losses") is not None:
        changes["losses"] = _losses(row["losses"] or {}, given["losses"], by, now, faults)
        said["losses"] = {k: v["value"] for k, v in changes["losses"].items()}
        said["text"] = (
            "、".join(loss_words(k, v) for k, v in changes["losses"].items() if k in given["losses"]) or "损失：未填"
        )
    if given.get("times") is not None:
        changes["times"] = _times(row["times"] or {}, given["times"], case, by, now, faults)
        said["times"] = {k: v["at"] for k, v in changes["times"].items()}
    if not changes and not faults:
        faults.append(Reason("losses", "missing", "没有要修改的内容", "nothing to change"))
    if faults:
        raise Invalid(reasons=faults)
    return changes, said


def loss_words(key: str, value: Row) -> str:
    loss = LOSSES[key]
    return f"{loss.title.zh} {value['value']:,} {loss.unit.zh}"


def lesson(given: Row, before: Row | None) -> dict[str, Any]:
    """Columns of a lesson. Raises Invalid."""
    faults: list[Reason] = []
    base: Row = before or {"text": "", "department": "", "person": "", "due_on": None}
    values: dict[str, Any] = {
        "text": _text("text", given.get("text", base["text"]), 2000, faults),
        "department": _text("department", given.get("department", base["department"]) or "", 100, faults),
        "person": _text("person", given.get("person", base["person"]) or "", 60, faults),
        "due_on": _day(given.get("due_on", base["due_on"]), faults),
    }
    if not values["text"] and not faults:
        faults.append(Reason("text", "missing", "必填", "is required"))
    if values["due_on"] and not (values["department"] or values["person"]):
        faults.append(
            Reason("department", "missing", "有期限须有责任单位或责任人", "a day needs somebody who answers for it")
        )
    if faults:
        raise Invalid(reasons=faults)
    return values


def reason(text: str) -> None:
    """Raises Invalid."""
    if not text.strip():
        raise Invalid(reasons=[Reason("reason", "missing", "必填", "is required")])


def _losses(before: Row, given: Row, by: str, now: dt.datetime, faults: list[Reason]) -> dict[str, Any]:
    out = dict(before)
    for key, value in given.items():
        if key not in LOSSES:
            faults.append(Reason(f"losses.{key}"[:60], "unknown", "没有此项", "no such loss", key[:40]))
        elif value is None:
            out.pop(key, None)
        else:
            out[key] = _loss(key, value, by, now, faults)
    return out


def _loss(key: str, given: Row, by: str, now: dt.datetime, faults: list[Reason]) -> dict[str, Any]:
    field, number, decimals = f"losses.{key}", given.get("value"), LOSSES[key].decimals
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        faults.append(
            Reason(
                field,
                "bad_number",
                "应为数字，未知请留空",
                "must be a number; leave it empty if unknown",
                str(number)[:20],
            )
        )
        return {}
    if number < 0 or number > MOST_VALUE or round(number, decimals) != number:
        zh = "应为非负整数" if not decimals else f"应为非负数，至多 {decimals} 位小数"
        faults.append(
            Reason(field, "out_of_range", zh, "must not be negative, nor finer than its unit", str(number)[:20])
        )
    source = _text(field, given.get("source") or "", MOST_SOURCE, faults)
    if not source:
        faults.append(Reason(field, "missing", "须写明来源", "say where it is from"))
    return {"value": round(number, decimals) if decimals else int(number), "source": source, "by": by, "at": iso(now)}


def _times(before: Row, given: Row, case: Row, by: str, now: dt.datetime, faults: list[Reason]) -> dict[str, Any]:
    out = dict(before)
    opened, closed = moment(case["opened_at"]), moment(case["closed_at"])
    for key, value in given.items():
        field = f"times.{key}"[:60]
        if key not in ENTERED:
            names = "、".join(s.title.zh for s in SPANS if s.key in ENTERED)
            faults.append(Reason(field, "unknown", f"只能填报{names}", f"only {', '.join(ENTERED)}", key[:40]))
            continue
        if value is None:
            out.pop(key, None)
            continue
        try:
            at = moment(value.get("at"))
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            faults.append(
                Reason(field, "bad_time", "时间不正确", "is no time with an offset", str(value.get("at"))[:40])
            )
            continue
        if (opened and at < opened) or (closed and at > closed):
            faults.append(
                Reason(field, "out_of_range", "应在接报与终止之间", "must lie between 接报 and the end", iso(at) or "")
            )
        source = _text(field, value.get("source") or "", MOST_SOURCE, faults)
        if not source:
            faults.append(Reason(field, "missing", "须写明来源", "say where it is from"))
        out[key] = {"at": iso(at), "source": source, "by": by, "entered_at": iso(now)}
    return out


def _text(name: str, value: Any, most: int, faults: list[Reason]) -> str:
    text = str(value).strip()
    if "\x00" in text or len(text) > most:
        faults.append(Reason(name, "too_long", f"至多 {most} 字", f"at most {most} characters"))
    return text


def _day(value: Any, faults: list[Reason]) -> dt.date | None:
    if value in (None, "") or isinstance(value, dt.date):
        return value or None
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        faults.append(Reason("due_on", "bad_date", "应为日期 YYYY-MM-DD", "must be a date YYYY-MM-DD", str(value)[:20]))
        return None
