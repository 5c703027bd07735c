"""Embeds for an office portal: one fact a frame. They poll; they open nothing and never ask anybody to sign in."""

from __future__ import annotations

from typing import Any

from dash import dcc

from ioc.i18n import t
from ioc.screens import fmt, panels, parts
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.model import Model, counts_json
from ioc.screens.tiles import tile_list
from ioc.services import TileState
from ioc.ui import CountRow, LiveList

EMBED_ROWS = 4
POLL_MS = (
    15_000  # as the map's embed: what a screen of numbers by the minute needs, and little for a portal of hundreds
)


def _head(model: Model, title: str, side: Any, path: str) -> Component:
    link = html.A(
        [icon("expand"), t("screens.embed.open", model.lang)],
        href=model.page.href(path, theme=""),
        target="_blank",
        rel="noopener",
    )
    return html.Header([html.Span(title, className="h"), side, link], className="eh")


def chosen(model: Model, codes: str) -> list[TileState]:
    """The tiles an address names, `on_time_rate,aqi`, in that order; at most four."""
    by_code = {tile.indicator.code: tile for tile in model.tiles}
    return [by_code[code] for code in codes.split(",")[:4] if code in by_code]


def tile_children(tiles: list[TileState], model: Model) -> list[Any]:
    return tile_list(tiles, model.view, act=False)


def as_of_text(tiles: list[TileState], model: Model) -> str:
    newest = max((tile.as_of for tile in tiles if tile.as_of), default=None)
    if newest is None:
        return parts.centre_title(model.centre, model.lang)
    at = fmt.clock(newest, model.view, seconds=True)
    return f"{parts.centre_title(model.centre, model.lang)} · {t('screens.embed.asof', model.lang, at=at)}"


def tile_page(model: Model, codes: str) -> Component:
    """`/embed/tile/{code}`: one tile, or up to four."""
    lang = model.lang
    tiles = chosen(model, codes)
    if not tiles:
        return gone(model, t("screens.embed.unknown", lang), codes)
    foot = html.Footer(
        [html.Span(as_of_text(tiles, model), id="em-asof", className="ellip num"), *parts.demo_tag(model.centre, lang)],
        className="ef",
    )
    body = html.Div(tile_children(tiles, model), id="em-tiles", className=f"g n{len(tiles)}")
    head = _head(model, t("screens.kpi.title", lang), html.Span(model.area, className="ellip"), "/desk")
    # The page asks for its own tiles, which its token opens; the live list that "poll" fetches is not theirs to see.
    still = model.page.args.get("still") == "1" or model.fixed_now is not None
    poll = dcc.Interval(id="em-poll", interval=POLL_MS, disabled=still)
    return html.Main([*parts.boot(model, "off"), poll, head, *_warnings(model), body, foot], className="em")


def map_page(model: Model) -> Component:
    """`/embed/map`: map, counts and the four rows that matter most."""
    lang, counts = model.lang, counts_json(model.counts)
    side_text = html.Span(
        t("screens.embed.counts", lang, n=sum(model.counts.incidents.values()), m=fmt.number(model.counts.open)),
        className="num ellip",
    )
    side = html.Aside(
        [
            CountRow(id="counts", counts=counts, variant="desk-incidents"),
            LiveList(id="work", variant="embed", limit=EMBED_ROWS, rows=list(model.rows[:EMBED_ROWS])),
        ],
        className="sd",
    )
    body = html.Div([parts.map_box(model, (), "embed"), side], className="b")
    note = fmt.word(model.map_config.get("note"), lang)
    at = fmt.clock(model.view.now, model.view, seconds=True)
    tags = [html.Span(note, className="ellip end"), *parts.demo_tag(model.centre, lang)]
    foot = html.Footer([html.Span(t("screens.embed.asof", lang, at=at), className="num"), *tags], className="ef")
    return html.Main(
        [
            *parts.boot(model, "poll"),
            _head(model, t("screens.ev.title", lang), side_text, "/desk/events"),
            *_warnings(model),
            body,
            foot,
        ],
        className="em map",
    )


def _warnings(model: Model) -> list[Component]:
    """The strip of warnings; as high as what it holds, which mostly is nothing."""
    still = model.page.args.get("still") == "1" or model.fixed_now is not None
    strip = html.Div(
        panels.warning_line(model.warnings, model.view),
        id="em-warn",
        className="ew",
        role="status",
        **{"aria-label": t("screens.warn.label", model.lang)},
    )
    return [strip, dcc.Interval(id="em-warn-poll", interval=POLL_MS, disabled=still)]


def gone(model: Model, title: str, why: str) -> Component:
    body = html.Div([icon("warn"), html.B(title), html.P(why, className="mut")], className="none2")
    return html.Main([*parts.boot(model, "off"), body], className="em gone")
