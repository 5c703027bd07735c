"""`/desk/command/ID/review`: the after-action report, beside it what is filled in and the steps to its end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.command.review.figures import ENTERED, LOSSES, SPANS
from ioc.exports.work import RIGHT
from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command import forms
from ioc.screens.desk import frame
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.model import Model
from ioc.screens.state import View

Part = Mapping[str, Any]
PATH = "/desk/command"
RIGHTS = (RIGHT, "incident.report", "incident.log")
LESSON = ("text", "department", "person", "due_on")


def aftermath(model: Model) -> Component:
    """The whole page, or why there is none."""
    lang, review = model.lang, model.command.get("review")
    if not model.incident or not review:
        why = model.command.get("review_fault")
        said = model.faults.get("incident") or (why(lang) if why else t("aar.none", lang))
        back = html.A(t("cmd.back", lang), href=model.page.href(PATH), className="btn", **{"data-keep": "1"})
        return frame(model, "command", html.Div(html.Div([html.B(said), back], className="none2"), className="main"))
    words = {k: t(f"aar.{k}", lang) for k in ("waiting", "failed", "again")}
    setup = {"case": review["case_id"], "lang": lang, "words": words}
    doc = html.Section(html.P(t("aar.waiting", lang), className="wait"), id="aar-doc", className="aar-doc",
                       **{"data-scrolls": "1", "aria-label": t("aar.title", lang), "tabIndex": "0"})  # fmt: skip
    side = html.Aside(beside(model.incident, review, _rights(model), model.view), id="aar-side", className="aar-side",
                      **{"data-scrolls": "1"})  # fmt: skip
    main = html.Div(
        [doc, side], className="main aar", id="aar", **{"data-setup": json.dumps(setup, ensure_ascii=False)}
    )
    return frame(model, "command", main)


def _rights(model: Model) -> Sequence[str]:
    who = model.who
    return [r for r in RIGHTS if who is not None and who.can(r)]


def beside(incident: Part, review: Part, rights: Sequence[str], view: View) -> list[Any]:
    """Children of the side: state and steps, losses, moments, conclusion, lessons."""
    lang = view.lang
    back = html.A([icon("chev"), t("aar.back", lang)], href=f"{PATH}/{review['case_id']}", className="btn",
                  **{"data-keep": "1"})  # fmt: skip
    title = html.Div([html.H2(str(incident.get("title") or "")), back], className="ph2")
    return [title, _state(review, rights, view), _conclusion(review, lang), _losses(review, view), _times(review, view),
            _lessons(review, rights, view)]  # fmt: skip


def _box(title: str, children: Sequence[Any], *more: Any) -> Component:
    return html.Section([html.H3([title, *more]), *children])


def _url(review: Part, tail: str = "") -> str:
    return f"/api/v1/incidents/{review['case_id']}/review{tail}"


def _form(
    review: Part, title: str, fields: Sequence[Part], lang: str, *, tail: str = "", **more: Any
) -> dict[str, Any]:
    """A form of the page; `tail` of the address, `more`: method, body, nest (assets/aftermath.js)."""
    body = {"version": review["version"], **more.pop("body", {})}
    return {"queue": True, "post": _url(review, tail), "title": title, "sub": "", "body": body, "fields": list(fields),
            "words": forms.words(lang), **more}  # fmt: skip


def _field(name: str, kind: str, lang: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "label": t(f"aar.f.{name}", lang), "kind": kind, **more}


# ---------------------------------------------------------------- state


def _state(review: Part, rights: Sequence[str], view: View) -> Component:
    lang = view.lang
    lines: list[Any] = []
    for key, by, at in (("drafted_by", "drafted_by", "drafted_at"), ("submitted", "submitted_by", "submitted_at"),
                        ("closed", "closed_by", "closed_at")):  # fmt: skip
        moment = fmt.when(review.get(at))
        if moment is not None:
            name = "made_by" if key == "drafted_by" and not review.get(by) else key
            lines.append(
                html.P(t(f"aar.{name}", lang, by=review.get(by), at=fmt.moment(moment, view)), className="num")
            )
    if review.get("returned"):
        lines.append(html.P(t("aar.returned", lang, text=review["returned"]), className="bad"))
    if review.get("digest"):
        lines.append(html.P(t("aar.digest", lang, digest=str(review["digest"])), className="dig num"))
    buttons = [_step(review, step, lang) for step in review.get("may") or ()]
    if RIGHT in rights:
        to = _url(review, f"/file?lang={lang}")
        buttons.append(html.A([icon("download"), t("aar.pdf", lang)], href=to, className="btn", download=""))
    buttons.append(html.Button(t("aar.print", lang), type="button", className="btn", **{"data-aar": "print"}))
    state = html.Em(fmt.word(review.get("word"), lang), className=f"st-{review.get('state')}")
    return _box(t("aar.s.state", lang), [*lines, html.Div(buttons, className="acts")], state)


def _step(review: Part, step: Part, lang: str) -> Component:
    key, title = str(step["step"]), fmt.word(step, lang)
    fields = [_field("reason", "long", lang)] if key == "return" else []
    form = _form(review, title, fields, lang, tail="/steps", body={"step": key})
    return forms.button(title, form, "btn" if key == "return" else "btn p")


# ---------------------------------------------------------------- what is entered


def _conclusion(review: Part, lang: str) -> Component:
    text = str(review.get("conclusion") or "")
    shown = html.P(text, className="said") if text else html.P(t("aar.unfilled", lang), className="none")
    field = _field("conclusion", "long", lang, value=text, rows=10, most=20_000)
    title = t("aar.fill.conclusion", lang)
    more = [forms.button(title, _form(review, title, [field], lang, method="PUT"))] if review.get("edit") else []
    return _box(t("aar.s.conclusion", lang), [shown], *more)


def _losses(review: Part, view: View) -> Component:
    lang, found = view.lang, review.get("losses") or {}
    rows: list[Any] = []
    for key, loss in LOSSES.items():
        one: Part | None = found.get(key)
        value = f"{one['value']:,.{loss.decimals}f} {loss.unit(lang)}" if one else t("aar.unfilled", lang)
        source = html.Small(str(one["source"])) if one else None
        wipe = [_clear(review, "losses", key, loss.title(lang), lang)] if one and review.get("edit") else []
        rows.append(html.Div([html.Dt(loss.title(lang)), html.Dd([html.B(value, className="num" if one else "na"),
                    *([source] if source is not None else []), *wipe])]))  # fmt: skip
    choices = [(k, f"{x.title(lang)}（{x.unit(lang)}）") for k, x in LOSSES.items()]
    fields = [
        _field("which", "choice", lang, choices=choices),
        _field("value", "text", lang),
        _field("source", "text", lang),
    ]
    title = t("aar.fill.losses", lang)
    form = _form(review, title, fields, lang, method="PUT", nest="losses")
    return _box(t("aar.s.losses", lang), [html.Dl(rows)], *([forms.button(title, form)] if review.get("edit") else []))


def _times(review: Part, view: View) -> Component:
    lang, found = view.lang, review.get("times") or {}
    spans = {s.key: s.title(lang) for s in SPANS if s.key in ENTERED}
    rows: list[Any] = []
    for key, name in spans.items():
        one: Part | None = found.get(key)
        at = fmt.when(one.get("at")) if one else None
        said = fmt.moment(at, view) if at else t("aar.unfilled", lang)
        source = [html.Small(str(one["source"]))] if one else []
        wipe = [_clear(review, "times", key, name, lang)] if one and review.get("edit") else []
        rows.append(
            html.Div([html.Dt(name), html.Dd([html.B(said, className="num" if one else "na"), *source, *wipe])])
        )
    fields = [_field("which", "choice", lang, choices=list(spans.items())), _field("at", "moment", lang),
              _field("source", "text", lang)]  # fmt: skip
    title = t("aar.fill.times", lang)
    form = _form(review, title, fields, lang, method="PUT", nest="times")
    return _box(t("aar.s.entered", lang), [html.Dl(rows)], *([forms.button(title, form)] if review.get("edit") else []))


def _clear(review: Part, group: str, key: str, name: str, lang: str) -> Component:
    form = _form(review, f"{t('aar.clear', lang)} {name}", [], lang, method="PUT", body={group: {key: None}})
    return html.Button(icon("x"), type="button", className="ib", title=str(form["title"]),
                       **{"data-step": forms.packed(form), "aria-label": str(form["title"])})  # fmt: skip


# ---------------------------------------------------------------- lessons


def _lessons(review: Part, rights: Sequence[str], view: View) -> Component:
    lang = view.lang
    rows = [_lesson(review, x, rights, view) for x in review.get("lessons") or ()]
    body: Any = html.Ol(rows) if rows else html.P(t("aar.lessons.none", lang), className="none")
    title = t("aar.fill.lesson", lang)
    form = _form(review, title, _lesson_fields({}, lang), lang, tail="/lessons")
    return _box(t("aar.s.lessons", lang), [body], *([forms.button(title, form)] if review.get("edit") else []))


def _lesson_fields(row: Part, lang: str) -> list[dict[str, Any]]:
    kinds = {"text": "long", "due_on": "date"}
    made = [_field(n, kinds.get(n, "text"), lang, value=str(row.get(n) or "")) for n in LESSON]
    return [f if f["name"] == "text" else {**f, "optional": True} for f in made]


def _lesson(review: Part, row: Part, rights: Sequence[str], view: View) -> Component:
    lang = view.lang
    owner = " · ".join(str(x) for x in (row.get("department"), row.get("person")) if x) or t("aar.no_owner", lang)
    due, state = str(row.get("due_on") or ""), str(row.get("state"))
    late = state == "open" and due and due < f"{view.local(view.now):%Y-%m-%d}"
    word = t(f"aar.lesson.{'late' if late else state}", lang)
    tail = f"/lessons/{row['lesson_id']}"
    buttons: list[Any] = []
    if review.get("edit"):
        change, remove = t("aar.change", lang), t("aar.remove", lang)
        edit = _form(review, change, _lesson_fields(row, lang), lang, tail=tail, method="PUT", blank=list(LESSON[1:]))
        wipe = _form(review, remove, [], lang, tail=f"{tail}?version={review['version']}", method="DELETE")
        buttons += [forms.button(change, edit), forms.button(remove, wipe)]
    elif review.get("state") == "closed" and state == "open" and set(rights) & {"incident.report", "incident.log"}:
        title = t("aar.lesson.finish", lang)
        finish = _form(review, title, [_field("result", "long", lang)], lang, tail=f"{tail}/done", bare=True)
        buttons.append(forms.button(title, finish))
    result = [html.P(str(row["result"]), className="mut")] if row.get("result") else []
    said = " · ".join(x for x in (owner, due) if x)
    return html.Li([html.P(str(row.get("text") or "")), html.P([said, html.Em(word, className="late" if late else "")]),
                    *result, *([html.Div(buttons, className="acts")] if buttons else [])])  # fmt: skip
