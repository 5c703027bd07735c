"""Device models: a maker's properties and units as ours, by declaration (SEN-09). Pure.

One message of a device is read with its model: each raw property becomes readings of our properties, is left out on
purpose (`ignore`), says how good the values beside it are (`quality`), or says how the device itself is (`status`).
Order of a conversion: the value is taken from `from` (a path with dots goes into nested objects); values listed as
`missing` are 缺测; then `map` (words or numbers), `bit` or `points` (straight lines between pairs); then
`scale` and `offset`; then the unit. Bounds are in our unit.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from ioc.intake import fields
from ioc.intake.readings import Reading
from ioc.intake.reasons import Refuse, reason
from ioc.store.rejects import Rejected

Outside = Literal["reject", "bad", "suspect", "missing"]
Status = Literal["online", "fault", "offline"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of one raw property. `property` "": ignored. `factor`, `shift`: unit and scale in one."""

    source: str
    property: str = ""
    factor: float = 1.0
    shift: float = 0.0
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    bit: int | None = None
    points: tuple[tuple[float, float], ...] = ()
    low: float | None = None
    high: float | None = None
    outside: Outside = "reject"
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Word:
    """A raw property that says a word: quality or status. `bit`: that bit set is `values["1"]`, clear `values["0"]`."""

    source: str
    values: Mapping[str, str]
    bit: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """`interval_s` is what new devices of the model start with. `definition`: as it was given, for display and copy."""

    name: str
    kind: str
    rules: tuple[Rule, ...]
    maker: str = ""
    title: str = ""
    interval_s: int | None = None
    quality: Word | None = None
    status: Word | None = None
    version: int = 1


@dataclass
class Translated:
    """`told`: what the device said of itself."""

    readings: list[Reading] = field(default_factory=list[Reading])
    refused: list[Rejected] = field(default_factory=list[Rejected])
    told: Status | None = None


def key_of(value: Any) -> str:
    """A raw value as a key of `map` and `missing`: 1, 1.0, "1" and " 1 " are one."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def translate(model: DeviceModel, readings: Sequence[Reading]) -> Translated:
    """Readings of one device and one time, in our properties and units. A property the model lacks is a reject."""
    raw = _flat({r.property: r.value for r in readings}, {s.source for s in _sources(model)})
    first = readings[0]
    given = {r.property: r.quality for r in readings}
    out = Translated()
    quality, known = _quality(model, raw, first, out), set[str]()
    if model.status is not None and model.status.source in raw:
        known.add(model.status.source)
        out.told = cast("Status | None", _word(model.status, raw, "status", first, out))
    if model.quality is not None:
        known.add(model.quality.source)
    for rule in model.rules:
        if rule.source not in raw:
            continue
        known.add(rule.source)
        if rule.property:
            said = given.get(rule.source)
            _one(rule, raw[rule.source], said if said is not None else quality, first, out)
    for name in raw.keys() - known:
        out.refused.append(_refusal(first, name, raw[name], Refuse("not_in_model", model=model.name)))
    return out


def _sources(model: DeviceModel) -> list[Rule | Word]:
    return [*model.rules, *(w for w in (model.quality, model.status) if w is not None)]


def _flat(raw: Mapping[str, Any], wanted: set[str]) -> dict[str, Any]:
    """Nested objects by paths with dots, as far as the model names anything inside them."""
    out: dict[str, Any] = {}
    for name, value in raw.items():
        if isinstance(value, dict) and any(w.startswith(f"{name}.") for w in wanted):
            inner = {f"{name}.{k}": v for k, v in cast("dict[str, Any]", value).items()}
            out |= _flat(inner, wanted)
        else:
            out[name] = value
    return out


def _quality(model: DeviceModel, raw: Mapping[str, Any], first: Reading, out: Translated) -> str | None:
    if model.quality is None or model.quality.source not in raw:
        return None
    return _word(model.quality, raw, "quality", first, out)


def _word(word: Word, raw: Mapping[str, Any], what: str, first: Reading, out: Translated) -> str | None:
    value = raw[word.source]
    try:
        key = key_of(value) if word.bit is None else str(_bit(value, word.bit))
        if key in word.values:
            return word.values[key]
        raise Refuse("not_in_map", known=", ".join(word.values))
    except Refuse as e:
        out.refused.append(_refusal(first, f"{what}:{word.source}", value, e))
        return None


def _one(rule: Rule, raw: Any, quality: Any, first: Reading, out: Translated) -> None:
    try:
        value, judged = convert(rule, raw)
    except Refuse as e:
        out.refused.append(_refusal(first, rule.source, raw, e))
        return
    out.readings.append(Reading(first.device, rule.property, value, first.at, judged or quality))


def convert(rule: Rule, raw: Any) -> tuple[float | None, str | None]:
    """(value in our unit, quality or None). None as value is 缺测. Raises Refuse."""
    if fields.blank(raw) or key_of(raw) in rule.missing:
        return None, "missing"
    if rule.values:
        key = key_of(raw)
        if key not in rule.values:
            raise Refuse("not_in_map", known=", ".join(rule.values))
        value = rule.values[key]
    elif rule.bit is not None:
        value = float(_bit(raw, rule.bit))
    else:
        value = float(raw) if isinstance(raw, bool) else fields.number(raw)
        value = _between(rule.points, value) if rule.points else value
    value = fields.number(round(value * rule.factor + rule.shift, 9))
    low = rule.low if rule.low is not None else -float("inf")
    high = rule.high if rule.high is not None else float("inf")
    if low <= value <= high:
        return value, None
    if rule.outside == "reject":
        fields.number(value, low, high)
    return (None if rule.outside == "missing" else value), rule.outside


def _bit(raw: Any, bit: int) -> int:
    """One bit of a whole number, also written as 0x1F."""
    text = raw.strip().lower() if isinstance(raw, str) else ""
    try:
        number = int(text, 16) if text.startswith("0x") else fields.integer(raw, 0, 2**53)
    except ValueError:
        raise Refuse("bad_number") from None
    return number >> bit & 1


def _between(points: Sequence[tuple[float, float]], value: float) -> float:
    """Straight lines between the pairs; level beyond the first and the last."""
    if value <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if value <= x1:
            return y0 + (y1 - y0) * (value - x0) / (x1 - x0)
    return points[-1][1]


def _refusal(first: Reading, name: str, value: Any, fault: Refuse) -> Rejected:
    given = Reading(first.device, name, value, first.at)
    return Rejected(first.device, [reason(name[:100], fault.code, value, **fault.values)], given.raw())
