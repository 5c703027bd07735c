"""The wall. One layout of named areas; the aspect ratio decides in CSS which are seen. Wider walls add panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import alarms, panels, parts
from ioc.screens import duty as duties
from ioc.screens.elements import Component, html
from ioc.screens.model import WALL_ROWS, Model, counts_json, wall_tiles
from ioc.screens.state import View
from ioc.screens.tiles import by_code, summary, tile_list
from ioc.services import Counts, DistrictRow, Record, SourceState, TileState
from ioc.ui import Clock, ConnStrip, CountRow, LayerPanel, LiveList, Timeline

MAX_LEADS = 3


def _top(model: Model) -> Component:
    lang = model.lang
    duty = html.Span(
        duties.head(model.duty, model.view, wall=True), id="duty", className="wx dutyl", **duties.head_attrs(model.duty)
    )
    left = html.Div([Clock(id="date", format="date", className="wx"), duty], className="l")
    counter = html.Span(panels.source_counter(model.sources, lang), id="src-count", className="wx srcs")
    right = html.Div(
        [
            counter,
            html.Span(parts.demo_tag(model.centre, lang), id="demo"),
            Clock(id="clock", format="time", className="clock"),
        ],
        className="r",
    )
    return html.Header([left, html.H1(parts.centre_title(model.centre, lang)), right], className="top")


def _kpi(model: Model) -> Component:
    tiles = wall_tiles(model.tiles)
    head = html.Div(
        [html.H2(t("screens.kpi.title", model.lang)), html.Span(summary(tiles, model.lang), id="kpi-sum")],
        className="hd",
    )
    body = html.Div(
        [*parts.fault(model, "tiles"), *tile_list(tiles, model.view, act=False)],
        id="kpi-list",
        className=f"list n{len(tiles)}",
    )
    return html.Section([head, body], className="pane p-kpi")


def district_panel(rows: Sequence[DistrictRow], tiles: Mapping[str, TileState], view: View) -> Any:
    if not rows:
        return html.P(t("screens.dist.none", view.lang), className="mut none")
    return panels.district_table(rows[:8], tiles, view)


def _districts(model: Model) -> Component:
    lang = model.lang
    view = model.view
    return html.Section(
        [
            html.Div(
                [
                    html.H2(t("screens.dist.title", lang)),
                    html.Span(t("screens.map.whole", lang) if not model.region else model.area),
                ],
                className="hd",
            ),
            html.Div(
                district_panel(model.districts, by_code(model.tiles), view), id="wall-dist", className="pc b-dist"
            ),
            html.Div(
                [html.H2(t("screens.trend.title", lang)), html.Span(t("screens.trend.unit", lang))], className="hd ln"
            ),
            html.Div(panels.day_trend(model.counts, view), id="wall-trend", className="pc b-trend"),
            html.Div(
                [html.H2(t("screens.hot.title", lang)), html.Span(t("screens.hot.period", lang))], className="hd ln"
            ),
            html.Div(panels.hotline(model.topics, lang), id="wall-hot", className="hot pc b-hot"),
        ],
        className="pane p-dist",
    )


def _map(model: Model) -> Component:
    lang = model.lang
    name = [model.area, *([html.Em(t("screens.map.whole", lang))] if not model.region else [])]
    legend = LayerPanel(id="layers", layers=list(model.map_config.get("layers") or ()), variant="wall")
    counts = html.Div(panels.device_counts(model.counts, lang), className="dev-counts")
    corner = html.Div([html.Div(name, className="bc", id="wall-area"), counts, legend], className="ov-tl")
    today = html.Span(
        [_split(t("screens.scene.today", lang), "{n}", html.B(f"{model.counts.today:,}", **{"data-count": "today"}))],
        className="num",
    )
    live = html.Div([html.B(parts.when_word(model.page, lang)), today], className="live")
    closed = html.Span(
        [
            _split(
                t("screens.scene.closed", lang),
                "{n}",
                html.B(f"{model.counts.closed_today:,}", **{"data-count": "closed_today"}),
            )
        ]
    )
    side = html.Div([html.B([model.area, " ", t("screens.scene.overview", lang)]), closed], className="sc num")
    strip = html.Div(
        [live, Timeline(id="timeline", counts=counts_json(model.counts), variant="wall"), side], className="replay"
    )
    return parts.map_box(model, [corner, strip], "wall")


def _split(text: str, mark: str, part: Any) -> Any:
    """A sentence with one component in the place of `mark`."""
    before, _, after = text.partition(mark)
    return html.Span([before, part, after])


def leads(rows: Sequence[Record], counts: Counts, view: View) -> list[Any]:
    """Incidents in full, worst first; on an ordinary day the fact that there is none."""
    found = panels.incidents(rows)[:MAX_LEADS]
    return [panels.incident_lead(record, view) for record in found] or [panels.no_incident(counts, view)]


def source_rows(sources: Sequence[SourceState], view: View) -> list[Any]:
    """Sources with their ages, what is wrong first: the wall's answer to 'can I trust this?'."""
    order = {"error": 0, "lost": 1, "stale": 2, "late": 3, "live": 4, "never": 5, "off": 6}
    rows = sorted(sources, key=lambda s: (order.get(s.state, 9), s.key))
    out: list[Any] = []
    for source in rows[:6]:
        bad = source.state in ("error", "lost", "stale")
        word = html.Span(t(f"screens.source.{source.state}", view.lang), className="dev" if bad else "mut")
        out.append(
            html.Div(
                [html.Span(source.title(view.lang), className="ellip"), word, panels.source_age(source, view)],
                className="srow",
            )
        )
    return out or [html.P(t("screens.sources.none", view.lang), className="mut none")]


