"""What screens and the API receive of an alarm and of a flood: every word and state computed here. Pure.

The shape is the contract of docs/alarms.md and of tests/golden/alarm*.json; `VERSION` changes with it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ioc.alarm_rules import alarm_rules
from ioc.alarms.life import FALSE_CAUSES, HOLDS, STATES, possible
from ioc.i18n import Text

VERSION = 1
Row = Mapping[str, Any]
RANK = {"urgent": 0, "high": 1, "medium": 2, "low": 3}
STATE_RANK = {"unack": 0, "rtn_unack": 1, "acked": 2, "normal": 3}
PRIORITIES = {
    "urgent": Text("紧急", "Urgent"),
    "high": Text("高", "High"),
    "medium": Text("中", "Medium"),
    "low": Text("低", "Low"),
}
CATEGORIES = {
    "water": Text("水情", "Water level"),
    "rain": Text("雨情", "Rain"),
    "gas": Text("燃气", "Gas"),
    "fire": Text("消防", "Fire protection"),
    "parking": Text("停车", "Parking"),
    "manhole": Text("井盖", "Manhole covers"),
    "pipe": Text("管网", "Mains"),
    "fence": Text("围栏", "Fences"),
    "device": Text("设备", "Devices"),
}
ENTRIES = {
    "raise": Text("触发", "Raised"),
    "realarm": Text("再次触发", "Raised again"),
    "clear": Text("恢复", "Returned to normal"),
    "ack": Text("确认", "Acknowledged"),
    "shelve": Text("搁置", "Shelved"),
    "unshelve": Text("取消搁置", "Unshelved"),
    "shelf_end": Text("搁置到期", "Shelf ran out"),
    "suppress": Text("设计抑制", "Suppressed by design"),
    "unsuppress": Text("抑制解除", "Suppression ended"),
    "out_of_service": Text("停用", "Out of service"),
    "in_service": Text("恢复使用", "Back in service"),
    "false_alarm": Text("误报", "False alarm"),
    "late": Text("迟到的数据（不改变状态）", "Late value, nothing changed"),
    "notify": Text("通知", "Notified"),
    "escalate": Text("升级通知", "Escalated"),
    "case": Text("立案", "Taken up as a case"),
    # of a seat, not of an alarm
    "mute": Text("静音", "Sound muted"),
    "unmute": Text("取消静音", "Sound unmuted"),
    "sound_on": Text("声音启用", "Sound enabled"),
    "sound_off": Text("声音停用", "Sound disabled"),
}
# What a line says beside its word.
SAID = {
    "reason": Text("原因", "reason"),
    "minutes": Text("分钟", "minutes"),
    "cause": Text("误报原因", "cause"),
    "note": Text("说明", "note"),
    "number": Text("办件", "case"),
    "value": Text("值", "value"),
    "limit": Text("限值", "limit"),
    "name": Text("接收人", "to"),
    "seat": Text("席位", "seat"),
    "address": Text("地址", "address"),
    "seconds": Text("秒数", "seconds"),
}
CAUSES = {
    "gateway_silent": Text("网关无数据", "the gateway is silent"),
    "gateway_fault": Text("网关故障", "the gateway is faulty"),
    "": Text("原因未明", "cause unknown"),
}
# ISA-18.2-2016 (IEC 62682) clause 16: chattering is three or more in a short time (a minute is the usual first pass;
# our sensors speak every one to five minutes, so ten); stale is an alarm that has stood for more than a day.
CHATTER_COUNT, CHATTER_WINDOW, STALE = 3, dt.timedelta(minutes=10), dt.timedelta(hours=24)


def iso(at: dt.datetime | None) -> str | None:
    return None if at is None else at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def both(word: Text) -> dict[str, str]:
    return {"zh": word.zh, "en": word.en}


def alarm_record(row: Row, now: dt.datetime) -> dict[str, Any]:
    """One alarm from a row of the view `alarm_row`, with `raised_lately` where the caller has counted."""
    rule = alarm_rules().get(row["rule_key"])
    title = rule.title if rule else Text(row["rule_key"], row["rule_key"])
    subject = rule.subject if rule else title
    name = row["device_name"] or f"#{row['device_id']}"
    active = row["state"] in ("unack", "acked")
    return {
        "v": VERSION,
        "key": f"alarm:{row['alarm_id']}",
        "type": "alarm",
        "id": row["alarm_id"],
        "version": row["version"],
        "rule": {"key": row["rule_key"], **both(title)},
        "subject": both(subject),
        "category": row["category"],
        "category_text": both(CATEGORIES.get(row["category"], Text(row["category"], row["category"]))),
        "priority": row["priority"],
        "priority_text": both(PRIORITIES[row["priority"]]),
        "rank": RANK[row["priority"]],
        "state": row["state"],
        "state_text": both(STATES[row["state"]]),
        "active": active,
        "sounds": row["state"] == "unack" and not row["hold"] and row["group_id"] is None,
        "hold": _hold(row),
        "title": {"zh": f"{name} {title.zh}", "en": f"{name}: {title.en}"},
        "device": {
            "id": row["device_id"],
            "name": name,
            "kind": row["device_kind"],
            "status": row["device_status"],
            "lon": row["lon"],
            "lat": row["lat"],
            "gateway_id": row["gateway_id"],
            "gateway": row["gateway_name"],
        },
        "datastream_id": row["datastream_id"],
        "property": row["property"],
        "unit": row["unit"] or "",
        "value": row["value"],
        "limit": row["limit_value"],
        "limit_name": both(rule.limit_name) if rule else None,
        "now": {
            "value": row["now_value"],
            "at": iso(row["now_at"]),
            "quality": row["now_quality"],
            "interval_s": row.get("interval_s"),
        },
        "place": row["place"] or row["address"] or row["region_name"] or "",
        "region_id": row["region_id"],
        "region_code": row["region_code"],
        "region_ids": list(row["region_ids"] or ()),
        "first_at": iso(row["first_at"]),
        "raised_at": iso(row["raised_at"]),
        "received_at": iso(row["received_at"]),
        "acked_at": iso(row["acked_at"]),
        "acked_by": row["acked_by"],
        "cleared_at": iso(row["cleared_at"]),
        "ended_at": iso(row["ended_at"]),
        "ended": row["ended"],
        "false_cause": both(FALSE_CAUSES[row["false_cause"]]) if row["false_cause"] in FALSE_CAUSES else None,
        "realarms": row["realarms"],
        "may": possible(
            row["state"], row["hold"], row["priority"], row["ended_at"] is not None, row["case_id"] is not None
        ),
        "chattering": int(row.get("raised_lately") or 0) >= CHATTER_COUNT,
        "stale": active and now - row["raised_at"] > STALE,
        "notified": row["notify_step"],
        "group_id": row["group_id"],
        "event_id": row["event_id"],
        "case_id": row["case_id"],
        "origin": row["origin"],
    }


def _hold(row: Row) -> dict[str, Any] | None:
    if not row["hold"]:
        return None
    return {
        "kind": row["hold"],
        **both(HOLDS[row["hold"]]),
        "until": iso(row["hold_until"]),
        "by": row["hold_by"],
        "reason": row["hold_reason"],
    }


def group_record(row: Row) -> dict[str, Any]:
    """A flood as one row. `row`: the group with `gateway_name`, `region_name` and the counts the asker may see."""
    category = CATEGORIES.get(row["category"], Text(row["category"], row["category"]))
    cause = CAUSES.get(row["cause"], CAUSES[""])
    if row["kind"] == "gateway":
        gateway = row["gateway_name"] or f"#{row['gateway_id']}"
        where = Text(f"网关 {gateway}", f"Gateway {gateway}")
    else:
        area = row["region_name"]
        where = Text(f"{area or '无区划'} {category.zh}", f"{area or 'No region'}, {category.en}")
    n = row["count"]
    priority = next((p for p, rank in RANK.items() if rank == row["rank"]), "low")
    return {
        "v": VERSION,
        "key": f"alarm_group:{row['group_id']}",
        "type": "alarm_group",
        "id": row["group_id"],
        "version": row["version"],
        "kind": row["kind"],
        "title": {"zh": f"{where.zh}：{n} 条告警，{cause.zh}", "en": f"{where.en}: {n} alarms, {cause.en}"},
        "cause": {"known": bool(row["cause"]), "code": row["cause"], **both(cause)},
        "category": row["category"],
        "category_text": both(category),
        "gateway_id": row["gateway_id"],
        "gateway": row["gateway_name"],
        "count": n,
        "unacked": row["unacked"],
        "priority": priority,
        "priority_text": both(PRIORITIES[priority]),
        "rank": RANK[priority],
        "state": "unack" if row["unacked"] else "acked",
        "active": row["closed_at"] is None,
        "sounds": bool(row["unacked"]),
        "may": ["ack"] if row["unacked"] else [],
        "place": row["region_name"] or "",
        "region_id": row["region_id"],
        "first_at": iso(row["first_at"]),
        "raised_at": iso(row["last_at"]),
        "closed_at": iso(row["closed_at"]),
        "origin": row["origin"],
    }


def order(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """Place in the list: priority, then what nobody has acknowledged, then the newest."""
    raised = record["raised_at"] or ""
    return record["rank"], STATE_RANK[record["state"]], _newest(raised), -int(record["id"])


def _newest(raised: str) -> float:
    return -dt.datetime.fromisoformat(raised.replace("Z", "+00:00")).timestamp() if raised else 0.0


ROLES = {"officer": Text("值班员", "duty officer"), "chief": Text("值班长", "shift chief")}


def said(given: Mapping[str, Any] | None, lang: str) -> list[str]:
    """What was given with a line, in words: `原因 检修`, `seat S-1`."""
    words = given or {}
    return [
        f"{word(lang)} {_said(key, words[key], lang)}" for key, word in SAID.items() if words.get(key) not in (None, "")
    ]


def _said(key: str, value: Any, lang: str) -> str:
    if key == "cause" and value in FALSE_CAUSES:
        return FALSE_CAUSES[value](lang)
    if key == "name" and value in ROLES:
        return ROLES[value](lang)
    return f"{value:g}" if isinstance(value, float) else str(value)


def journal_line(row: Row) -> dict[str, Any]:
    """A line of the whole journal: `journal_record` with the alarm it is of, and what it says in words."""
    rule = alarm_rules().get(row["rule_key"])
    name = row["device_name"] or ""
    title = (
        Text(f"{name} {rule.title.zh}".strip(), f"{name}: {rule.title.en}".strip(": ")) if rule else Text(name, name)
    )
    return {
        **journal_record(row),
        "key": f"alarm:{row['alarm_id']}" if row["alarm_id"] is not None else "",
        "title": both(title),
        "said": {lang: " · ".join(said(row["given"], lang)) for lang in ("zh", "en")},
    }


def journal_record(row: Row) -> dict[str, Any]:
    word = ENTRIES.get(row["entry"], Text(row["entry"], row["entry"]))
    return {
        "id": row["journal_id"],
        "entry": row["entry"],
        "text": both(word),
        "at": iso(row["at"]),
        "recorded_at": iso(row["recorded_at"]),
        "state_after": row["state_after"],
        "actor": row["actor"],
        "by": row["actor_name"] or ("系统" if row["actor"] == "system" else row["actor"]),
        "by_text": both(Text("系统", "system")) if row["actor"] == "system" else None,
        "given": row["given"],
    }
