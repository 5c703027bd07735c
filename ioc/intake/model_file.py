"""Device models from a file, checked whole: JSON, or CSV and Excel with one row a property. Every fault is named.

JSON: `{"models": [{"model", "kind", "maker", "title", "interval_s", "properties": [...], "quality", "status"}]}`, a
list of models, or one model. A sheet has the same words as columns (docs/devices.md); `role` is `quality`, `status`,
`ignore` or empty.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from ioc.errors import Invalid, Reason
from ioc.fold import fold
from ioc.intake import fields, units
from ioc.intake.columns import recognise
from ioc.intake.models import DeviceModel, Outside, Rule, Word, key_of
from ioc.intake.readers import open_file
from ioc.intake.readings import QUALITY
from ioc.intake.reasons import Refuse, reason
from ioc.intake.vocabulary import Vocabulary

T = TypeVar("T")
Json = dict[str, Any]
MAX_BYTES = 8 * 2**20
MAX_PROPERTIES = 500
OUTSIDE = ("reject", "bad", "suspect", "missing")
GRADES = ("good", "suspect", "bad", "missing")
STATUSES = ("online", "fault", "offline")
MODEL_KEYS = ("model", "kind", "maker", "title", "interval_s", "document", "properties", "quality", "status")
RULE_KEYS = ("from", "property", "unit", "scale", "offset", "map", "bit", "points", "low", "high", "outside",
             "missing", "ignore", "note")  # fmt: skip
WORD_KEYS = ("from", "map", "bit", "note")
SHEET: Mapping[str, str] = {
    "model": "型号|设备型号|物模型|model",
    "maker": "厂家|厂商|制造商|maker|vendor",
    "title": "型号名称|产品名称|title",
    "kind": "设备类型|类型|kind",
    "interval_s": "上报间隔|上报周期|interval_s",
    "from": "原属性|原始属性|字段|标识符|from|key",
    "role": "用途|role",
    "property": "观测项|属性|监测项|property",
    "unit": "单位|原单位|unit",
    "scale": "倍率|系数|scale",
    "offset": "偏移|零点|offset",
    "map": "枚举|取值|map|enum",
    "bit": "位|bit",
    "points": "折线|标定|points",
    "low": "下限|最小值|low|min",
    "high": "上限|最大值|high|max",
    "outside": "越界|outside",
    "missing": "缺测值|无效值|missing",
}
_OUTSIDE_WORDS = {"拒收": "reject", "无效": "bad", "存疑": "suspect", "可疑": "suspect", "缺测": "missing"}
_STATUS_WORDS = {"在线": "online", "正常": "online", "故障": "fault", "离线": "offline"}
_GRADE_WORDS = {QUALITY[w]: w for w in GRADES}


def key(name: str) -> str:
    """How a device's model name and a model's are compared."""
    return fold(name).replace(" ", "")


def read_models(path: Path, words: Vocabulary) -> list[tuple[DeviceModel, Json]]:
    """Models with their definitions as they are kept. Raises Invalid with every fault of the file."""
    reasons: list[Reason] = []
    given = _from_json(path) if path.suffix.lower() == ".json" else _from_sheet(path, reasons)
    models: list[tuple[DeviceModel, Json]] = []
    seen: set[str] = set()
    for i, item in enumerate(given):
        at = f"models[{i}]"
        found = parse(item, words, reasons, at)
        name = key(str(_plain(item).get("model", "")))
        if name and name in seen:
            reasons.append(reason(f"{at}.model", "double", name))
        seen.add(name)
        if found is not None:
            models.append((found, _kept(_plain(item))))
    if reasons:
        raise Invalid(reasons=reasons)
    if not models:
        raise Invalid(reasons=[reason("models", "missing_field")])
    return models


def _plain(item: Any) -> Json:
    return cast("Json", item) if isinstance(item, dict) else {}


def _kept(item: Json) -> Json:
    """The definition without the sheet's row numbers."""
    rules = [{k: v for k, v in r.items() if not k.startswith("_")} for r in item["properties"]]
    return {**{k: v for k, v in item.items() if not k.startswith("_")}, "properties": rules}


