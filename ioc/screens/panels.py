"""Panels of wall and desk: warnings, incidents, districts, trend, topics, sources. Data in, components out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import draw, fmt
from ioc.screens.elements import Component, html
from ioc.screens.fresh import fresh
from ioc.screens.marks import ROMAN, icon, level_mark, level_of, level_text, record_mark, warning_flag
from ioc.screens.state import View
from ioc.screens.tiles import band
from ioc.services import Counts, DistrictRow, Record, SourceState, TileState, Warning_
from ioc.ui.due import due as deadline

# ---------------------------------------------------------------- warnings


_LINE = 2  # warnings an embed of 480 px has room for


def warning_strip(warnings: Sequence[Warning_] | None, view: View, full: bool = True) -> list[Any]:
    """Content of the fixed strip: flags in force, 当前无生效预警, or 未接入. The row itself never comes or goes."""
    lang = view.lang
    if warnings is None:
        return [
            html.Span(t("screens.warn.unconnected", lang), className="w1"),
            html.Span(t("screens.warn.unconnected_hint", lang), className="wr"),
        ]
    if not warnings:
        return [html.Span(t("screens.warn.none", lang), className="w1")]
    items: list[Any] = []
    ahead = sum(w.upcoming for w in warnings)
    if ahead == len(warnings):
        items.append(html.Span(t("screens.warn.none", lang), className="w1"))
    alone = len(warnings) == 1  # the words of one fit, those of several would push each other out
    for warning in warnings[:4]:
        head = t("screens.warn.head", lang, kind=warning.kind(lang), colour=t(f"screens.colour.{warning.colour}", lang))
        note = [html.Span(warning.note, className="mut note")] if warning.note and full and alone else []
        items.append(
            html.Span(
                [
                    warning_flag(warning.colour, lang),
                    html.B(head),
                    *([_ahead(warning, view)] if warning.upcoming else []),
                    html.Span(warning.area, className="ellip area"),
                    *note,
                    *([] if warning.upcoming else [_since(warning, view)]),
                ],
                className="w1 ahead" if warning.upcoming else "w1",
                title=f"{head} {warning.area} {warning.note}".strip(),
                **{"data-sel": warning.key},
            )
        )
    senders = " · ".join(dict.fromkeys(w.sender for w in warnings if w.sender))
    total = t("screens.warn.count", lang, n=len(warnings) - ahead)
    if ahead:
        total += t("visible.warn.ahead", lang, n=ahead)
    items.append(html.Span(f"{total} · {senders}" if senders else total, className="wr"))
    return items


def warning_line(warnings: Sequence[Warning_] | None, view: View) -> list[Any]:
    """The strip of an embed: warnings in force as flag and name, as many as fit; nothing where there is none."""
    lang, found = view.lang, [w for w in warnings or () if not w.upcoming]
    items: list[Any] = []
    alone = len(found) == 1  # two have room for their names only
    for warning in found[:_LINE]:
        head = t("screens.warn.head", lang, kind=warning.kind(lang), colour=t(f"screens.colour.{warning.colour}", lang))
        items.append(
            html.Span(
                [warning_flag(warning.colour, lang), html.B(head),
                 *([html.Span(warning.area, className="ellip")] if alone else []), _since(warning, view)],
                className="w1",
                title=f"{head} {warning.area}".strip(),
            )
        )  # fmt: skip
    rest = len(found) - len(items)
    return [*items, html.Span(f"+{rest}", className="num")] if rest > 0 else items


def _since(warning: Warning_, view: View) -> Component:
    return html.Span(t("screens.warn.from", view.lang, at=fmt.moment(warning.onset_at, view)), className="mut num")


def _ahead(warning: Warning_, view: View) -> Component:
    """Not in force yet: 将于 18:00 生效, in the dashed frame of what is not certain."""
    words = t("visible.warn.takes_effect", view.lang, at=fmt.moment(warning.onset_at, view))
    return html.Span(words, className="soon2 num")


# ---------------------------------------------------------------- deadlines and stages


def due(record: Record, view: View) -> Component | None:
    """Deadline of a row: minutes, h:mm, overdue, or the date of a stopped clock. The live list says the same."""
    found = deadline(
        {"due_label": None, "due_kind": "none", "due_at": None, **record}, view.now, view.lang, view.zone.key
    )
    if found.kind == "none":
        return html.Span(found.label, className="due dt") if found.label else None
    label = [html.Em(found.label)] if found.label else []
    tail = f" {found.unit}" if found.unit else ""
    if found.kind == "date":
        return html.Span([*label, found.value], className="due dt num")
    if found.kind == "over":
        return html.Span(f"{found.label} {found.value}{tail}", className="due over num")
    words = [*label, html.B(found.value, className="num"), tail]
    return html.Span(words, className="due soon" if found.kind == "soon" else "due")


def stage_bar(record: Record, lang: str, labels: bool = True) -> Component:
    """Stages of the item's own flow; what is done, what is current, what is to come."""
    stages: Sequence[Mapping[str, str]] = record.get("stages") or []
    current = int(record.get("stage_index") or 0)
    parts: list[Any] = []
    for i, stage in enumerate(stages):
        name = html.Em(fmt.word(stage, lang), title=fmt.word(stage, lang)) if labels else None
        parts.append(html.I(name, className="dn" if i < current else "cur" if i == current else ""))
    now_at = fmt.word(record.get("stage_text"), lang)
    label = t("screens.stage.current", lang, flow=fmt.word(record.get("flow_text"), lang), stage=now_at)
    return html.Div(parts, className="steps", role="img", **{"aria-label": label})


