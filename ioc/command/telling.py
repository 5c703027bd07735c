"""A step of an incident in words, and whether it is one of those that matter (关键). Pure: from what was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.command.life import ACTS, ROMAN
from ioc.command.marks import KINDS as MARKS
from ioc.command.orders import RECEIPTS
from ioc.command.reporting import KINDS, STEPS
from ioc.flows import flows, step_title
from ioc.i18n import Text

Given = Mapping[str, Any]
# Steps beside the acts: where an incident comes from, its orders, reports, notices and marks.
OTHERS: Mapping[str, tuple[Text, bool]] = {
    "open": (Text("接报", "Received"), True),
    "merged": (Text("并入本事件", "Merged into this one"), True),
    "origin": (Text("来源", "Origin"), True),
    "task": (Text("下达任务", "Order"), True),
    **{f"task_{r.key}": (r.title, r.key in ("done", "unable", "withdraw")) for r in RECEIPTS.values()},
    "report": (Text("拟报告", "Report drafted"), False),
    **{f"report_{k}": (v[0], k in ("approve", "send")) for k, v in STEPS.items()},
    "report_edit": (Text("修改报告", "Report edited"), False),
    "phone_report": (Text("电话报告", "Reported by telephone"), True),
    "area_notice": (Text("区域通知", "Notice to an area"), True),
    "area_remind": (Text("催读", "Reminder"), False),
    "mark": (Text("标绘", "Drawn"), False),
    "mark_change": (Text("修改标绘", "Mark changed"), False),
    "closure": (Text("封路", "Road closed"), True),
    "closure_end": (Text("解除封路", "Road opened"), True),
    "mark_remove": (Text("删除标绘", "Mark removed"), False),
    "review_edit": (Text("修改复盘", "Review edited"), False),
    "review_submit": (Text("复盘送审", "Review submitted"), True),
    "review_return": (Text("复盘退回", "Review returned"), True),
    "review_close": (Text("复盘办结", "Review closed"), True),
    "lesson": (Text("经验教训", "Lesson"), False),
    "lesson_change": (Text("修改经验教训", "Lesson changed"), False),
    "lesson_remove": (Text("删除经验教训", "Lesson removed"), False),
    "lesson_follow": (Text("整改转督办", "Lesson to be followed up"), True),
    "lesson_done": (Text("整改完成", "Lesson done"), True),
}
_ACTION = {"start": "启动", "raise": "提升", "lower": "下调", "end": "终止"}
_ACTION_EN = {"start": "start", "raise": "raise to", "lower": "lower to", "end": "end"}


def title(step: str) -> Text:
    if step in ACTS:
        return ACTS[step].title
    if step in OTHERS:
        return OTHERS[step][0]
    return step_title(flows().get("incident"), step)


def matters(step: str, given: Given) -> bool:
    """关键: by its nature, or because who logged it said so."""
    if given.get("mark") is True:
        return True
    if step in ACTS:
        return ACTS[step].mark
    return OTHERS[step][1] if step in OTHERS else step not in ("force", "plan_step")


def told(step: str, given: Given) -> Text:
    """The whole line of the timeline, without who and when: what was done, and what was said with it."""
    done, words = line(step, given), said(given)
    return Text(f"{done.zh}：{words}", f"{done.en}: {words}") if words else done


def said(given: Given) -> str:
    return str(given.get("text") or given.get("reason") or "")


def line(step: str, given: Given) -> Text:
    """What was done, in words: 批准启动市级 Ⅳ 级响应."""
    return Text(*_line(step, given))


def _line(step: str, g: Given) -> tuple[str, str]:
    level = ROMAN.get(int(g.get("level") or 0), "")
    match step:
        case "log" if g.get("call"):
            return f"与{g['call']}通话", f"spoke with {g['call']}"
        case "correct":
            return f"更正第 {g.get('refers')} 条", f"corrects {g.get('refers')}"
        case "assess" | "propose_level":
            return (f"初判 {level} 级" if level else "研判", f"proposes level {level}" if level else "assesses")
        case "confirm_level":
            return f"确认 {level} 级", f"confirms level {level}"
        case "reject_level":
            return f"不同意初判 {level} 级", f"rejects level {level}"
        case "ask_response" | "approve_response" | "deny_response":
            return _response(step, g)
        case "appoint":
            role = {"chief": "总指挥", "field": "现场指挥官"}.get(str(g.get("role")), str(g.get("title") or "负责人"))
            return f"{role}：{g.get('person')}", f"{role}: {g.get('person')}"
        case "relieve":
            return f"{g.get('person', '')} 卸任", f"{g.get('person', '')} is relieved"
        case "on_scene":
            return f"现场 {g.get('people')} 人", f"{g.get('people')} people on scene"
        case "area_notice":
            return f"通知 {g.get('people')} 人：{g.get('title')}", f"tells {g.get('people')} people: {g.get('title')}"
        case "area_remind":
            return f"催读 {g.get('people')} 人：{g.get('title')}", f"reminds {g.get('people')} people: {g.get('title')}"
        case _:
            return _about(step, g)


def _response(step: str, g: Given) -> tuple[str, str]:
    level = ROMAN.get(int(g.get("response_level") or 0), "")
    action = str(g.get("action") or "start")
    what = f"{g.get('scope') or ''}{f' {level} 级' if level else ''}响应".replace("  ", " ").strip()
    verb = {"ask_response": "申请", "approve_response": "批准", "deny_response": "不批准"}[step]
    verb_en = {"ask_response": "asks to", "approve_response": "approves to", "deny_response": "denies to"}[step]
    return f"{verb}{_ACTION[action]}{what}", f"{verb_en} {_ACTION_EN[action]} response {level}".strip()


def _about(step: str, g: Given) -> tuple[str, str]:
    """A title with what it is about."""
    head = title(step)
    what = ""
    if step.startswith("task"):
        what = f"{g.get('to', '')} {g.get('what', '')}".strip()
    elif step.startswith("report") or step == "phone_report":
        kind = KINDS.get(str(g.get("kind")), Text("", ""))
        return f"{head.zh}{kind.zh}", f"{head.en} {kind.en}".strip()
    elif step.startswith("mark"):
        return _mark(head, g)
    else:
        what = str(g.get("other") or "")
        if what in _ORIGINS:
            return f"{head.zh} {what}", f"{head.en} {_ORIGINS[what]}"
    return (f"{head.zh} {what}".strip(), f"{head.en} {what}".strip())


# Origins that are no record and so have no number (`opening.BY_WORD`).
_ORIGINS: Mapping[str, str] = {"人工登记": "by hand", "电话": "by telephone"}


def _mark(head: Text, g: Given) -> tuple[str, str]:
    """What was drawn, its name, who answers for it."""
    name = str(g.get("kind_zh") or "")  # a step keeps the word of its time, and that alone
    kind = next((k for k in MARKS.values() if k.zh == name), Text(name, name))
    label, who = str(g.get("label") or ""), str(g.get("responsible") or "")
    zh, en = (" ".join(p for p in (head(lang), kind(lang), label) if p) for lang in ("zh", "en"))
    return (f"{zh}，负责：{who}", f"{en}, in charge: {who}") if who else (zh, en)
