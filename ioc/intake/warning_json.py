"""Chinese warning JSON: one object to a `Message`, or every reason against it. Pure.

There is no one published schema; the names below are those of CAP in camel case and the spellings that provincial
platforms and weather services use for them. Times without an offset are read in the centre's zone. Colours, types
(11Bxx of GB/T 35561) and areas follow the same rules as CAP.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ioc.dictionaries import Dictionary
from ioc.errors import Invalid
from ioc.intake import fields
from ioc.intake import warning_message as wm
from ioc.intake.cap import CATEGORIES, MSG_TYPES, SCOPES, STATUSES
from ioc.intake.fields import TimeRules, blank
from ioc.intake.reasons import reason
from ioc.intake.warning_message import Content, Faults, Message, MsgType, Reference

MAX_BYTES = 1024 * 1024
# field -> spellings, the first found wins
NAMES: Mapping[str, tuple[str, ...]] = {
    "identifier": ("identifier", "id", "alertId", "warningId", "预警编号"),
    "sender": ("sender", "senderCode", "senderId"),
    "sender_name": ("senderName", "sendName", "publisher", "发布单位"),
    "sent": ("sent", "sendTime", "pubTime", "issueTime", "publishTime", "发布时间"),
    "status": ("status",),
    "msg_type": ("msgType", "msgtype", "消息类型"),
    "scope": ("scope",),
    "references": ("references", "related", "引用"),
    "type": ("eventType", "eventCode", "typeCode", "type", "预警类型代码"),
    "event": ("event", "eventName", "typeName", "预警类型"),
    "colour": ("colour", "color", "severityColor", "level", "预警级别", "预警颜色"),
    "severity": ("severity",),
    "urgency": ("urgency",),
    "certainty": ("certainty",),
    "category": ("category",),
    "headline": ("headline", "title", "标题"),
    "headline_en": ("headlineEn", "titleEn"),
    "description": ("description", "text", "content", "内容"),
    "description_en": ("descriptionEn", "textEn"),
    "instruction": ("instruction", "defense", "防御指南"),
    "area": ("areaDesc", "areaName", "area", "影响区域"),
    "codes": ("areaCode", "geocode", "geocodes", "regionCode", "区划代码"),
    "polygon": ("polygon", "polygons"),
    "circle": ("circle", "circles"),
    "effective": ("effective", "effectiveTime", "生效时间"),
    "onset": ("onset", "startTime", "开始时间"),
    "expires": ("expires", "expireTime", "endTime", "结束时间"),
}
_MSG_ZH: Mapping[str, str] = {
    **dict.fromkeys(("发布", "首发"), "Alert"),
    **dict.fromkeys(("更新", "变更", "继续"), "Update"),
    **dict.fromkeys(("解除", "取消"), "Cancel"),
}


def parse(data: bytes, rules: TimeRules, types: Dictionary) -> Message:
    """The message in a JSON document. Raises Invalid with every reason, and nothing else, whatever `data` is."""
    if len(data) > MAX_BYTES:
        raise Invalid(reasons=[reason("body", "too_long", len(data), limit=MAX_BYTES)])
    try:
        body: Any = json.loads(data)
    except (ValueError, RecursionError):  # a UnicodeDecodeError is a ValueError
        raise Invalid(reasons=[reason("body", "bad_json", data[:200].decode("utf-8", "replace"))]) from None
    if isinstance(body, list) and len(cast("list[Any]", body)) == 1:
        body = cast("list[Any]", body)[0]
    if not isinstance(body, dict):
        code = "one_only" if isinstance(body, list) and body else "bad_object"
        raise Invalid(reasons=[reason("body", code)])
    faults = Faults()
    message = _message(_Record(cast("dict[str, Any]", body)), rules, types, faults)
    if faults.reasons or message is None:
        raise Invalid(reasons=faults.reasons)
    return message


class _Record:
    """A record under any of its spellings; `name` is the one that was used, for the reasons."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body

    def name(self, key: str) -> str:
        return next((n for n in NAMES[key] if not blank(self.body.get(n))), NAMES[key][0])

    def get(self, key: str) -> Any:
        return self.body.get(self.name(key))

    def words(self, faults: Faults, key: str, limit: int) -> str:
        value = self.get(key)
        return "" if blank(value) else faults.parsed(self.name(key), value, wm.text(limit)) or ""

    def choice(self, faults: Faults, key: str, known: Sequence[str], default: str) -> str:
        value = self.get(key)
        return default if blank(value) else faults.parsed(self.name(key), value, wm.choice(known)) or default

    def time(self, faults: Faults, key: str, rules: TimeRules) -> dt.datetime | None:
        value = self.get(key)
        return None if blank(value) else faults.parsed(self.name(key), value, lambda v: fields.time(v, rules))

    def texts(self, faults: Faults, key: str, limit: int, most: int) -> list[str]:
        """One text or a list of them."""
        value = self.get(key)
        if blank(value):
            return []
        items = cast("list[Any]", value) if isinstance(value, list) else [value]
        if len(items) > most:
            faults.add(self.name(key), "too_long", limit=most)
            return []
        found = (faults.parsed(self.name(key), item, wm.text(limit)) for item in items)
        return [w for w in found if w]


