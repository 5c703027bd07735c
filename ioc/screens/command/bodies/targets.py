"""敏感目标: nearest first, what it is, who is inside now, its level, how far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command.bodies import _rows
from ioc.screens.elements import html
from ioc.screens.marks import icon
from ioc.screens.state import View

SHOWN = 6


def body(data: Mapping[str, Any], view: View) -> Sequence[Any]:
    items: Sequence[Mapping[str, Any]] = data.get("items") or ()
    if not items:
        return [html.P(t("cmd.targets.none", view.lang), className="cnone")]
    head = html.P(_counts(data, view.lang), className="cfoot num")
    shown, inside = _rows.chosen(data, items), data.get("inside")
    total = int((inside or data).get("count" if inside is not None else "total") or 0)
    return [head, *_rows.within(data, view, "headcount"),
            html.Ul([_row(i, view) for i in shown[:SHOWN]], className="clist2"),
            *_rows.more(min(SHOWN, len(shown)), total, view)]  # fmt: skip


def _counts(data: Mapping[str, Any], lang: str) -> str:
    kinds = [f"{fmt.word(k, lang)} {k['n']}" for k in data.get("by_kind") or () if k.get("n")]
    return "　".join(kinds[:4])


def _row(item: Mapping[str, Any], view: View) -> Any:
    said = said_of(item, view)
    glyph = _rows.glyph_of(item, "warn")
    name = str(item.get("name") or "")
    level = hazard_of(item)
    fact = [html.I(str(level), className=f"hz hz{level}", **{"aria-hidden": "true"}), said] if level else said
    return html.Li(
        [icon(glyph), html.Span(name, className="ellip", title=name), html.Em(fact),
         html.U(_rows.metres(item.get("distance_m")), className="num")],
        **_rows.mark(item, glyph, said, f"hz{level}" if level else ""),
    )  # fmt: skip


def hazard_of(item: Mapping[str, Any]) -> int:
    """Level of a major hazard, which is told by colour and figure as on the map; 0: none."""
    of_hazard = (item.get("kind") or {}).get("code") == "major_hazard"
    return int(item["level"]) if of_hazard and item.get("level") else 0


def said_of(item: Mapping[str, Any], view: View) -> str:
    """The one fact that matters most: its level, its stock, or who is inside it at this hour."""
    lang = view.lang
    parts: list[str] = []
    if item.get("level"):
        parts.append(t(f"cmd.targets.level.{int(item['level'])}", lang))
    if item.get("stock_t"):
        parts.append(f"{item.get('material') or ''} {fmt.plain(float(item['stock_t']))} t".strip())
    if item.get("presence") == "empty":
        parts.append(t("cmd.targets.empty", lang))
    elif item.get("headcount"):
        parts.append(t("cmd.targets.people", lang, n=fmt.number(item["headcount"])))
    health: Mapping[str, Any] = item.get("health") or {}
    if health.get("state") == "below":
        parts.insert(0, t("cmd.targets.weak", lang))
    return " ".join(parts[:2]) or fmt.word(item.get("kind"), lang)