def _from_json(path: Path) -> list[Any]:
    if path.stat().st_size > MAX_BYTES:
        raise Invalid(reasons=[reason("file", "too_long", path.name, limit=MAX_BYTES)])
    try:
        body = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as e:
        raise Invalid(reasons=[reason("file", "bad_json", e)]) from None
    if isinstance(body, dict):
        whole = cast("Json", body)
        body = whole.get("models", [whole])
    if not isinstance(body, list):
        raise Invalid(reasons=[reason("models", "bad_table", path.name)])
    return cast("list[Any]", body)


# ---------------------------------------------------------------- a sheet becomes the same shape


def _from_sheet(path: Path, reasons: list[Reason]) -> list[Any]:
    file = open_file(path)
    found = recognise(file.columns, SHEET, {})
    lacking = [n for n in ("model", "kind", "from") if n not in found.values()]
    if lacking:
        raise Invalid(reasons=[reason(n, "missing_field", "、".join(file.columns)) for n in lacking])
    models: dict[str, Json] = {}
    for rows in file.batches():
        for number, record in zip(rows.numbers, rows.records, strict=True):
            cells = {f: record.get(c) for c, f in found.items() if not fields.blank(record.get(c))}
            if cells:
                _row(models, cells, f"行{number}", reasons)
    return list(models.values())


def _row(models: dict[str, Json], cells: Json, at: str, reasons: list[Reason]) -> None:
    name = str(cells.get("model", "")).strip()
    if not name:
        reasons.append(reason(f"{at}.model", "missing_field"))
        return
    model = models.setdefault(key(name), {"model": name, "properties": []})
    for part in ("kind", "maker", "title", "interval_s"):
        if part in cells and model.setdefault(part, cells[part]) != cells[part]:
            reasons.append(reason(f"{at}.{part}", "duplicate_key", cells[part]))
    rule: Json = {"_at": at}
    for part in ("from", "property", "unit", "scale", "offset", "bit", "low", "high", "outside"):
        if part in cells:
            rule[part] = cells[part]
    for part in ("map", "points"):
        if part in cells:
            rule[part] = _pairs(str(cells[part]))
    if "missing" in cells:
        rule["missing"] = [w.strip() for w in str(cells["missing"]).replace("；", ";").split(";") if w.strip()]
    _place(model, rule, str(cells.get("role", "")).strip(), at, reasons)


def _place(model: Json, rule: Json, role: str, at: str, reasons: list[Reason]) -> None:
    roles = {"": "", "属性": "", "property": "", "忽略": "ignore", "质量": "quality", "状态": "status",
             "ignore": "ignore", "quality": "quality", "status": "status"}  # fmt: skip
    what = roles.get(role.lower())
    if what is None:
        reasons.append(reason(f"{at}.role", "bad_choice", role, choices="quality, status, ignore"))
    elif what in ("quality", "status"):
        if what in model:
            reasons.append(reason(f"{at}.role", "double", role))
        model[what] = {k: v for k, v in rule.items() if k in WORD_KEYS}
    else:
        model["properties"].append({**rule, "ignore": True} if what == "ignore" else rule)


def _pairs(text: str) -> Any:
    """`3000=0;3600=100` as an object; what is not of that form stays text and is refused where it is read."""
    parts = [p for p in text.replace("；", ";").replace("＝", "=").replace("：", "=").split(";") if p.strip()]
    pairs = [p.partition("=") for p in parts]
    if not all(eq for _, eq, _ in pairs):
        return text
    return {a.strip(): b.strip() for a, _, b in pairs}


# ---------------------------------------------------------------- one model