# ---------------------------------------------------------------- incidents


def is_incident(record: Record) -> bool:
    return record.get("flow") == "incident" and not record.get("closed")


def incidents(rows: Sequence[Record]) -> list[Record]:
    return [row for row in rows if is_incident(row)]


def incident_words(record: Record, lang: str) -> str:
    """`Ⅲ 级 较大 · 处置 · 区·镇`; 初判 while nobody has confirmed the level."""
    level = level_of(record) or 0
    parts = [level_text(level, lang, bool(record.get("provisional")))]
    if record.get("provisional"):
        parts[0] += t("screens.level.await", lang)
    parts += [fmt.word(record.get("stage_text"), lang), str(record.get("place_short") or record.get("place") or "")]
    return " · ".join(part for part in parts if part)


def incident_card(record: Record, view: View) -> Component:
    """Desk: level, title, deadline, words, stages. Pressing it selects the incident."""
    level, provisional = level_of(record) or 0, bool(record.get("provisional"))
    clock = due(record, view)
    title = [
        level_mark(level, view.lang, provisional),
        html.Span(str(record.get("title") or ""), className="ellip"),
        *([clock] if clock is not None else []),
    ]
    return html.Article(
        [html.H3(title), html.P(incident_words(record, view.lang), className="ellip"), stage_bar(record, view.lang)],
        className=f"icard l{level}" + (" pv" if provisional else ""),
        role="button",
        tabIndex=0,
        **{"data-sel": record["key"]},
    )


def incident_lead(record: Record, view: View) -> Component:
    """Wall: the worst incident, large. Facts come from the record only; no unverified picture."""
    level, provisional = level_of(record) or 0, bool(record.get("provisional"))
    opened = fmt.when(record.get("opened_at"))
    elapsed = (
        t("screens.lead.elapsed", view.lang, span=fmt.span((view.now - opened).total_seconds(), view.lang))
        if opened
        else ""
    )
    clock = due(record, view)
    where = " · ".join(p for p in (level_text(level, view.lang, provisional), str(record.get("place") or "")) if p)
    meta = [
        html.Span(
            t("screens.lead.source", view.lang, source=record.get("source_text") or record.get("source") or "—"),
            className="ellip",
        ),
        *([clock] if clock is not None else []),
    ]
    return html.Article(
        [
            html.Div(
                [
                    level_mark(level, view.lang, provisional),
                    html.Span(str(record.get("title") or ""), className="ellip"),
                    html.Small(elapsed, className="num"),
                ],
                className="ti",
            ),
            html.Div(where, className="wh"),
            stage_bar(record, view.lang),
            html.Div(meta, className="meta"),
        ],
        className=f"lead l{level}" + (" pv" if provisional else ""),
    )


def no_incident(counts: Counts, view: View) -> Component:
    """What stands in the incident place on an ordinary day."""
    text = t("screens.lead.none_why", view.lang, n=fmt.number(counts.today), m=fmt.number(counts.closed_today))
    return html.Div([html.B(t("screens.lead.none", view.lang)), html.P(text, className="num")], className="quiet")


# ---------------------------------------------------------------- counts


def count_incidents(counts: Counts, lang: str) -> list[Any]:
    """Four levels with their marks, 未定级 where there are such; zero is dim. A level all 初判 is drawn dashed."""
    out: list[Any] = []
    for level in (1, 2, 3, 4, *((0,) if counts.incidents.get(0) else ())):
        n, initial = counts.incidents.get(level, 0), counts.provisional.get(level, 0)
        mark = level_mark(level, lang, n > 0 and initial >= n)
        out.append(
            html.Span([mark, html.B(fmt.number(n), **{"data-count": f"inc{level}"})], className="" if n else "z")
        )
    return out


