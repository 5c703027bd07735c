"""分区与卡口: what was drawn, who answers for it; a press says who and what is inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command.bodies import _rows
from ioc.screens.elements import html
from ioc.screens.marks import icon
from ioc.screens.state import View

SHOWN = 12


def body(data: Mapping[str, Any], view: View) -> Sequence[Any]:
    items: Sequence[Mapping[str, Any]] = data.get("items") or ()
    if not items:
        return [html.P(t("aid.sectors.none", view.lang), className="cnone")]
    rows = html.Ul([_row(i, view) for i in items[:SHOWN]], className="clist2 csec")
    return [rows, *_rows.more(min(SHOWN, len(items)), int(data.get("total") or 0), view)]


def _row(item: Mapping[str, Any], view: View) -> Any:
    lang = view.lang
    kind = fmt.word(item, lang)
    name = str(item.get("label") or kind)
    asked = item.get("kind") in ("sector", "checkpoint")
    who = str(item.get("responsible") or "") or (t("aid.sectors.nobody", lang) if asked else "")
    size = size_of(item)
    return html.Li(
        [icon("flag"), html.Span(name if name == kind else f"{name} · {kind}", className="ellip", title=name),
         html.Em(who, className="ellip" if item.get("responsible") else "ellip mut"), html.U(size, className="num")],
        className="go", tabIndex=0, role="button", **{"data-own-mark": str(item["mark_id"])},
    )  # fmt: skip


def size_of(item: Mapping[str, Any]) -> str:
    """`1.20 km²`, `850 m`; a point has no size."""
    area = item.get("area_m2")
    if area is not None:
        return f"{area / 1e6:.2f} km²" if area >= 1e5 else f"{area:,.0f} m²"
    return _rows.metres(item["length_m"]) if item.get("length_m") is not None else ""
