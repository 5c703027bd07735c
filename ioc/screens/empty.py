"""The empty centre: six steps with the command of each, what the tiles will say, and the self-check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import parts
from ioc.screens.desk import check_list, frame
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.model import Model
from ioc.screens.tiles import kpi_tile

MESSAGE = '\'{"values": {"water_level": 3.2}}\''


def commands(lang: str) -> tuple[str, ...]:
    """What to type at each step; the names of the files are examples in the reader's language."""
    file = {k: t(f"screens.empty.file_{k}", lang) for k in ("regions", "devices", "resources", "layer")}
    return (
        "ioc user add",
        f"ioc import regions {file['regions']} --crs EPSG:4490",
        f"ioc import devices {file['devices']} --crs GCJ-02",
        f"mosquitto_pub -t ioc/v1/observations/{t('screens.empty.id', lang)} -m " + MESSAGE,
        f"ioc import resources {file['resources']} --crs EPSG:4490",
        f"ioc import layer {file['layer']} --crs EPSG:4490",
    )


def _step(n: int, command: str, done: bool, current: bool, lang: str) -> Component:
    badge = html.Span(icon("check") if done else str(n), className="no num")
    words = html.Div([html.H3(t(f"screens.empty.{n}", lang)), html.P(t(f"screens.empty.{n}b", lang))])
    state = t("screens.empty.done", lang) if done else t("screens.empty.next", lang) if current else ""
    return html.Li(
        [badge, words, html.Code(command, className="code"), html.Span(state, className="sx")],
        className="dn" if done else "on" if current else "",
    )


def _steps(model: Model) -> Component:
    lang = model.lang
    # somebody who can sign in has done step one
    done = 1 if model.who is not None and not model.who.must_change else 0
    items = [_step(i, command, i <= done, i == done + 1, lang) for i, command in enumerate(commands(lang), 1)]
    before, _, after = t("screens.empty.why", lang).partition("{flag}")
    demo = html.Div(
        [
            html.Span(t("screens.empty.demo", lang)),
            html.Code("ioc demo load", className="code"),
            html.Span(t("screens.empty.demo_why", lang), className="mut"),
        ],
        className="or",
    )
    head = [html.H1(t("screens.empty.title", lang)), html.P([before, html.B("--dry-run"), after])]
    return html.Section([*head, html.Ul(items, className="stp"), demo], className="ec")


def _say(model: Model) -> Sequence[Any]:
    return [kpi_tile(tile, model.view, act=False) for tile in model.tiles[:8]]


def empty(model: Model) -> Component:
    lang = model.lang
    side = html.Aside(
        [
            html.Div(
                [html.H2(t("screens.empty.say", lang)), html.Span(t("screens.empty.say_side", lang))], className="ph2"
            ),
            html.Div([*parts.fault(model, "tiles"), *_say(model)], className="tt2"),
            html.Section([html.H3(t("screens.data.doctor", lang)), check_list(model.doctor, lang)], className="sec2"),
        ],
        className="col r",
    )
    return frame(model, "overview", html.Div([_steps(model), side], className="main two empty"))
