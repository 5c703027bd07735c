"""The tab 审计 of the data page: who did, saw or exported what, and when; by person, object, action and day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from dash import dcc

from ioc.i18n import Text, t
from ioc.screens import fmt, parts
from ioc.screens.elements import Component, html
from ioc.screens.model import Model
from ioc.screens.state import View

Part = Mapping[str, Any]
FIELDS = ("who", "object", "action", "since", "until")
# Words of the actions there are; one that is missing here is shown by its code.
ACTIONS: Mapping[str, Text] = {
    "sign_in": Text("登录", "Sign-in"),
    "sign_in.refused": Text("登录被拒", "Sign-in refused"),
    "sign_out": Text("退出", "Sign-out"),
    "password.change": Text("改密码", "Password changed"),
    "account.add": Text("新建账号", "Account added"),
    "account.enable": Text("启用账号", "Account enabled"),
    "account.disable": Text("停用账号", "Account disabled"),
    "token.create": Text("新建令牌", "Token made"),
    "token.revoke": Text("吊销令牌", "Token revoked"),
    "wall.confirm": Text("确认大屏", "Wall confirmed"),
    "wall.revoke": Text("撤销大屏", "Wall revoked"),
    "embed.sign": Text("签发嵌入地址", "Embed signed"),
    "caller.view": Text("查看来电人", "Caller seen in plain"),
    "patrol.look": Text("查看巡查轨迹", "Patrol track seen"),
    "delivery.resend": Text("重发", "Sent again"),
    "detection_type.change": Text("改算法门槛", "Detection type changed"),
    "audit.look": Text("查阅审计", "Audit looked through"),
    "export": Text("导出", "Exported"),
}


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
        html.Label(
            [html.Span(t(f"visible.audit.{name}", lang)), _control(name, args.get(name, ""), lang)],
            className=f"af {name}",
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
        words = {"": t("visible.audit.any", lang), **{code: word(lang) for code, word in ACTIONS.items()}}
        options = [html.Option(word, value=code, selected=code == value) for code, word in words.items()]
        return html.Select(options, name=name)
    if name in ("since", "until"):
        return dcc.Input(
            type="text", name=name, value=value, className="num", maxLength=16, placeholder="YYYY-MM-DD HH:MM"
        )
    hint = t(f"visible.audit.{name}_hint", lang)
    return dcc.Input(type="text", name=name, value=value, maxLength=200, placeholder=hint, autoComplete="off")


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
    said = "；".join(f"{k} {v}" for k, v in detail.items())
    action = str(row.get("action"))
    word = ACTIONS.get(action)
    who = [html.B(name), html.Small(f" {actor}", className="num")] if name and name != actor else [html.B(actor)]
    return html.Tr(
        [
            html.Td(fmt.stamp(at, view) if at else "—", className="num"),
            html.Td(who),
            html.Td(word(view.lang) if word else action, title=action),
            html.Td(str(row.get("object") or "—"), className="num"),
            html.Td(str(row.get("address") or "—"), className="num"),
            html.Td(html.Span(said or "—", className="ellip", title=said)),
        ]
    )


def _more(found: Part, model: Model) -> list[Component]:
    last = found.get("next")
    if not last:
        return []
    asked = {k: model.page.args[k] for k in FIELDS if k in model.page.args}
    href = model.page.href("/desk/data", tab="audit", **asked, before=str(last))
    return [html.P(html.A(t("visible.audit.older", model.lang), href=href, className="btn"), className="pad")]
