"""KPI tile: value, unit, band, trend, difference, age, and the eight states in which there is less than that.

States (`design.md` section 8): ok, off target, stale, lost, loading, empty, error, no right; and 未接入, never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ioc.command.datasets import datasets
from ioc.freshness import freshness
from ioc.i18n import t
from ioc.screens import draw, fmt
from ioc.screens.elements import Component, html
from ioc.screens.fresh import fresh
from ioc.screens.state import View
from ioc.services import TileState


def shortfall(tile: TileState) -> float:
    """How far the shown value is on the wrong side of its target; 0 when it is met or there is no target."""
    ind = tile.indicator
    if ind.target is None or tile.value is None:
        return 0.0
    shown = round(tile.value, ind.decimals)
    gap = ind.target - shown if ind.better == "high" else shown - ind.target
    return round(max(0.0, gap), 6)


def off_target(tiles: Sequence[TileState]) -> int:
    return sum(1 for tile in tiles if tile.state == "ok" and shortfall(tile) > 0)


def _percent(value: float, low: float, high: float) -> float:
    return round(max(0.0, min(100.0, (value - low) / ((high - low) or 1.0) * 100)), 2)


def band(
    value: float, target: float, better: str, scale: tuple[float, float], label: str, miss: bool = False
) -> Component:
    """A dot on the target band; the part that is missing is hatched."""
    at, tick = _percent(value, *scale), _percent(target, *scale)
    zone = {"left": "0", "width": f"{tick}%"} if better == "low" else {"left": f"{tick}%", "right": "0"}
    parts = [html.I(className="zone", style=zone)]
    if miss:
        parts.append(html.I(className="gap", style={"left": f"{min(at, tick)}%", "width": f"{abs(tick - at):.2f}%"}))
    parts += [html.I(className="tick", style={"left": f"{tick}%"}), html.I(className="dot", style={"left": f"{at}%"})]
    return html.Div(parts, className="bullet", role="img", **{"aria-label": label})


def _scale(tile: TileState) -> Component:
    """The band of an indicator with a target; its last period as the mark to compare with when it has none."""
    ind, value = tile.indicator, tile.value or 0.0
    if ind.target is not None:
        low, high = ind.scale
        return band(value, ind.target, ind.better, (min(low, value), max(high, value)), "", shortfall(tile) > 0)
    if tile.previous:
        top = max(value, tile.previous) * 1.2
        parts = [
            html.I(className="tick", style={"left": f"{_percent(tile.previous, 0, top)}%"}),
            html.I(className="dot", style={"left": f"{_percent(value, 0, top)}%"}),
        ]
        return html.Div(parts, className="bullet plain", **{"aria-hidden": "true"})
    return html.Div(className="bullet nil", **{"aria-hidden": "true"})


def target_text(tile: TileState, lang: str) -> str:
    """`目标 ≥ 95`; without a target the counts behind the value."""
    ind = tile.indicator
    if ind.target is not None:
        sign = "≥" if ind.better == "high" else "≤"
        return t("screens.tile.target", lang, value=f"{sign} {fmt.plain(ind.target)}")
    return parts_text(tile)


def parts_text(tile: TileState) -> str:
    """Numerator and denominator, `49,104 / 50,312`."""
    if tile.numerator is None or tile.denominator is None:
        return ""
    return f"{fmt.number(tile.numerator)} / {fmt.number(tile.denominator)}"


def delta_text(tile: TileState, lang: str) -> str:
    """A note (AQI class, primary pollutant) wins; otherwise the difference to the comparison period, never coloured."""
    if tile.note is not None:
        return tile.note(lang)
    if tile.value is None or tile.previous is None:
        return ""
    ind = tile.indicator
    return f"{ind.compare(lang)} {fmt.signed(tile.value - tile.previous, ind.decimals)}"


def hover_text(tile: TileState, lang: str) -> str:
    ind = tile.indicator
    lines = [parts_text(tile), ind.formula(lang), t("screens.tile.owner", lang, owner=ind.owner(lang))]
    if ind.records:
        lines.append(t("screens.tile.open", lang))
    return "\n".join(line for line in lines if line)


def _frame(tile: TileState, children: list[Any], state: str, view: View, act: bool) -> Component:
    ind = tile.indicator
    attrs: dict[str, Any] = {"data-tile": ind.code, "data-state": tile.state}
    if act:
        attrs |= {"data-records": ind.code, "role": "button", "tabIndex": 0}
        attrs["title"] = hover_text(tile, view.lang)
    return html.Section(children, className=f"kpi {state}".strip(), **attrs)


def _said(
    tile: TileState, head: str, text: str, view: View, side: Any = None, acts: list[Any] | None = None
) -> Component:
    """A tile that has words instead of a number."""
    title = html.H3(
        [html.Span(tile.indicator.title(view.lang), className="ellip"), *([side] if side is not None else [])]
    )
    body: list[Any] = [html.Header(title), html.B(head, className="say")]
    body.append(html.P(text, className="why") if text else html.P("\u00a0", className="why"))
    if acts:
        body.append(html.Footer(acts, className="acts"))
    return _frame(tile, body, f"said {tile.state}", view, act=False)


def _loading(tile: TileState, view: View) -> Component:
    bones = [html.Span(className=f"sk sk{i}") for i in (1, 2, 3)]
    head = html.Header(html.H3(tile.indicator.title(view.lang), className="ellip"))
    section = _frame(tile, [head, *bones], "loading", view, act=False)
    return section


def _error(tile: TileState, view: View, act: bool) -> Component:
    lang = view.lang
    code = html.Span(tile.error_code, className="mut code1") if tile.error_code else None
    what = tile.error(lang) if tile.error else t("screens.tile.error", lang)
    since = fmt.clock(tile.error_since, view, seconds=True) if tile.error_since else ""
    why = t("screens.tile.since", lang, at=since, n=tile.retries) if since else ""
    acts: list[Any] = []
    if act:
        retry = html.Button(t("screens.tile.retry", lang), className="link", **{"data-retry-tile": tile.indicator.code})
        acts = [
            retry,
            html.A(t("screens.tile.sources", lang), href="/desk/data", className="link", **{"data-keep": "1"}),
        ]
    return _said(tile, what, why, view, code, acts)


def _empty(tile: TileState, view: View) -> Component:
    lang, ind = view.lang, tile.indicator
    head = ind.zero_text(lang) if ind.zero_text else t("screens.tile.empty", lang)
    why = tile.note(lang) if tile.note else ""
    if not why and tile.last_value is not None and tile.as_of is not None:
        last = f"{fmt.number(tile.last_value, ind.decimals)} {ind.unit(lang)}".strip()
        why = t("screens.tile.last", lang, value=last, at=fmt.moment(tile.as_of, view))
    return _said(tile, head, why or t("screens.tile.empty_why", lang), view)


def _value(tile: TileState, view: View, act: bool) -> Component:
    ind, lang = tile.indicator, view.lang
    state = freshness(tile.as_of, tile.interval, view.now)
    gap = shortfall(tile)
    shown = fmt.number(tile.value, ind.decimals)
    unit = ind.unit(lang)
    last = ""
    if tile.as_of is not None:
        last = t(
            "screens.tile.last",
            lang,
            value=f"{shown}{unit if unit == '%' else ' ' + unit}".strip(),
            at=fmt.moment(tile.as_of, view),
        )
    number = html.B("—" if state == "lost" else shown, className="num", **{"data-value": shown})
    chart = draw.spark(tile.series, ind.target)
    row = [number, html.Span(unit, className="un"), *([chart] if chart is not None else [])]
    if gap > 0:
        right = html.Span(t("screens.tile.miss", lang, gap=fmt.number(gap, ind.decimals)), className="dev num")
    else:
        right = html.Span(delta_text(tile, lang), className="dl num ellip")
    last_attrs: dict[str, Any] = {"data-last": "1"}
    if state != "lost":
        last_attrs["hidden"] = True
    foot = [
        html.Span(target_text(tile, lang), className="tg num", **{"data-not-lost": "1"}),
        right,
        html.Span(last, className="last num ellip", **last_attrs),
    ]
    children = [
        html.Header([html.H3(ind.title(lang), className="ellip"), fresh(tile.as_of, tile.interval, tile.source, view)]),
        html.Div(row, className="kv"),
        _scale(tile),
        html.Footer(foot),
    ]
    return _frame(tile, children, f"{'miss ' if gap > 0 else ''}{state}", view, act and bool(ind.records))


def kpi_tile(tile: TileState, view: View, act: bool = True) -> Component:
    """One tile in whichever state it is. `act`: whether it can be pressed (not on a wall)."""
    lang = view.lang
    if tile.state == "loading":
        return _loading(tile, view)
    if tile.state == "unknown":
        return _said(tile, "—", tile.note(lang) if tile.note else "", view)
    if tile.state == "unconnected":
        why = tile.note(lang) if tile.note else _needs(tile, lang)
        return _said(tile, t("screens.unconnected", lang), why, view)
    if tile.state == "forbidden":
        right = tile.missing_permission or tile.indicator.permission
        return _said(tile, t("screens.tile.forbidden", lang), t("screens.tile.needs_right", lang, right=right), view)
    if tile.state == "error":
        return _error(tile, view, act)
    if tile.state == "empty" or tile.value is None:
        return _empty(replace(tile, state="empty"), view)
    return _value(tile, view, act)


def _needs(tile: TileState, lang: str) -> str:
    """What would connect it: a source, or the dataset that was not brought in yet."""
    dataset = datasets().get(tile.indicator.source.removeprefix("dataset:"))
    if dataset is not None and tile.indicator.source.startswith("dataset:"):
        return t("screens.tile.needs_dataset", lang, dataset=dataset.title(lang), advice=dataset.advice(lang))
    return t("screens.tile.needs_source", lang, source=tile.indicator.title(lang))


def tile_list(tiles: Sequence[TileState], view: View, act: bool = True) -> list[Component]:
    return [kpi_tile(tile, view, act) for tile in tiles]


def summary(tiles: Sequence[TileState], lang: str) -> str:
    """`7 项，1 项未达标`."""
    missed = off_target(tiles)
    if missed:
        return t("screens.kpi.summary_miss", lang, n=len(tiles), m=missed)
    return t("screens.kpi.summary", lang, n=len(tiles))


def by_code(tiles: Sequence[TileState]) -> Mapping[str, TileState]:
    return {tile.indicator.code: tile for tile in tiles}
