"""须通知的村居: how many, by whom, and those nobody is named for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command.bodies import _rows
from ioc.screens.elements import html
from ioc.screens.marks import icon
from ioc.screens.state import View

SHOWN = 5


def body(data: Mapping[str, Any], view: View) -> Sequence[Any]:
    lang, villages = view.lang, data.get("villages") or ()
    if not villages and not data.get("cells"):
        return [html.P(t("aid.villages.none", lang), className="cnone")]
    where = _rows.where_of(data, lang) if data.get("radius_m") is None else _rows.metres(float(data["radius_m"]))
    said = t("aid.villages.sum", lang, where=where, n=fmt.number(data.get("total")), m=fmt.number(data.get("cells")),
             people=fmt.number(data.get("people")))  # fmt: skip
    rows = [_row(v, lang) for v in sorted(villages, key=lambda v: bool(v["named"]))[:SHOWN]]
    return [html.P(said, className="cfoot num"), html.Ul(rows, className="clist2 cvil"),
            *_rows.more(len(rows), int(data.get("total") or 0), view)]  # fmt: skip


def _row(village: Mapping[str, Any], lang: str) -> Any:
    names = [*village["heads"], *(n for n in village["officers"] if n not in village["heads"])]
    who = fmt.listed(names[:3], lang) if names else t("aid.villages.nobody", lang)
    name = str(village["name"])
    return html.Li([icon("home" if names else "warn"), html.Span(name, className="ellip", title=name),
                    html.Em(who, className="ellip", title=who)])  # fmt: skip
