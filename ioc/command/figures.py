"""Free beds of a hospital and free places of a shelter: what a report must be, and which of two reports holds. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

from ioc.errors import Reason

Verdict = Literal["newer", "same", "older", "conflict"]
BEDS: Mapping[str, tuple[str, str]] = {
    "general": ("普通", "General"),
    "icu": ("重症", "ICU"),
    "burns": ("烧伤", "Burns"),
    "isolation": ("隔离", "Isolation"),
}
COUNTED = ("doctors", "nurses", "ambulances", "blood_u")
MOST = 1_000_000


def beds(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Reason]]:
    """`{total: {general..}, free: {...}, doctors, nurses, ambulances, blood_u, stock: [{name, amount, unit}]}`.

    Free beds are counted by kind; a kind that is not reported is not known, which is not 0.
    """
    reasons: list[Reason] = []
    total = _by_kind(given.get("total"), "beds.total", reasons)
    free = _by_kind(given.get("free"), "beds.free", reasons)
    for kind, n in free.items():
        if kind in total and n > total[kind]:
            reasons.append(
                Reason(f"beds.free.{kind}", "more_than_total", "空余多于总数", "more free than there are", str(n))
            )
    if not free and not total and not reasons:
        reasons.append(Reason("beds", "missing_field", "必填项为空", "required"))
    out: dict[str, Any] = {"total": total, "free": free}
    for name in COUNTED:
        if given.get(name) is not None:
            n = _count(given[name], f"beds.{name}", reasons)
            out |= {} if n is None else {name: n}
    if given.get("stock"):
        out["stock"] = list(given["stock"])
    return out, reasons


def places(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Reason]]:
    """`{total, free}` people."""
    reasons: list[Reason] = []
    out: dict[str, Any] = {}
    for name in ("total", "free"):
        if given.get(name) is not None:
            n = _count(given[name], f"places.{name}", reasons)
            out |= {} if n is None else {name: n}
    if "free" not in out and not reasons:
        reasons.append(Reason("places.free", "missing_field", "必填项为空", "required"))
    if out.get("free", 0) > out.get("total", MOST):
        reasons.append(
            Reason("places.free", "more_than_total", "空余多于总数", "more free than there are", str(out["free"]))
        )
    return out, reasons


def judge(
    known: tuple[dt.datetime, int, Mapping[str, Any]] | None, new: tuple[dt.datetime, int, Mapping[str, Any]]
) -> Verdict:
    """By the time observed, then by the reporter's version. The same report again is the same; another content under
    the same time and version is a conflict that only a higher version settles."""
    if known is None or (new[0], new[1]) > (known[0], known[1]):
        return "newer"
    if (new[0], new[1]) < (known[0], known[1]):
        return "older"
    return "same" if dict(new[2]) == dict(known[2]) else "conflict"


def free_beds(figures: Mapping[str, Any]) -> int | None:
    """All free beds, None where none was reported."""
    free = figures.get("free") or {}
    return sum(free.values()) if free else None


def _by_kind(given: Any, field: str, reasons: list[Reason]) -> dict[str, int]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        reasons.append(Reason(field, "bad_object", "应为 JSON 对象", "must be a JSON object"))
        return {}
    out: dict[str, int] = {}
    for kind, value in given.items():
        if kind not in BEDS:
            known = ", ".join(BEDS)
            reasons.append(
                Reason(f"{field}.{kind}", "bad_choice", f"应为 {known} 之一", f"must be one of {known}", str(kind))
            )
        elif value is not None:
            n = _count(value, f"{field}.{kind}", reasons)
            out |= {} if n is None else {str(kind): n}
    return out


def _count(value: Any, field: str, reasons: list[Reason]) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        reasons.append(
            Reason(field, "bad_number", f"应为 0 到 {MOST} 的整数", f"a whole number from 0 to {MOST}", str(value)[:80])
        )
        return None
    return value
