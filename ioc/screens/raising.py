"""开立突发事件 from everywhere on the desk: foot of the detail panel, and by hand in the bar. Key C."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.command import life
from ioc.i18n import t
from ioc.screens.command import forms
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.model import Model
from ioc.screens.state import View

WORKSPACE = "/desk/command/"


def raising(detail: Mapping[str, Any], view: View) -> Component | None:
    """To the incident that came of what is selected, or a new one from it. None where neither is there."""
    lang, made, asked = view.lang, detail.get("incident"), detail.get("raise")
    key = html.Span("C", className="kbd")
    if made:
        label = [icon("target"), t("aid.enter", lang), key]
        link = html.A(label, href=f"{WORKSPACE}{made['case_id']}", className="btn l",
                      title=str(made.get("number") or ""), **{"data-keep": "1", "data-raise": "1"})  # fmt: skip
        return html.Div(link, className="dsteps draise")
    if not asked:
        return None
    placed = detail.get("lon") is not None or asked["kind"] == "warning"
    form = forms.raised(asked["kind"], int(asked["id"]), str(detail.get("number") or ""), placed, lang)
    press = html.Button([icon("target"), form["title"], key], type="button", className="btn l",
                        **{"data-step": forms.packed(form), "data-raise": "1"})  # fmt: skip
    return html.Div(press, className="dsteps draise")


def hand_button(model: Model) -> list[Any]:
    """In the bar, for who may open one: by hand, wherever one is."""
    who, lang = model.who, model.lang
    if who is None or not who.can(life.OPEN_) or not model.crumbs:
        return []
    form = forms.opening({}, lang)
    label: list[Any] = [icon("target"), html.Span(t("aid.hand", lang)), html.Span("C", className="kbd")]
    attrs = {"data-step": forms.packed(form), "data-raise-hand": "1", "aria-label": form["title"]}
    return [html.Button(label, type="button", className="btn rep", title=form["title"], **attrs)]
