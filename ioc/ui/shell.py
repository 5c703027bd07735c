"""First HTML of the browser's components, so that structure and numbers stand before any script has run.

The same markup as frontend/src/ui, held together by tests/golden/shell_*.json; the bundle replaces it in place. `Page`
comes first on every page and tells the others language, zone and time.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any, cast
from zoneinfo import ZoneInfo

from dash.development.base_component import Component

from ioc.freshness import freshness
from ioc.i18n import t
from ioc.ui.due import UTC, Due, due, parse

Props = Mapping[str, Any]
Item = Mapping[str, Any]
DESK_ROWS = 20
_WEEKDAYS = {"zh": "一二三四五六日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
_ROMAN = ("", "Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ")
_RANK = {"critical": 10, "urgent": 11, "routine": 12}


@dataclass(frozen=True, slots=True)
class Frame:
    """What `Page` says about the page."""

    lang: str = "zh"
    zone: str = "UTC"
    now: dt.datetime = dt.datetime(1970, 1, 1, tzinfo=UTC)
    surface: str = "desk"
    theme: str = "dark"
    rows: tuple[Item, ...] = ()


_frame: ContextVar[Frame | None] = ContextVar("ioc_ui_frame", default=None)


def render(component: Component) -> str | None:
    """HTML of one of our components; None for any other."""
    if getattr(component, "_namespace", "") != "ioc_ui":
        return None
    props = cast(Props, cast(Any, component).to_plotly_json()["props"])
    kind = str(getattr(component, "_type", ""))
    if kind == "Page":
        _frame.set(page_frame(props))
        return ""
    drawer = _DRAW.get(kind)
    return drawer(props, _frame.get() or Frame()) if drawer else None


def page_frame(props: Props) -> Frame:
    now = parse(props.get("fixedNow") or props.get("now"))
    return Frame(
        lang=str(props.get("lang") or "zh"),
        zone=str(props.get("timezone") or "UTC"),
        now=now or Frame().now,
        surface=str(props.get("surface") or "desk"),
        theme=str(props.get("theme") or "dark"),
        rows=tuple(cast(Sequence[Item], props.get("rows") or ())),
    )


# ---------------------------------------------------------------- pieces


@functools.cache
def _sprite() -> Mapping[str, Any]:
    return json.loads(resources.files("ioc.ui").joinpath("sprite.json").read_text("utf-8"))


def esc(text: object) -> str:
    return escape(str(text), quote=False)


def attrs(props: Props, *classes: str) -> str:
    """id, class and style of the component's outermost element."""
    out = f' id="{escape(str(props["id"]))}"' if props.get("id") else ""
    names = " ".join(c for c in (*classes, str(props.get("className") or "")) if c)
    out += f' class="{escape(names)}"' if names else ""
    style = cast(Mapping[str, Any], props.get("style") or {})
    return out + (f' style="{escape(";".join(f"{k}:{v}" for k, v in style.items()))}"' if style else "")


def pick(text: Any, lang: str) -> str:
    """A plain text, or the page's language of a pair."""
    if isinstance(text, Mapping):
        pair = cast(Mapping[str, str], text)
        return str(pair.get(lang) or pair.get("zh") or "")
    return "" if text is None else str(text)


def icon(name: str) -> str:
    icons = _sprite()["icons"]
    path = icons.get(name) or icons["pin"]
    return f'<svg class="ic" viewBox="0 0 24 24" aria-hidden="true"><path d="{path}"></path></svg>'


def _numeral(level: int) -> str:
    top, run = ("11", "7.5") if level == 1 else ("8", "8")
    return {
        1: f"M12 {top}v{run}",
        2: f"M9.6 {top}v{run}M14.4 {top}v{run}",
        3: f"M7.8 {top}v{run}M12 {top}v{run}M16.2 {top}v{run}",
        4: f"M7.4 {top}v{run}M10.6 {top}l3.1 {run} 3.1-{run}",
    }[level]


def level_mark(level: int, provisional: bool, lang: str) -> str:
    n = level if 1 <= level <= 4 else 4
    name = t(f"ui.level{n}", lang)
    label = f"{t('ui.provisional', lang)} {name}" if provisional else name
    box, prov = ("-1 -1 26 26", " prov") if provisional else ("0 0 24 24", "")
    return (
        f'<svg class="lv lv{n}{prov}" viewBox="{box}" role="img" aria-label="{esc(label)}">'
        f'<path class="sh" d="{_sprite()["shapes"][n - 1]}"></path>'
        f'<g class="rn"><path d="{_numeral(n)}"></path></g></svg>'
    )