def _incidents(model: Model) -> Component:
    lang, view = model.lang, model.view
    over = LiveList(id="wall-over", variant="wall", show="overdue", limit=5, empty=t("screens.ev.overdue_none", lang))
    return html.Section(
        [
            html.Div(
                [html.H2(t("screens.ev.incidents", lang)), html.Span(t("screens.ev.inc_side", lang))], className="hd"
            ),
            html.Div(leads(model.rows, model.counts, view), id="wall-leads", className="b-leads"),
            # What sees the worst of them: assets/wall_cams.js says which cameras, frontend/src/video plays them.
            html.Div([], id="wall-cams", className="cams b-cams", **{"data-wall-cams": "1"}),
            html.Div(
                [
                    html.H2(t("screens.ev.overdue_title", lang)),
                    CountRow(id="over-n", counts=counts_json(model.counts), variant="overdue"),
                ],
                className="hd ln",
            ),
            html.Div(over, className="b-over"),
            html.Div(
                [
                    html.H2(t("screens.data.title", lang)),
                    html.Span(panels.source_counter(model.sources, lang), id="src-count2"),
                ],
                className="hd ln",
            ),
            html.Div(source_rows(model.sources, view), id="wall-src", className="pc b-src"),
        ],
        className="pane p-lead",
    )


def _work(model: Model) -> Component:
    lang = model.lang
    counts = counts_json(model.counts)
    total = html.B(f"{model.counts.open:,}", className="num", **{"data-count": "open"})
    side = html.Span(
        [
            html.Span([t("screens.ev.cases", lang), " ", total]),
            html.Span([t("screens.ev.over", lang), " ", CountRow(id="over", counts=counts, variant="overdue")]),
        ],
        className="end",
    )
    first = html.Div(leads(model.rows, model.counts, model.view)[:1], id="wall-lead", className="lead1")
    calm = "" if panels.incidents(model.rows) else " calm"
    return html.Section(
        [
            html.Div([html.H2(t("screens.ev.title", lang)), side], className="hd"),
            CountRow(id="counts", counts=counts, variant="wall"),
            first,
            LiveList(id="work", variant="wall", limit=WALL_ROWS + 1, rows=list(model.rows[: WALL_ROWS + 1])),
        ],
        id="p-ev",
        className=f"pane p-ev{calm}",
    )


def wall(model: Model) -> Component:
    """The whole wall. `view.lang` decides the words, CSS the ratio."""
    strip = html.Div(
        panels.warning_strip(model.warnings, model.view),
        id="warn-strip",
        className="wstrip",
        role="status",
        **{"aria-label": t("screens.warn.label", model.lang)},
    )
    body = [_top(model), strip, _kpi(model), _districts(model), _map(model), _incidents(model), _work(model)]
    tail = [ConnStrip(id="conn", variant="strip"), *alarms.wall(model)]
    return html.Main([*parts.boot(model), *body, *tail], className="wall")