# ---------------------------------------------------------------- district table


def _cell_rate(value: float | None, target: float | None) -> Any:
    if value is None:
        return html.Span("—", className="mut")
    low = target is not None and round(value, 1) < target
    return html.Span(fmt.number(value, 1), className="lo" if low else "")


def district_table(
    rows: Sequence[DistrictRow], tiles: Mapping[str, TileState], view: View, press: bool = False
) -> Component:
    """Districts side by side: open work, on-time rate in its band, cameras online. Missing is a dash, no zero."""
    lang = view.lang
    on_time = _target(tiles, "on_time")
    online = _target(tiles, "camera_online")
    body: list[Any] = []
    for row in rows:
        rate: list[Any] = [html.Span(_cell_rate(row.on_time, on_time), className="vn")]
        if row.on_time is not None and on_time is not None:
            scale = (min(80.0, row.on_time), 100.0)
            rate.insert(0, band(row.on_time, on_time, "high", scale, "", round(row.on_time, 1) < on_time))
        attrs: dict[str, Any] = {"data-region": row.code, "tabIndex": 0} if press else {}
        body.append(
            html.Tr(
                [
                    html.Td(html.Span(row.name, className="ellip"), title=row.name),
                    html.Td(fmt.number(row.open), className="num"),
                    html.Td(rate, className="num"),
                    html.Td(_cell_rate(row.camera_online, online), className="num"),
                ],
                **attrs,
            )
        )
    heads = ("region", "open", "on_time", "camera")
    head = html.Tr([html.Th(t(f"screens.dist.{h}", lang)) for h in heads])
    return html.Table([html.Thead(head), html.Tbody(body)], className="dt")


def _target(tiles: Mapping[str, TileState], hint: str) -> float | None:
    """Target of the indicator a column shows, so that table and tile are judged by one figure."""
    for code, tile in tiles.items():
        if hint in code:
            return tile.indicator.target
    return None


# ---------------------------------------------------------------- trend and topics


def day_trend(counts: Counts, view: View) -> Component:
    """Today against last week, drawn for the narrow column of 32:9 and the wide one of 16:3."""
    lang = view.lang
    words = (
        t("screens.trend.today", lang),
        t("screens.trend.before", lang, day=fmt.weekday(view)),
        t("screens.trend.hour", lang),
    )
    # the hour that is still running would look like a fall
    done = [n if hour < view.local(view.now).hour else None for hour, n in enumerate(counts.hours)]
    charts = [
        draw.trend(done, counts.hours_last_week, words, "t-a", width=504, height=212),
        draw.trend(done, counts.hours_last_week, words, "t-b", width=880, height=204),
    ]
    legend = html.Div(
        [html.Span([html.I(className="k1"), words[0]]), html.Span([html.I(className="k2"), words[1]])], className="tleg"
    )
    return html.Div([legend, *charts], className="trend")


def hotline(topics: Sequence[tuple[str, int]], lang: str, limit: int = 5) -> list[Any]:
    """Most frequent requests: word, bar, number. The two largest are brighter: brightness is importance."""
    if not topics:
        return [html.P(t("screens.hot.none", lang), className="mut none")]
    shown = list(topics[:limit])
    shares = draw.steps_share([n for _, n in shown])
    out: list[Any] = []
    for i, ((name, n), share) in enumerate(zip(shown, shares, strict=True)):
        out += [
            html.Span(name, className="ellip", title=name),
            html.I(className="p" if i < 2 else "", style={"width": f"{share}%"}),
            html.B(fmt.number(n), className="num"),
        ]
    return out


# ---------------------------------------------------------------- sources

_LATE = ("late", "stale")
_BAD = ("lost", "error")


def source_counts(sources: Sequence[SourceState]) -> tuple[int, int]:
    """(normal, all) of the sources that are switched on and have spoken: the same count as the indicator's."""
    on = [s for s in sources if s.state not in ("off", "never")]
    return sum(1 for s in on if s.state in ("live", "late")), len(on)


def source_counter(sources: Sequence[SourceState], lang: str) -> list[Any]:
    """`数据源 36 / 38 正常`, or that none is connected."""
    good, total = source_counts(sources)
    if not total:
        return [t("screens.sources.none", lang)]
    return [
        t("screens.sources.head", lang) + " ",
        html.B(f"{good} / {total}", className="num"),
        " " + t("screens.sources.good", lang),
    ]


