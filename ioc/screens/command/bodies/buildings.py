"""建筑: how many, how many dwellings, how high, in the chosen ring or the drawn area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command.bodies import _rows
from ioc.screens.elements import html
from ioc.screens.state import View


def body(data: Mapping[str, Any], view: View) -> Sequence[Any]:
    areas: Sequence[Mapping[str, Any]] = data.get("areas") or ()
    lang = view.lang
    lead = next((a for a in areas if a.get("area")), None) or next(
        (a for a in areas if a.get("radius_m") == (data.get("ring_m") or 1000)), None
    )
    if lead is None:
        return [html.P(t("cmd.buildings.none", lang), className="cnone")]
    where = _rows.where_of(data, lang) if lead.get("area") else _rows.metres(float(lead["radius_m"]))
    pairs = [
        (where, fmt.number(lead["buildings"])),
        (t("cmd.buildings.dwellings", lang), fmt.number(lead["dwellings"])),
        (t("cmd.buildings.floors", lang), fmt.number(lead["most_floors"])),
    ]
    high = lead.get("high_m")
    unknown = int(lead["buildings"]) - int(lead.get("with_height") or 0)
    if high is not None:
        pairs.append((t("aid.buildings.high", lang), f"{fmt.plain(float(high))} m"))
    if unknown > 0:
        pairs.append((t("aid.buildings.unknown", lang), fmt.number(unknown)))
    uses = "　".join(f"{fmt.word(u, lang)} {fmt.number(u['buildings'])}" for u in (lead.get("uses") or ())[:4])
    rows = html.Dl([html.Div([html.Dt(k), html.Dd(v, className="num")]) for k, v in pairs], className="vrows")
    return [rows, *([html.P(uses, className="cfoot num")] if uses else [])]
