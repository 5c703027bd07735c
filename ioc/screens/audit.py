"""The tab 审计 of the data page: who did, saw or exported what, and when; by person, object, action and day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from dash import dcc

from ioc.i18n import t
from ioc.screens import fmt, parts
from ioc.screens.elements import Component, html
from ioc.screens.model import Model
from ioc.screens.state import View

Part = Mapping[str, Any]
FIELDS = ("who", "object", "action", "since", "until")
# Actions that have a word (`visible.audit.act.*`); another is shown by its code.
ACTIONS = (
    "sign_in",
    "sign_in.refused",
    "sign_out",
    "password.change",
    "account.add",
    "account.enable",
    "account.disable",
    "token.create",
    "token.revoke",
    "wall.confirm",
    "wall.revoke",
    "embed.sign",
    "account.change",
    "account.phone",
    "account.reset_password",
    "seal.rotate",
    "seal.rotated",
    "seal.remove",
    "caller.view",
    "patrol.look",
    "delivery.resend",
    "detection_type.change",
    "audit.look",
    "attachment.add",
    "desk.export",
    "area_notice.send",
    "contact.phone",
    "video.view",
    "video.view.end",
    "video.unmask",
    "video.ptz",
    "video.snapshot",
    "video.reference",
    "video.trace",
    "video.ar",
)


def body(model: Model) -> list[Any]:
    """The form of the search, then its rows, or what is wrong with what was asked."""
    lang, who, found = model.lang, model.who, model.audit
    if who is None or not who.can("audit.view"):
        why = t("visible.audit.no_right_why", lang)
        return [html.Div([html.B(t("visible.audit.no_right", lang)), html.P(why)], className="none2")]
    if "audit" in model.faults:
        return [_form(model), *parts.fault(model, "audit")]
    rows = cast("Sequence[Part]", found.get("rows") or ())
    return [_form(model), _rows(rows, model.view), *_more(found, model)]


def _form(model: Model) -> Component:
    """A plain form: its address is the search, and can be kept or sent to somebody."""
    lang, args = model.lang, model.page.args
    kept = {"tab": "audit", **{k: args[k] for k in ("lang", "theme", "region") if k in args}}
    hidden = [dcc.Input(type="hidden", name=k, value=v) for k, v in kept.items()]
    fields = [
        html.Div(
            [
                html.Label(t(f"visible.audit.{name}", lang), htmlFor=f"f-{name}"),
                html.Div(_control(name, args.get(name, ""), lang), className="in"),
            ],
            className="fd",
        )
        for name in FIELDS
    ]
    return html.Form(
        [*hidden, *fields, html.Button(t("visible.audit.go", lang), type="submit", className="btn p")],
        action="/desk/data",
        method="GET",
        className="afs",
        role="search",
    )


def _control(name: str, value: str, lang: str) -> Component:
    if name == "action":
        words = {"": t("visible.audit.any", lang), **{code: _action(code, lang) for code in ACTIONS}}
        options = [html.Option(word, value=code, selected=code == value) for code, word in words.items()]
        return html.Select(options, id=f"f-{name}", name=name)
    hint = "YYYY-MM-DD HH:MM" if name in ("since", "until") else t(f"visible.audit.{name}_hint", lang)
    return dcc.Input(
        id=f"f-{name}", type="text", name=name, value=value, maxLength=200, placeholder=hint, autoComplete="off"
    )


def _rows(rows: Sequence[Part], view: View) -> Component:
    lang = view.lang
    if not rows:
        return html.Div(
            [html.B(t("visible.audit.none", lang)), html.P(t("visible.audit.none_why", lang))], className="none2"
        )
    heads = [t(f"visible.audit.{k}", lang) for k in ("at", "who", "action", "object", "address", "detail")]
    lines = [_row(r, view) for r in rows]
    table = html.Table([html.Thead(html.Tr([html.Th(h) for h in heads])), html.Tbody(lines)], className="tbl atbl")
    return html.Div(table, className="tblw")


def _row(row: Part, view: View) -> Component:
    at, actor, name = fmt.when(row.get("recorded_at")), str(row.get("actor")), str(row.get("name") or "")
    detail = cast("Mapping[str, Any]", row.get("detail") or {})
    actor = actor.removeprefix("account:")
    said = " · ".join(f"{k} {_said(v, view.lang)}" for k, v in detail.items())
    action = str(row.get("action"))
    who = [html.B(name), html.Small(f" {actor}", className="num")] if name and name != actor else [html.B(actor)]
    return html.Tr(
        [
            html.Td(fmt.stamp(at, view) if at else "—", className="num"),
            html.Td(who),
            html.Td(_action(action, view.lang), title=action),
            html.Td(str(row.get("object") or "—"), className="num"),
            html.Td(str(row.get("address") or "—"), className="num"),
            html.Td(html.Span(said or "—", className="ellip", title=said)),
        ]
    )


def _said(value: Any, lang: str) -> str:
    return fmt.listed([str(v) for v in cast("list[Any]", value)], lang) if isinstance(value, list) else str(value)


def _action(code: str, lang: str) -> str:
    return t(f"visible.audit.act.{code}", lang) if code in ACTIONS else code


def _more(found: Part, model: Model) -> list[Component]:
    last = found.get("next")
    if not last:
        return []
    asked = {k: model.page.args[k] for k in FIELDS if k in model.page.args}
    href = model.page.href("/desk/data", tab="audit", **asked, before=str(last))
    return [html.P(html.A(t("visible.audit.older", model.lang), href=href, className="btn"), className="pad")]
