"""One step of a checklist: to do, done, or skipped with a reason, which is the deviation from the plan. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ioc.errors import Conflict, Invalid, Reason

STATES = ("todo", "done", "skipped")
REASON_MAX = 1000


def due(started_at: dt.datetime, deadline_min: int | None) -> dt.datetime | None:
    return None if deadline_min is None else started_at + dt.timedelta(minutes=deadline_min)


def late(state: str, done_at: dt.datetime | None, due_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Done after its deadline, or still to do when it has passed. What was skipped is never late."""
    if due_at is None or state == "skipped":
        return False
    return (done_at if state == "done" and done_at is not None else now) > due_at


def after(
    step: Mapping[str, Any], state: str, who: tuple[str, str], reason: str, receipt_by: str, now: dt.datetime,
    at: dt.datetime | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The step's columns afterwards. `at`: when it was done, where that was before now.

    Raises Invalid (no such state, skipped without a reason, done without the receipt it needs, a future time),
    Conflict for what is so already.
    """
    if state not in STATES:
        zh, en = f"应为 {'、'.join(STATES)} 之一", f"must be one of {', '.join(STATES)}"
        raise Invalid(reasons=[Reason("state", "bad_choice", zh, en, state)])
    faults: list[Reason] = []
    if state == "skipped" and not reason:
        faults.append(Reason("reason", "missing_field", "未执行须说明原因", "say why it is not done"))
    if state == "done" and step["receipt"] and not receipt_by:
        faults.append(Reason("receipt_by", "missing_field", "该步骤须有回执人", "this step needs who confirms it"))
    if at is not None and at > now:
        faults.append(Reason("at", "future_time", "晚于当前时间", "in the future", at.isoformat()))
    if faults:
        raise Invalid(reasons=faults)
    if state == step["state"]:
        raise Conflict("该步骤已是此状态", "the step is so already", {"version": step["version"]})
    done_at = None if state == "todo" else (at or now)
    return {
        "state": state,
        "done_at": done_at,
        "done_by": "" if state == "todo" else who[0],
        "done_name": "" if state == "todo" else who[1],
        "late": state == "done" and late(state, done_at, step["due_at"], now),
        "reason": reason or (step["reason"] if step["added"] else ""),
        "receipt_by": receipt_by if state == "done" else "",
    }
