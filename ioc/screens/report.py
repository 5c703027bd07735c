"""接报登记: the button in the desk's bar that opens the form (assets/report.js), with its words and choices."""

from __future__ import annotations

import json
from typing import Any

from ioc.command import life
from ioc.flows import flows
from ioc.i18n import catalogue, t
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.model import Model

_ROOM = "report."


def report_button(model: Model) -> list[Any]:
    """Nothing for who may not report. With the right to take up cases the form offers one at once."""
    who, lang = model.who, model.lang
    if who is None or not who.can("event.write") or not model.crumbs:
        return []
    words = {key.removeprefix(_ROOM): word(lang) for key, word in catalogue().items() if key.startswith(_ROOM)}
    urgency = [(u, t(f"screens.urgency.{u}", lang)) for u in ("routine", "urgent", "critical")]
    taken = [(key, flow.title(lang)) for key, flow in flows().items() if flow.steps] if who.can("case.accept") else []
    form = {"words": words, "urgency": urgency, "flows": taken, "login": who.name,
            "incident": who.can(life.OPEN_)}  # fmt: skip
    label: list[Any] = [icon("phone"), html.Span(t("report.title", lang)), html.Span("N", className="kbd")]
    packed = json.dumps(form, ensure_ascii=False, separators=(",", ":"))
    button: Component = html.Button(
        label,
        type="button",
        className="btn rep",
        title=t("report.title", lang),
        **{"data-report": packed, "data-key": "n", "aria-label": t("report.title", lang)},
    )
    return [button]