def urgency_mark(urgency: str, lang: str) -> str:
    word = esc(t(f"ui.{urgency}", lang))
    if urgency == "critical":
        return f'<span class="ug ug2" role="img" aria-label="{word}">{word}</span>'
    ring = '<circle cx="12" cy="12" r="9.6" class="r"></circle><circle cx="12" cy="12" r="4.8" class="d"></circle>'
    inner = ring if urgency == "urgent" else '<circle cx="12" cy="12" r="4.2" class="d"></circle>'
    n = 1 if urgency == "urgent" else 0
    return f'<svg class="ug ug{n}" viewBox="0 0 24 24" role="img" aria-label="{word}">{inner}</svg>'


def is_incident(item: Item) -> bool:
    return item["flow"] == "incident"


def mark(item: Item, lang: str) -> str:
    inner = (
        level_mark(item["level"] or 4, item["provisional"], lang)
        if is_incident(item)
        else urgency_mark(item["urgency"], lang)
    )
    return f'<span class="mkc">{inner}</span>'


def due_mark(d: Due) -> str:
    if d.kind == "none":
        return ""
    if d.kind == "date":
        return f'<span class="due dt num">{esc(" ".join(filter(None, (d.label, d.value))))}</span>'
    if d.kind == "over":
        return f'<span class="due over">{esc(" ".join(filter(None, (d.label, d.value, d.unit))))}</span>'
    label = f"<em>{esc(d.label)}</em>" if d.label else ""
    unit = f" {esc(d.unit)}" if d.unit else ""
    return f'<span class="due{" soon" if d.kind == "soon" else ""}">{label}<b class="num">{d.value}</b>{unit}</span>'


def kind_text(item: Item, lang: str) -> str:
    """`初判 Ⅳ 级` of an incident, else the short word of its flow."""
    if not is_incident(item):
        return pick(item["flow_text"], lang)
    level = item.get("level")
    text = t("ui.levelOf", lang, n=_ROMAN[level]) if level else pick(item["flow_text"], lang)
    return f"{t('ui.provisional', lang)} {text}" if item["provisional"] else text


def steps(item: Item, lang: str) -> str:
    at = item["stage_index"]
    stage = t("ui.stage", lang, s=pick(item["stage_text"], lang))
    label = f"{pick(item['flow_text'], lang)} {stage}"
    cells = "".join(
        f"<i{' class=' + chr(34) + ('dn' if i < at else 'cur') + chr(34) if i <= at else ''}></i>"
        for i in range(item["stage_count"])
    )
    return f'<div class="steps" role="img" aria-label="{escape(label)}">{cells}</div>'


def order_key(item: Item) -> tuple[int, float, float, int]:
    """Incidents by level, then 特急, 紧急, 一般; inside each by deadline, then newest (frontend/src/core/order.ts)."""
    rank = (item["level"] or 5) if is_incident(item) else _RANK[item["urgency"]]
    deadline = parse(item["due_at"]) if item["due_kind"] != "none" else None
    opened = parse(item["opened_at"] or item["occurred_at"]) or Frame().now
    return rank, deadline.timestamp() if deadline else float("inf"), -opened.timestamp(), -int(item["id"])


def shown(item: Item, show: str, now: dt.datetime) -> bool:
    if (show == "closed") != bool(item["closed"]):
        return False
    if show in ("incidents", "cases"):
        return is_incident(item) == (show == "incidents")
    deadline = parse(item["due_at"]) if item["due_kind"] != "none" else None
    return show != "overdue" or (deadline is not None and deadline < now)


# ---------------------------------------------------------------- components


def _live_list(props: Props, f: Frame) -> str:
    variant = str(props.get("variant") or f.surface)
    source = cast(Sequence[Item], props.get("rows") or f.rows)
    rows = sorted((r for r in source if shown(r, str(props.get("show") or "all"), f.now)), key=order_key)
    first = int(props.get("offset") or 0)
    limit = int(props.get("limit") or (DESK_ROWS if variant == "desk" else len(rows)))
    draw = _desk_row if variant == "desk" else _wall_row
    body = "".join(draw(r, f) for r in rows[first : first + limit])
    box = attrs(props, "ql" if variant == "desk" else "rows", "live-list")
    return f'<div{box} role="listbox" aria-label="{esc(t("ui.list", f.lang))}">{body}</div>'


def _row_class(item: Item) -> str:
    return "inc" if is_incident(item) else {"critical": "u2", "urgent": "u1", "routine": "u0"}[item["urgency"]]


def _option(item: Item) -> str:
    return f'role="option" aria-selected="false" data-key-row="{escape(item["key"])}"'


def _row_due(item: Item, f: Frame) -> str:
    return due_mark(due(item, f.now, f.lang, f.zone))


