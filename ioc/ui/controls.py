"""First HTML of the status line and the controls: clock, connection, age, search, switches, the layer panel."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from html import escape
from typing import cast
from zoneinfo import ZoneInfo

from ioc.freshness import freshness
from ioc.i18n import t
from ioc.ui.due import parse
from ioc.ui.markup import Frame, Props, attrs, esc, icon, number, pick

_WEEKDAYS = {"zh": "一二三四五六日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}


def clock(props: Props, f: Frame) -> str:
    local = f.now.astimezone(ZoneInfo(f.zone))
    day = _WEEKDAYS["en" if f.lang == "en" else "zh"][local.weekday()]
    date = f"{local:%Y-%m-%d} {day if f.lang == 'en' else '周' + day}"
    text = {"date": date, "datetime": f"{date} {local:%H:%M:%S}"}.get(str(props.get("format")), f"{local:%H:%M:%S}")
    return f"<time{attrs(props, 'num')}>{text}</time>"


def conn(props: Props, f: Frame) -> str:
    if props.get("variant") == "status":
        dot = '<svg class="d" viewBox="0 0 10 10" aria-hidden="true"></svg>'
        return f'<span{attrs(props, "st", "connecting")} role="status">{dot}{esc(t("ui.connecting", f.lang))}</span>'
    return f'<div{attrs(props, "conn-strip")} role="status" hidden></div>'


def alarm_bar(props: Props, f: Frame) -> str:
    """One row high until the alarms have come, so that nothing moves on a quiet day."""
    words = esc(t("alarm.loading", f.lang))
    row = f'<div class="al-rows"><div class="ab none">{icon("bell")}{words}</div></div>'
    return f'<section{attrs(props, "abar")}>{row}<div class="al-side num"></div></section>'


def fresh(props: Props, f: Frame) -> str:
    as_of = parse(props.get("asOf"))
    interval = float(props.get("intervalS") or 60)
    state = freshness(as_of, dt.timedelta(seconds=interval), f.now)
    at = f' data-as-of="{escape(str(props["asOf"]))}" data-interval-s="{interval:g}"' if as_of else ""
    return f'<span{attrs(props, "fresh", state)}{at}><svg viewBox="0 0 16 16" aria-hidden="true"></svg></span>'


def search(props: Props, f: Frame) -> str:
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


def lang_switch(props: Props, f: Frame) -> str:
    return _switch((("zh", "中"), ("en", "EN")), f.lang)(props)


def theme_switch(props: Props, f: Frame) -> str:
    return _switch((("dark", t("ui.dark", f.lang)), ("light", t("ui.light", f.lang))), f.theme)(props)


def layers(props: Props, f: Frame) -> str:
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
