"""Numbers of the grid topics (GRD-04) by region: reports, open, overdue, closed; each number opens its list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.elements import Component, html
from ioc.screens.marks import icon
from ioc.screens.records import list_code
from ioc.screens.state import View

CODE = "topics|"
_LISTS = {"reports": "events?", "open": "cases?state=open&", "overdue": "cases?state=overdue&",
          "closed": "cases?state=closed&"}  # fmt: skip
Part = Mapping[str, Any]


def panel(found: Part, place: str, view: View) -> list[Any]:
    """Content of the dialog."""
    lang = view.lang
    close = html.Button(icon("x"), className="close", **{"data-rec-close": "1", "aria-label": t("screens.close", lang)})
    head = html.Header([html.H2(t("topics.title", lang)), html.Span(place, className="mut"), close])
    said = t("topics.period", lang, days=found["days"], at=fmt.stamp(found["as_of"], view))
    return [head, html.P(said, className="mut"), _table(found, place, view)]


def _table(found: Part, place: str, view: View) -> Component:
    lang, numbers = view.lang, found["numbers"]
    topics: Sequence[Part] = found["topics"]
    top = [html.Th(t("topics.region", lang), rowSpan=2)]
    top += [html.Th(fmt.word(topic, lang), colSpan=len(numbers)) for topic in topics]
    second = [html.Th(t(f"topics.{n}", lang), className="r") for _ in topics for n in numbers]
    rows = [_row(place or t("topics.all", lang), "", found["total"], found, lang)]
    rows += [_row(str(r["name"]), str(r["code"]), r["topics"], found, lang) for r in found["rows"]]
    return html.Div(
        html.Table([html.Thead([html.Tr(top), html.Tr(second)]), html.Tbody(rows)], className="tbl"), className="tblw"
    )


def _row(name: str, code: str, values: Part, found: Part, lang: str) -> Component:
    cells = [html.Td(name)]
    for topic in found["topics"]:
        for number in found["numbers"]:
            value = int(values[topic["key"]][number])
            title = f"{name} · {fmt.word(topic, lang)} · {t(f'topics.{number}', lang)}"
            query = f"{_LISTS[number]}topic={topic['key']}" + (f"&region={code}" if code else "")
            shown: Any = fmt.number(value)
            if value:
                attrs = {"data-records": list_code(title, query), "aria-label": f"{title} {value}"}
                shown = html.Button(fmt.number(value), className="link num", **attrs)
            cells.append(html.Td(shown, className="num r"))
    return html.Tr(cells)