def _desk_row(item: Item, f: Frame) -> str:
    kind, source = kind_text(item, f.lang), pick(item["source_text"], f.lang)
    line = " · ".join(filter(None, (kind, item["place"], "" if source == kind else source)))
    title = esc(item["title"])
    extra = "".join(f" {c}" for c, on in (("closed", item["closed"]), ("susp", item["suspected"])) if on)
    right = f'<span class="due dt">{esc(t("ui.closed", f.lang))}</span>' if item["closed"] else _row_due(item, f)
    return (
        f'<div class="q {_row_class(item)}{extra}" {_option(item)}>'
        f'{mark(item, f.lang)}<div class="ellip"><b>{icon(item["icon"])}'
        f'<span class="ellip" title="{escape(item["title"])}">{title}</span></b><p class="ellip">{esc(line)}</p></div>'
        f'<div class="rt">{right}{steps(item, f.lang)}</div></div>'
    )


def _wall_row(item: Item, f: Frame) -> str:
    words = (kind_text(item, f.lang), item["place_short"], pick(item["stage_text"], f.lang))
    return (
        f'<div class="erow {_row_class(item)}" {_option(item)}>'
        f'{mark(item, f.lang)}<div class="ellip"><b class="ellip">{esc(item["title"])}</b>'
        f'<small class="ellip">{esc(" · ".join(filter(None, words)))}</small></div>{_row_due(item, f)}</div>'
    )


def number(n: float | None) -> str:
    return "—" if n is None else f"{round(n):,}"


def _of_level(counts: Props, name: str, level: int) -> int:
    """Levels are numbers in Python and text after JSON."""
    by_level = cast(Mapping[Any, int], counts.get(name) or {})
    return int(by_level.get(level) or by_level.get(str(level)) or 0)


def _levels(counts: Props, lang: str) -> str:
    out = ""
    for level in (1, 2, 3, 4):
        total = _of_level(counts, "incidents", level)
        provisional = total > 0 and _of_level(counts, "provisional", level) == total
        zero = "" if total else ' class="z"'
        out += f"<span{zero}>{level_mark(level, provisional, lang)}{total}</span>"
    return out


def _urgencies(counts: Props, lang: str) -> str:
    out = ""
    for name in ("critical", "urgent", "routine"):
        css = "w2" if name == "routine" else "" if counts[name] else "z"
        small = "" if name == "critical" else f"<small>{esc(t(f'ui.{name}', lang))}</small>"
        classed = f' class="{css}"' if css else ""
        out += f'<span{classed}><i class="mkc">{urgency_mark(name, lang)}</i>{small}{number(counts[name])}</span>'
    return out


def _count_row(props: Props, f: Frame) -> str:
    counts = cast(Props | None, props.get("counts"))
    variant = str(props.get("variant") or ("wall" if f.surface == "wall" else "desk-cases"))
    box = attrs(props, "counts num" if variant == "wall" else f"cnt {variant} num")
    if counts is None:
        return f'<div{box} aria-busy="true"></div>'
    if variant == "wall":
        return (
            f"<div{box}><div><h3>{esc(t('ui.incidents', f.lang))}</h3>{_levels(counts, f.lang)}</div>"
            f"<div><h3>{esc(t('ui.cases', f.lang))}</h3>{_urgencies(counts, f.lang)}</div></div>"
        )
    if variant == "desk-incidents":
        return f"<div{box}>{_levels(counts, f.lang)}</div>"
    over = number(counts["overdue"]) if counts["overdue"] else ""
    if variant == "overdue":
        inner = f'<span class="dev num">{over}</span>' if over else '<span class="z">0</span>'
        return f"<span{box}>{inner}</span>"
    total = f'<span class="tot">{esc(t("ui.openCases", f.lang))} <b>{number(counts["open"])}</b></span>'
    chip = f'<span class="dev num">{esc(t("ui.overdue", f.lang))} {over}</span>' if over else ""
    return f"<div{box}>{total}{_urgencies(counts, f.lang)}{chip}</div>"


def _clock(props: Props, f: Frame) -> str:
    local = f.now.astimezone(ZoneInfo(f.zone))
    day = _WEEKDAYS["en" if f.lang == "en" else "zh"][local.weekday()]
    date = f"{local:%Y-%m-%d} {day if f.lang == 'en' else '周' + day}"
    text = {"date": date, "datetime": f"{date} {local:%H:%M:%S}"}.get(str(props.get("format")), f"{local:%H:%M:%S}")
    return f"<time{attrs(props, 'num')}>{text}</time>"


def _conn(props: Props, f: Frame) -> str:
    if props.get("variant") == "status":
        dot = '<svg class="d" viewBox="0 0 10 10" aria-hidden="true"></svg>'
        return f'<span{attrs(props, "st", "connecting")} role="status">{dot}{esc(t("ui.connecting", f.lang))}</span>'
    return f'<div{attrs(props, "conn-strip")} role="status" hidden></div>'


