"""The life of an incident: 接报-研判-启动响应-处置-终止, and what may be done in it, by whom. Pure, over one state.

The level (Ⅰ–Ⅳ), the colour of warnings and the response level are three things and none follows from another
(分级, 预警 and 响应 of 国家突发公共事件总体应急预案). A level is proposed by one act and confirmed by another; a
response is requested by one act and approved by another. The stages follow each other; 启动响应 is passed over only by
a decision that there is none. An ended incident stays as it is: afterwards there are only reviews.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ioc.errors import Conflict, Forbidden, NotFound
from ioc.i18n import Text
from ioc.scope import Scope

STAGES = ("received", "assessed", "response", "handling", "ended")
_WORDS: Mapping[str, str] = dict(zip(STAGES, ("接报", "研判", "启动响应", "处置", "终止"), strict=True))
OPEN = STAGES[:-1]
EVER = STAGES
ROMAN = {1: "Ⅰ", 2: "Ⅱ", 3: "Ⅲ", 4: "Ⅳ"}
Asked = Literal["", "start", "raise", "lower", "end"]

OPEN_, COMMAND, CONFIRM, APPROVE = "incident.open", "incident.command", "incident.confirm", "incident.approve"
REPORT, LOG, INSTRUCT, SUPERVISE = "incident.report", "incident.log", "case.instruct", "case.supervise"


@dataclass(frozen=True, slots=True)
class Life:
    """What the rules need to know. Levels 1-4; 0: none. `response`: the response level in force.

    `asked`: what was requested of the response and waits, `asked_level` with which level. `reports`: how many were
    sent, `final_sent`: a 终报 among them. `open_tasks`: orders that are neither done nor given back.
    """

    stage: str = "received"
    ended: str = ""  # "", ended, cancelled, merged
    proposed: int = 0
    confirmed: int = 0
    response: int = 0
    asked: Asked = ""
    asked_level: int = 0
    reports: int = 0
    final_sent: bool = False
    open_tasks: int = 0

    @property
    def over(self) -> bool:
        return self.stage == "ended"


@dataclass(frozen=True, slots=True)
class Act:
    """Something done with an incident. `needs`, `may`: what is given with it (`ioc.command.given`); `mark`: 关键, shown
    when only what matters is; `staled`: refused where the incident has changed since the asker looked."""

    key: str
    title: Text
    at: tuple[str, ...]
    right: str
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    mark: bool = False
    staled: bool = False


def _act(key: str, zh: str, en: str, at: tuple[str, ...], right: str, needs: str = "", may: str = "", *,
         mark: bool = False, staled: bool = False) -> Act:  # fmt: skip
    return Act(key, Text(zh, en), at, right, tuple(needs.split()), tuple(may.split()), mark, staled)


_LATER = ("assessed", "response", "handling")
ACTS: Mapping[str, Act] = {
    a.key: a
    for a in (
        _act("assess", "研判", "Assess", ("received",), OPEN_, "text", "level class type", mark=True, staled=True),
        _act("propose_level", "初判级别", "Propose a level", OPEN, OPEN_, "level reason", mark=True, staled=True),
        _act("confirm_level", "确认级别", "Confirm the level", OPEN, CONFIRM, "", "text", mark=True, staled=True),
        _act("reject_level", "不同意初判级别", "Reject the level", OPEN, CONFIRM, "reason", mark=True, staled=True),
        _act("ask_response", "申请响应", "Ask for a response", _LATER, COMMAND, "response_level reason",
             "document scope", mark=True, staled=True),
        _act("approve_response", "批准响应", "Approve the response", _LATER, APPROVE, "", "document text", mark=True,
             staled=True),
        _act("deny_response", "不批准响应", "Deny the response", _LATER, APPROVE, "reason", mark=True, staled=True),
        _act("no_response", "不启动响应", "No response", ("assessed",), APPROVE, "reason", mark=True, staled=True),
        _act("handle", "进入处置", "Begin handling", ("response",), COMMAND, "", "text", mark=True, staled=True),
        _act("end", "终止", "End", ("handling",), APPROVE, "reason", "no_report_reason withdraw_open", mark=True,
             staled=True),
        _act("cancel", "撤销（误报）", "Cancel (false alarm)", ("received", "assessed"), CONFIRM, "reason",
             "no_report_reason withdraw_open", mark=True, staled=True),
        _act("merge", "并入", "Merge into another", OPEN, CONFIRM, "incident reason", "withdraw_open", mark=True,
             staled=True),
        _act("link", "关联", "Link", OPEN, COMMAND, "incident", "reason"),
        _act("unlink", "取消关联", "Unlink", OPEN, COMMAND, "incident", "reason"),
        _act("link_warning", "关联预警", "Link a warning", OPEN, COMMAND, "warning", "reason"),
        _act("unlink_warning", "取消关联预警", "Unlink a warning", OPEN, COMMAND, "warning", "reason"),
        _act("classify", "更正类别", "Correct the class", OPEN, OPEN_, "class", "type reason", staled=True),
        _act("correct_place", "更正位置", "Correct the place", OPEN, COMMAND, "place reason", "address", mark=True,
             staled=True),
        _act("set_area", "划定影响范围", "Set the area", OPEN, COMMAND, "area", "reason", staled=True),
        _act("appoint", "任命", "Appoint", OPEN, COMMAND, "role person", "title department login phone from_at to_at",
             mark=True),
        _act("relieve", "卸任", "Relieve", OPEN, COMMAND, "post", "reason"),
        _act("on_scene", "现场人数", "People on scene", OPEN, LOG, "people", "text"),
        _act("log", "记录", "Log", OPEN, LOG, "", "text photos happened_at mark call"),
        _act("correct", "更正记录", "Correct an entry", EVER, LOG, "refers text", "photos"),
        _act("instruct", "批示", "Instruct", OPEN, INSTRUCT, "text", "until owner", mark=True),
        _act("supervise", "督办", "Supervise", OPEN, SUPERVISE, "text until", "owner", mark=True),
        _act("review", "复盘", "Review", ("ended",), LOG, "text", "photos owner until"),
    )
}  # fmt: skip


def act_of(key: str) -> Act:
    """Raises NotFound."""
    found = ACTS.get(key)
    if found is None:
        raise NotFound(f"动作 {key}", f"act {key}")
    return found


def may(act: Act, scope: Scope) -> None:
    """Raises Forbidden. Who commands may log."""
    if not (scope.can(act.right) or (act.right == LOG and scope.can(COMMAND))):
        raise Forbidden(f"{act.title.zh}需要权限 {act.right}", f"{act.key} needs the right {act.right}")


def choices(life: Life, scope: Scope) -> list[Act]:
    """The acts this asker may do now."""
    return [a for a in ACTS.values() if not why_not(life, a) and
            (scope.can(a.right) or (a.right == LOG and scope.can(COMMAND)))]  # fmt: skip


def why_not(life: Life, act: Act) -> Text | None:
    """What stands against the act whatever is given with it; None: nothing."""
    if life.over and "ended" not in act.at:
        return Text("突发事件已终止，只能复盘", "the incident is over: only reviews")
    if life.stage not in act.at:
        now, at = _word(life.stage), "、".join(_word(s) for s in act.at)
        return Text(f"现处于{now}，{act.title.zh}只能在{at}", f"at {life.stage}: {act.key} needs {', '.join(act.at)}")
    if act.key in ("confirm_level", "reject_level") and not life.proposed:
        return Text("没有待确认的级别", "no level waits for its confirmation")
    if act.key == "ask_response" and life.asked:
        return Text("已有响应申请待批准", "a request waits already")
    if act.key in ("approve_response", "deny_response") and not life.asked:
        return Text("没有待批准的响应申请", "no request waits")
    if act.key in ("no_response", "end", "cancel", "merge") and life.asked:
        return Text("响应申请尚未批复", "a request of the response waits for its decision")
    if act.key in ("end", "cancel", "merge") and life.response:
        return Text("响应尚未终止", "the response has not been ended")
    return None


def check(life: Life, act: Act, given: Mapping[str, Any]) -> None:
    """Raises Conflict where the act is against the state, with what is given."""
    against = why_not(life, act) or _against(life, act, given)
    if against is not None:
        raise Conflict(against.zh, against.en)


def asked_action(life: Life, level: int) -> Asked:
    """What a request of `level` (0: end it) asks for. Raises Conflict where it asks for nothing."""
    if level == life.response:
        raise Conflict("响应级别未变", "that is the response in force" if level else "no response is in force")
    if not level:
        return "end"
    if not life.response:
        return "start"
    return "raise" if level < life.response else "lower"


def after(life: Life, act: Act, given: Mapping[str, Any]) -> Life:
    """The state after an act that `check` has let pass."""
    match act.key:
        case "assess":
            return replace(life, stage="assessed", proposed=given.get("level") or life.proposed)
        case "propose_level":
            return replace(life, proposed=given["level"])
        case "confirm_level":
            return replace(life, confirmed=life.proposed, proposed=0)
        case "reject_level":
            return replace(life, proposed=0)
        case "ask_response":
            level = int(given["response_level"])
            return replace(life, asked=asked_action(life, level), asked_level=level)
        case "approve_response":
            stage = "response" if life.stage == "assessed" and life.asked_level else life.stage
            return replace(life, stage=stage, response=life.asked_level, asked="", asked_level=0)
        case "deny_response":
            return replace(life, asked="", asked_level=0)
        case "no_response" | "handle":
            return replace(life, stage="handling")
        case "end" | "cancel" | "merge":
            how = {"end": "ended", "cancel": "cancelled", "merge": "merged"}[act.key]
            return replace(life, stage="ended", ended=how, open_tasks=0, proposed=0)
        case _:
            return life


def _against(life: Life, act: Act, given: Mapping[str, Any]) -> Text | None:
    if act.key == "assess" and not (given.get("level") or life.proposed or life.confirmed):
        return Text("研判须给出初判级别", "an assessment proposes a level")
    if act.key == "propose_level" and given["level"] == (life.proposed or life.confirmed):
        return Text("级别未变", "that is the level already")
    if act.key == "ask_response":
        asked_action(life, int(given["response_level"]))
    if act.key in ("end", "cancel", "merge"):
        return _ending(life, act, given)
    return None


def _ending(life: Life, act: Act, given: Mapping[str, Any]) -> Text | None:
    """终报 sent, or the reason why not; no order left in anybody's hand unless it is taken back with this."""
    owed = act.key == "end" or (act.key == "cancel" and life.reports > 0)
    if owed and not life.final_sent and not given.get("no_report_reason"):
        return Text("终报尚未报送：先报送，或写明不报送的理由", "no final report was sent: send it, or say why not")
    if life.open_tasks and not given.get("withdraw_open"):
        n = life.open_tasks
        return Text(f"还有 {n} 项任务未完成：先收回执，或随终止撤回", f"{n} orders are open: withdraw them with this")
    return None


def _word(stage: str) -> str:
    return _WORDS.get(stage, stage)
