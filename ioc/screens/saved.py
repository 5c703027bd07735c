"""Chips of the saved views over the list, and the bar of what can be done with all rows that are picked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import steps
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.state import PageState, Who

Part = Mapping[str, Any]
SHARE = "desk.share"
KEYS = 9
SHOWN = 4
_WORDS = ("save", "manage", "name", "shared", "first", "send", "cancel", "failed", "rename", "remove", "make_first",
          "not_first", "replace", "none", "close", "shared_mark", "first_mark")  # fmt: skip


def chips(views: Sequence[Part], page: PageState, lang: str) -> list[Any]:
    """One chip a view, opened by its number; each is a link that can be sent to somebody."""
    out: list[Any] = []
    for n, v in enumerate(views, 1):
        key = [html.Span(str(n), className="kbd")] if n <= KEYS else []
        mark = [icon("users")] if v["shared"] else []
        on = str(v["view_id"]) == page.args.get("view", "")
        name = html.Span(str(v["name"]), className="ellip")
        attrs = {"data-saved": str(v["view_id"]), "data-view": json.dumps(dict(v), ensure_ascii=False)}
        href = f"/desk/events?{v['address']}"
        out.append(html.A([*key, *mark, name], href=href, className=f"chip sv{' on' if on else ''}", **attrs))
    return out


def row(views: Sequence[Part], page: PageState, who: Who | None, more: Sequence[Any] = ()) -> Component:
    """The line of saved views under the filters; `more`: what stands at its end."""
    lang = page.lang
    words = {w: t(f"views.{w}", lang) for w in _WORDS}
    may = {"data-share": "1"} if who is not None and who.can(SHARE) else {}
    save = html.Button([icon("plus"), words["save"]], className="chip add", **{"data-view-save": "1"})
    manage = html.Button(icon("gear"), className="chip", title=words["manage"], **{"data-view-manage": "1"})
    packed = json.dumps(words, ensure_ascii=False)
    return html.Div(
        [html.Span(chips(views, page, lang), id="views", className="g", **{"data-scrolls": "1"}),
         html.Span([save, manage, *more], className="g end")],
        className="flt svs", role="toolbar", **{"aria-label": t("views.label", lang), "data-words": packed, **may},
    )  # fmt: skip


# ---------------------------------------------------------------- what is picked


def bar(found: Part, lang: str) -> list[Any]:
    """What can be done with all that is picked; nothing while nothing is."""
    cases: Sequence[Part] = found["cases"]
    n = len(cases) + len(found["missing"])
    if not n:
        return []
    offered = [s for s in found["steps"] if not steps.by_itself(s)]
    offered.sort(key=steps.rank)
    buttons = [_button(s, found, lang, main=i == 0) for i, s in enumerate(offered[:SHOWN])]
    rest = [_button(s, found, lang, main=False) for s in offered[SHOWN:]]
    if rest:
        summary = html.Summary([t("many.more", lang), icon("down")], className="btn")
        buttons.append(html.Details([summary, html.Div(rest)], className="pick up"))
    none = [] if offered else [html.Span(t("many.none", lang), className="mut")]
    missing = len(found["missing"])
    told = [html.Span(t("many.missing", lang, n=missing), className="mut")] if missing else []
    clear = html.Button(icon("x"), className="btn", title=t("many.clear", lang), **{"data-unpick": "1"})
    return [html.B(t("many.chosen", lang, n=n), className="num"), *told, *none, *buttons, clear]


def _button(step: Part, found: Part, lang: str, *, main: bool) -> Component:
    form = steps.form_of(step, found, lang)
    name = form["title"]
    words = {w: t(f"many.{w}", lang) for w in ("taken", "refused", "all", "close")}
    form |= {
        "many": True,
        "title": t("many.title", lang, step=form["title"]),
        "sub": t("many.chosen", lang, n=len(found["cases"])),
        "numbers": {str(c["case_id"]): c["number"] for c in found["cases"]},
        "words": {**form["words"], **words},
    }
    packed = json.dumps(form, ensure_ascii=False, separators=(",", ":"))
    return html.Button(name, className="btn p" if main else "btn", **{"data-step": packed})