class _Faults:
    """Parses parts of one object and collects what is wrong under the object's place in the file."""

    def __init__(self, item: Json, at: str, reasons: list[Reason], known: Sequence[str]) -> None:
        self.item, self.at, self.reasons = item, at, reasons
        for name in item:
            if name not in known and not name.startswith("_"):
                self.add(name, "unknown_key", item[name], known=", ".join(known))

    def add(self, name: str, code: str, value: object = "", /, **values: object) -> None:
        self.reasons.append(reason(f"{self.at}.{name}", code, value, **values))

    def get(self, name: str, parse: Callable[[Any], T], default: T) -> T:
        value = self.item.get(name)
        if fields.blank(value):
            return default
        try:
            return parse(value)
        except Refuse as e:
            self.reasons.append(e.of(f"{self.at}.{name}", value))
            return default

    def need(self, name: str, parse: Callable[[Any], T], default: T) -> T:
        if fields.blank(self.item.get(name)):
            self.add(name, "missing_field")
        return self.get(name, parse, default)


def parse(item: Any, words: Vocabulary, reasons: list[Reason], at: str = "model") -> DeviceModel | None:
    """One model, or None after adding what is wrong to `reasons`."""
    if not isinstance(item, dict):
        reasons.append(reason(at, "bad_object", item))
        return None
    before = len(reasons)
    f = _Faults(cast("Json", item), at, reasons, MODEL_KEYS)
    name = f.need("model", lambda v: fields.text(v, 100), "")
    kind = f.need("kind", lambda v: words.find("device_kind", fields.text(v, 100)).code, "")
    f.get("document", lambda v: fields.text(v, 200), "")
    interval = f.get("interval_s", _seconds, None)
    quality = f.get("quality", lambda v: _word(v, f"{at}.quality", reasons, _grade), None)
    status = f.get("status", lambda v: _word(v, f"{at}.status", reasons, _status), None)
    rules = _rules(f, words)
    made = DeviceModel(
        name, kind, rules, f.get("maker", lambda v: fields.text(v, 100), ""),
        f.get("title", lambda v: fields.text(v, 200), ""), interval, quality, status,
    )  # fmt: skip
    return made if len(reasons) == before else None


def _seconds(value: Any) -> int | None:
    return fields.integer(value, 1, 31_536_000)


def _rules(f: _Faults, words: Vocabulary) -> tuple[Rule, ...]:
    listed = f.item.get("properties")
    if not isinstance(listed, list) or not listed:
        f.add("properties", "missing_field" if not listed else "bad_table", listed)
        return ()
    items = cast("list[Any]", listed)
    if len(items) > MAX_PROPERTIES:
        f.add("properties", "too_long", len(items), limit=MAX_PROPERTIES)
        return ()
    rules = [_rule(r, f"{f.at}.properties[{i}]", f.reasons, words) for i, r in enumerate(items)]
    found = [r for r in rules if r is not None]
    once: set[str] = set()
    for i, rule in enumerate(rules):
        if rule is None or not rule.property:
            continue
        if rule.property in once:
            f.reasons.append(reason(f"{f.at}.properties[{i}].property", "double", rule.property))
        once.add(rule.property)
    return tuple(found)


def _rule(item: Any, at: str, reasons: list[Reason], words: Vocabulary) -> Rule | None:
    if not isinstance(item, dict):
        reasons.append(reason(at, "bad_object", item))
        return None
    body = cast("Json", item)
    at = str(body.get("_at", at))
    before = len(reasons)
    f = _Faults(body, at, reasons, RULE_KEYS)
    source = f.need("from", lambda v: fields.text(v, 100), "")
    if f.get("ignore", fields.flag, False):
        return Rule(source) if len(reasons) == before else None
    word = f.need("property", lambda v: fields.text(v, 100), "")
    known = words.property(word) if word else None
    if word and known is None:
        f.add("property", "unknown_property", word)
    unit = (1.0, 0.0)
    if known is not None:
        unit = _unit(f, known.code, known.unit)
    low, high = f.get("low", _number, None), f.get("high", _number, None)
    if low is not None and high is not None and low > high:
        f.add("low", "low_above_high", f"{low:g} > {high:g}")
    ways = [n for n in ("map", "bit", "points") if not fields.blank(body.get(n))]
    if len(ways) > 1:
        f.add(ways[1], "one_way_only", ", ".join(ways))
    scale = f.get("scale", _scale, 1.0)
    offset = f.get("offset", fields.number, 0.0)
    made = Rule(
        source=source,
        property=known.code if known else "",
        factor=scale * unit[0],
        shift=offset * unit[0] + unit[1],
        values=f.get("map", _numbers, {}),
        bit=f.get("bit", _bit, None),
        points=f.get("points", _points, ()),
        low=low,
        high=high,
        outside=f.get("outside", _outside, "reject"),
        missing=f.get("missing", _words, frozenset()),
    )
    return made if len(reasons) == before else None


