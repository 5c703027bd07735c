"""Columns of road files and the words in them: departments' tables, OpenStreetMap tags, extracts of map makers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ioc.command.roads import EMERGENCY, MOTOR, VEHICLES
from ioc.command.roads.ways import Way
from ioc.dictionaries import Dictionary
from ioc.fold import fold
from ioc.intake import fields
from ioc.intake.event_input import Reader
from ioc.intake.reasons import Refuse

COLUMNS: Mapping[str, str] = {
    "external_id": "编号|道路编号|路段编号|道路编码|路段编码|编码|@id|osm_id|osmid|full_id|linkid|id|roadid"
    "|objectid|fid|gid|序号",
    "class": "道路等级|技术等级|等级|道路类型|道路类别|公路等级|highway|fclass|roadclass"
    "|类型|行政等级|类别|class|kind|dj|type",
    "name": "名称|道路名称|路名|路线名称|道路名|name|rdname|roadname|mc|dlmc",
    "oneway": "单行|单行道|是否单行|是否单行道|单双行|oneway|one_way",
    "direction": "通行方向|行驶方向|方向|车流方向|direction|dir",
    "speed_kmh": "限速|最高限速|限速值|最高时速|设计速度|设计时速|速度|maxspeed|speedlimit|speed_limit|speed",
    "lanes": "车道数|车道|车道数量|lanes|lanenum|lane",
    "width_m": "宽度|路宽|路面宽度|路面宽|车行道宽度|行车道宽|width|maxwidth",
    "max_height_m": "限高|净高|限制高度|maxheight|max_height",
    "max_weight_t": "限重|限载|限制重量|荷载|maxweight|max_weight",
    "bridge": "桥|桥梁|是否桥梁|是否为桥|bridge",
    "tunnel": "隧道|是否隧道|tunnel",
    "level": "层级|层|层次|高程层|layer|level|zlevel|z_level",
    "denied": "禁行|禁止通行|禁行车辆|限行车辆|通行限制|restriction|forbidden",
    "access": "access|通行权|准入",
    "fire_engine": "消防车|消防车通行|消防车可通行|fireengine",
    "ambulance": "救护车|救护车通行|救护车可通行|ambulance",
    "motor_vehicle": "机动车|机动车通行|motor_vehicle|motorvehicle|motorcar",
    "foot": "行人|步行|行人通行|foot|pedestrian",
    "emergency": "应急车辆|应急通行|emergency",
}
# Is a road for one direction? Geofabrik writes F (along), T (against), B; ArcGIS FT and TF.
_ONEWAY = {
    **dict.fromkeys(
        ("1", "yes", "true", "是", "单向", "单行", "ft", "f", "forward", "正向", "顺向", "顺行", "同向"), 1
    ),
    **dict.fromkeys(("-1", "reverse", "tf", "t", "backward", "反向", "逆向", "逆行", "反"), -1),
    **dict.fromkeys(("0", "no", "false", "b", "both", "n", "否", "双向", "双行", "无", "reversible", "alternating"), 0),
}
# Which direction is driven? Navigation data (NavInfo, AutoNavi): 0 not known, 1 both, 2 along, 3 against.
_DIRECTION = {**_ONEWAY, "0": 0, "1": 0, "2": 1, "3": -1}
_YES = frozenset({"1", "yes", "true", "y", "t", "是", "有", "可", "可以", "允许", "designated", "permissive",
                  "official", "destination", "customers", "permit"})  # fmt: skip
_NO = frozenset({"0", "no", "false", "n", "f", "否", "无", "不可", "不可以", "禁止", "不允许", "private", "military"})
_GROUPS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("机动车", "车辆", "所有车辆", "motorvehicle", "vehicle", "vehicles"), MOTOR),
    **dict.fromkeys(("全部", "所有", "all", "全禁"), VEHICLES),
    # what is forbidden to lorries is not forbidden to a fire engine on its way (道路交通安全法 第五十三条)
    **dict.fromkeys(
        ("货车", "大货车", "危化品车", "危险品车", "摩托车", "非机动车", "拖拉机", "hgv", "无", "否", "no"), ()
    ),
}
_NUMBER = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(.*)$")
_MPH = 1.609344


def way(record: Mapping[str, Any], number: int, classes: Dictionary, vehicles: Dictionary, *, lenient: bool) -> Any:
    """(the way, reasons against it, words ignored). `lenient` (OpenStreetMap): what cannot be read is left out.

    A class nobody knows does not cost the road: it is driven as a minor one and counted.
    """
    r = Reader(record)
    ignored: list[str] = []
    found = _class(record.get("class"), classes)
    if found is None:
        ignored.append(f"class={fields.text(str(record.get('class')), 10_000)[:40]}")
    denied, allowed = _access(r, vehicles)
    made = Way(
        external_id=r.optional("external_id", lambda v: fields.text(v, 100), str(number)),
        cls=found or "",
        name=r.optional("name", lambda v: fields.text(v, 200), ""),
        oneway=_oneway(r),
        speed_kmh=r.optional("speed_kmh", _speed, None),
        lanes=r.optional("lanes", lambda v: _whole(v, 0, 30), None) or None,
        width_m=r.optional("width_m", lambda v: _measure(v, 100, _LENGTHS), None),
        max_height_m=r.optional("max_height_m", lambda v: _measure(v, 100, _LENGTHS), None),
        max_weight_t=r.optional("max_weight_t", lambda v: _measure(v, 500, _WEIGHTS), None),
        bridge=r.optional("bridge", _structure, False),
        tunnel=r.optional("tunnel", _structure, False),
        level=0,
        denied=denied,
        allowed=allowed,
    )
    level = r.optional("level", lambda v: _whole(v, -10, 20), None)
    standard = 1 if made.bridge else -1 if made.tunnel else 0
    made = replace(made, level=level if level is not None and (level or not standard) else standard)
    if lenient:
        ignored += [f"{x.field}={x.value}"[:60] for x in r.reasons]
        return made, [], ignored
    return made, r.reasons, ignored


def _class(value: Any, classes: Dictionary) -> str | None:
    """ "" for a blank, None for a word nobody knows."""
    if fields.blank(value):
        return ""
    try:
        entry = classes.find(fields.text(value, 60))
    except Refuse:
        return None
    return entry.code if entry else None


def _oneway(r: Reader) -> int:
    if not fields.blank(r.record.get("oneway")):
        return r.optional("oneway", lambda v: _coded(v, _ONEWAY), 0)
    return r.optional("direction", lambda v: _coded(v, _DIRECTION), 0)


def _coded(value: Any, codes: Mapping[str, int]) -> int:
    word = _word(value)
    if word not in codes:
        raise Refuse("bad_choice", choices="是, 否, 反向, yes, no, -1, FT, TF")
    return codes[word]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return fold(fields.text(value, 60)).strip().removesuffix(".0")


def _yes(value: Any) -> bool:
    word = _word(value)
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Refuse("bad_choice", choices="是, 否 / yes, no")


def _structure(value: Any) -> bool:
    """bridge=viaduct and tunnel=culvert are what they say; only a no is none."""
    return _word(value) not in _NO or _word(value) in ("t",)


def _access(r: Reader, vehicles: Dictionary) -> tuple[frozenset[str], frozenset[str]]:
    """(denied, allowed) by name. A private gate stops cars, not those who come to help."""
    denied, allowed = set[str](), set[str]()

    def told(field: str, whom: tuple[str, ...], private: tuple[str, ...] = ()) -> None:
        answer = r.optional(field, _yes, None)
        if answer is None:
            return
        closed = private if private and _word(r.record.get(field)) == "private" else whom
        for vehicle in whom if answer else closed:
            denied.discard(vehicle)
            allowed.discard(vehicle)
            if not answer:
                denied.add(vehicle)
            elif field not in ("access", "motor_vehicle"):
                allowed.add(vehicle)

    told("access", VEHICLES, ("car",))
    told("motor_vehicle", MOTOR, ("car",))
    told("emergency", EMERGENCY)
    told("foot", ("foot",))
    told("ambulance", ("ambulance",))
    told("fire_engine", ("fire_engine",))
    listed = r.optional("denied", lambda v: _listed(v, vehicles), frozenset[str]())
    return frozenset(denied | listed), frozenset(allowed - listed)


def _listed(value: Any, vehicles: Dictionary) -> frozenset[str]:
    out = set[str]()
    for word in re.split(r"[,，、;；/|\s]+", fields.text(value, 300)):
        plain = (
            fold(word)
            .replace("_", "")
            .removeprefix("禁止")
            .removeprefix("禁")
            .removesuffix("通行")
            .removesuffix("禁行")
        )
        if not plain:
            continue
        entry = vehicles.find(plain)
        if entry is None and plain not in _GROUPS:
            raise Refuse("bad_choice", choices=", ".join((*vehicles, "机动车", "全部")))
        out.update((entry.code,) if entry else _GROUPS[plain])
    return frozenset(out)


_LENGTHS = {"": 1.0, "m": 1.0, "米": 1.0, "cm": 0.01, "厘米": 0.01, "'": 0.3048, "ft": 0.3048}
_WEIGHTS = {"": 1.0, "t": 1.0, "吨": 1.0, "kg": 0.001, "公斤": 0.001}
_SPEEDS = {"": 1.0, "km/h": 1.0, "kmh": 1.0, "kph": 1.0, "公里/小时": 1.0, "千米/小时": 1.0, "公里": 1.0, "mph": _MPH}
_NONE = frozenset({"none", "无", "不限", "default", "signals", "unsigned", "below_default", "variable", "walk"})


def _measure(value: Any, high: float, units: Mapping[str, float]) -> float | None:
    """A number with its unit; 0 and words for "no limit" are none."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", value).strip().lower()
        if text in _NONE:
            return None
        match = _NUMBER.match(text)
        if match is None or match[2].strip() not in units:
            raise Refuse("bad_number")
        value = float(match[1]) * units[match[2].strip()]
    out = fields.number(value, 0, high)
    return out or None


def _speed(value: Any) -> float | None:
    return _measure(value, 200, _SPEEDS)


def _whole(value: Any, low: int, high: int) -> int:
    return fields.integer(value, low, high)
