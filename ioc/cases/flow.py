"""What can be done with a case, by whom, and what becomes of it. Pure: a state and a step give the next state.

The steps themselves are data (`ioc/flows`). A case is in one stage of its flow; beside that it may be held (paused or
shelved), have one request waiting for a decision, or have ended without being closed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ioc.cases.given import checked
from ioc.declare import Flow, Step
from ioc.errors import Conflict, Forbidden, Invalid, NotFound
from ioc.flows import stage_index
from ioc.scope import Scope

APPROVE = "case.approve"


@dataclass(frozen=True, slots=True)
class State:
    """What the rules need to know of a case. `request`: what was given with an asking step, while it waits."""

    flow: str
    stage: str
    hold: str = ""
    ended: str = ""
    asked: str = ""
    request: Mapping[str, Any] = field(default_factory=dict[str, Any])
    department: str | None = None
    officer: str = ""
    satisfaction: int | None = None
    responded_at: dt.datetime | None = None
    closed_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken: the state after it and what was given, checked."""

    step: Step
    before: State
    after: State
    given: Mapping[str, Any]


def choices(flow: Flow, state: State, scope: Scope, officer: str = "") -> tuple[Step, ...]:
    """The steps this asker may take now. `officer`: the asker's own name as cases carry it."""
    return tuple(s for s in flow.steps if possible(flow, s, state) and _may(s, state, scope, officer))


def take(
    flow: Flow, key: str, state: State, given: Mapping[str, Any], scope: Scope, now: dt.datetime, officer: str = ""
) -> Taken:
    """The case after a step.

    Raises NotFound for a step the flow does not have, Conflict where it cannot be taken now (saying where it can),
    Forbidden for who may not, Invalid with every reason for what is missing or wrong in `given`.
    """
    step = next((s for s in flow.steps if s.key == key), None)
    if step is None:
        raise NotFound(f"步骤 {key}", f"step {key}")
    if not possible(flow, step, state):
        raise Conflict(*_why_not(flow, step, state))
    if not _may(step, state, scope, officer):
        raise Forbidden(*_who(step))
    found, reasons = checked(step.needs, given, step.may)
    if reasons:
        raise Invalid(reasons=reasons)
    return Taken(step, state, _after(flow, step, state, found, now), found)


def possible(flow: Flow, step: Step, state: State) -> bool:
    """Whether the state allows the step, whoever asks."""
    if state.ended:
        return False
    if state.stage not in step.at and not (step.reopens and _closed(flow, state)):
        return False
    if step.resumes:
        return bool(state.hold)
    # nothing is worked on meanwhile; what is said, asked or decided about it goes on
    if state.hold and (step.to or step.holds or step.own or step.ends in ("refused", "false_alarm")):
        return False
    if step.asks:
        return not state.asked
    if step.grants or step.denies:
        return state.asked == (step.grants or step.denies)
    return True


# ------------------------------------------------------------ parts


def _closed(flow: Flow, state: State) -> bool:
    return stage_index(flow, state.stage) >= stage_index(flow, flow.closed)


def _may(step: Step, state: State, scope: Scope, officer: str) -> bool:
    if not scope.can(step.permission):
        return False
    return not step.own or scope.can(APPROVE) or _has(state, scope, officer)


def _has(state: State, scope: Scope, officer: str) -> bool:
    """The case was given to the asker: by name, or to the asker's department."""
    if officer and state.officer == officer:
        return True
    return state.department is not None and scope.departments is not None and state.department in scope.departments


def _after(flow: Flow, step: Step, state: State, given: Mapping[str, Any], now: dt.datetime) -> State:
    new = replace(
        state,
        stage=step.to or state.stage,
        ended=step.ends or state.ended,
        hold="" if step.resumes else step.holds or state.hold,
        department=given.get("department", state.department),
        officer=given.get("officer", state.officer),
        satisfaction=given.get("satisfaction", state.satisfaction),
    )
    if step.asks:
        new = replace(new, asked=step.asks, request=dict(given))
    elif step.grants or step.denies or new.stage != state.stage or new.ended:
        new = replace(new, asked="", request={})  # a case that has moved on has nothing left to decide
    first = flow.stages[0][0]
    if state.responded_at is None and new.stage not in ("", first):
        new = replace(new, responded_at=now)
    if step.reopens:
        return replace(new, closed_at=None)
    if state.closed_at is None and (new.ended or new.stage == flow.closed):
        return replace(new, closed_at=now, hold="")
    return new


def _words(flow: Flow, stages: Sequence[str]) -> tuple[str, str]:
    found = [flow.stages[stage_index(flow, s)][1] for s in stages]
    return "、".join(w.zh for w in found), ", ".join(w.en for w in found)


_ENDED = {
    "void": ("已作废", "void"),
    "refused": ("已不予受理", "refused"),
    "false_alarm": ("已作误报", "a false alarm"),
    "merged": ("已并入其他办件", "part of another case"),
}
_HELD = {"paused": ("已暂停计时", "paused"), "shelved": ("已挂账", "shelved")}


def _why_not(flow: Flow, step: Step, state: State) -> tuple[str, str]:
    if state.ended:
        zh, en = _ENDED[state.ended]
        return f"办件{zh}，不能{step.title.zh}", f"the case is {en}: no {step.key}"
    if state.stage not in step.at:
        (now_zh, now_en), (at_zh, at_en) = _words(flow, (state.stage,)), _words(flow, step.at)
        return (
            f"办件在{now_zh}环节，{step.title.zh}只能在{at_zh}环节",
            f"the case is at {now_en}; {step.key} needs {at_en}",
        )
    if state.hold and not step.resumes:
        zh, en = _HELD[state.hold]
        return f"办件{zh}，须先恢复计时", f"the case is {en}: resume it first"
    if step.asks:
        return "已有申请待审批", "another request waits for its decision"
    return "没有可处理的申请或暂停", "nothing of this kind waits"


def _who(step: Step) -> tuple[str, str]:
    if step.own:
        return f"{step.title.zh}只能由承办部门或承办人操作", f"{step.key}: only by who has the case"
    return f"需要权限 {step.permission}", f"needs the right {step.permission}"
