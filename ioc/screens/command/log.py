"""The timeline of a command workspace and its orders, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command import forms
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.state import View

Row = Mapping[str, Any]
OPEN = ("issued", "signed", "working")


def entries(rows: Sequence[Row], view: View) -> list[Any]:
    """Timeline entries of docs/command.md, newest first; a corrected one is struck and names its correction."""
    if not rows:
        return [html.P(t("cmd.log.none", view.lang), className="none")]
    out: list[Any] = []
    for row in rows:
        at = fmt.when(row.get("happened_at") or row.get("at"))
        corrected = row.get("corrected_by") is not None
        state = "now" if row is rows[0] else "key" if row.get("matters") else ""
        who = html.B(str(row.get("by") or ""))
        text = str(row.get("text") or "")
        done = fmt.word(row, view.lang)
        if row.get("step") == "log" and text:
            done = text  # what somebody wrote speaks for itself
        elif text:
            done += f"：{text}" if view.lang == "zh" else f": {text}"
        words: list[Any] = [who, " ", done]
        if row.get("refers") is not None:
            words.append(html.Em(t("cmd.log.corrects", view.lang, no=row["refers"])))
        photos = [html.A(icon("photo"), href=f"/api/v1/attachments/{p['attachment_id']}", target="_blank",
                         className="cph") for p in row.get("photos") or ()]  # fmt: skip
        attrs = {"data-no": str(row.get("no")), "data-key": "1" if row.get("matters") else ""}
        out += [
            html.Time(fmt.moment(at, view) if at else "", className="num", dateTime=fmt.iso(at) or ""),
            html.I(className=state),
            html.P([*words, *photos], className="old" if corrected else "", **attrs),
        ]
    return [html.Div(out, className="log")]


def orders(rows: Sequence[Row], view: View) -> list[Any]:
    """Orders by what is open first, with what is late inverted; each with the steps the asker may take."""
    if not rows:
        return [html.P(t("cmd.task.none", view.lang), className="none")]
    ranked = sorted(rows, key=lambda r: (r.get("state") not in OPEN, not r.get("late"), str(r.get("due_at") or "~")))
    return [html.Ul([_order(row, view) for row in ranked], className="ctasks")]


def _order(row: Row, view: View) -> Component:
    lang = view.lang
    due, to = fmt.when(row.get("due_at")), row.get("to") or {}
    name = " · ".join(str(p) for p in (to.get("name"), to.get("department")) if p)
    late = row.get("late") and row.get("state") in OPEN
    state = html.Em(t("cmd.task.late", lang) if late else fmt.word(row, lang), className="late" if late else "")
    when = fmt.moment(due, view) if due else ""
    steps = [_receipt(row, step, lang) for step in row.get("may") or ()]
    why = str(row.get("reason") or row.get("result") or "")
    return html.Li(
        [
            html.Div([html.B(str(row.get("what") or ""), className="ellip"), state]),
            html.P([name, html.Span(t("cmd.task.by", lang, at=when), className="num") if when else ""]),
            *([html.P(why, className="mut")] if why else []),
            *([html.Div(steps, className="csteps")] if steps else []),
        ],
        className=f"st-{row.get('state')}",
        **{"data-task": str(row.get("task_id"))},
    )


def _receipt(row: Row, step: Row, lang: str) -> Component:
    title = fmt.word(step, lang)
    form = {
        "post": f"/api/v1/tasks/{row.get('task_id')}/steps", "under": "given", "queue": True, "title": title,
        "sub": str(row.get("what") or ""), "body": {"step": step["step"], "version": row.get("version")},
        "fields": forms.fields(step.get("needs") or (), step.get("may") or (), {}, lang), "words": forms.words(lang),
    }  # fmt: skip
    return forms.button(title, form)


# ---------------------------------------------------------------- reports


def reports(rows: Sequence[Row], case_id: int, view: View, may: bool) -> list[Any]:
    """首报, 续报, 终报: their state, text, proof of delivery and next steps; above them the ways to begin one."""
    lang = view.lang
    begin = html.Div([_draft(case_id, lang), _phoned(case_id, lang)], className="csteps") if may else None
    listed = html.Ul([_report(row, case_id, view) for row in rows], className="ctasks") if rows else None
    empty = html.P(t("cmd.report.none", lang), className="none")
    return [*([begin] if begin is not None else []), listed if listed is not None else empty]


def _draft(case_id: int, lang: str) -> Component:
    kinds = [(k, t(f"cmd.report.{k}", lang)) for k in ("first", "follow", "final")]
    form = {
        "post": f"/api/v1/incidents/{case_id}/reports", "queue": True, "title": t("cmd.report.draft", lang), "sub": "",
        "body": {"how": "written"}, "fields": forms.fields(("kind",), (), {"kind": kinds}, lang),
        "words": forms.words(lang),
    }  # fmt: skip
    return forms.button(t("cmd.report.draft", lang), form)


def _phoned(case_id: int, lang: str) -> Component:
    form = {
        "post": f"/api/v1/incidents/{case_id}/reports", "queue": True, "title": t("cmd.report.phone", lang), "sub": "",
        "body": {"how": "phone"}, "fields": forms.fields(("person", "text"), (), {}, lang), "rename": {"person": "to"},
        "words": forms.words(lang),
    }  # fmt: skip
    return forms.button(t("cmd.report.phone", lang), form)


def _report(row: Row, case_id: int, view: View) -> Component:
    lang = view.lang
    sent = fmt.when(row.get("sent_at") or row.get("approved_at") or row.get("drafted_at"))
    url = f"/api/v1/incidents/{case_id}/reports/{row['report_id']}"
    said = [p for p in (row.get("sent_by") or row.get("approved_by") or row.get("drafted_by"),
                        fmt.moment(sent, view) if sent else "") if p]  # fmt: skip
    proof: Row = row.get("delivery") or {}
    told = (
        t("cmd.report.proof", lang, total=proof["total"], delivered=proof["delivered"], read=proof["read"])
        if proof
        else ""
    )
    steps = [_report_step(row, step, url, lang) for step in row.get("may") or ()]
    late = html.Em(t("cmd.task.late", lang), className="late") if row.get("late") else None
    state = html.Em(fmt.word(row.get("state_text"), lang))
    return html.Li(
        [
            html.Div([html.B(f"{fmt.word(row, lang)} · {row.get('title') or ''}", className="ellip"), state]),
            html.P([" ".join(str(p) for p in said), html.Span([told, *([late] if late else [])], className="num")]),
            html.Details([html.Summary(t("cmd.report.text", lang)), html.Pre(str(row.get("text") or ""))]),
            html.Div([*([_edit(row, url, lang)] if row.get("state") == "draft" else []), *steps], className="csteps"),
        ],
        className=f"st-{row.get('state')}",
    )


def _report_step(row: Row, step: Row, url: str, lang: str) -> Component:
    needs = ("reason",) if step["step"] in ("return", "void") else ()
    form = {
        "post": f"{url}/steps", "queue": True, "title": fmt.word(step, lang), "sub": str(row.get("title") or ""),
        "body": {"step": step["step"], "version": row.get("version")}, "words": forms.words(lang),
        "fields": forms.fields(needs, (), {}, lang),
    }  # fmt: skip
    return forms.button(fmt.word(step, lang), form)


def _edit(row: Row, url: str, lang: str) -> Component:
    text = {**forms.field("text", {}, lang), "value": str(row.get("text") or ""), "rows": 14, "most": 20_000}
    to = {**forms.field("recipients", {}, lang), "optional": True,
          "value": "、".join(f"{r['ref']}" for r in row.get("recipients") or ())}  # fmt: skip
    form = {
        "post": url, "method": "PUT", "queue": True, "title": t("cmd.report.edit", lang), "words": forms.words(lang),
        "sub": str(row.get("title") or ""), "body": {"version": row.get("version")}, "fields": [text, to],
        "departments": "recipients",
    }  # fmt: skip
    return forms.button(t("cmd.report.edit", lang), form)


# ---------------------------------------------------------------- notices to areas


def notices(rows: Sequence[Row], case_id: int, view: View, may: bool) -> list[Any]:
    """Notices to areas with their rates and who has not read them."""
    lang = view.lang
    form = {
        "post": "/api/v1/area-notices", "queue": True, "title": t("cmd.notice", lang), "sub": "",
        "body": {"case_id": case_id}, "fields": forms.fields(("title", "body", "area"), (), {}, lang),
        "words": forms.words(lang),
    }  # fmt: skip
    begin = [html.Div(forms.button([icon("msg"), t("cmd.notice.send", lang)], form), className="csteps")] if may else []
    if not rows:
        return [*begin, html.P(t("cmd.notice.none", lang), className="none")]
    return [*begin, html.Ul([_notice(row, view, may) for row in rows], className="ctasks")]


def _notice(row: Row, view: View, may: bool) -> Component:
    lang = view.lang
    at = fmt.when(row.get("at"))
    rates = t("cmd.notice.rates", lang, total=row.get("total") or 0, delivered=row.get("delivered") or 0,
              read=row.get("read") or 0)  # fmt: skip
    unread = [str(p.get("name") or p) if isinstance(p, Mapping) else str(p) for p in row.get("unread") or ()]
    form = {
        "post": f"/api/v1/area-notices/{row['area_notice_id']}/remind", "queue": True, "fields": [], "body": {},
        "title": t("cmd.notice.remind", lang), "sub": str(row.get("title") or ""), "words": forms.words(lang),
    }  # fmt: skip
    again = [html.Div(forms.button(t("cmd.notice.remind", lang), form), className="csteps")] if may and unread else []
    names = fmt.listed(unread[:30], lang) + ("…" if len(unread) > 30 else "")
    return html.Li(
        [
            html.Div(
                [html.B(str(row.get("title") or ""), className="ellip"), html.Em(fmt.moment(at, view) if at else "")]
            ),
            html.P([str(row.get("by") or row.get("by_name") or ""), html.Span(rates, className="num")]),
            *([html.P(t("cmd.notice.unread", lang, names=names), className="mut")] if unread else []),
            *again,
        ]
    )
