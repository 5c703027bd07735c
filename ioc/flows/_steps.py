"""Steps that every flow has beside its own line: endings, returns, requests, holds, transfers (GB/T 30428.8 practice).

Each function gives a step for the stages it is told; the words are those of the desk.
"""

from __future__ import annotations

from ioc.declare import Step
from ioc.i18n import Text

# Rights, as the roles of migration 071 have them.
ACCEPT, DISPATCH, HANDLE, VERIFY, CLOSE = "case.accept", "case.dispatch", "case.handle", "case.verify", "case.close"
APPROVE, SUPERVISE, INSTRUCT = "case.approve", "case.supervise", "case.instruct"


# What is done with a case beside its flow, in the words of its history.
BESIDE = {
    "join": Text("归并来源", "Joined a report"),
    "unjoin": Text("拆出来源", "Took a report out"),
    "merge": Text("合并办件", "Merged a case"),
    "merged": Text("并入办件", "Merged into a case"),
    "unmerge": Text("撤销合并", "Took a merger back"),
    "unmerged": Text("恢复办理", "Stands by itself again"),
    "raise": Text("升级为突发事件", "Raised to an incident"),
    "raised": Text("由办件升级", "Raised from a case"),
    "force": Text("力量调派", "Forces"),
    "plan": Text("启用预案清单", "Plan chosen"),
    "plan_step": Text("预案步骤", "Step of the plan"),
}
# What may be said with a rating beside the number.
RATED = ("resolved", "tags")


def handled(forwarded: str, found: tuple[str, ...], done: Text, end: Text) -> tuple[Step, ...]:
    """Signed for, done, verified, closed: the line of a case that is checked on the spot. `found`: the stages in which
    who found it may deal with it at once (自处理), with pictures before and after. `done`, `end`: its own words."""
    handling, verified, closed = "handling", "verified", "closed"
    return (
        Step("sign", Text("签收", "Sign for"), (forwarded,), HANDLE, to=handling, own=True, clock="stage"),
        Step("finish", done, (handling,), HANDLE, to=verified, own=True, needs=("result",), clock="stage"),
        Step("self_handle", Text("自处理", "Handled on the spot"), found, HANDLE, to=verified,
             needs=("result", "photo_before", "photo_after"), clock="stage"),
        Step("rework", Text("返工", "Rework"), (verified,), VERIFY, to=handling, needs=("reason",), clock="stage"),
        Step("close", end, (verified,), VERIFY, to=closed, clock="end"),
    )  # fmt: skip


def aside(open_: tuple[str, ...], first: tuple[str, ...], handling: str, back_to: str, closed: str) -> tuple[Step, ...]:
    """The common steps. `open_`: every stage before the case is closed; `first`: those before it is accepted or
    forwarded; `handling`: where work is done; `back_to`: where a returned case waits; `closed`: the closing stage."""
    worked = tuple(s for s in open_ if s not in first)
    return (
        *_endings(open_, first, worked),
        *_there(handling),
        *_requests(open_, handling),
        *_holds(handling),
        *_moves(open_, worked, back_to),
        Step("reopen", Text("重开", "Reopen"), (closed,), CLOSE, to=handling, needs=("reason",), reopens=True,
             clock="again"),
    )  # fmt: skip


def _endings(open_: tuple[str, ...], first: tuple[str, ...], worked: tuple[str, ...]) -> tuple[Step, ...]:
    why = ("reason",)
    return (
        Step("refuse", Text("不予受理", "Refuse"), first, ACCEPT, needs=why, ends="refused", clock="end"),
        Step("false_alarm", Text("误报", "False alarm"), worked, VERIFY, needs=why, ends="false_alarm", clock="end"),
        Step("ask_void", Text("申请作废", "Ask to void"), open_, DISPATCH, needs=why, asks="void"),
        Step("grant_void", Text("同意作废", "Void"), open_, APPROVE, grants="void", ends="void", clock="end"),
        Step("deny_void", Text("不同意作废", "Do not void"), open_, APPROVE, needs=why, denies="void"),
    )


def _there(handling: str) -> tuple[Step, ...]:
    """到场: place and time of who works on it; the case stays where it is."""
    return (Step("arrive", Text("到场", "Arrive"), (handling,), HANDLE, own=True, needs=("place",)),)


def _requests(open_: tuple[str, ...], handling: str) -> tuple[Step, ...]:
    at, why = (handling,), ("reason",)
    return (
        Step("ask_extension", Text("申请延期", "Ask for time"), at, HANDLE, own=True,
             needs=("reason", "amount", "unit"), asks="extension"),
        Step("grant_extension", Text("同意延期", "Grant time"), at, APPROVE, grants="extension", clock="extend"),
        Step("deny_extension", Text("不同意延期", "Refuse time"), at, APPROVE, needs=why, denies="extension"),
        Step("ask_shelf", Text("申请挂账", "Ask to shelve"), at, HANDLE, own=True, needs=("reason", "review_on"),
             asks="shelf"),
        Step("grant_shelf", Text("同意挂账", "Shelve"), at, APPROVE, grants="shelf", holds="shelved", clock="stop"),
        Step("deny_shelf", Text("不同意挂账", "Do not shelve"), at, APPROVE, needs=why, denies="shelf"),
        Step("urge", Text("催办", "Urge"), open_, SUPERVISE, needs=("text",)),
        Step("supervise", Text("督办", "Supervise"), open_, SUPERVISE, needs=("text", "until"), may=("owner",)),
        Step("instruct", Text("批示", "Instruct"), open_, INSTRUCT, needs=("text",), may=("until", "owner")),
    )  # fmt: skip


def _holds(handling: str) -> tuple[Step, ...]:
    at = (handling,)
    return (
        Step("pause", Text("暂停计时", "Stop the clock"), at, APPROVE, needs=("reason",), holds="paused", clock="stop"),
        Step("resume", Text("恢复计时", "Start the clock"), at, APPROVE, resumes=True, clock="go"),
    )


def _moves(open_: tuple[str, ...], worked: tuple[str, ...], back_to: str) -> tuple[Step, ...]:
    returned = tuple(s for s in worked if s != back_to)
    return (
        Step("return", Text("退回", "Return"), returned, HANDLE, to=back_to, own=True, needs=("reason",),
             clock="stage"),
        Step("pass_down", Text("转派下级", "Pass down"), open_, DISPATCH, needs=("region", "reason")),
        Step("pass_up", Text("上报（吹哨）", "Call the level above"), open_, DISPATCH, needs=("reason",)),
        Step("correct_place", Text("更正位置", "Correct the place"), open_, DISPATCH, needs=("place", "reason")),
        Step("note", Text("备注", "Note"), open_, HANDLE, needs=("text",)),
    )  # fmt: skip
