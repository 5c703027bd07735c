"""救援力量: who can be there when, by road; who is there or bound already; the age of a moving position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command.bodies import _rows
from ioc.screens.elements import html
from ioc.screens.state import View

SHOWN = 5


def body(data: Mapping[str, Any], view: View) -> Sequence[Any]:
    items: Sequence[Mapping[str, Any]] = data.get("items") or ()
    lang = view.lang
    if not items:
        return [html.P(t("cmd.forces.none", lang), className="cnone")]
    head = t("cmd.forces.sum", lang, n=fmt.number(data.get("total")), free=fmt.number(data.get("free")))
    heads = [t(f"cmd.forces.{k}", lang) for k in ("name", "people", "distance", "arrives")]
    # who is here or on the way to here goes before who could come
    ranked = sorted(items, key=lambda i: not i.get("here"))
    rows = [_row(i, view) for i in ranked[:SHOWN]]
    return [html.P(head, className="cfoot num"), *_rows.within(data, view, "people"),
            _rows.table(heads, rows, ("", "44px", "56px", "84px")),
            *_rows.more(len(rows), int(data.get("total") or 0), view)]  # fmt: skip


def _row(item: Mapping[str, Any], view: View) -> Any:
    lang = view.lang
    glyph = _rows.glyph_of(item, "truck")
    travel: Mapping[str, Any] = item.get("travel") or {}
    when, class_name = arrival(item, view)
    position: Mapping[str, Any] = item.get("position") or {}
    stale = position.get("from") == "tracker" and position.get("state") in ("stale", "lost")
    off = "off" if stale or (not (item.get("status") or {}).get("free", True) and not item.get("here")) else ""
    return html.Tr(
        [
            _rows.named(item, glyph),
            html.Td(fmt.number(item["people"]) if item.get("people") is not None else "—", className="r num"),
            html.Td(_rows.metres(travel.get("metres") or item.get("distance_m")), className="r num m"),
            html.Td(when, className=f"r num {class_name}".strip(), title=fmt.word(item.get("status"), lang)),
        ],
        **_rows.mark(item, glyph, _said(item, view), "on" if item.get("here") else off),
    )


def arrival(item: Mapping[str, Any], view: View) -> tuple[Any, str]:
    """What it does for this incident, why it is not free, else how long it needs; by line it says so."""
    lang = view.lang
    status: Mapping[str, Any] = item.get("status") or {}
    if item.get("here") and status.get("code") == "on_scene":
        at = fmt.when(status.get("since"))
        return t("cmd.forces.there", lang, at=fmt.moment(at, view) if at else ""), "m"
    if not status.get("free", True) and not item.get("here"):
        return fmt.word(status, lang), "m"
    travel: Mapping[str, Any] = item.get("travel") or {}
    if travel.get("seconds") is None:
        return t("cmd.forces.no_road", lang), "m"
    said = _rows.minutes(float(travel["seconds"]), lang)
    return (html.B(said) if travel.get("by") == "road" else t("cmd.forces.by_line", lang, time=said)), ""


def _said(item: Mapping[str, Any], view: View) -> str:
    when, _ = arrival(item, view)
    text = when if isinstance(when, str) else _rows.minutes((item.get("travel") or {}).get("seconds"), view.lang)
    position: Mapping[str, Any] = item.get("position") or {}
    age = fmt.age(position["age_s"], view.lang) if position.get("from") == "tracker" else ""
    return " · ".join(p for p in (text, age) if p)
