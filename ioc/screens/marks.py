"""Marks of `design.md` section 2: incident level, urgency, alarm priority, warning flag, icons. In one place.

TypeScript draws the same marks on the map and in the live list from the same sprite (`ioc/ui/sprite.json`);
`tests/golden/marks.json` holds both to one drawing.
Brightness is importance, hue is incident level and official warning only, and shape repeats what hue says.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from ioc.i18n import t
from ioc.screens.elements import Component, html
from ioc.ui import Svg

_SPRITE: dict[str, Any] = json.loads(resources.files("ioc.ui").joinpath("sprite.json").read_text("utf-8"))
ICONS: dict[str, str] = _SPRITE["icons"]
# Outlines of the four levels (triangle, diamond, square, circle) and the strokes of their numerals. 0: an incident
# whose level nobody has said (未定级) has none: a hexagon without hue.
SHAPES: dict[int, str] = {0: _SPRITE["unlevelled"][0], **dict(enumerate(_SPRITE["shapes"], 1))}
NUMERALS = {
    0: str(_SPRITE["unlevelled"][1]),
    1: "M12 11v7.5",
    2: "M9.6 8v8M14.4 8v8",
    3: "M7.8 8v8M12 8v8M16.2 8v8",
    4: "M7.4 8v8M10.6 8l3.1 8 3.1-8",
}
ROMAN = {1: "Ⅰ", 2: "Ⅱ", 3: "Ⅲ", 4: "Ⅳ"}
URGENCIES = ("routine", "urgent", "critical")
FLAGS = {"red": "r", "orange": "o", "yellow": "y", "blue": "b", "white": "w"}
FLAG_PATH = "M3 1.2h18v21.6l-9-4.4-9 4.4z"


def icon(name: str, class_name: str = "") -> Svg:
    """A line icon; unknown names draw the pin, so that a new kind from a dictionary is never an empty box."""
    path = ICONS.get(name) or ICONS["pin"]
    return Svg(className=f"ic {class_name}".strip(), viewBox="0 0 24 24", inner=f'<path d="{path}"/>')


def level_inner(level: int) -> str:
    return f'<path class="sh" d="{SHAPES[level]}"/><g class="rn"><path d="{NUMERALS[level]}"/></g>'


def level_text(level: int, lang: str, provisional: bool = False) -> str:
    """`Ⅲ 级 较大`, or `初判 Ⅲ 级` while nobody has confirmed it; 0: 未定级."""
    if provisional and level:
        return t("screens.level.initial", lang, n=ROMAN[level])
    return t(f"screens.level.{level}", lang)


def level_of(record: Any) -> int | None:
    """1 to 4 of an incident, 0 while nobody has said its level; None for what is no incident."""
    if record.get("flow") != "incident":
        return None
    level = record.get("level")
    return int(level) if level in SHAPES else 0


def level_mark(level: int, lang: str, provisional: bool = False) -> Svg:
    provisional = provisional and level > 0
    return Svg(
        className=f"lv lv{level}" + (" prov" if provisional else ""),
        viewBox="-1 -1 26 26" if provisional else "0 0 24 24",
        inner=level_inner(level),
        label=level_text(level, lang, provisional),
    )


def urgency_inner(urgency: str) -> str:
    if urgency == "urgent":
        return '<circle cx="12" cy="12" r="9.6" class="r"/><circle cx="12" cy="12" r="4.8" class="d"/>'
    return '<circle cx="12" cy="12" r="4.2" class="d"/>'


def urgency_mark(urgency: str, lang: str, suspected: bool = False) -> Any:
    """Grey dot, bright dot in a ring, or the inverted chip with the word; hollow and dashed while 疑似."""
    word, doubt = t(f"screens.urgency.{urgency}", lang), " susp" if suspected else ""
    if urgency == "critical":
        return html.Span(word, className=f"ug ug2{doubt}", role="img", **{"aria-label": word})
    rank = 1 if urgency == "urgent" else 0
    return Svg(className=f"ug ug{rank}{doubt}", viewBox="0 0 24 24", inner=urgency_inner(urgency), label=word)


def centred(mark: Any) -> Component:
    return html.Span(mark, className="mkc")


def record_mark(record: Any, lang: str) -> Component:
    """Level shape of an incident, urgency mark of everything else."""
    level = level_of(record)
    if level is not None:
        return centred(level_mark(level, lang, bool(record.get("provisional"))))
    return centred(urgency_mark(str(record.get("urgency") or "routine"), lang, bool(record.get("suspected"))))


def alarm_mark(priority: str, lang: str) -> Component:
    """Bell and word; `priority`: urgent, high, medium, low or merged."""
    order = ("merged", "urgent", "high", "medium", "low")
    rank = order.index(priority)
    glyph = icon("bell" if rank else "layers")
    return html.Span([glyph, t(f"screens.alarm.{priority}", lang)], className=f"al al{rank}")


def warning_flag(colour: str, lang: str) -> Svg:
    """Swallow-tailed flag with the colour's character (always the Chinese one: it is the official mark)."""
    character = t(f"screens.flag.{colour}", "zh")
    inner = f'<path d="{FLAG_PATH}"/><text x="12" y="14" text-anchor="middle" lang="zh">{character}</text>'
    label = t(f"screens.warning.{colour}", lang)
    return Svg(className=f"wn wn-{FLAGS[colour]}", viewBox="0 0 24 24", inner=inner, label=label)


def golden() -> dict[str, Any]:
    """What both renderers must draw, for tests/golden/marks.json."""
    return {
        "icons": {name: f'<path d="{path}"/>' for name, path in sorted(ICONS.items())},
        "levels": {str(n): level_inner(n) for n in SHAPES},
        "urgency": {u: urgency_inner(u) for u in URGENCIES if u != "critical"},
        "flag": FLAG_PATH,
    }
