"""Detail of one alarm or flood: its state in words, the curve it was judged on with its limit, its journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.alarms.record import PRIORITIES, both
from ioc.dictionaries import shipped
from ioc.errors import NotFound
from ioc.i18n import Text
from ioc.store import alarm_read
from ioc.store import detail_parts as parts
from ioc.store.alarm_read import Filter
from ioc.store.detail_device import series
from ioc.store.detail_parts import Asked, Part

# The right of each action besides the state that allows it (ioc/api/alarms.py).
RIGHTS: Mapping[str, str] = {
    "ack": "alarm.ack",
    "shelve": "alarm.shelve",
    "unshelve": "alarm.shelve",
    "false_alarm": "alarm.ack",
    "out_of_service": "alarm.service",
    "in_service": "alarm.service",
    "case": "case.accept",
}
MEMBERS = 50
DEVICE_ALARMS = 6


def _field(zh: str, en: str, value: Any, unit: str = "", sel: str = "") -> Part:
    return {"label": {"zh": zh, "en": en}, "value": value, "unit": unit, "sel": sel}


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.6g}"


def alarm(asked: Asked, name: str) -> Part:
    """Raises NotFound, also for what lies outside the scope."""
    alarm_id = parts.row_id(name)
    record = alarm_read.detail(asked.conn, asked.scope, alarm_id, asked.now)
    if record is None:
        raise NotFound(f"告警 {alarm_id}", f"alarm {alarm_id}")
    may = [a for a in record["may"] if asked.scope.can(RIGHTS[a])]
    return {
        "title": record["title"],
        "number": f"#{alarm_id}",
        "icon": "bell",
        "origin": record["origin"],
        "lon": record["device"]["lon"],
        "lat": record["device"]["lat"],
        "crumbs": parts.crumbs(asked, record["region_id"]),
        "place": record["place"],
        "status": {"code": record["state"], "text": _state(record)},
        "fields": [f for f in _fields(record) if f["value"] not in (None, "")],
        "series": _series(asked, record),
        "links": _links(asked, record),
        "history": _journal(record["journal"]),
        "alarm_actions": may,
    }


def _state(record: Mapping[str, Any]) -> dict[str, str]:
    hold = record["hold"]
    words = (record["priority_text"], record["state_text"], *([hold] if hold else []))
    return {lang: " · ".join(w[lang] for w in words) for lang in ("zh", "en")}


def _fields(record: Mapping[str, Any]) -> list[Part]:
    unit, limit, hold = record["unit"], record["limit_name"] or both(Text("限值", "Limit")), record["hold"] or {}
    return [
        _field("规则", "Rule", {k: record["rule"][k] for k in ("zh", "en")}),
        _field("事由", "Subject", record["subject"]),
        _field("触发值", "Raised at", _number(record["value"]), unit),
        _field(limit["zh"], limit["en"], _number(record["limit"]), unit),
        _field("触发", "Raised", record["raised_at"]),
        _field("首次触发", "First raised", record["first_at"] if record["realarms"] else None),
        _field("再次触发", "Raised again", record["realarms"] or None),
        _field("恢复", "Returned", record["cleared_at"]),
        _field("确认", "Acknowledged", record["acked_at"]),
        _field("确认人", "By", record["acked_by"]),
        _field("搁置至", "Held until", hold.get("until")),
        _field("经办", "Held by", hold.get("by")),
        _field("原因", "Reason", hold.get("reason")),
        _field("误报原因", "False because", record["false_cause"]),
        _field("此设备误报", "False here so far", record["false_alarms"] or None),
    ]


def _series(asked: Asked, record: Mapping[str, Any]) -> list[Part]:
    """The curve of the property it was judged on, against the limit the rule compared it with."""
    if not asked.scope.can("device.view") or not record["property"]:
        return []
    found = series(asked.conn, asked.scope, record["device"]["id"], asked.now, only=record["property"])
    if record["limit"] is None:
        return found
    return [{**one, "limit": record["limit"], "limit_kind": _side(record)} for one in found]


def _side(record: Mapping[str, Any]) -> str:
    value, limit = record["value"], record["limit"]
    return "low" if value is not None and value < limit else "high"


def _kind(code: str | None) -> Any:
    entry = shipped()["device_kind"].get(code or "")
    return {"zh": entry.zh, "en": entry.en} if entry else code


def _links(asked: Asked, record: Mapping[str, Any]) -> list[Part]:
    device = record["device"]
    out: list[Part] = []
    if asked.scope.can("device.view"):
        out.append({"key": f"device:{device['id']}", "title": device["name"], "icon": "sensor",
                    "sub": _kind(device["kind"])})  # fmt: skip
        if device["gateway_id"] is not None:
            out.append({"key": f"device:{device['gateway_id']}", "title": device["gateway"], "icon": "gateway"})
    if record["case_id"] is not None and asked.scope.can("case.view"):
        out.append({"key": f"case:{record['case_id']}", "title": {"zh": "办件", "en": "Case"}, "icon": "list"})
    if record["group_id"] is not None:
        out.append({"key": f"alarm_group:{record['group_id']}", "title": {"zh": "归并告警", "en": "Grouped alarms"},
                    "icon": "layers"})  # fmt: skip
    return out


_SAID = {
    "reason": ("原因", "reason"),
    "minutes": ("分钟", "minutes"),
    "cause": ("误报原因", "cause"),
    "note": ("说明", "note"),
    "number": ("办件", "case"),
    "value": ("值", "value"),
    "limit": ("限值", "limit"),
}


def _journal(lines: Sequence[Mapping[str, Any]]) -> list[Part]:
    """Newest first."""
    out: list[Part] = []
    for line in reversed(lines):
        given = line["given"] or {}
        said = {
            lang: " · ".join([line["text"][lang], *(f"{names[i]} {given[k]}" for k, names in _SAID.items()
                                                    if given.get(k) not in (None, ""))])
            for i, lang in enumerate(("zh", "en"))
        }  # fmt: skip
        by = {"zh": "系统", "en": "System"} if line["actor"] == "system" else line["by"]
        out.append({"at": line["at"], "actor": by, "text": said})
    return out


def with_alarms(asked: Asked, found: Part, device_id: int) -> Part:
    """A device's panel with its open alarms before everything else it leads to: the way from the map to the alarm."""
    if not asked.scope.can("alarm.view"):
        return found
    rows, _ = alarm_read.listed(
        asked.conn, asked.scope, Filter(device_id=device_id, hold="any"), asked.now, DEVICE_ALARMS
    )
    words = ("priority_text", "state_text")
    links = [
        {
            "key": r["key"],
            "title": r["rule"],
            "icon": "bell",
            "sub": {lang: " · ".join(r[w][lang] for w in words) for lang in ("zh", "en")},
        }
        for r in rows
    ]
    return {**found, "links": [*links, *(found.get("links") or ())]} if links else found


