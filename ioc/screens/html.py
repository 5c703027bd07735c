"""Dash components to HTML text: the shell a browser shows before Dash has started, and plain pages.

Every text and attribute is escaped. Only `Svg.inner` is taken as it is: it comes from `ioc.screens.draw` and `marks`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from dash import dcc
from dash.development.base_component import Component

from ioc.ui import Svg

Render = Callable[[Component], str | None]

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_RENAMED = {
    "className": "class",
    "htmlFor": "for",
    "httpEquiv": "http-equiv",
    "tabIndex": "tabindex",
    "autoFocus": "autofocus",
}
_DROPPED = frozenset(
    {"children", "n_clicks", "n_clicks_timestamp", "disable_n_clicks", "key", "loading_state", "n_blur", "n_submit"}
)
_BOOLEAN = frozenset(
    {"hidden", "disabled", "open", "required", "checked", "autofocus", "readonly", "multiple", "selected", "novalidate"}
)
# Attributes that name an address: nothing but our own paths and fragments may stand there.
_ADDRESS = frozenset({"href", "action", "src", "formaction"})
_SAFE_ADDRESS = re.compile(r"(/(?![/\\])|#|\?|$)")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")
_CAMEL = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Tag:
    """An element Dash has no component for (`input`, `meta`), for pages that are sent as plain HTML."""

    name: str
    children: Any = None
    attrs: Mapping[str, Any] = field(default_factory=dict[str, Any])


def style_text(style: Mapping[str, Any]) -> str:
    """React's camel-case style to CSS text; custom properties stay as they are."""
    parts: list[str] = []
    for name, value in style.items():
        css = name if name.startswith("--") else _CAMEL.sub("-", name).lower()
        parts.append(f"{css}:{value}")
    return ";".join(parts)


def id_text(value: Any) -> str:
    """Dash writes pattern ids as JSON with sorted keys."""
    if isinstance(value, Mapping):
        inner = ",".join(f'"{k}":"{value[k]}"' for k in sorted(value))
        return "{" + inner + "}"
    return str(value)


def _attribute(name: str, value: Any) -> str:
    if name in _DROPPED or value is None or value is False:
        return ""
    shown = _RENAMED.get(name, name if name.startswith(("data-", "aria-")) else name.lower())
    if not _NAME.fullmatch(shown):
        return ""
    if shown == "style":
        value = style_text(value)
    elif shown == "id":
        value = id_text(value)
    elif shown in _BOOLEAN:
        return f" {shown}"
    elif shown in _ADDRESS and not _SAFE_ADDRESS.match(str(value)):
        return ""
    text = "true" if value is True else str(value)
    return f' {shown}="{escape(text, quote=True)}"'


def _props(component: Component) -> dict[str, Any]:
    plain: Any = component.to_plotly_json()
    return dict(plain["props"])


def _children(children: Any, render: Render | None) -> str:
    if children is None or isinstance(children, bool):
        return ""
    if isinstance(children, str | int | float):
        return escape(str(children), quote=False)
    if isinstance(children, Component | Tag):
        return to_html(children, render)
    if isinstance(children, Iterable):
        return "".join(_children(child, render) for child in children)
    raise TypeError(f"not a child of a component: {type(children).__name__}")


def _svg(component: Component) -> str:
    props = _props(component)
    attrs = "".join(
        _attribute(k, v) for k, v in props.items() if k in ("id", "className", "style") or k.startswith("data-")
    )
    fit = f' preserveAspectRatio="{escape(props["fit"])}"' if props.get("fit") else ""
    label = props.get("label")
    seen = f' role="img" aria-label="{escape(label, quote=True)}"' if label else ' aria-hidden="true"'
    box = escape(props.get("viewBox") or "0 0 24 24", quote=True)
    return f'<svg{attrs} viewBox="{box}"{fit}{seen}>{props.get("inner") or ""}</svg>'


def _element(tag: str, attrs: Mapping[str, Any], children: Any, render: Render | None) -> str:
    text = "".join(_attribute(name, value) for name, value in attrs.items())
    return f"<{tag}{text}>" if tag in _VOID else f"<{tag}{text}>{_children(children, render)}</{tag}>"


def to_html(component: Component | Tag, render: Render | None = None) -> str:
    """HTML of `component`. `render` draws the browser's own components; None from it leaves an empty box."""
    if isinstance(component, Tag):
        return _element(component.name, component.attrs, component.children, render)
    if isinstance(component, Svg):
        return _svg(component)
    if isinstance(component, dcc.Store):
        return ""
    namespace = getattr(component, "_namespace", "")
    props = _props(component)
    if namespace != "dash_html_components":
        drawn = render(component) if render is not None else None
        if drawn is not None:
            return drawn
        return "<div" + "".join(_attribute(k, props.get(k)) for k in ("id", "className", "style")) + "></div>"
    return _element(str(getattr(component, "_type", "div")).lower(), props, props.get("children"), render)