def _message(r: _Record, rules: TimeRules, types: Dictionary, faults: Faults) -> Message | None:
    identifier = faults.required(r.name("identifier"), r.get("identifier"), wm.identifier)
    sender = faults.required(r.name("sender"), r.get("sender"), wm.text(200))
    sent = faults.required(r.name("sent"), r.get("sent"), lambda v: fields.time(v, rules))
    status = r.choice(faults, "status", STATUSES, "Actual")
    if status not in ("Actual", "Exercise"):
        faults.add(r.name("status"), "not_actual", status, status=status)
    scope = r.choice(faults, "scope", SCOPES, "Public")
    if scope != "Public":
        faults.add(r.name("scope"), "not_public", scope, scope=scope)
    msg_type = faults.required(r.name("msg_type"), r.get("msg_type"), _msg_type)
    references = _references(r, identifier, msg_type, faults)
    later = TimeRules(rules.now, rules.tz, dt.timedelta(days=366 * 20), None)
    content = None
    if msg_type in ("Alert", "Update"):
        content = _content(r, sent, later, types, faults)
    if identifier is None or sender is None or sent is None or msg_type is None:
        return None
    kind = cast(MsgType, msg_type.lower())
    return Message(identifier, sender, sent, kind, status == "Exercise", references, content, {})


def _msg_type(value: Any) -> str:
    word = wm.text(40)(value)
    return _MSG_ZH.get(word) or wm.choice(MSG_TYPES)(word)


def _references(r: _Record, own: str | None, msg_type: str | None, faults: Faults) -> tuple[Reference, ...]:
    """CAP triples, or bare identifiers; as a text or a list."""
    name = r.name("references")
    found: dict[str, Reference] = {}
    for word in r.texts(faults, "references", 4000, 100):
        for item in word.split():
            parts = item.split(",")
            if len(parts) not in (1, 3) or not all(parts[:2]):
                faults.add(name, "bad_references", item)
                continue
            bare = Reference(parts[0]) if len(parts) == 1 else Reference(parts[1], parts[0])
            found[bare.identifier] = bare
    if own in found:
        faults.add(name, "self_reference", own)
    if msg_type not in (None, "Alert") and not found:
        faults.add(name, "missing_references")
    return tuple(found.values())


def _content(
    r: _Record, sent: dt.datetime | None, rules: TimeRules, types: Dictionary, faults: Faults
) -> Content | None:
    event, headline = r.words(faults, "event", 200), r.words(faults, "headline", 500)
    given = r.words(faults, "type", 60)
    entry, code = wm.find_type(types, [given] if given else [], [event, given, headline])
    kind = entry.zh if entry else event or (given if not code else "")
    if not kind:
        faults.add(r.name("event"), "missing_field")
    if not blank(r.get("category")):
        faults.parsed(r.name("category"), r.get("category"), wm.choice(CATEGORIES))
    severity = r.choice(faults, "severity", wm.SEVERITIES, "Unknown")
    named = r.words(faults, "colour", 60)
    said = wm.colours_named(named)
    if named and not said:
        faults.add(r.name("colour"), "bad_choice", named, choices="、".join(wm.COLOUR_ZH.values()))
        colour = ""
    else:
        colour = wm.decide_colour(faults, r.name("colour"), said, headline, severity)
    wm.check_colour(faults, r.name("colour"), entry, kind, colour)
    effective, onset, expires = (r.time(faults, k, rules) for k in ("effective", "onset", "expires"))
    order = [("effective", effective), ("onset", onset), ("expires", expires)]
    wm.in_order(faults, [(r.name("sent"), sent), *((r.name(k), at) for k, at in order)])
    polygons, circles, codes = _places(r, faults)
    if sent is None:
        return None
    return Content(
        kind=kind,
        kind_en=entry.en if entry else "",
        event_code=code,
        colour=colour,
        severity=severity if severity != "Unknown" else wm.SEVERITY_OF.get(colour, "Unknown"),
        urgency=r.choice(faults, "urgency", wm.URGENCIES, "Unknown"),
        certainty=r.choice(faults, "certainty", wm.CERTAINTIES, "Unknown"),
        headline=headline,
        headline_en=r.words(faults, "headline_en", 500),
        description=r.words(faults, "description", 8000),
        description_en=r.words(faults, "description_en", 8000),
        instruction=r.words(faults, "instruction", 8000),
        sender_name=r.words(faults, "sender_name", 200),
        area="、".join(r.texts(faults, "area", 2000, 200)),
        polygons=polygons,
        circles=circles,
        codes=codes,
        effective_at=effective or sent,
        event_onset_at=onset,
        expires_at=expires,
    )


def _places(
    r: _Record, faults: Faults
) -> tuple[tuple[tuple[wm.Point, ...], ...], tuple[wm.Circle, ...], tuple[str, ...]]:
    """Polygons and circles as CAP writes them (latitude first); codes as texts or numbers."""
    polygons: list[tuple[wm.Point, ...]] = []
    circles: list[wm.Circle] = []
    for word in r.texts(faults, "polygon", wm.MAX_POINTS * 60, 200):
        points = faults.parsed(r.name("polygon"), word, wm.polygon)
        polygons += [points] if points is not None else []
    for word in r.texts(faults, "circle", 200, 200):
        disc = faults.parsed(r.name("circle"), word, wm.circle)
        circles += [disc] if disc is not None else []
    codes: dict[str, None] = {}
    for word in r.texts(faults, "codes", 4000, wm.MAX_CODES):
        found = wm.region_codes(word)
        if not found:
            faults.add(r.name("codes"), "bad_code", word)
        codes |= dict.fromkeys(found)
    if sum(map(len, polygons)) > wm.MAX_POINTS:
        faults.add(r.name("polygon"), "many_points", limit=wm.MAX_POINTS)
    return tuple(dict.fromkeys(polygons)), tuple(dict.fromkeys(circles)), tuple(codes)
