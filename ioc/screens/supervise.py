"""The desk page 督办: what was asked about cases and until when, and beside it what waits in the manual pool."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import exporting, fmt, parts
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon, urgency_mark
from ioc.screens.model import Model
from ioc.screens.state import View

Part = Mapping[str, Any]
WORDS = ("send", "cancel", "failed", "choose")


def page(model: Model) -> Component:
    """Content of the page, inside the desk's frame. What changes has an id of its own (callbacks/supervision.py)."""
    lang = model.lang
    side, table, pool_total, pool = live(model)
    head = html.Div(
        [html.H2(t("screens.sv.title", lang)), html.Span(side, id="sv-side", className="num"),
         html.Span(exporting.button(model, "supervision"), className="g end")],
        className="ph2",
    )  # fmt: skip
    listed = html.Div(table, id="sv-list", className="scroll", **{"data-scrolls": "1"})
    total = html.Span(pool_total, id="sv-n", className="num")
    waiting = html.Aside(
        [
            html.Div([html.H2(t("screens.sv.pool", lang)), total], className="ph2"),
            html.Div(pool, id="sv-pool", className="scroll", **{"data-scrolls": "1"}),
        ],
        className="col r",
    )
    return html.Div([html.Section([head, listed], className="col"), waiting], className="main two")


def live(model: Model) -> tuple[str, list[Any], str, list[Any]]:
    """(how many in words, the list, how many wait, the pool), as they are now."""
    found, lang = model.supervision, model.lang
    entries: Sequence[Part] = found.get("entries") or ()
    side = t("screens.sv.side", lang, n=fmt.number(found.get("total") or 0), m=fmt.number(_overdue(entries)))
    waiting = pool_list(found.get("pool") or (), model, model.view)
    pool_total = fmt.number(found.get("pool_total") or 0)
    return side, [*parts.fault(model, "supervision"), _table(entries, model)], pool_total, waiting


def _overdue(entries: Sequence[Part]) -> int:
    return sum(1 for e in entries if e["overdue"])


def _none(title: str, why: str) -> Component:
    return html.Div([html.B(title), html.P(why)], className="none2")


def _table(entries: Sequence[Part], model: Model) -> Component:
    lang = model.lang
    if not entries:
        return _none(t("screens.sv.none", lang), t("screens.sv.none_why", lang))
    heads = [t(f"screens.sv.{k}", lang) for k in ("what", "case", "owner", "by", "until", "state")] + [""]
    rows = [_row(e, model) for e in entries]
    return html.Table([html.Thead(html.Tr([html.Th(h) for h in heads])), html.Tbody(rows)], className="tbl sv")


def _row(entry: Part, model: Model) -> Component:
    lang, case = model.lang, entry["case"]
    until = fmt.when(entry["until"])
    shown = fmt.moment(until, model.view) if until else "—"
    owner = " ".join(p for p in (entry["owner"]["department"], entry["owner"]["person"]) if p) or "—"
    link = html.A(str(case["number"]), href=model.page.href("/desk/events", sel=case["key"]), className="link num")
    state = t("screens.sv.overdue" if entry["overdue"] else f"screens.sv.{entry['state']}", lang)
    kind = t(f"screens.sv.{entry['kind']}", lang)
    what = str(entry["what"])
    cells: list[Any] = [
        html.Span([html.B(kind), f" {what}"], className="ellip", title=what),
        html.Span([link, f" {case['title']}"], className="ellip", title=str(case["title"])),
        html.Span(owner, className="ellip", title=owner),
        str(entry["by"]),
        html.Span(shown, className="num"),
        html.Span(state, className="dev" if entry["overdue"] else "", title=str(entry["answer"])),
        html.Span(_acts(entry, model), className="acts"),
    ]
    return html.Tr([html.Td(c) for c in cells])