def status_sources(sources: Sequence[SourceState], view: View) -> list[Any]:
    """Status line: the counter, then what is late or lost by name, worst first, at most three."""
    lang = view.lang
    out: list[Any] = [html.Span(source_counter(sources, lang))]
    bad = [s for s in sources if s.state in _BAD] + [s for s in sources if s.state == "stale"]
    for source in bad[:3]:
        word = t(f"screens.source.{source.state}", lang)
        if source.state == "stale" and source.age_s is not None:
            tail = fmt.span(source.age_s, lang)
        elif source.since is not None:
            tail = t("screens.warn.from", lang, at=fmt.moment(source.since, view))
        else:
            tail = ""
        out.append(html.Span([html.B(word), f" {source.title(lang)} {tail}".rstrip()], className="bad"))
    if len(bad) > 3:
        out.append(html.Span(t("screens.sources.more", lang, n=len(bad) - 3)))
    return out


def source_age(source: SourceState, view: View) -> Any:
    """Ring and age of a source, or why there is none."""
    if source.state == "off":
        return html.Span(t("screens.source.off", view.lang), className="mut")
    if source.age_s is None:
        return html.Span("—", className="mut")
    as_of = view.now - dt.timedelta(seconds=source.age_s)
    return fresh(as_of, dt.timedelta(seconds=max(1, source.interval_s)), source.key, view)


def source_table(sources: Sequence[SourceState], view: View) -> Any:
    """Data page: every source with its state, age and fault."""
    lang = view.lang
    if not sources:
        return html.Div(
            [html.B(t("screens.sources.none", lang)), html.P(t("screens.sources.none_why", lang))], className="none2"
        )
    order = {s: i for i, s in enumerate((*_BAD, *reversed(_LATE), "live", "never", "off"))}
    rows: list[Any] = []
    for source in sorted(sources, key=lambda s: (order.get(s.state, 9), s.key)):
        fault = source.error(lang) if source.error else ""
        since = fmt.moment(source.since, view) if source.since else "—"
        rows.append(
            html.Tr(
                [
                    html.Td(
                        [
                            html.B(source.title(lang)),
                            *(
                                [html.Span(t("screens.demo", lang), className="demo")]
                                if source.origin == "demo"
                                else []
                            ),
                        ]
                    ),
                    html.Td(
                        html.Span(
                            t(f"screens.source.{source.state}", lang), className="dev" if source.state in _BAD else ""
                        )
                    ),
                    html.Td(source_age(source, view)),
                    html.Td(fmt.span(source.interval_s, lang), className="num r"),
                    html.Td(since, className="num"),
                    html.Td(html.Span(fault or "—", className="ellip" if fault else "mut", title=fault)),
                ],
            )
        )
    heads = ("name", "state", "age", "interval", "since", "fault")
    head = html.Tr([html.Th(t(f"screens.sources.{h}", lang), className="r" if h == "interval" else "") for h in heads])
    return html.Table([html.Thead(head), html.Tbody(rows)], className="tbl")


# ---------------------------------------------------------------- map overlay


def device_counts(counts: Counts, lang: str) -> list[Any]:
    """Wall: how much there is of what, top left on the map."""
    shown = (("camera", "camera"), ("sensor", "sensor"), ("grid_cell", "grid"), ("resource", "shield"))
    out: list[Any] = []
    for key, glyph in shown:
        if key in counts.devices:
            n = html.B(fmt.number(counts.devices[key]), className="num", **{"data-count": f"devices.{key}"})
            out.append(html.P([icon(glyph), html.Span(t(f"screens.device.{key}", lang)), n]))
    return out


def work_row(record: Record, view: View) -> Component:
    """A row of the work list for places where nothing is live (embeds before their first poll)."""
    clock = due(record, view)
    words = [
        fmt.word(record.get("flow_text"), view.lang),
        str(record.get("place_short") or ""),
        fmt.word(record.get("stage_text"), view.lang),
    ]
    if record.get("level"):
        words[0] = ("" if not record.get("provisional") else t("screens.level.prov", view.lang) + " ") + t(
            "screens.level.n", view.lang, n=ROMAN[int(record["level"])]
        )
    text = html.Div(
        [
            html.B(str(record.get("title") or ""), className="ellip"),
            html.Small(" · ".join(w for w in words if w), className="ellip"),
        ],
        className="ellip",
    )
    return html.Div(
        [record_mark(record, view.lang), text, clock], className="erow" + (" inc" if is_incident(record) else "")
    )
