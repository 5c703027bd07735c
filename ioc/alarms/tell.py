"""Who is told of an alarm, once per transition, and who is told next when there is no receipt.

Stewards of the rule's duties first (the device's own, else those of the nearest region), then the duty officers, then
the shift chief; where no steward is known an urgent or high alarm goes to the officers at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from ioc.alarm_rules import alarm_rules
from ioc.declare import AlarmRule
from ioc.i18n import Text
from ioc.store import alarm_write as write
from ioc.store import notices, stewards
from ioc.store.pool import Conn

NEXT: Mapping[str, str] = {"steward": "officer", "officer": "chief"}
TITLES: Mapping[str, Text] = {
    "raise": Text("告警", "Alarm"),
    "realarm": Text("再次告警", "Alarm again"),
    "clear": Text("告警恢复", "Returned to normal"),
    "escalate": Text("未回执，升级", "No receipt, escalated"),
}
Told = Literal["raise", "realarm", "clear", "escalate"]


def transition(
    conn: Conn,
    item: write.Item,
    what: Told,
    params: Mapping[str, Any],
    now: dt.datetime,
    record: Mapping[str, Any] | None = None,
) -> list[write.Entry]:
    """Tell those it concerns of a raise, re-alarm or return. What is held or part of a flood sends nothing.

    `record`: the alarm's, if the caller has just told screens of it. Sets when the next one is told, as columns of the
    item; the caller saves it.
    """
    rule = alarm_rules().get(item.row["rule_key"])
    flooded = item.row.get("group_id") is not None and item.alarm.priority not in ("urgent", "high")
    if rule is None or item.alarm.hold or flooded or not params.get("notify", True):
        return []
    people = stewards.responsible(conn, item.row["device_id"], rule.stewards)
    if people:
        step = "steward"
    elif item.alarm.priority in ("urgent", "high"):
        step = "officer"
    else:
        return []
    entries = _put(conn, item, rule, what, step, people, now, record)
    if what in ("raise", "realarm") and item.alarm.open:
        due = now + dt.timedelta(seconds=float(params.get("escalate_s", 600.0)))
        item.become(item.alarm, notify_step=step, notify_due=due)
    return entries


def escalated(conn: Conn, item: write.Item, params: Mapping[str, Any], now: dt.datetime) -> list[write.Entry]:
    """Nobody has confirmed in time: the next is told, once. A receipt or an acknowledgement ends it."""
    rule = alarm_rules().get(item.row["rule_key"])
    step = NEXT.get(item.row["notify_step"], "")
    quiet = item.alarm.state != "unack" or bool(item.alarm.hold)
    if rule is None or quiet or not step or stewards.read_since(conn, f"alarm:{item.id}", item.row["received_at"]):
        item.become(item.alarm, notify_due=None)
        return []
    entries = _put(conn, item, rule, "escalate", step, [], now)
    due = now + dt.timedelta(seconds=float(params.get("escalate_s", 600.0))) if step in NEXT else None
    item.become(item.alarm, notify_step=step, notify_due=due)
    return entries


def _put(
    conn: Conn, item: write.Item, rule: AlarmRule, what: Told, step: str,
    people: Sequence[Mapping[str, Any]], now: dt.datetime, known: Mapping[str, Any] | None = None,
) -> list[write.Entry]:  # fmt: skip
    record = known or _record(conn, item, rule, now)
    entries: list[write.Entry] = []
    for to_kind, ref, phone, name in _addressees(step, people):
        key = f"alarm:{item.id}:{what}:{item.alarm.realarms}:{step}:{to_kind}:{ref}:{phone}"
        notice = _notice(key, item, record, what, to_kind, ref, phone)
        if notices.put(conn, notice, now) is not None:
            given = {"to_kind": to_kind, "to": ref, "name": name, "step": step, "of": what}
            entry = "escalate" if what == "escalate" else "notify"
            entries.append(write.Entry(item, entry, now, given=given))
    return entries


def _record(conn: Conn, item: write.Item, rule: AlarmRule, now: dt.datetime) -> Mapping[str, Any]:
    found = write.records(conn, [item.id], now)
    return found[0][1] if found else {"title": {"zh": rule.title.zh, "en": rule.title.en}, "place": ""}


def _addressees(step: str, people: Sequence[Mapping[str, Any]]) -> list[tuple[notices.ToKind, str, str, str]]:
    if step != "steward":
        return [("role", step, "", step)]
    return [
        ("account", p["login"], "", p["name"]) if p["login"] else ("person", p["name"], p["phone"], p["name"])
        for p in people
    ]


def _notice(
    key: str, item: write.Item, record: Mapping[str, Any], what: Told, to_kind: notices.ToKind, ref: str, phone: str
) -> notices.Notice:
    word = TITLES[what]
    return notices.Notice(
        key=key,
        kind=f"alarm.{ {'raise': 'raised', 'realarm': 'raised', 'clear': 'cleared', 'escalate': 'escalated'}[what] }",
        to_kind=to_kind,
        to_ref=ref,
        title=f"{word.zh}：{record['title']['zh']}",
        title_en=f"{word.en}: {record['title']['en']}",
        body=_body(item, record, "值", "限值"),
        body_en=_body(item, record, "value", "limit"),
        about=f"alarm:{item.id}",
        priority=cast("notices.Priority", item.alarm.priority),
        phone=phone,
        **{n: item.row[n] for n in ("region_id", "private_to", "sensitivity", "origin")},
    )


def _body(item: write.Item, record: Mapping[str, Any], value: str, limit: str) -> str:
    unit = record.get("unit") or ""
    parts = [str(record.get("place") or "")]
    if item.row.get("value") is not None:
        parts.append(f"{value} {item.row['value']:g} {unit}".strip())
    if item.row.get("limit_value") is not None:
        parts.append(f"{limit} {item.row['limit_value']:g} {unit}".strip())
    return " · ".join(p for p in parts if p)
