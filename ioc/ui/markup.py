"""Pieces of the first HTML: what a drawing knows of its page, texts, icons and the marks of a work-list row.

The same markup as frontend/src/ui/marks.tsx.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any, cast

from ioc.i18n import t
from ioc.ui.due import UTC, Due

Props = Mapping[str, Any]
Item = Mapping[str, Any]
_ROMAN = ("", "Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ")


@dataclass(frozen=True, slots=True)
class Frame:
    """What `Page` says about the page."""

    lang: str = "zh"
    zone: str = "UTC"
    now: dt.datetime = dt.datetime(1970, 1, 1, tzinfo=UTC)
    surface: str = "desk"
    theme: str = "dark"
    rows: tuple[Item, ...] = ()


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
        0: str(_sprite()["unlevelled"][1]),
        1: f"M12 {top}v{run}",
        2: f"M9.6 {top}v{run}M14.4 {top}v{run}",
        3: f"M7.8 {top}v{run}M12 {top}v{run}M16.2 {top}v{run}",
        4: f"M7.4 {top}v{run}M10.6 {top}l3.1 {run} 3.1-{run}",
    }[level]


def level_mark(level: int, provisional: bool, lang: str) -> str:
    """0, or what is no level: 未定级, without hue."""
    n = level if 1 <= level <= 4 else 0
    provisional = provisional and n > 0
    name = t(f"ui.level{n}", lang)
    label = f"{t('ui.provisional', lang)} {name}" if provisional else name
    box, prov = ("-1 -1 26 26", " prov") if provisional else ("0 0 24 24", "")
    return (
        f'<svg class="lv lv{n}{prov}" viewBox="{box}" role="img" aria-label="{esc(label)}">'
        f'<path class="sh" d="{_sprite()["shapes"][n - 1] if n else _sprite()["unlevelled"][0]}"></path>'
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
        level_mark(item["level"] or 0, item["provisional"], lang)
        if is_incident(item)
        else urgency_mark(item["urgency"], lang)
    )
    return f'<span class="mkc">{inner}</span>'


def due_mark(d: Due) -> str:
    if d.kind == "none":
        return f'<span class="due dt">{esc(d.label)}</span>' if d.label else ""
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
    text = t("ui.levelOf", lang, n=_ROMAN[level]) if level else t("ui.level0", lang)
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


def number(n: float | None) -> str:
    return "—" if n is None else f"{round(n):,}"
