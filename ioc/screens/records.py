"""What a tile opens: the records behind the number, with what it was divided by, its formula, source and age."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import codes, fmt
from ioc.screens.elements import Component, html
from ioc.screens.fresh import fresh
from ioc.screens.marks import icon
from ioc.screens.state import View
from ioc.screens.tiles import shortfall
from ioc.services import TileState

PAGE = 20
# what the detail panel can show
OPENS = frozenset({"case", "event", "device", "grid", "resource", "target", "region", "warning"})


def _cell(row: Mapping[str, Any], column: Mapping[str, Any], view: View) -> Component:
    """Times in the centre's zone, numbers to the right, codes as their words."""
    raw = row.get(str(column.get("key")))
    if isinstance(raw, dt.datetime) or column.get("kind") == "time":
        at = fmt.when(raw)
        return html.Td(fmt.moment(at, view) if at else "—", className="num", title=fmt.stamp(at, view) if at else "")
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return html.Td(fmt.plain(float(raw)), className="num r")
    text = codes.word(str(column.get("key")), raw, view.lang) if raw not in (None, "") else "—"
    return html.Td(html.Span(text, className="ellip", title=text))


def _column_title(column: Mapping[str, Any], lang: str) -> str:
    return fmt.word(column.get("title") or column, lang)


def _numeric(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    return any(isinstance(v := row.get(key), int | float) and not isinstance(v, bool) for row in rows)


def records_table(data: Mapping[str, Any], view: View) -> Any:
    """One page of rows. A row with a `key` opens that case, event or device."""
    columns: Sequence[Mapping[str, Any]] = data.get("columns") or ()
    rows: Sequence[Mapping[str, Any]] = data.get("rows") or ()
    if not rows:
        return html.Div(html.B(t("screens.rec.none", view.lang)), className="none2")
    head = html.Tr(
        [
            html.Th(_column_title(c, view.lang), className="r" if _numeric(rows, str(c.get("key"))) else "")
            for c in columns
        ]
    )
    body: list[Any] = []
    for row in rows:
        opens = str(row.get("key") or "").split(":", 1)[0] in OPENS
        attrs: dict[str, Any] = {"data-sel": str(row["key"]), "tabIndex": 0, "className": "go"} if opens else {}
        body.append(html.Tr([_cell(row, column, view) for column in columns], **attrs))
    return html.Div(html.Table([html.Thead(head), html.Tbody(body)], className="tbl"), className="tblw")


def _fact(label: str, value: Any) -> Component:
    return html.Div([html.Dt(label), html.Dd(value)])


def _facts(tile: TileState, view: View) -> Component:
    ind, lang = tile.indicator, view.lang
    unit = ind.unit(lang)
    value = f"{fmt.number(tile.value, ind.decimals)} {unit}".strip() if tile.value is not None else "—"
    facts = [_fact(t("screens.rec.value", lang), html.B(value, className="num big"))]
    if tile.numerator is not None:
        facts.append(_fact(t("screens.rec.numerator", lang), html.Span(fmt.number(tile.numerator), className="num")))
    if tile.denominator is not None:
        facts.append(
            _fact(t("screens.rec.denominator", lang), html.Span(fmt.number(tile.denominator), className="num"))
        )
    if ind.target is not None:
        sign = "≥" if ind.better == "high" else "≤"
        gap = shortfall(tile)
        miss = (
            [" ", html.Span(t("screens.tile.miss", lang, gap=fmt.number(gap, ind.decimals)), className="dev num")]
            if gap
            else []
        )
        facts.append(
            _fact(t("screens.rec.target", lang), [html.Span(f"{sign} {fmt.plain(ind.target)}", className="num"), *miss])
        )
    facts.append(_fact(t("screens.rec.formula", lang), ind.formula(lang)))
    facts.append(_fact(t("screens.rec.source", lang), tile.source or ind.source))
    facts.append(_fact(t("screens.rec.updated", lang), fresh(tile.as_of, tile.interval, tile.source, view)))
    return html.Dl(facts, className="facts2")


def pager(total: int, offset: int, lang: str) -> Component:
    last = min(total, offset + PAGE)
    shown = t(
        "screens.rec.range", lang, a=fmt.number(offset + 1 if total else 0), b=fmt.number(last), n=fmt.number(total)
    )
    older = html.Button(
        t("screens.rec.prev", lang),
        className="btn",
        disabled=offset <= 0,
        **{"data-rec-offset": str(max(0, offset - PAGE))},
    )
    newer = html.Button(
        t("screens.rec.next", lang), className="btn", disabled=last >= total, **{"data-rec-offset": str(last)}
    )
    return html.Div([html.Span(shown, className="num mut"), older, newer], className="pager")


def records_panel(tile: TileState, data: Mapping[str, Any], offset: int, view: View, place: str) -> list[Any]:
    """Content of the dialog."""
    lang = view.lang
    close = html.Button(icon("x"), className="close", **{"data-rec-close": "1", "aria-label": t("screens.close", lang)})
    head = html.Header([html.H2(tile.indicator.title(lang)), html.Span(place, className="mut"), close])
    return [head, _facts(tile, view), records_table(data, view), pager(int(data.get("total") or 0), offset, lang)]


LIST = "list|"


def is_list(code: str) -> bool:
    return code.startswith(LIST)


def list_code(title: str, query: str) -> str:
    """What a number carries that opens a list no indicator owns."""
    return f"{LIST}{title.replace('|', ' ')}|{query}"


def named(code: str) -> tuple[str, str]:
    """(title, query) of such a code."""
    title, _, query = code.removeprefix(LIST).partition("|")
    return title[:120], query


def list_panel(title: str, data: Mapping[str, Any], offset: int, view: View) -> list[Any]:
    """Content of the dialog for a list by itself."""
    lang, total, counted = view.lang, int(data.get("total") or 0), data.get("counted")
    close = html.Button(icon("x"), className="close", **{"data-rec-close": "1", "aria-label": t("screens.close", lang)})
    facts = [_fact(t("screens.rec.value", lang), html.B(fmt.number(total), className="num big"))]
    if counted is not None and counted != total:
        facts.append(_fact(t("screens.rec.numerator", lang), html.Span(fmt.number(counted), className="num")))
    return [
        html.Header([html.H2(title), close]), html.Dl(facts, className="facts2"), records_table(data, view),
        pager(total, offset, lang),
    ]  # fmt: skip


def records_missing(title: str, message: str, lang: str) -> list[Any]:
    close = html.Button(icon("x"), className="close", **{"data-rec-close": "1", "aria-label": t("screens.close", lang)})
    return [html.Header([html.H2(title), close]), html.Div(html.B(message), className="none2")]
