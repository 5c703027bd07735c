"""Parts of the detail panel: who called (masked), who was told and has read it, and what stands in the chain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.state import View

Part = Mapping[str, Any]
_WORDS = ("ask", "why", "purpose", "show", "cancel", "again", "failed", "name", "phone")
SHOWN_S = 30  # how long a plain text stands on a screen


def _listed(part: Part, key: str) -> Sequence[Part]:
    value = part.get(key)
    return cast("Sequence[Part]", value) if isinstance(value, list | tuple) else ()


def _section(title: str, side: str, children: Sequence[Any], class_name: str) -> Component:
    head = html.H3([title, html.Span(side)] if side else title)
    return html.Section([head, *children], className=f"sec2 {class_name}")


# ---------------------------------------------------------------- who called


def callers(detail: Part, view: View) -> Component | None:
    """Masked names and numbers. The plain text is never in the page: assets/callers.js asks for it, with a purpose."""
    found = _listed(detail, "callers")
    if not found:
        return None
    lang = view.lang
    rows = [
        html.Li(
            [
                icon("user"),
                html.B(str(c.get("name") or "—"), **{"data-caller-name": str(c.get("source_id") or "")}),
                html.Span(
                    str(c.get("phone") or ""),
                    className="num",
                    **{"data-caller-phone": str(c.get("source_id") or "")},
                ),
                html.Em(str(c.get("source_id") or ""), className="num ellip"),
            ]
        )
        for c in found
    ]
    parts: list[Any] = [html.Ul(rows, className="clr")]
    if detail.get("may_call") and any(c.get("sealed") for c in found):
        words = {k: t(f"visible.caller.{k}", lang) for k in _WORDS} | {"seconds": SHOWN_S}
        button = html.Button(
            [icon("key"), t("visible.caller.look", lang)],
            type="button",
            className="btn",
            **{"data-caller": str(detail.get("key") or ""), "data-words": json.dumps(words, ensure_ascii=False)},
        )
        parts.append(
            html.Div([button, html.Small(t("visible.caller.audited", lang), className="mut")], className="clb")
        )
    return _section(t("visible.caller.title", lang), "", parts, "callers")


# ---------------------------------------------------------------- who was told


def told(detail: Part, view: View) -> Component | None:
    """送达率, 阅读率, every addressee with the strongest word of all ways, and who has not read it."""
    found: Part = detail.get("told") or {}
    if not found.get("total"):
        return None
    lang, total = view.lang, int(found["total"])
    rates = html.Dl(
        [
            html.Div([html.Dt(t(f"visible.told.{k}", lang)), html.Dd(_rate(found.get(f"{k}_rate"), found[k], total))])
            for k in ("delivered", "read")
        ],
        className="rates num",
    )
    rows = [_addressee(a, view) for a in _listed(found, "addressees")]
    unread = [str(name) for name in found.get("unread") or ()]
    names = t("visible.told.sep", lang).join(unread)
    open_ = [html.P([html.B(t("visible.told.unread", lang, n=len(unread))), " ", names])] if unread else []
    side = t("visible.told.count", lang, n=total)
    return _section(t("visible.told.title", lang), side, [rates, html.Ul(rows, className="tld"), *open_], "told")


def _rate(rate: float | None, n: int, total: int) -> list[Any]:
    shown = "—" if rate is None else f"{100 * rate:.0f}%"
    return [html.B(shown), html.Small(f" {n}/{total}")]


def _addressee(row: Part, view: View) -> Component:
    lang, state = view.lang, str(row.get("state") or "waiting")
    notices = _listed(row, "notices")
    ways = {str(c.get("channel")) for n in notices for c in _listed(n, "channels")}
    ways_text = " · ".join(sorted(ways)) or t("visible.told.inbox", lang)
    newest = max((at for n in notices if (at := fmt.when(n.get("created_at"))) is not None), default=None)
    read = fmt.when(notices[-1].get("read_at")) if notices and state == "read" else None
    at = read or newest
    errors = [fmt.word({"zh": c.get("error"), "en": c.get("error_en")}, lang) for n in notices
              for c in _listed(n, "channels") if c.get("error")]  # fmt: skip
    return html.Li(
        [
            html.B(str(row.get("to") or ""), className="ellip"),
            html.Small(t(f"visible.told.to.{row.get('to_kind') or 'person'}", lang)),
            html.Span(ways_text, className="mut ellip"),
            html.Span(t(f"visible.told.state.{state}", lang), className=f"tst {state}", title="; ".join(errors)),
            html.Time(fmt.moment(at, view) if at else "", className="num"),
        ],
        title="\n".join(fmt.word(n.get("title"), lang) for n in notices),
    )


# ---------------------------------------------------------------- the chain


def chain_mark(entry: Part, view: View) -> list[Any]:
    """已存证 with the number of the link; nothing for what is not linked (yet)."""
    link: Part = entry.get("chain") or {}
    if not link:
        return []
    at = fmt.when(link.get("at"))
    why = t("visible.chain.why", view.lang, no=link["no"], at=fmt.stamp(at, view) if at else "—")
    return [html.Small(t("visible.chain.mark", view.lang, no=link["no"]), className="chn num", title=why)]
