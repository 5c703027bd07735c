"""The button 导出 over a list, with the words of its dialog (assets/export.js)."""

from __future__ import annotations

import json
from typing import Any

from ioc.flows import flows
from ioc.i18n import t
from ioc.screens.elements import html
from ioc.screens.marks import icon
from ioc.screens.model import Model

RIGHT = "desk.export"
_WORDS = ("title", "why", "format", "csv", "xlsx", "flow", "any", "get", "cancel", "wait", "none", "most", "failed")


def button(model: Model, name: str, *, chip: bool = False) -> list[Any]:
    """Nothing for who may not take lists out of the house. `name`: a list of `/api/v1/exports`."""
    lang, who = model.lang, model.who
    if who is None or not who.can(RIGHT):
        return []
    words: dict[str, Any] = {w: t(f"export.{w}", lang) for w in _WORDS}
    if name == "queue":
        words["flows"] = [[key, flow.title(lang)] for key, flow in flows().items()]
    attrs = {"data-export": name, "data-words": json.dumps(words, ensure_ascii=False)}
    face = [icon("download"), html.Span(t("export.button", lang))]
    return [html.Button(face, type="button", className="chip ex" if chip else "btn ex", **attrs)]
