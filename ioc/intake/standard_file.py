"""An edition of a table of a standard from a JSON file, checked whole: dates, document number, and every figure."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from ioc.aqi import POLLUTANTS
from ioc.errors import Invalid, Reason
from ioc.intake import fields
from ioc.intake.reasons import Refuse, reason

Json = dict[str, Any]
MAX_BYTES = 1 << 20
IAQI = [0, 50, 100, 150, 200, 300, 400, 500]
WATER = ("ph", "do", "codmn", "cod", "bod5", "nh3n", "tp")
ZONES = ("0", "1", "2", "3", "4a", "4b")


def read_edition(kind: str, path: Path) -> Json:
    """The edition in the file, for `ioc.store.standards.save`. Raises Invalid with every fault."""
    if path.stat().st_size > MAX_BYTES:
        raise Invalid(reasons=[reason("file", "too_long", path.name, limit=MAX_BYTES)])
    try:
        body = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as e:
        raise Invalid(reasons=[reason("file", "bad_json", e)]) from None
    if not isinstance(body, dict):
        raise Invalid(reasons=[reason("file", "bad_object", path.name)])
    item, reasons = cast("Json", body), list[Reason]()
    out = _head(item, reasons)
    out |= {"aqi": _aqi, "water": _water, "noise": _noise}[kind](item, reasons)
    if reasons:
        raise Invalid(reasons=reasons)
    return out


def _head(item: Json, reasons: list[Reason]) -> Json:
    """Key, dates and where it stands: a table without a document number and a date is nobody's."""
    out: Json = {}
    for name, limit in (("key", 50), ("document", 200)):
        out[name] = _text(item, name, limit, reasons)
    for name in ("valid_from", "issued"):
        out[name] = _day(item, name, reasons)
    out["valid_to"] = _day(item, "valid_to", reasons) if item.get("valid_to") else None
    if out["valid_to"] and out["valid_from"] and out["valid_to"] <= out["valid_from"]:
        reasons.append(reason("valid_to", "time_order", out["valid_to"], other="valid_from"))
    title = str(item.get("title") or out["key"])[:100]
    out["label"] = {"zh": title, "en": str(item.get("title_en") or title)[:100]}
    return out


def _text(item: Json, name: str, limit: int, reasons: list[Reason]) -> str:
    if fields.blank(item.get(name)):
        reasons.append(reason(name, "missing_field"))
        return ""
    try:
        return fields.text(item[name], limit)
    except Refuse as e:
        reasons.append(e.of(name, item[name]))
        return ""


def _day(item: Json, name: str, reasons: list[Reason]) -> str:
    word = _text(item, name, 10, reasons)
    if not word:
        return ""
    try:
        return dt.date.fromisoformat(word).isoformat()
    except ValueError:
        reasons.append(reason(name, "bad_time", word))
        return ""


def _object(item: Json, name: str, reasons: list[Reason]) -> Json:
    found = item.get(name)
    if not isinstance(found, dict):
        reasons.append(reason(name, "missing_field" if found is None else "bad_object", found))
        return {}
    return cast("Json", found)


def _row(value: Any, at: str, counts: Sequence[int], reasons: list[Reason], order: int = 1) -> list[float]:
    """Finite numbers, `counts` of them; `order` 1: rising (2: or level), -1: never rising, 0: any."""
    if not isinstance(value, list):
        reasons.append(reason(at, "missing_field" if value is None else "bad_table", value))
        return []
    out: list[float] = []
    for i, v in enumerate(cast("list[Any]", value)):
        try:
            out.append(fields.number(v, 0))
        except Refuse as e:
            reasons.append(e.of(f"{at}[{i}]", v))
    if len(cast("list[Any]", value)) not in counts:
        reasons.append(reason(at, "wrong_count", len(out), want=" / ".join(map(str, counts))))
    pairs = list(itertools.pairwise(out))
    bad = {1: any(b <= a for a, b in pairs), 2: any(b < a for a, b in pairs), -1: any(b > a for a, b in pairs)}
    if bad.get(order, False):
        reasons.append(reason(at, "not_rising" if order > 0 else "bad_table", out))
    return out


def _unknown(given: Json, known: Sequence[str], at: str, reasons: list[Reason]) -> None:
    for name in given:
        if name not in known:
            reasons.append(reason(f"{at}.{name}", "unknown_key", name, known=", ".join(known)))


def _aqi(item: Json, reasons: list[Reason]) -> Json:
    """`iaqi`, and for `hourly` and `daily` a row of breakpoints a pollutant; a row may end early (no index beyond)."""
    iaqi = _row(item.get("iaqi"), "iaqi", (len(IAQI),), reasons)
    if iaqi and iaqi != [float(v) for v in IAQI]:
        reasons.append(reason("iaqi", "bad_choice", iaqi, choices=str(IAQI)))
    out: Json = {"iaqi": IAQI}
    for averaging in ("hourly", "daily"):
        rows = _object(item, averaging, reasons)
        _unknown(rows, POLLUTANTS, averaging, reasons)
        counts = range(2, len(IAQI) + 1)
        out[averaging] = {p: _row(rows.get(p), f"{averaging}.{p}", counts, reasons) for p in POLLUTANTS if rows}
        for p, row in out[averaging].items():
            if row and row[0] != 0:
                reasons.append(reason(f"{averaging}.{p}[0]", "bad_choice", row[0], choices="0"))
    return out


def _water(item: Json, reasons: list[Reason]) -> Json:
    """`classes`, and per factor `high` (rising) or `low` (falling); `lake` beside `high` for lakes and reservoirs."""
    classes = item.get("classes", ["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ"])
    if not isinstance(classes, list) or not all(isinstance(c, str) and c for c in cast("list[Any]", classes)):
        reasons.append(reason("classes", "bad_table", classes))
        return {}
    names = cast("list[str]", classes)
    limits = _object(item, "limits", reasons)
    _unknown(limits, WATER, "limits", reasons)
    out: Json = {}
    for factor in limits:
        given = _object(limits, factor, reasons)
        _unknown(given, ("high", "low", "lake"), f"limits.{factor}", reasons)
        if not given.get("high") and not given.get("low"):
            reasons.append(reason(f"limits.{factor}", "missing_field"))
        out[factor] = {
            side: _row(given[side], f"limits.{factor}.{side}", (len(names),), reasons, -1 if side == "low" else 2)
            for side in given
            if side in ("high", "low", "lake")
        }
    worst = str(item.get("worst") or f"劣{names[-1] if names else ''}")[:20]
    return {"classes": names, "worst": {"zh": worst, "en": f"below {names[-1] if names else ''}"}, "limits": out}


def _noise(item: Json, reasons: list[Reason]) -> Json:
    """`limits` zone -> [day, night] in dB(A); `day` from and to, local time."""
    limits = _object(item, "limits", reasons)
    _unknown(limits, ZONES, "limits", reasons)
    out = {z: _row(v, f"limits.{z}", (2,), reasons, -1) for z, v in limits.items()}
    day = item.get("day", ["06:00", "22:00"])
    try:
        times = [dt.time.fromisoformat(str(v)) for v in cast("list[Any]", day)] if isinstance(day, list) else []
    except ValueError:
        times = []
    if len(times) != 2 or times[0] >= times[1]:
        reasons.append(reason("day", "bad_time", day))
    return {"limits": out, "day": day}
