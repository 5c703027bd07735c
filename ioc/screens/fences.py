"""/desk/fences: electronic fences beside the map (assets/fence.js draws the form), with their words and choices."""

from __future__ import annotations

import json
from typing import Any

from ioc.alarm_rules import alarm_rules
from ioc.dictionaries import shipped
from ioc.i18n import catalogue, t
from ioc.screens.elements import Component, html
from ioc.screens.model import Model

VIEW, EDIT = "alarm.view", "alarm.rules"
PREFIX = "fence."


def panel(model: Model) -> Component:
    """The column of the list and the form; without the right, why it is empty."""
    lang, who = model.lang, model.who
    head = html.Div([html.H2(t("fence.title", lang)),
                     html.A(t("alarm.rules.back", lang), href=model.page.href("/desk/alarms"), className="btn",
                            **{"data-keep": "1"})], className="ph2")  # fmt: skip
    if who is None or not who.can(VIEW):
        return html.Section([head, html.P(t("alarm.noRight", lang), className="sec pad")], className="col que")
    setup: dict[str, Any] = {
        "lang": lang,
        "mayEdit": who.can(EDIT),
        "words": {k.removeprefix(PREFIX): w(lang) for k, w in catalogue().items() if k.startswith(PREFIX)},
        "rules": [[r.key, r.title(lang)] for r in alarm_rules().values() if r.test == "fence"],
        "kinds": [[code, e.en if lang == "en" else e.zh] for code, e in shipped()["device_kind"].items()],
        "regions": [[ref.code, ref.name] for ref in (*model.crumbs, *model.children)],
    }
    box = html.Div(id="fences", className="fencebox", **{"data-setup": json.dumps(setup, ensure_ascii=False)})
    return html.Section([head, box], className="col que", **{"aria-label": t("fence.title", lang)})