def _acts(entry: Part, model: Model) -> list[Any]:
    who, lang = model.who, model.lang
    url = f"/api/v1/supervision/{entry['supervision_id']}"
    sub = str(entry["case"]["number"])
    leads = who is not None and (who.can("case.supervise") or who.can("case.instruct"))
    out: list[Any] = []
    if who is not None and (who.can("case.handle") or who.can("case.approve")):
        label = t("screens.step.f.text", lang)
        fields = [{"name": "text", "label": label, "kind": "long"}]
        out.append(post_button(t("screens.sv.answer", lang), f"{url}/answer", lang, sub=sub, fields=fields))
    if leads and entry["state"] == "answered":
        out.append(post_button(t("screens.sv.return", lang), f"{url}/return", lang, sub=sub))
    if leads:
        out.append(post_button(t("screens.sv.close", lang), f"{url}/close", lang, sub=sub))
    return out


def post_button(
    title: str,
    url: str,
    lang: str,
    *,
    sub: str = "",
    fields: Sequence[Part] = (),
    body: Part | None = None,
) -> Component:
    """A button that opens the form of a step and posts it to `url` (assets/desk.js)."""
    form = {
        "post": url, "body": dict(body or {}), "title": title, "sub": sub, "fields": list(fields),
        "words": {w: t(f"screens.step.{w}", lang) for w in WORDS},
    }  # fmt: skip
    packed = json.dumps(form, ensure_ascii=False, separators=(",", ":"))
    return html.Button(title, className="btn", **{"data-step": packed})


def pool_list(waiting: Sequence[Part], model: Model, view: View) -> list[Any]:
    lang = model.lang
    if not waiting:
        return [_none(t("screens.sv.pool_none", lang), t("screens.sv.pool_why", lang))]
    rows: list[Any] = []
    for case in waiting:
        at = fmt.when(case["opened_at"])
        href = model.page.href("/desk/events", sel=str(case["key"]))
        why = fmt.word(case["why"], lang)
        rows.append(
            html.Li(
                [
                    urgency_mark(str(case["urgency"]), lang),
                    html.A(str(case["title"]), href=href, className="link ellip"),
                    html.Em(" · ".join(p for p in (why, fmt.moment(at, view) if at else "") if p), className="num"),
                ]
            )
        )
    return [html.Ul(rows, className="src lk")]


def like(detail: Part, view: View) -> Component | None:
    """In the panel of a case: what may be the same, and what has been joined to it, each with its button."""
    found: Part = detail.get("like") or {}
    lang = view.lang
    url = f"/api/v1/cases/{found.get('case_id')}"
    rows: list[Any] = []
    for joined in found.get("joined") or ():
        body = {f"{joined['kind']}_id": joined["other_id"]}
        rows.append(_like_row("link", str(joined["number"]), t("screens.sv.joined", lang), "",
                              post_button(t("screens.sv.unmerge", lang), f"{url}/unmerge", lang,
                                          sub=str(joined["number"]), body=body)))  # fmt: skip
    for other in found.get("candidates") or ():
        key, _, other_id = str(other["key"]).partition(":")
        away = other["distance_m"]
        where = t("screens.cam.distance", lang, n=fmt.number(float(away))) if away is not None else ""
        said = " · ".join(p for p in (f"{round(100 * other['score'])} %", where) if p)
        button = post_button(t("screens.sv.merge", lang), f"{url}/merge", lang, sub=str(other["number"]),
                             body={f"{key}_id": int(other_id)})  # fmt: skip
        rows.append(_like_row("layers", str(other["title"]), said, str(other["key"]), button))
    if not rows:
        return None
    return html.Section([html.H3(t("screens.sv.like", lang)), html.Ul(rows, className="src lk")], className="sec2 like")


def _like_row(glyph: str, title: str, said: str, key: str, button: Component) -> Component:
    name = html.A(title, href="#", className="link ellip", **{"data-sel": key}) if key else html.Span(
        title, className="ellip num"
    )  # fmt: skip
    return html.Li([icon(glyph), name, html.Em(said, className="num"), button])
