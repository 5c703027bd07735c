"""The life of one alarm as ISA-18.2 (IEC 62682) draws it: what can happen to it, and what it is afterwards. Pure.

未确认 unack -> 已确认 acked -> 恢复 normal (ended), or 未确认 -> 已恢复未确认 rtn_unack -> 恢复. Three holds lie over
these states and do not change them: shelved (搁置, by a person), suppressed by design (设计抑制, by another alarm)
and out of service (停用, by the shift chief). What is held makes no sound, sends nothing and does not count.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ioc.errors import Conflict, Invalid, Reason
from ioc.i18n import Text

State = Literal["unack", "acked", "rtn_unack", "normal"]
Hold = Literal["", "shelved", "suppressed", "out_of_service"]
STATES: Mapping[State, Text] = {
    "unack": Text("未确认", "Unacknowledged"),
    "acked": Text("已确认", "Acknowledged"),
    "rtn_unack": Text("已恢复未确认", "Returned, unacknowledged"),
    "normal": Text("恢复", "Returned to normal"),
}
HOLDS: Mapping[Hold, Text] = {
    "shelved": Text("已搁置", "Shelved"),
    "suppressed": Text("设计抑制", "Suppressed by design"),
    "out_of_service": Text("停用", "Out of service"),
}
SHELF_MINUTES = (15, 30, 60)  # offered; any whole number of minutes up to the longest is accepted
SHELF_MAX = dt.timedelta(hours=4)
FALSE_CAUSES: Mapping[str, Text] = {
    "sensor": Text("传感器故障", "Sensor fault"),
    "interference": Text("环境干扰", "Interference"),
    "test": Text("测试或检修", "Test or maintenance"),
    "limit": Text("阈值不当", "Wrong limit"),
    "other": Text("其他", "Other"),
}
# Which hold a new one gives way to: the chief's word over the design's, the design's over a shelf.
_RANK: Mapping[Hold, int] = {"": 0, "shelved": 1, "suppressed": 2, "out_of_service": 3}


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the rules of its life need to know of an alarm."""

    state: State
    priority: str
    raised_at: dt.datetime
    hold: Hold = ""
    hold_until: dt.datetime | None = None
    acked_by: str = ""
    acked_at: dt.datetime | None = None
    cleared_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    realarms: int = 0

    @property
    def open(self) -> bool:
        return self.ended_at is None

    @property
    def active(self) -> bool:
        """The condition itself stands."""
        return self.state in ("unack", "acked")


def possible(state: str, hold: str, priority: str, ended: bool, in_case: bool) -> list[str]:
    """What people may do with an alarm as it is now, by the names of the API's actions; rights are another matter."""
    if ended:
        return []
    out = ["ack"] if state in ("unack", "rtn_unack") else []
    if hold == "shelved":
        out.append("unshelve")
    elif not hold and priority != "urgent":
        out.append("shelve")
    out.append("false_alarm")
    out.append("in_service" if hold == "out_of_service" else "out_of_service")
    return out if in_case else [*out, "case"]


def begin(priority: str, at: dt.datetime, hold: Hold = "", hold_until: dt.datetime | None = None) -> Alarm:
    """A new alarm. An urgent one is never shelved nor suppressed."""
    if priority == "urgent" and hold in ("shelved", "suppressed"):
        hold, hold_until = "", None
    return Alarm("unack", priority, at, hold, hold_until if hold == "shelved" else None)


def raised_again(alarm: Alarm, at: dt.datetime) -> Alarm:
    """The condition came back before anybody acknowledged that it had gone: the same alarm, raised anew."""
    if alarm.state != "rtn_unack":
        return alarm
    return replace(alarm, state="unack", cleared_at=None, raised_at=at, realarms=alarm.realarms + 1)


def cleared(alarm: Alarm, at: dt.datetime) -> Alarm:
    """The condition is gone. Acknowledged alarms end with it, and so do those nobody was shown."""
    if not alarm.active:
        return alarm
    if alarm.state == "acked" or alarm.hold in ("suppressed", "out_of_service"):
        return replace(alarm, state="normal", cleared_at=at, ended_at=at, hold="", hold_until=None)
    return replace(alarm, state="rtn_unack", cleared_at=at)


def acknowledged(alarm: Alarm, by: str, at: dt.datetime) -> Alarm:
    """One acknowledges for all seats. Raises Conflict where somebody has, or where it is over."""
    _open(alarm)
    if alarm.state == "acked":
        raise Conflict(f"{alarm.acked_by} 已确认", f"acknowledged by {alarm.acked_by}", {"acked_by": alarm.acked_by})
    if alarm.state == "rtn_unack":
        return replace(alarm, state="normal", acked_by=by, acked_at=at, ended_at=at, hold="", hold_until=None)
    return replace(alarm, state="acked", acked_by=by, acked_at=at)


def reannounced(alarm: Alarm, at: dt.datetime) -> Alarm:
    """Acknowledged long ago and still there: it asks again (re-alarm)."""
    if alarm.state != "acked":
        return alarm
    return replace(alarm, state="unack", acked_by="", acked_at=None, raised_at=at, realarms=alarm.realarms + 1)


def shelved(alarm: Alarm, minutes: int, reason: str, at: dt.datetime) -> Alarm:
    """Out of sight for a time. Raises Conflict for an urgent, held or ended alarm, Invalid for a bad time or reason."""
    _open(alarm)
    reasons: list[Reason] = []
    most = int(SHELF_MAX.total_seconds() // 60)
    if not 1 <= minutes <= most:
        reasons.append(Reason("minutes", "bad_shelf", f"1 到 {most} 分钟", f"1 to {most} minutes", str(minutes)))
    if not reason.strip():
        reasons.append(Reason("reason", "missing_field", "须写明原因", "a reason is needed"))
    if reasons:
        raise Invalid(reasons=reasons)
    if alarm.priority == "urgent":
        raise Conflict("紧急告警不得搁置", "an urgent alarm is never shelved")
    if alarm.hold:
        raise Conflict(HOLDS[alarm.hold].zh, HOLDS[alarm.hold].en.lower(), {"hold": alarm.hold})
    return replace(alarm, hold="shelved", hold_until=at + dt.timedelta(minutes=minutes))


def held(alarm: Alarm, hold: Hold) -> Alarm:
    """Suppressed by design, or taken out of service. A weaker hold gives way; urgent alarms are not suppressed."""
    if not alarm.open or _RANK[hold] <= _RANK[alarm.hold] or (hold == "suppressed" and alarm.priority == "urgent"):
        return alarm
    return replace(alarm, hold=hold, hold_until=None)


def released(alarm: Alarm, hold: Hold) -> Alarm:
    """The hold ends, if it is the one named."""
    return replace(alarm, hold="", hold_until=None) if alarm.open and alarm.hold == hold else alarm


def false(alarm: Alarm, cause: str, at: dt.datetime) -> Alarm:
    """误报: over, whatever the sensor still says; it is raised again after the condition has gone and come back."""
    _open(alarm)
    if cause not in FALSE_CAUSES:
        words = ", ".join(FALSE_CAUSES)
        raise Invalid(reasons=[Reason("cause", "bad_choice", f"应为 {words} 之一", f"must be one of {words}", cause)])
    return replace(alarm, state="normal", ended_at=at, hold="", hold_until=None)


def _open(alarm: Alarm) -> None:
    if not alarm.open:
        raise Conflict("告警已结束", "the alarm is over")
