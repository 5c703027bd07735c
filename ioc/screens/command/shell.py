"""A command panel in its place: title, age, source, and what is missing; its body is a file of `bodies`."""

from __future__ import annotations

import datetime as dt
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, cast

from ioc.command.asking import PanelState
from ioc.declare import Panel
from ioc.i18n import Text, t
from ioc.screens import fmt
from ioc.screens.command import bodies
from ioc.screens.elements import Component, html
from ioc.screens.fresh import fresh
from ioc.screens.marks import icon
from ioc.screens.state import View

Body = Callable[[Mapping[str, Any], View], Sequence[Any]]
DAY = dt.timedelta(days=1)
_ASKED = frozenset({"ring_m", "case_id", "area_name"})  # of the page, not of the panel


@cache
def drawn() -> frozenset[str]:
    """Panels that have a body of their own."""
    return frozenset(m.name for m in pkgutil.iter_modules(bodies.__path__) if not m.name.startswith("_"))


def body_of(key: str) -> Body:
    """The drawing of panel `key`: that of its file, else its values as they are."""
    if key not in drawn():
        return plain
    return cast("Body", importlib.import_module(f"{bodies.__name__}.{key}").body)


def section(panel: Panel, lang: str) -> Component:
    """The place of a panel before it is answered: its title and a still skeleton."""
    waiting = [_head(panel.title, None, lang), html.Div(className="cskel", **{"aria-hidden": "true"})]
    return html.Section(
        waiting, id=f"cp-{panel.key}", className=f"s cp-{panel.key}", **{"data-panel": panel.key, "data-n": "0"}
    )


def children(panel: Panel, state: PanelState, names: Mapping[str, Text], view: View) -> list[Any]:
    """What stands in the place once `state` is known. `names`: titles of datasets by key."""
    lang = view.lang
    age = _age(state, view) if state.state in ("ok", "empty") or (state.state == "missing" and state.data) else None
    head = _head(panel.title, age, lang)
    if state.state == "missing":
        said = t("cmd.missing", lang, names=fmt.listed([names[k](lang) for k in state.missing if k in names], lang))
        none = html.Div([html.B(t("screens.fresh.never", lang)), html.P(said)], className="cnone")
        # what could be found without it is shown all the same: warnings without a station
        rest = [*body_of(panel.key)(state.data, view), *_foot(state, names, lang)] if state.data else []
        return [head, none, *rest]
    if state.state == "forbidden":
        return [head, html.Div(html.P(t("cmd.forbidden", lang, right=state.error_code)), className="cnone")]
    if state.state == "error":
        said = state.error(lang) if state.error else state.error_code
        again = html.Button(
            [icon("refresh"), t("cmd.again", lang)], type="button", className="btn", **{"data-ask": panel.key}
        )
        return [head, html.Div([html.P([icon("warn"), said]), again], className="cnone bad")]
    return [head, *body_of(panel.key)(state.data, view), *_foot(state, names, lang)]


def _head(title: Text, age: Any, lang: str) -> Component:
    return html.H2([title(lang), age if age is not None else html.Span("")])


def _age(state: PanelState, view: View) -> Component:
    """A live value has a ring; what is brought in by file says the day it speaks of."""
    if state.as_of is None:
        return html.Span("")
    interval = state.interval or DAY
    if interval >= 7 * DAY:
        return html.Span(t("cmd.as_of", view.lang, day=f"{view.local(state.as_of):%Y-%m-%d}"), className="num")
    return fresh(state.as_of, interval, state.source, view)


def _foot(state: PanelState, names: Mapping[str, Text], lang: str) -> list[Any]:
    notes = [n(lang) for n in state.notes]
    if state.lacking:
        lacking = fmt.listed([names[k](lang) for k in state.lacking if k in names], lang)
        notes.append(t("cmd.lacking", lang, names=lacking))
    if state.source:
        notes.insert(0, t("cmd.source", lang, source=state.source))
    tag = [html.Span(t("screens.demo", lang), className="demo")] if state.origin == "demo" else []
    return [html.P([*tag, ("；" if lang == "zh" else "; ").join(notes)], className="cfoot")] if notes or tag else []


def plain(data: Mapping[str, Any], view: View) -> list[Any]:
    """Values of a panel nobody has drawn yet, as a table: seen, not hidden."""
    rows = [html.Div([html.Dt(key), html.Dd(fmt.word(value, view.lang))]) for key, value in data.items()
            if key not in _ASKED and (not isinstance(value, (list, dict)) or "zh" in value)]  # fmt: skip
    return [html.Dl(rows, className="vrows")]
