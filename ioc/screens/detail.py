"""Detail panel: everything known about one case, event, device, grid cell, resource or region, with where it came from.

The mapping is that of `Services.detail`; every part of it may be missing, and what is missing is not drawn.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import draw, fmt
from ioc.screens.alarms import actions as alarm_actions
from ioc.screens.drones import playback, to_event
from ioc.screens.elements import Component, html
from ioc.screens.fresh import fresh
from ioc.screens.marks import SHAPES, icon, level_mark, level_of, level_text, urgency_mark
from ioc.screens.panels import due, stage_bar
from ioc.screens.pictures import pictures
from ioc.screens.raising import raising
from ioc.screens.records import list_code
from ioc.screens.state import View
from ioc.screens.steps import step_bar
from ioc.screens.supervise import like
from ioc.screens.told import callers, chain_mark, told

Part = Mapping[str, Any]
TYPE_ICONS = {"device": "sensor", "grid": "grid", "resource": "shield", "region": "map", "case": "list", "event": "pin"}


def _list(detail: Part, key: str) -> Sequence[Any]:
    value = detail.get(key)
    return value if isinstance(value, list | tuple) else ()


def _section(title: str, side: Any, children: Any, class_name: str = "") -> Component:
    head = html.H3([title, html.Span(side)] if side else title)
    return html.Section([head, *children], className=f"sec2 {class_name}".strip())


def _heading(detail: Part, view: View) -> Component:
    record: Part = detail.get("record") or {}
    level = detail.get("level") or level_of(record)
    urgency = detail.get("urgency") or record.get("urgency")
    kind = str(detail.get("type") or "")
    if level in SHAPES:
        mark: Any = level_mark(int(level), view.lang, bool(detail.get("provisional") or record.get("provisional")))
    elif kind in ("case", "event") and urgency:
        mark = urgency_mark(str(urgency), view.lang, bool(record.get("suspected")))
    else:
        mark = icon(str(detail.get("icon") or TYPE_ICONS.get(kind, "pin")))
    return html.H2([mark, html.Span(fmt.word(detail.get("title"), view.lang), className="ellip2")])


def _crumbs(detail: Part, view: View) -> Component | None:
    crumbs = _list(detail, "crumbs")
    place = fmt.word(detail.get("place"), view.lang)
    if not crumbs and not place:
        return None
    parts: list[Any] = [icon("pin")]
    for i, crumb in enumerate(crumbs):
        parts += [html.Span("/", className="mut")] if i else []
        parts.append(
            html.A(fmt.word(crumb.get("name"), view.lang), href="#", **{"data-region": str(crumb.get("code") or "")})
        )
    if place and not crumbs:
        parts.append(html.Span(place, className="ellip"))
    return html.P(parts, className="crumbs")


def _head(detail: Part, view: View) -> Component:
    record: Part = detail.get("record") or {}
    lang = view.lang
    kind = t(f"screens.type.{detail.get('type') or 'event'}", lang)
    flow = fmt.word(record.get("flow_text"), lang)
    merged = len(_list(detail, "sources"))
    words = [flow or kind]
    if merged > 1:
        words.append(t("screens.detail.merged", lang, n=merged))
    if detail.get("origin") == "demo":
        words.append(t("screens.demo", lang))
    close = html.Button(
        icon("x"),
        className="close",
        title=t("screens.close", lang),
        **{"data-sel": "", "aria-label": t("screens.close", lang)},
    )
    parts: list[Any] = [
        html.Div(
            [
                html.Span(str(detail.get("number") or ""), className="num ellip"),
                html.Span(" · ".join(words), className="ellip"),
                close,
            ],
            className="id",
        ),
        _heading(detail, view),
    ]
    crumbs = _crumbs(detail, view)
    if crumbs is not None:
        parts.append(crumbs)
    if record.get("stages"):
        clock = due(record, view)
        label = t("screens.detail.due", lang) if clock is not None else ""
        parts.append(
            html.Div(
                [
                    stage_bar(record, lang),
                    html.Div([clock, html.Span(label)] if clock is not None else [], className="cd"),
                ],
                className="st",
            )
        )
    return html.Div(parts, className="dh")


def _status_line(detail: Part, view: View) -> Component | None:
    """State of a device or resource with the age of what is said about it."""
    status: Part = detail.get("status") or {}
    source: Part = detail.get("source") if isinstance(detail.get("source"), Mapping) else {}  # pyright: ignore
    if not status and not source:
        return None
    word = fmt.word(status.get("text"), view.lang) or str(status.get("code") or "")
    bad = status.get("code") in ("offline", "fault")
    parts: list[Any] = [html.B(word, className="dev" if bad else "stx")] if word else []
    if source:
        as_of = fmt.when(source.get("as_of"))
        interval = dt.timedelta(seconds=float(source.get("interval_s") or 300))
        parts.append(html.Span(fmt.word(source.get("title"), view.lang), className="mut ellip"))
        if as_of is not None:
            parts.append(fresh(as_of, interval, str(source.get("key") or ""), view))
    return html.Section(parts, className="sec2 stl")


def _value(field: Part, view: View) -> Any:
    raw = field.get("value")
    at = fmt.when(raw) if isinstance(raw, str) and len(raw) >= 16 and raw[4:5] == "-" and "T" in raw else None
    shown = fmt.moment(at, view) if at is not None else fmt.word(raw, view.lang) or "—"
    unit = fmt.unit(field.get("unit"), view.lang)
    text = f"{shown} {unit}" if unit else shown
    if field.get("list"):
        code = list_code(fmt.word(field.get("label"), view.lang), str(field["list"]))
        return html.Button(text, className="link", **{"data-records": code})
    if field.get("sel"):
        return html.A(text, href="#", className="link", **{"data-sel": str(field["sel"])})
    return text


def _fields(detail: Part, view: View) -> Component | None:
    record: Part = detail.get("record") or {}
    rows = [f for f in _list(detail, "fields") if f.get("value") not in (None, "")]
    lang = view.lang
    level = detail.get("level") or level_of(record)
    parts: list[Any] = []
    if level in SHAPES:
        shown = level_text(int(level), lang, bool(detail.get("provisional") or record.get("provisional")))
        parts += [html.Dt(t("screens.detail.level", lang)), html.Dd(shown)]
    for row in rows:
        label = fmt.word(row.get("label"), lang)
        value = _value(row, view)
        title = value if isinstance(value, str) else ""
        # a long value takes the whole row, so that nothing is cut that a person has to read
        wide = "w" if isinstance(value, str) and _width(value) > 10 else ""
        parts += [
            html.Dt(label, className=wide, title=label),
            html.Dd(value, className=f"num {wide}".strip(), title=title),
        ]
    return html.Section(html.Dl(parts, className="kv2"), className="sec2") if parts else None


def _width(text: str) -> float:
    """Width in Chinese characters: a Latin letter is about half of one."""
    return sum(1.0 if ord(c) > 0x2E80 else 0.55 for c in text)


def _series(series: Part, view: View) -> Component:
    lang = view.lang
    unit = fmt.unit(series.get("unit"), lang)
    limit = series.get("limit")
    points = [(p, float(v)) for at, v in _list(series, "points") if (p := fmt.when(at)) is not None and v is not None]
    value = series.get("value")
    shown = f"{fmt.plain(float(value))} {unit}".strip() if value is not None else ""
    if value is None and series.get("observed_at"):
        shown = t("standards.missing", lang)  # told by the station itself: a gap is not a zero
    side: list[Any] = []
    if series.get("exceeded"):
        side.append(html.B(t("screens.detail.exceeded", lang), className="dev"))
    if limit is not None:
        side.append(t("screens.detail.limit", lang, value=f"{fmt.plain(float(limit))} {unit}".strip()))
    title = fmt.word(series.get("title"), lang) or str(series.get("property") or "")
    if len(points) < 2:
        body = html.P(shown or t("screens.detail.no_series", lang), className="mut")
        return _section(title, side, [body])
    start, end = points[0][0], points[-1][0]
    length = (end - start).total_seconds() or 1.0
    middle = start + (end - start) / 2
    ticks = (fmt.moment(start, view), fmt.moment(middle, view), fmt.moment(end, view))
    limit_text = (
        t("screens.detail.limit", lang, value=f"{fmt.plain(float(limit))} {unit}".strip()) if limit is not None else ""
    )
    chart = draw.curve(
        [((at - start).total_seconds() / length, v) for at, v in points],
        float(limit) if limit is not None else None,
        limit_text,
        series.get("limit_kind") != "low",
        ticks,
        shown,
    )
    return _section(title, side[:1] if series.get("exceeded") else shown, [chart])


def _sources(detail: Part, view: View) -> Component | None:
    rows: list[Any] = []
    for source in _list(detail, "sources"):
        at = fmt.when(source.get("at"))
        rows.append(
            html.Li(
                [
                    icon(str(source.get("icon") or "link")),
                    html.Span(fmt.word(source.get("title"), view.lang), className="ellip"),
                    html.Span(
                        fmt.word(source.get("text"), view.lang),
                        className="ellip num",
                        title=fmt.word(source.get("text"), view.lang),
                    ),
                    html.Em(fmt.moment(at, view) if at else "", className="num"),
                ]
            )
        )
    if not rows:
        return None
    return _section(
        t("screens.detail.sources", view.lang),
        t("screens.detail.sources_side", view.lang),
        [html.Ul(rows, className="src")],
    )


def _cameras(detail: Part, view: View) -> Component | None:
    """Cameras nearby. Until a picture is connected and verified the tile says so and shows none."""
    lang = view.lang
    cameras = _list(detail, "cameras")
    if not cameras:
        return None
    tiles: list[Any] = []
    for camera in cameras[:4]:
        online = camera.get("status") == "online"
        state = t("screens.cam.unverified" if online else "screens.cam.offline", lang)
        distance = camera.get("distance_m")
        where = t("screens.cam.distance", lang, n=fmt.number(float(distance))) if distance is not None else ""
        tiles.append(
            html.Figure(
                [
                    html.Div(
                        [
                            icon("camera" if online else "off"),
                            html.B(state),
                            html.Span(t("screens.cam.no_picture", lang)),
                        ],
                        className="lost",
                    ),
                    html.Figcaption([html.Span(fmt.word(camera.get("name"), lang)), html.Em(where, className="num")]),
                ],
                className="cam lost" if not online else "cam",
                **{"data-sel": str(camera.get("key") or ""), "tabIndex": 0},
            )
        )
    good = sum(1 for c in cameras if c.get("status") == "online")
    side = t("screens.cam.count", lang, n=len(cameras), m=good)
    return _section(t("screens.detail.cameras", lang), side, [html.Div(tiles, className="c2")])


def _links(detail: Part, key: str, view: View) -> Component | None:
    rows: list[Any] = []
    for link in _list(detail, key)[:12]:
        sub = fmt.word(link.get("sub"), view.lang)
        rows.append(
            html.Li(
                [
                    icon(str(link.get("icon") or "pin")),
                    html.Span(fmt.word(link.get("title"), view.lang), className="ellip"),
                    html.Em(sub, className="ellip num"),
                ],
                className="go",
                tabIndex=0,
                **{"data-sel": str(link.get("key") or "")},
            )
        )
    if not rows:
        return None
    return _section(t(f"screens.detail.{key}", view.lang), "", [html.Ul(rows, className="src lk")])


def _history(detail: Part, view: View) -> Component | None:
    entries = _list(detail, "history")
    if not entries:
        return None
    parts: list[Any] = []
    for i, entry in enumerate(entries):
        at = fmt.when(entry.get("at"))
        actor = fmt.word(entry.get("actor"), view.lang)
        text = fmt.word(entry.get("text"), view.lang)
        parts += [
            html.Time(fmt.moment(at, view) if at else "", className="num", title=fmt.stamp(at, view) if at else ""),
            html.I(className="now" if i == 0 else ""),
            html.P([*([html.B(actor), " "] if actor else []), text, *chain_mark(entry, view), *pictures(entry, view)]),
        ]
    return _section(t("screens.detail.history", view.lang), "", [html.Div(parts, className="log")])


def detail_panel(detail: Part, view: View) -> list[Any]:
    """Content of the detail panel."""
    parts: list[Any] = [_head(detail, view), _status_line(detail, view), _fields(detail, view)]
    parts.append(callers(detail, view))
    parts += [_series(series, view) for series in _list(detail, "series")[:4]]
    parts.append(playback(detail, view))
    parts.append(_sources(detail, view))
    parts.append(_cameras(detail, view))
    parts.append(like(detail, view))
    parts += [_links(detail, key, view) for key in ("officers", "devices", "links")]
    parts.append(told(detail, view))
    parts.append(_history(detail, view))
    shown = [part for part in parts if part is not None]
    acts = step_bar(detail, view) or to_event(detail, view.lang) or alarm_actions(detail, view.lang)
    foot = [part for part in (acts, raising(detail, view)) if part]
    return [shown[0], html.Div(shown[1:], className="db"), *foot]


def detail_missing(key: str, message: str, view: View) -> list[Any]:
    """What cannot be shown: gone, out of scope (the two look alike on purpose), or the store does not answer."""
    close = html.Button(icon("x"), className="close", **{"data-sel": "", "aria-label": t("screens.close", view.lang)})
    head = html.Div(
        [html.Div([html.Span(key, className="num"), html.Span(""), close], className="id"), html.H2(message)],
        className="dh",
    )
    return [head]


def detail_hint(view: View) -> list[Any]:
    """The third column while nothing is selected."""
    keys = html.P(
        [html.Span("J", className="kbd"), html.Span("K", className="kbd"), t("screens.detail.hint_keys", view.lang)]
    )
    return [html.Div([html.B(t("screens.detail.hint", view.lang)), keys], className="none2")]
