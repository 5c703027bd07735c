"""预案: the checklist in use with owner, deadline and state of every step; before that, the plan that would fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command import forms
from ioc.screens.elements import html
from ioc.screens.marks import icon
from ioc.screens.state import View

Part = Mapping[str, Any]


def body(data: Part, view: View) -> Sequence[Any]:
    lists: Sequence[Part] = data.get("checklists") or ()
    plan: Part | None = data.get("plan")
    case_id = data.get("case_id")
    if lists:
        return [part for one in lists for part in _list(one, case_id, view)]
    if plan is None:
        return [html.P(t("cmd.plan.none", view.lang), className="cnone")]
    return _preview(plan, case_id, view)


def _list(one: Part, case_id: Any, view: View) -> list[Any]:
    lang = view.lang
    done = html.Span(t("cmd.plan.done", lang, n=one["done"], m=one["total"]))
    head = html.P([html.B(f"{one['title']} {one['roman']}"), done], className="cplanh num")
    return [head, html.Ul([_step(s, case_id, view) for s in one.get("steps") or ()], className="cplan")]


def _step(step: Part, case_id: Any, view: View) -> Any:
    """Done with its time, late inverted, or who owes it by when; pressing the box opens what can be said of it."""
    lang = view.lang
    state = str(step.get("state"))
    done, due = fmt.when(step.get("done_at")), fmt.when(step.get("due_at"))
    owner = str(step.get("department") or step.get("role") or "")
    if state == "done":
        said, class_name = (fmt.moment(done, view) if done else t("cmd.plan.did", lang)), "d"
    elif state == "skipped":
        said, class_name = t("cmd.plan.skipped", lang), "k"
    elif step.get("late"):
        said, class_name = t("cmd.plan.late", lang, span=fmt.span(-float(step.get("remaining_s") or 0), lang)), "l"
    else:
        by = t("cmd.task.by", lang, at=fmt.moment(due, view)) if due else ""
        said, class_name = " ".join(p for p in (owner, by) if p), ""
    box = html.Span(icon("check") if state == "done" else "", className="bx")
    mark = html.Button(box, type="button", className="cbox", title=t("cmd.plan.mark", lang),
                       **{"data-step": forms.packed(_form(step, case_id, lang))}) if case_id else box  # fmt: skip
    what = str(step.get("what") or "")
    return html.Li([mark, html.Span(what, className="ellip", title=what), html.Em(said, className="num")],
                   className=class_name)  # fmt: skip


def _form(step: Part, case_id: Any, lang: str) -> dict[str, Any]:
    states = [(s, t(f"cmd.plan.state.{s}", lang)) for s in ("done", "skipped", "todo")]
    return {
        "post": f"/api/v1/cases/{case_id}/steps-of-plan/{step.get('step_id')}", "queue": True, "again": ["plan"],
        "title": t("cmd.plan.mark", lang), "sub": str(step.get("what") or ""), "body": {"version": step.get("version")},
        "fields": [{"name": "state", "label": t("cmd.f.state", lang), "kind": "choice", "choices": states},
                   {"name": "receipt_by", "label": t("cmd.f.receipt_by", lang), "kind": "text",
                    "optional": not step.get("receipt")},
                   {"name": "reason", "label": t("cmd.f.reason", lang), "kind": "long", "optional": True}],
        "words": forms.words(lang),
    }  # fmt: skip


def _preview(plan: Part, case_id: Any, view: View) -> list[Any]:
    lang = view.lang
    title = html.B(f"{plan['title']} {plan['roman']}")
    head = html.P([title, html.Span(t("cmd.plan.preview", lang))], className="cplanh")
    rows = [
        html.Li(
            [
                html.Span(html.Span(className="bx")),
                html.Span(str(a["what"]), className="ellip", title=str(a["what"])),
                html.Em(str(a.get("department") or "")),
            ]
        )
        for a in plan.get("actions") or ()
    ]  # fmt: skip
    form = {
        "post": f"/api/v1/cases/{case_id}/checklists", "queue": True, "again": ["plan"], "fields": [],
        "title": t("cmd.plan.use", lang), "sub": f"{plan['title']} {plan['roman']}", "words": forms.words(lang),
        "body": {"plan_id": plan["plan_id"], "level": plan["level"]},
    }  # fmt: skip
    use = [html.Div(forms.button(t("cmd.plan.use", lang), form), className="csteps")] if case_id else []
    return [head, html.Ul(rows, className="cplan"), *use]
