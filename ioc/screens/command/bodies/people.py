"""受影响人口: the chosen ring (or the drawn area) large, all rings as bars, the vulnerable as counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command.bodies import _rows
from ioc.screens.elements import html
from ioc.screens.state import View

Part = Mapping[str, Any]


def body(data: Part, view: View) -> Sequence[Any]:
    areas: Sequence[Part] = data.get("areas") or ()
    if not areas:
        return [html.P(t("cmd.people.none", view.lang), className="cnone")]
    lead = _lead(areas, data.get("ring_m"))
    most = max((a["total"] for a in areas), default=0) or 1
    rows: list[Any] = []
    for area in areas:
        chosen = area is lead
        part = html.Small(t("cmd.people.partial", view.lang)) if area.get("partial") else None
        share = f"{max(0.5, 100 * area['total'] / most):.1f}%"
        rows += [
            html.Span(_name(area, data, view.lang), className="ellip"),
            html.I(className="b" if chosen else "", style={"width": share}),
            html.B([fmt.number(area["total"]), *([part] if part else [])], className="num"),
        ]
    within = html.Span(t("cmd.people.within", view.lang, where=_name(lead, data, view.lang)))
    big = html.Div([html.B(fmt.number(lead["total"]), className="num"), within], className="big")
    return [big, html.Div(rows, className="pop"), *_groups(lead, data.get("groups") or {}, view)]


def _lead(areas: Sequence[Part], ring_m: Any) -> Part:
    """What is drawn goes before the rings; else the ring that is chosen, else 1 km."""
    drawn = next((a for a in areas if a.get("area")), None)
    wanted = ring_m or 1000
    return drawn or next((a for a in areas if a.get("radius_m") == wanted), areas[0])


def _name(area: Part, data: Part, lang: str) -> str:
    return _rows.where_of(data, lang) if area.get("area") else _rows.metres(float(area["radius_m"]))


def _groups(area: Part, titles: Part, view: View) -> list[Any]:
    """Counts as they may be told: in steps, `<5` where fewer."""
    words = [
        f"{fmt.word(titles.get(g['group']) or g['group'], view.lang)} {g['shown']}" for g in area.get("groups") or ()
    ]
    return [html.P("　".join(words), className="cfoot num")] if words else []
