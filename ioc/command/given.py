"""What is given with an act of an incident or a receipt of an order: each name with its own check. Pure."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.cases.given import CHECKS, Check, Fault, between
from ioc.cases.given import checked as _checked
from ioc.command import shapes
from ioc.errors import Invalid

OPTIONAL = ("text", "done_at")  # `done_at`: by the clock of a phone that had no network then
ROLES = ("chief", "field", "other")
MOST_PEOPLE = 10_000_000


def checked(needs: Sequence[str], given: Mapping[str, Any], may: Sequence[str] = ()) -> dict[str, Any]:
    """The values by name. Raises Invalid with every reason."""
    found, reasons = _checked(needs, given, may, checks=_CHECKS, optional=OPTIONAL)
    if reasons:
        raise Invalid(reasons=reasons)
    return found


def _short(most: int) -> Check:
    def check(name: str, value: Any) -> str:
        text = str(CHECKS["text"](name, value))
        if len(text) > most:
            raise Fault("too_long", f"至多 {most} 字", f"at most {most} characters")
        return text

    return check


def _one_of(*known: str) -> Check:
    def check(_name: str, value: Any) -> str:
        if value not in known:
            raise Fault("bad_choice", f"应为 {'、'.join(known)} 之一", f"must be one of {', '.join(known)}")
        return str(value)

    return check


def _until(_name: str, value: Any) -> str:
    """A date, or a moment with its offset: orders of an emergency run by the minute."""
    try:
        return dt.date.fromisoformat(str(value)).isoformat()
    except ValueError:
        return str(CHECKS["done_at"]("until", value))


def _area(name: str, value: Any) -> Any:
    try:
        return json.loads(shapes.text(shapes.area(name, value)))
    except Invalid as e:
        first = e.reasons[0]
        raise Fault(first.code, first.zh, first.en) from e


_ID = between(1, 2**62)
_CHECKS: Mapping[str, Check] = {
    **{n: CHECKS[n] for n in ("text", "reason", "place", "photos", "done_at")},
    "level": between(1, 4),
    "response_level": between(0, 4),
    "class": between(1, 4),
    "type": _short(20),
    "document": _short(200),
    "scope": _short(100),
    "incident": _ID,
    "warning": _ID,
    "post": _ID,
    "refers": between(1, 2**31 - 1),
    "area": _area,
    "role": _one_of(*ROLES),
    "person": _short(60),
    "title": _short(40),
    "department": _short(100),
    "login": _short(60),
    "phone": _short(40),
    "address": _short(500),
    "owner": _short(100),
    "call": _short(100),
    "from_at": CHECKS["done_at"],
    "to_at": CHECKS["done_at"],
    "happened_at": CHECKS["done_at"],
    "people": between(0, MOST_PEOPLE),
    "mark": CHECKS["resolved"],
    "until": _until,
    "no_report_reason": _short(1000),
    "withdraw_open": CHECKS["resolved"],
}
