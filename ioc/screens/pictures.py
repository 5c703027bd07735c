"""Attachments of a history entry: small pictures with who and how long ago; other files by their kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.state import View

Part = Mapping[str, Any]
_KINDS = {"application/pdf": "PDF", "video/mp4": "MP4"}


def pictures(entry: Part, view: View) -> list[Any]:
    """Nothing, or one row of figures. A press opens the whole file in a tab of its own."""
    found = entry.get("pictures")
    if not isinstance(found, list | tuple) or not found:
        return []
    return [html.Span([_figure(p, view) for p in found], className="pics")]


def _figure(picture: Part, view: View) -> Component:
    at = fmt.when(picture.get("at"))
    age = fmt.age((view.now - at).total_seconds(), view.lang) if at is not None else ""
    by = fmt.word(picture.get("by"), view.lang)
    said = " · ".join(w for w in (by, age) if w)
    href = f"/api/v1/attachments/{int(picture['id'])}"
    kind = _KINDS.get(str(picture.get("media_type")))
    inside: Any = (
        html.Span([icon("photo"), html.B(kind)], className="doc")
        if kind
        else html.Img(src=f"{href}?size=small", alt=said)
    )
    stamp = fmt.stamp(at, view) if at is not None else ""
    title = f"{kind or t('screens.detail.file', view.lang)} {said} {stamp}".strip()
    return html.A([inside, html.Em(said)], href=href, target="_blank", rel="noopener", title=title)
