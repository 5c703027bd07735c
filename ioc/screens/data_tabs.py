"""Tabs of the data page beside the sources: what goes out (channels, dead letters), and centres of the level below."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from dash import dcc

from ioc.i18n import t
from ioc.screens import audit, fmt
from ioc.screens.elements import Component, html
from ioc.screens.fresh import fresh
from ioc.screens.model import Model
from ioc.screens.state import View

Part = Mapping[str, Any]
TABS = ("", "outbound", "lower", "audit")
RIGHTS = {"outbound": "notify.manage", "audit": "audit.view"}
EVERY_MS = 10_000
_BAD = ("error", "lost", "resting", "stale")


def _listed(part: Part, key: str) -> Sequence[Part]:
    return cast("Sequence[Part]", part.get(key) or ())


def head(model: Model, on: str) -> Component:
    """Title and tabs; links, so that each is an address of its own. Only those the asker has the right for."""
    lang, who = model.lang, model.who
    links = [
        html.A(
            t(f"visible.tab.{tab or 'sources'}", lang),
            href=model.page.href("/desk/data", tab=tab),
            className="on" if tab == on else "",
            **({"aria-current": "page"} if tab == on else {}),
        )
        for tab in TABS
        if tab not in RIGHTS or (who is not None and who.can(RIGHTS[tab]))
    ]
    side = html.Span(t("screens.data.side", lang)) if not on else html.Span(t(f"visible.{on}.side", lang))
    return html.Div([html.Nav(links, className="dtabs"), side], className="ph2")


def body(model: Model) -> list[Any] | None:
    """Content of the tab asked for; None: the sources."""
    tab = model.page.args.get("tab", "")
    if tab not in TABS[1:]:
        return None
    if tab == "audit":  # stands still: who reads it is looking for something
        made, tick = audit.body(model), []
    else:
        made = outbound(model.outbound, model.view) if tab == "outbound" else lower(model.lower, model.view)
        tick = [dcc.Interval(id="tab-tick", interval=EVERY_MS)]
    box = html.Div(made, id=f"tab-{tab}", className="scroll dtab", **{"data-scrolls": "1"})
    return [html.Section([head(model, tab), box, *tick], className="col")]


def _table(heads: Sequence[str], rows: Sequence[Any], right: frozenset[int] = frozenset()) -> Component:
    ths = [html.Th(h, className="r" if i in right else "") for i, h in enumerate(heads)]
    return html.Div(html.Table([html.Thead(html.Tr(ths)), html.Tbody(list(rows))], className="tbl"), className="tblw")


def _age(part: Part, key: str, view: View) -> Any:
    at = fmt.when(part.get("as_of"))
    if at is None:
        return html.Span("—", className="mut")
    return fresh(at, dt.timedelta(seconds=max(1.0, float(part.get("interval_s") or 60))), key, view)


def _nothing(head_: str, why: str) -> Component:
    return html.Div([html.B(head_), html.P(why)], className="none2")


# ---------------------------------------------------------------- outbound


def outbound(found: Part, view: View) -> list[Any]:
    """Channels, then what could not be sent, with the reason and a way to send it again."""
    lang = view.lang
    if not found:
        return [_nothing(t("visible.outbound.no_right", lang), t("visible.outbound.no_right_why", lang))]
    channels, dead = _listed(found, "channels"), _listed(found, "dead")
    if not channels and not dead:
        return [_nothing(t("visible.outbound.none", lang), t("visible.outbound.none_why", lang))]
    words = ("name", "state", "age", "queue", "sent", "delivered", "read", "dead", "fault")
    heads = [t(f"visible.outbound.{w}", lang, days=found.get("days", 7)) for w in words] + [""]
    table = _table(heads, [_channel(c, view) for c in channels], frozenset({3, 4, 5, 6, 7}))
    title = html.H3([t("visible.outbound.letters", lang), html.Span(fmt.number(len(dead)), className="num")])
    letters = [html.P(t("visible.outbound.letters_none", lang), className="mut pad")]
    if dead:
        names = ("when", "channel", "to", "what", "why", "tries")
        letters = [_table([*[t(f"visible.outbound.l_{n}", lang) for n in names], ""], [_letter(d, view) for d in dead],
                          frozenset({5}))]  # fmt: skip
    return [table, html.Section([title, *letters], className="letters")]


def _again(payload: Mapping[str, Any], word: str, lang: str, ask: str = "") -> Component:
    said = {"failed": t("visible.outbound.failed", lang), "ask": ask}
    return html.Button(
        word,
        type="button",
        className="btn",
        **{"data-resend": json.dumps(payload), "data-words": json.dumps(said, ensure_ascii=False)},
    )


def _channel(c: Part, view: View) -> Component:
    lang, state = view.lang, str(c.get("state"))
    name = fmt.word(c.get("title"), lang)
    fault = fmt.word(c.get("error"), lang) if c.get("error") else ""
    until = fmt.when(c.get("until"))
    if until is not None:
        fault = " ".join(p for p in (t("visible.outbound.until", lang, at=fmt.moment(until, view)), fault) if p)
    given_up = int(c.get("dead") or 0) + int(c.get("no_address") or 0)
    oldest = fmt.when(c.get("oldest_at"))
    waits = fmt.span((view.now - oldest).total_seconds(), lang) if oldest else ""
    queue = [html.B(fmt.number(c.get("queue"))), html.Small(f" {waits}" if waits else "")]
    ask = t("visible.outbound.all_ask", lang, n=fmt.number(given_up), name=name)
    button = _again({"channel": c.get("key")}, t("visible.outbound.all", lang), lang, ask)
    return html.Tr(
        [
            html.Td([html.B(name), html.Small(f" {c.get('key')}", className="mut num")]),
            html.Td(html.Span(_state(state, lang), className="dev" if state in _BAD else "")),
            html.Td(_age(c, f"out-{c.get('key')}", view)),
            html.Td(queue, className="num r"),
            *[html.Td(fmt.number(c.get(k)), className="num r") for k in ("submitted", "delivered", "read")],
            html.Td(html.B(fmt.number(given_up)) if given_up else "0", className="num r" if given_up else "num r mut"),
            html.Td(html.Span(fault or "—", className="ellip" if fault else "mut", title=fault)),
            html.Td(button if given_up else ""),
        ]
    )


def _state(state: str, lang: str) -> str:
    return t("visible.outbound.resting" if state == "resting" else f"screens.source.{state}", lang)


def _letter(d: Part, view: View) -> Component:
    lang = view.lang
    at, why = fmt.when(d.get("at")), fmt.word(d.get("error"), lang)
    if d.get("state") == "no_address":
        why = t("visible.told.state.no_address", lang)
    kind = t(f"visible.told.to.{d['to_kind']}", lang) if d.get("to_kind") else ""
    what, about = str(d.get("what") or "—"), str(d.get("about") or "")
    target: dict[str, Any] = {"href": f"/desk/events?sel={about}"} if about else {}
    shown = html.A(what, className="link ellip", title=what, **target) if target else html.Span(what, className="ellip")
    return html.Tr(
        [
            html.Td(fmt.moment(at, view) if at else "—", className="num"),
            html.Td(str(d.get("channel") or "")),
            html.Td([html.B(str(d.get("to") or "—")), html.Small(f" {kind}".rstrip(), className="mut")]),
            html.Td(shown),
            html.Td(html.Span(why or "—", className="ellip", title=why)),
            html.Td(fmt.number(d.get("tries")), className="num r"),
            html.Td(_again({"delivery_ids": [d["delivery_id"]]}, t("visible.outbound.one", lang), lang)),
        ]
    )


# ---------------------------------------------------------------- centres of the level below


def lower(found: Part, view: View) -> list[Any]:
    """Each centre with its link and numbers, then their open work, the centre's name on every row. Read only."""
    lang = view.lang
    centres, rows = _listed(found, "centres"), _listed(found, "rows")
    if not centres and not rows:
        return [_nothing(t("visible.lower.none", lang), t("visible.lower.none_why", lang))]
    numbers = _listed(found, "numbers")
    cards = html.Div([_centre(c, numbers, view) for c in centres], className="lws")
    heads = [t(f"visible.lower.{w}", lang) for w in ("centre", "number", "what", "place", "stage", "heard")]
    title = html.H3([t("visible.lower.work", lang), html.Span(t("visible.lower.apart", lang))])
    table = _table(heads, [_work(r, view) for r in rows], frozenset({len(heads) - 1}))
    more = [html.P(t("visible.lower.more", lang, n=len(rows)), className="mut pad")] if found.get("more") else []
    return [cards, html.Section([title, table, *more], className="letters")]