def _unit(f: _Faults, code: str, ours: str) -> tuple[float, float]:
    """(factor, shift) into our unit; without a unit the value is in ours already."""
    if fields.blank(f.item.get("unit")):
        return 1.0, 0.0
    given = str(f.item["unit"])
    try:
        found = units.conversion(given, ours)
    except KeyError as e:
        f.add("unit", "unknown_unit", e.args[0])
        return 1.0, 0.0
    if found is None:
        f.add("unit", "dimension_mismatch", given, unit=given, property=code, ours=ours or "1")
    return found or (1.0, 0.0)


def _number(value: Any) -> float | None:
    return fields.number(value)


def _scale(value: Any) -> float:
    out = fields.number(value)
    if out == 0:
        raise Refuse("out_of_range", low="-∞", high="∞, ≠ 0")
    return out


def _bit(value: Any) -> int | None:
    return fields.integer(value, 0, 52)


def _outside(value: Any) -> Outside:
    word = fields.text(value, 20).lower()
    word = _OUTSIDE_WORDS.get(word, word)
    if word not in OUTSIDE:
        raise Refuse("bad_choice", choices=", ".join(OUTSIDE))
    return word


def _object(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, dict) or not value:
        raise Refuse("bad_object")
    return cast("Mapping[Any, Any]", value)


def _numbers(value: Any) -> dict[str, float]:
    return {key_of(k): fields.number(v) for k, v in _object(value).items()}


def _points(value: Any) -> tuple[tuple[float, float], ...]:
    pairs = list(_object(value).items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list):
        raise Refuse("bad_points")
    out: list[tuple[float, float]] = []
    for pair in cast("list[Any]", pairs):
        if not isinstance(pair, list | tuple) or len(cast("Sequence[Any]", pair)) != 2:
            raise Refuse("bad_points")
        out.append((fields.number(pair[0]), fields.number(pair[1])))
    if len(out) < 2:
        raise Refuse("bad_points")
    if any(b[0] <= a[0] or not math.isfinite(b[0] - a[0]) for a, b in itertools.pairwise(out)):
        raise Refuse("not_rising")
    return tuple(out)


def _words(value: Any) -> frozenset[str]:
    listed = cast("list[Any]", value) if isinstance(value, list) else [value]
    if any(isinstance(v, dict | list) for v in listed):
        raise Refuse("bad_text")
    return frozenset(key_of(v) for v in listed)


def _grade(value: Any) -> str:
    word = fields.text(value, 20).lower()
    if word not in QUALITY:
        raise Refuse("bad_choice", choices=", ".join(GRADES))
    return _GRADE_WORDS[QUALITY[word]]


def _status(value: Any) -> str:
    word = fields.text(value, 20).lower()
    word = _STATUS_WORDS.get(word, word)
    if word not in STATUSES:
        raise Refuse("bad_choice", choices=", ".join(STATUSES))
    return word


def _word(value: Any, at: str, reasons: list[Reason], parse_one: Callable[[Any], str]) -> Word | None:
    f = _Faults(cast("Json", _object(value)), at, reasons, WORD_KEYS)
    source = f.need("from", lambda v: fields.text(v, 100), "")
    values = f.need("map", lambda v: {key_of(k): parse_one(w) for k, w in _object(v).items()}, {})
    return Word(source, values, f.get("bit", _bit, None))
