"""Telemetry as it arrives: from a payload to readings, and from readings to points or reasons. Pure.

Two forms of payload are understood, each as one object or a list of them:
- `{"ts": ISO or epoch ms, "values": {"water_level": 3.2, ...}, "quality": {"water_level": "suspect"}}` for one device;
- ThingsBoard's gateway telemetry, `{"<device>": [{"ts": epoch ms, "values": {...}}, {"temperature": 21}], ...}`.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ioc.errors import Reason
from ioc.intake import fields
from ioc.intake.fields import TimeRules
from ioc.intake.reasons import Refuse, reason
from ioc.intake.vocabulary import Property, Vocabulary
from ioc.store.observations import BAD, GOOD, MISSING, SUSPECT

_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
QUALITY: Mapping[str, int] = {
    "good": GOOD,
    "ok": GOOD,
    "0": GOOD,
    "有效": GOOD,
    "正常": GOOD,
    "suspect": SUSPECT,
    "uncertain": SUSPECT,
    "1": SUSPECT,
    "存疑": SUSPECT,
    "可疑": SUSPECT,
    "bad": BAD,
    "2": BAD,
    "无效": BAD,
    "异常": BAD,
    "missing": MISSING,
    "3": MISSING,
    "缺测": MISSING,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One value as delivered. `device` is an external or national id; `at` ISO text, epoch ms, or a time."""

    device: str
    property: str
    value: Any
    at: Any
    quality: Any = None

    def raw(self) -> str:
        body = {"device": self.device, "property": self.property, "value": self.value, "ts": self.at}
        return json.dumps(
            body if self.quality is None else {**body, "quality": self.quality}, ensure_ascii=False, default=str
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """A reading whose fields are good; its device is looked up next."""

    reading: Reading
    property: Property
    value: float | None
    quality: int
    at: dt.datetime


def decode(payload: bytes) -> Any:
    """JSON of a message. GB18030 is accepted where UTF-8 fails: some gateways know nothing else."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        try:
            text = payload.decode("gb18030")
        except UnicodeDecodeError:
            raise Refuse("bad_encoding") from None
    try:
        # NaN and Infinity are not JSON; kept as text they become bad numbers of their own field, not of the message
        body = json.loads(text, parse_constant=str)
        if _ESCAPED_HALF.search(text):  # half of a surrogate pair is no text that could be stored, not even refused
            json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refuse("bad_encoding") from None
    except (ValueError, RecursionError):
        raise Refuse("bad_json") from None
    return body


def from_device(device: str, body: Any) -> Iterator[Reading | Reason]:
    """Readings of one device's message; a Reason for each part that is not of the agreed form."""
    for entry in cast("list[Any]", body) if isinstance(body, list) else [body]:
        if not isinstance(entry, dict):
            yield reason("payload", "bad_object", entry)
            continue
        item = cast("dict[str, Any]", entry)
        values = item.get("values")
        if not isinstance(values, dict):
            yield reason("values", "missing_field" if values is None else "bad_object", values)
            continue
        if fields.blank(item.get("ts")):
            yield reason("ts", "missing_field")
            continue
        yield from _readings(device, item["ts"], cast("dict[str, Any]", values), item.get("quality"))


def from_gateway(body: Any, received_at: dt.datetime) -> Iterator[Reading | Reason]:
    """Readings of ThingsBoard gateway telemetry. Values without `ts` carry the time of their arrival, as there."""
    for part in cast("list[Any]", body) if isinstance(body, list) else [body]:
        if not isinstance(part, dict):
            yield reason("payload", "bad_object", part)
            continue
        for device, entries in cast("dict[str, Any]", part).items():
            for entry in cast("list[Any]", entries) if isinstance(entries, list) else [entries]:
                if not isinstance(entry, dict):
                    yield reason(device, "bad_object", entry)
                    continue
                item = cast("dict[str, Any]", entry)
                values = item.get("values")
                if isinstance(values, dict):
                    at = item.get("ts") if not fields.blank(item.get("ts")) else received_at
                    yield from _readings(device, at, cast("dict[str, Any]", values), None)
                else:
                    yield from _readings(device, received_at, {k: v for k, v in item.items() if k != "ts"}, None)


def _readings(device: str, at: Any, values: Mapping[str, Any], quality: Any) -> Iterator[Reading]:
    each = cast("dict[str, Any]", quality) if isinstance(quality, dict) else None
    for name, value in values.items():
        yield Reading(device, str(name), value, at, each.get(name) if each is not None else quality)


def check(readings: Sequence[Reading], words: Vocabulary, rules: TimeRules) -> list[Checked | list[Reason]]:
    """Each reading with good fields, or every reason against it. Same order, same length."""
    times: dict[Any, dt.datetime | Refuse] = {}  # a message's values share one time: parse it once
    out: list[Checked | list[Reason]] = []
    for r in readings:
        reasons: list[Reason] = []
        known = words.property(r.property) if isinstance(r.property, str) else None  # pyright: ignore[reportUnnecessaryIsInstance]
        if known is None:
            reasons.append(reason("property", "unknown_property", r.property))
        at = _time(r.at, rules, times)
        if isinstance(at, Refuse):
            reasons.append(at.of("ts", r.at))
        value, quality = None, GOOD
        try:
            value, quality = _value(r, known)
        except Refuse as e:
            reasons.append(e.of("value", r.value))
        if reasons or known is None or isinstance(at, Refuse):
            out.append(reasons)
        else:
            out.append(Checked(r, known, value, quality, at))
    return out


def _time(raw: Any, rules: TimeRules, seen: dict[Any, dt.datetime | Refuse]) -> dt.datetime | Refuse:
    key = raw if isinstance(raw, str | int | float | dt.datetime) and not isinstance(raw, bool) else repr(raw)
    found = seen.get(key)
    if found is None:
        try:
            found = fields.time(raw, rules)
        except Refuse as e:
            found = e
        seen[key] = found
    return found


def _value(r: Reading, known: Property | None) -> tuple[float | None, int]:
    """(value, quality). null, an empty text and 缺测 are missing values: stored as such, never as 0."""
    quality = GOOD
    if r.quality is not None:
        word = str(r.quality).strip().lower()
        if word not in QUALITY:
            raise Refuse("bad_choice", choices="good, suspect, bad, missing")
        quality = QUALITY[word]
    if (
        fields.blank(r.value)
        or quality == MISSING
        or (isinstance(r.value, str) and r.value.strip() in ("缺测", "--", "-"))
    ):
        return None, MISSING
    if isinstance(r.value, bool):
        return float(r.value), quality
    low, high = (known.low, known.high) if known else (-float("inf"), float("inf"))
    return fields.number(r.value, low, high), quality
