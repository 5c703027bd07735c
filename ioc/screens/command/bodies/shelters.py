"""避难场所: free places with the age of each figure, soonest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command.bodies import _rows
from ioc.screens.elements import html
from ioc.screens.state import View

SHOWN = 2


def body(data: Mapping[str, Any], view: View) -> Sequence[Any]:
    items: Sequence[Mapping[str, Any]] = data.get("items") or ()
    if not items:
        return [html.P(t("cmd.shelters.none", view.lang), className="cnone")]
    heads = [t(f"cmd.shelters.{k}", view.lang) for k in ("name", "free", "age", "time")]
    rows = [_row(i, view) for i in items[:SHOWN]]
    return [
        *_rows.within(data, view),
        _rows.table(heads, rows, ("", "92px", "76px", "64px")),
        *_rows.more(len(rows), int(data.get("total") or 0), view),
    ]


def _row(item: Mapping[str, Any], view: View) -> Any:
    lang = view.lang
    places: Mapping[str, Any] = item.get("places") or {}
    free, total = places.get("free"), places.get("total")
    said = (
        f"{fmt.number(free)} / {fmt.number(total)}"
        if free is not None
        else t("cmd.shelters.holds", lang, n=fmt.number(total))
    )
    age = fmt.age(float(places["age_s"]), lang) if places.get("age_s") is not None else t("cmd.medical.silent", lang)
    travel: Mapping[str, Any] = item.get("travel") or {}
    return html.Tr(
        [_rows.named(item, "home"), html.Td(html.B(said), className="r num"), html.Td(age, className="r num m"),
         html.Td(_rows.minutes(travel.get("seconds"), lang), className="r num m")],
        **_rows.mark(item, "home", said),
    )  # fmt: skip
