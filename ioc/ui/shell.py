"""First HTML of the browser's components, so that structure and numbers stand before any script has run.

The same markup as frontend/src/ui, held together by tests/golden/shell.json; the bundle replaces it in place. `Page`
comes first on every page and tells the others language, zone and time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, cast

from dash.development.base_component import Component

from ioc.ui import controls, lists
from ioc.ui.due import parse
from ioc.ui.markup import Frame, Item, Props, attrs

_frame: ContextVar[Frame | None] = ContextVar("ioc_ui_frame", default=None)


def render(component: Component) -> str | None:
    """HTML of one of our components; None for any other."""
    if getattr(component, "_namespace", "") != "ioc_ui":
        return None
    props = cast(Props, cast(Any, component).to_plotly_json()["props"])
    kind = str(getattr(component, "_type", ""))
    if kind == "Page":
        _frame.set(page_frame(props))
        return ""
    drawer = _DRAW.get(kind)
    return drawer(props, _frame.get() or Frame()) if drawer else None


def page_frame(props: Props) -> Frame:
    now = parse(props.get("fixedNow") or props.get("now"))
    return Frame(
        lang=str(props.get("lang") or "zh"),
        zone=str(props.get("timezone") or "UTC"),
        now=now or Frame().now,
        surface=str(props.get("surface") or "desk"),
        theme=str(props.get("theme") or "dark"),
        rows=tuple(cast(Sequence[Item], props.get("rows") or ())),
    )


def _map(props: Props, f: Frame) -> str:
    variant = props.get("variant") or f.surface
    return f'<div{attrs(props, "ioc-map", f"on-{variant}")} data-map=""></div>'


_DRAW: Mapping[str, Callable[[Props, Frame], str]] = {
    "MapView": _map,
    "LiveList": lists.live_list,
    "CountRow": lists.count_row,
    "ConnStrip": controls.conn,
    "Clock": controls.clock,
    "FreshRing": controls.fresh,
    "Timeline": lists.timeline,
    "LayerPanel": controls.layers,
    "SearchBox": controls.search,
    "AlarmBar": controls.alarm_bar,
    "AlarmList": lambda props, _frame: f"<section{attrs(props, 'col que alist')}></section>",
    "AlarmRules": lambda props, _frame: f"<div{attrs(props, 'arules')}></div>",
    "AlarmWall": lambda props, _frame: f"<div{attrs(props)} hidden></div>",
    "Keys": lambda _props, _frame: "",
    "LangSwitch": controls.lang_switch,
    "ThemeSwitch": controls.theme_switch,
}