def _fresh(props: Props, f: Frame) -> str:
    as_of = parse(props.get("asOf"))
    interval = float(props.get("intervalS") or 60)
    state = freshness(as_of, dt.timedelta(seconds=interval), f.now)
    at = f' data-as-of="{escape(str(props["asOf"]))}" data-interval-s="{interval:g}"' if as_of else ""
    return f'<span{attrs(props, "fresh", state)}{at}><svg viewBox="0 0 16 16" aria-hidden="true"></svg></span>'


def _timeline(props: Props, f: Frame) -> str:
    """Bars without labels: their width is known only in the browser."""
    hours = cast(Sequence[int | None], (props.get("counts") or {}).get("hours") or ())
    wall = (props.get("variant") or f.surface) == "wall"
    top, unit = max([10, *(h or 0 for h in hours)]), 46 if wall else 28
    foot, tall = (50, 78) if wall else (34, 52)
    current = max((i for i, h in enumerate(hours) if h is not None), default=-1)
    bars = ""
    for i, h in enumerate(hours):
        high = (3 if wall else 2) if h is None else max(1.0, h / top * unit)
        fill = "--bg-3" if h is None else "--ink-1" if i == current else "--series-2"
        bars += (
            f'<rect x="{i * 10 + 0.5}" y="{foot - high:.1f}" width="9" height="{high:.1f}" fill="var({fill})"></rect>'
        )
    css = "hist" if wall else "hg"
    return (
        f'<div{attrs(props, "timeline")}><svg class="{css}" viewBox="0 0 240 {tall}" preserveAspectRatio="none">'
        f"{bars}</svg></div>"
    )


def _search(props: Props, f: Frame) -> str:
    text = esc(props.get("placeholder") or t("ui.search", f.lang))
    return (
        f'<button type="button"{attrs(props, "srch")}>{icon("search")}<span class="ellip">{text}</span>'
        f'<span class="kbd">Ctrl K</span></button>'
    )


def _switch(choices: Sequence[tuple[str, str]], on: str) -> Callable[[Props], str]:
    def draw(props: Props) -> str:
        buttons = "".join(
            f'<button type="button"{" class=" + chr(34) + "on" + chr(34) if key == on else ""}>{esc(text)}</button>'
            for key, text in choices
        )
        return f'<span{attrs(props, "seg")} role="group">{buttons}</span>'

    return draw


def _lang_switch(props: Props, f: Frame) -> str:
    return _switch((("zh", "中"), ("en", "EN")), f.lang)(props)


def _theme_switch(props: Props, f: Frame) -> str:
    return _switch((("dark", t("ui.dark", f.lang)), ("light", t("ui.light", f.lang))), f.theme)(props)


def _layers(props: Props, f: Frame) -> str:
    layers = cast(Sequence[Props], props.get("layers") or ())
    if props.get("variant") == "wall":
        rows = "".join(
            f'<p>{icon(str(x["icon"]))}{esc(pick(x["title"], f.lang))} <b class="num">{number(x["count"])}</b></p>'
            for x in layers
            if x.get("visible") and x.get("ok") is not False and x.get("count") is not None
        )
        return f"<div{attrs(props, 'ov-layers')}>{rows}</div>"
    themes: dict[str, list[Props]] = {}
    for x in layers:
        themes.setdefault(pick(x["theme"], f.lang), []).append(x)
    body = ""
    for theme, entries in themes.items():
        head = f"<h4>{esc(theme)}</h4>" if len(themes) > 1 else ""
        body += f'<div class="th">{head}<ul>{"".join(_layer(x, f) for x in entries)}</ul></div>'
    title = f'<h3>{esc(t("ui.layers", f.lang))}<span class="mut num"></span></h3>'
    return f"<section{attrs(props, 'lay')}>{title}{body}</section>"


def _layer(x: Props, f: Frame) -> str:
    on = bool(x.get("visible")) and x.get("ok") is not False
    count = "" if x.get("count") is None else number(x["count"])
    box = f'<span class="ck{" on" if on else ""}">{icon("check") if on else ""}</span>'
    css = "" if on else ' class="off"'
    return (
        f"<li{css}><label>{box}{icon(str(x['icon']))}"
        f'<span class="ellip">{esc(pick(x["title"], f.lang))}</span><span class="n num">{count}</span></label></li>'
    )


def _map(props: Props, f: Frame) -> str:
    variant = props.get("variant") or f.surface
    return f"<div{attrs(props, 'ioc-map', f'on-{variant}')} data-map></div>"


_DRAW: Mapping[str, Callable[[Props, Frame], str]] = {
    "MapView": _map,
    "LiveList": _live_list,
    "CountRow": _count_row,
    "ConnStrip": _conn,
    "Clock": _clock,
    "FreshRing": _fresh,
    "Timeline": _timeline,
    "LayerPanel": _layers,
    "SearchBox": _search,
    "Keys": lambda _props, _frame: "",
    "LangSwitch": _lang_switch,
    "ThemeSwitch": _theme_switch,
}
