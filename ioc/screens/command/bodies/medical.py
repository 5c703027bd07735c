"""医疗资源: free beds with the age of each figure, soonest by road first."""

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
        return [html.P(t("cmd.medical.none", view.lang), className="cnone")]
    heads = [t(f"cmd.medical.{k}", view.lang) for k in ("name", "beds", "age", "time")]
    rows = [_row(i, view) for i in items[:SHOWN]]
    return [
        *_rows.within(data, view),
        _rows.table(heads, rows, ("", "76px", "76px", "64px")),
        *_rows.more(len(rows), int(data.get("total") or 0), view),
    ]


def _row(item: Mapping[str, Any], view: View) -> Any:
    lang = view.lang
    beds: Mapping[str, Any] | None = item.get("beds")
    free = (
        t("cmd.medical.free", lang, n=fmt.number(beds["free_all"]))
        if beds and beds.get("free_all") is not None
        else "—"
    )
    age = fmt.age(float(beds["age_s"]), lang) if beds else t("cmd.medical.silent", lang)
    travel: Mapping[str, Any] = item.get("travel") or {}
    return html.Tr(
        [_rows.named(item, "hosp"), html.Td(html.B(free), className="r num"), html.Td(age, className="r num m"),
         html.Td(_rows.minutes(travel.get("seconds"), lang), className="r num m")],
        **_rows.mark(item, "hosp", free if beds else ""),
    )  # fmt: skip
