"""What a team or vehicle does: 待命 - 已调派 - 途中 - 到场 - 待命, and 停用. Pure.

Bound, en route and on scene belong to one incident; available and off belong to none. It may be sent from one incident
straight to another, and fall out at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from ioc.errors import Conflict, Invalid, Reason

Status = Literal["available", "bound", "en_route", "on_scene", "off"]
STATUSES: tuple[Status, ...] = get_args(Status)
BUSY: frozenset[str] = frozenset({"bound", "en_route", "on_scene"})
WORDS: Mapping[str, tuple[str, str]] = {
    "available": ("待命", "available"),
    "bound": ("已调派", "bound"),
    "en_route": ("途中", "en route"),
    "on_scene": ("到场", "on scene"),
    "off": ("停用", "off duty"),
}
# Within one incident; leaving it and being sent to another are always possible.
_ON: Mapping[str, frozenset[str]] = {
    "bound": frozenset({"en_route", "on_scene"}),
    "en_route": frozenset({"on_scene", "bound"}),
    "on_scene": frozenset({"en_route"}),
}


def known(status: str) -> Status:
    """A status of ours; a city's own word (备勤) counts as available."""
    return status if status in STATUSES else "available"


def after(status: str, case_id: int | None, wanted: str, wanted_case: int | None) -> tuple[Status, int | None]:
    """(status, incident) afterwards. The same again is the same.

    Raises Invalid for a word that is none and for an incident too many or too few, Conflict for what cannot follow.
    """
    if wanted not in STATUSES:
        zh, en = f"应为 {'、'.join(STATUSES)} 之一", f"must be one of {', '.join(STATUSES)}"
        raise Invalid(reasons=[Reason("status", "bad_choice", zh, en, wanted)])
    to, now = wanted, known(status)
    if to not in BUSY:
        if wanted_case is not None:
            zh, en = "待命与停用不属于任何事件", "belongs to no incident"
            raise Invalid(reasons=[Reason("case_id", "not_needed", zh, en)])
        return to, None
    goal = wanted_case if wanted_case is not None else case_id
    if goal is None:
        raise Invalid(reasons=[Reason("case_id", "missing_field", "必填项为空", "required")])
    if (now, case_id) == (to, goal):
        return to, goal
    if goal == case_id and to not in _ON.get(now, frozenset()):
        zh, en = WORDS[now][0], WORDS[now][1]
        raise Conflict(f"{zh}之后不能是{WORDS[to][0]}", f"{WORDS[to][1]} cannot follow {en}")
    if goal != case_id and to != "bound":
        raise Conflict("须先调派到该事件", "it must be bound to this incident first")
    if goal != case_id and now == "off":
        raise Conflict("已停用，须先恢复待命", "it is off duty: make it available first")
    return to, goal
