"""Tools over the map of a command workspace: rings, drive times, drawing, routes, closed roads, 推演 of water."""

from __future__ import annotations

from typing import Any

from ioc.command import life
from ioc.command.asking import RINGS_M
from ioc.i18n import t
from ioc.screens.command import forms
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.model import Model

CLOSE = "road.close"
MINUTES = (5, 10, 15, 30)
VEHICLES = ("fire_engine", "ambulance", "car", "foot")
DRAWS = ("polygon", "circle", "linestring", "point")
AIDS = (("route", "route"), ("closures", "x"), ("flood", "drop"))
WATERMARKS = 12


def tools(model: Model) -> Component:
    lang = model.lang
    rings = [html.Button(metres(m, lang), type="button", **{"data-ring": str(m)}, **pressed(m == RINGS_M[1]))
             for m in RINGS_M]  # fmt: skip
    draws = [html.Button(t(f"cmd.draw.{d}", lang), type="button", **{"data-draw": d}, **pressed(False)) for d in DRAWS]
    clear = html.Button([icon("x"), t("cmd.draw.clear", lang)], type="button", **{"data-draw": ""}, hidden=True)
    aids = [html.Button([icon(glyph), t(f"aid.{key}", lang)], type="button", **{"data-aid": key}, **pressed(False))
            for key, glyph in AIDS]  # fmt: skip
    return html.Div(
        [
            html.Div([html.Span(t("cmd.radius", lang)), *rings], role="group"),
            html.Div(_isochrones(lang), role="group"),
            html.Div([html.Span([icon("ruler"), t("cmd.draw", lang)]), *draws, clear], role="group"),
            html.Div(aids, role="group", className="caids"),
            html.Div(_made_of(model), role="group", id="cmd-drawn", hidden=True),
            html.Div(id="cmd-inside", role="status", hidden=True),
            html.I(className="cbreak", **{"aria-hidden": "true"}),
            html.Section(id="cmd-card", className="ccard2", hidden=True, **{"data-scrolls": "1"}),
        ],
        className="ctools",
    )


def _isochrones(lang: str) -> list[Any]:
    """From where, by what, how long."""
    minutes = [html.Button(t("cmd.iso.min", lang, n=m), type="button", **{"data-iso": str(m)}, **pressed(False))
               for m in MINUTES]  # fmt: skip
    origin = html.Button(t("aid.here", lang), type="button", className="cfrom ellip", title=t("aid.from", lang),
                         **{"data-iso-from": "1"})  # fmt: skip
    vehicles = [html.Option(t(f"aid.vehicle.{v}", lang), value=v) for v in VEHICLES]
    select = html.Select(vehicles, className="cveh", **{"data-vehicle": "1", "aria-label": t("aid.vehicle", lang)})
    return [html.Span([icon("route"), t("cmd.iso", lang)]), origin, *minutes, select]


def what_if(lang: str) -> Component:
    """The watermark over a map that shows a 推演: on the screen, and on whatever is printed or captured of it."""
    words = [html.Span(t("aid.flood.mark", lang)) for _ in range(WATERMARKS)]
    return html.Div(words, id="cmd-whatif", className="cwhatif", hidden=True, **{"aria-hidden": "true"})


def _made_of(model: Model) -> list[Any]:
    """What the asker may make of a drawing."""
    who, incident = model.who, model.incident
    if who is None or not incident or incident.get("ended"):
        return []
    rights = [k for k, right in (("command", life.COMMAND), ("close", CLOSE)) if who.can(right)]
    return forms.drawn(int(incident["case_id"]), rights, model.lang)


def pressed(on: bool) -> dict[str, str]:
    return {"aria-pressed": str(on).lower()}


def metres(value: int, lang: str) -> str:
    return f"{value} m" if value < 1000 else f"{value / 1000:g} km"