def group(asked: Asked, name: str) -> Part:
    """A flood: its cause as far as it is known, and the first of its alarms. Raises NotFound."""
    group_id = parts.row_id(name)
    found = [g for g in alarm_read.floods(asked.conn, asked.scope, Filter()) if g["id"] == group_id]
    if not found:
        raise NotFound(f"告警组 {group_id}", f"alarm group {group_id}")
    record = found[0]
    rows, total = alarm_read.listed(asked.conn, asked.scope, Filter(group_id=group_id), asked.now, MEMBERS)
    gateway = record["gateway_id"]
    links = (
        [{"key": f"device:{gateway}", "title": record["gateway"] or f"#{gateway}", "icon": "gateway"}]
        if gateway
        else []
    )
    members = [{"key": r["key"], "title": r["title"], "icon": "bell", "sub": r["state_text"]} for r in rows]
    return {
        "title": record["title"],
        "number": f"#{group_id}",
        "icon": "layers",
        "origin": record["origin"],
        "crumbs": parts.crumbs(asked, record["region_id"]),
        "place": record["place"],
        "fields": [
            _field("告警数", "Alarms", total),
            _field("未确认", "Unacknowledged", record["unacked"]),
            _field("原因", "Cause", {k: record["cause"][k] for k in ("zh", "en")}),
            _field("最高优先级", "Highest priority", both(PRIORITIES[record["priority"]])),
            _field("首条", "First", record["first_at"]),
            _field("最近", "Latest", record["raised_at"]),
        ],
        "links": [*links, *members],
        "alarm_actions": [a for a in record["may"] if asked.scope.can(RIGHTS[a])],
    }