def _centre(c: Part, numbers: Sequence[Part], view: View) -> Component:
    lang, state = view.lang, str(c.get("state"))
    name = str(c.get("title") or c.get("key"))
    mine = [n for n in numbers if n.get("centre") == name and n.get("region") == c.get("region")]
    open_ = fmt.number(int(c.get("open") or 0))
    facts: list[Any] = [html.Div([html.Dt(t("visible.lower.open", lang)), html.Dd(open_)])]
    facts += [html.Div([html.Dt(_title(n, lang)), html.Dd(_number(n, lang))]) for n in mine[:7]]
    fault = fmt.word(c.get("error"), lang) if c.get("error") else ""
    since = fmt.when(c.get("since"))
    tail = t("screens.warn.from", lang, at=fmt.moment(since, view)) if since and fault else ""
    line = [
        html.Span(t(f"screens.source.{state}", lang), className="dev" if state in _BAD else "mut"),
        _age(c, f"lower:{c.get('key')}", view),
    ]
    said = [html.P(f"{fault} {tail}".strip(), className="lwf")] if fault else []
    return html.Article([html.H3([html.Span(name, className="ellip"), *line]), *said, html.Dl(facts)],
                        className="lw off" if state in _BAD else "lw")  # fmt: skip


def _title(n: Part, lang: str) -> str:
    given: Part = n.get("indicator") or {}
    return fmt.word(given.get("title"), lang) or str(n.get("code"))


def _number(n: Part, lang: str) -> list[Any]:
    given: Part = n.get("indicator") or {}
    value, unit = given.get("value"), fmt.unit(given.get("unit"), lang)
    shown = fmt.plain(round(float(value), 1)) if isinstance(value, int | float) else "—"
    return [shown, html.Small(f" {unit}" if unit and value is not None else "")]


def _work(r: Part, view: View) -> Component:
    lang = view.lang
    record: Part = r.get("record") or {}
    at = fmt.when(r.get("received_at"))
    demo = [html.Span(t("screens.demo", lang), className="demo")] if r.get("origin") == "demo" else []
    title = str(record.get("title") or "—")
    return html.Tr(
        [
            html.Td([html.B(str(r.get("centre") or "")), *demo]),
            html.Td(str(record.get("number") or r.get("key") or ""), className="num"),
            html.Td(html.Span(title, className="ellip", title=title)),
            html.Td(html.Span(str(record.get("place") or ""), className="ellip")),
            html.Td(fmt.word(record.get("stage_text"), lang)),
            html.Td(fmt.moment(at, view) if at else "—", className="num"),
        ]
    )
