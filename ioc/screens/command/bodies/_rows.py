"""What bodies share: metres, travel, and rows that also stand on the map (`data-mark`, read by the page's script)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.state import View

Item = Mapping[str, Any]


def metres(value: float | None) -> str:
    """`780 m`, `1.3 km`, `24 km`."""
    if value is None:
        return "—"
    if value < 1000:
        return f"{value:.0f} m"
    return f"{value / 1000:.1f} km" if value < 20_000 else f"{value / 1000:.0f} km"


def minutes(seconds: float | None, lang: str) -> str:
    if seconds is None:
        return "—"
    return t("cmd.iso.min", lang, n=max(1, round(seconds / 60)))


def mark(item: Item, glyph: str, sub: str, state: str = "") -> dict[str, str]:
    """Attributes of a row that has a place."""
    if item.get("lon") is None or item.get("lat") is None:
        return {}
    return {
        "tabIndex": "0",
        "data-mark": glyph,
        "data-lon": f"{item['lon']:.6f}",
        "data-lat": f"{item['lat']:.6f}",
        "data-name": str(item.get("name") or ""),
        "data-sub": sub,
        "data-state": state,
    }


def glyph_of(item: Item, usual: str) -> str:
    return str((item.get("kind") or {}).get("icon") or usual)


def table(heads: Sequence[str], rows: Sequence[Any], widths: Sequence[str]) -> Component:
    """A table whose first column takes the room that is left."""
    cols = html.Colgroup([html.Col(style={"width": w} if w else {}) for w in widths])
    head = html.Tr([html.Th(h, className="r" if i else "") for i, h in enumerate(heads)])
    return html.Table([cols, html.Thead(head), html.Tbody(rows)], className="ctb")


def named(item: Item, glyph: str) -> Component:
    name = str(item.get("name") or "")
    return html.Td([icon(glyph), name], title=name)


def more(shown: int, total: int, view: View) -> list[Any]:
    """How many there are beside those listed."""
    if total <= shown:
        return []
    return [html.P(t("cmd.more", view.lang, n=fmt.number(total - shown)), className="cfoot")]


def where_of(data: Mapping[str, Any], lang: str) -> str:
    """What the area asked about is: a sector, an isochrone, a warning's; else what was drawn."""
    return str(data.get("area_name") or "") or t("cmd.people.area", lang)


def within(data: Mapping[str, Any], view: View, column: str = "") -> list[Any]:
    """`分区 东侧内 3 处，86 人`: what of a list lies in the area asked about; nothing where none was."""
    inside: Mapping[str, Any] | None = data.get("inside")
    if inside is None:
        return []
    said = t("aid.within", view.lang, where=where_of(data, view.lang), n=fmt.number(inside.get("count")))
    people = inside.get(column) if column else None
    if people is not None:
        said += t("aid.within.people", view.lang, n=fmt.number(people))
    return [html.P(html.B(said), className="cwithin num")]


def chosen(data: Mapping[str, Any], items: Sequence[Item]) -> Sequence[Item]:
    """Rows of the area asked about; without one all."""
    return items if data.get("inside") is None else [i for i in items if i.get("inside")]
