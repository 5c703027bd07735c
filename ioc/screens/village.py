"""The village page (村居): four cards, neighbours side by side, what happened on the map, the list behind a number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dash import dcc

from ioc.i18n import t
from ioc.screens import fmt, parts
from ioc.screens.desk import detail_aside, frame
from ioc.screens.elements import Component, html
from ioc.screens.fresh import fresh
from ioc.screens.marks import icon
from ioc.screens.model import Model
from ioc.screens.records import records_table
from ioc.screens.state import PageState, View
from ioc.services import Record

Part = Mapping[str, Any]
PATH = "/desk/village"
PAGE = 20
DEVICE_STATE = dt.timedelta(minutes=30)  # state of a device that is watched
FIGURE_AGE = dt.timedelta(days=92)  # figures come by the quarter
WORK_AGE = dt.timedelta(days=1)
KINDS_SHOWN = 7


def village(model: Model) -> Component:
    """The page. `model.village` is that of `Services.village`; None where it could not be read."""
    found = model.village or {}
    parts_ = body(found, model.page, model.view, model.faults.get("village", ""))
    left = html.Section(
        parts_, id="vil-body", className="col vill scroll",
        **{"data-scrolls": "1", "aria-label": t("village.title", model.lang)},
    )  # fmt: skip
    layers = [{**entry, "visible": entry.get("key") == "region"} for entry in model.map_config.get("layers") or ()]
    quiet = replace(model, map_config={**model.map_config, "layers": layers} if model.map_config else {})
    box = parts.map_box(quiet, [html.Div([], className="vilmarks", **{"aria-hidden": "true"})], "desk")
    right = html.Section([box, _player(model), detail_aside(model, hint=False)], className="col vilr")
    return frame(model, "village", html.Div([left, right], className="main vil"))


def body(found: Part, page: PageState, view: View, fault: str = "") -> list[Any]:
    """What changes with the region: heading, cards, comparison; or the list behind a number."""
    if fault:
        return [parts.fault_line(fault)]
    region: Part | None = found.get("region")
    if region is None:
        return [html.Div(html.B(t("village.choose", view.lang)), className="none2")]
    code = str(region["code"])
    side = [html.Span(t("screens.bc.sketch", view.lang))] if region.get("sketch") else []
    head = html.Div([html.H2(region["name"]), html.Span(t("village.side", view.lang)), *side], className="ph2",
                    **{"data-village": code})  # fmt: skip
    chosen: Part | None = found.get("list")
    if chosen is not None:
        return [head, *_list(chosen, code, page, view)]
    cards: Mapping[str, Part] = found.get("cards") or {}
    go = _Links(page, code)
    boxes = [
        _facilities(cards.get("facilities") or {}, go, view),
        _people(cards.get("people") or {}, go, view),
        _services(cards.get("services") or {}, go, view),
        _happened(cards.get("playback") or {}, go, view),
    ]
    return [head, html.Div(boxes, className="vilcards"), *_compare(found.get("compare") or {}, page, view)]


class _Links:
    """Addresses of the lists of one region."""

    def __init__(self, page: PageState, code: str) -> None:
        self._page, self._code = page, code

    def __call__(self, name: str, offset: int = 0) -> str:
        return self._page.href(PATH, region=self._code, list=name, offset=str(offset) if offset else "")

    def number(self, value: str, name: str, class_name: str = "num") -> Component:
        return html.A(value, href=self(name), className=class_name, **{"data-keep": "1"})


# ---------------------------------------------------------------- cards


def _card(key: str, glyph: str, card: Part, body_: Sequence[Any], age: Any, view: View) -> Component:
    """A card says what it is, how old, and from where; without data, why there is none."""
    lang = view.lang
    state = str(card.get("state") or "unconnected")
    head = html.H3([icon(glyph), t(f"village.{key}", lang), html.Span(age if state == "ok" else "", className="age")])
    if state != "ok":
        why = t(f"village.why.{key}.{state}", lang) if state != "forbidden" else str(card.get("right") or "")
        said = [html.B(t(f"village.state.{state}", lang)), html.P(why, className="mut")]
        return html.Article([head, html.Div(said, className="vnone")], className=f"vcard {key}")
    names = fmt.listed([fmt.word(s, lang) for s in card.get("sources") or ()], lang)
    foot = [html.Footer(t("village.source", lang, source=names), className="mut ellip", title=names)] if names else []
    return html.Article([head, *body_, *foot], className=f"vcard {key}")


def _big(value: Any, word: str) -> Component:
    return html.Div([html.Div(value, className="big num"), html.Span(word, className="mut")], className="vbig")


def _rows(rows: Sequence[tuple[Any, Any]]) -> Component:
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in rows], className="vrows")


def _age(at: Any, interval: dt.timedelta, source: str, view: View) -> Any:
    found = fmt.when(at)
    return fresh(found, interval, source, view) if found is not None else ""


def _facilities(card: Part, go: _Links, view: View) -> Component:
    lang = view.lang
    devices: Sequence[Part] = card.get("devices") or ()
    resources: Sequence[Part] = card.get("resources") or ()
    total, online = int(card.get("total") or 0), int(card.get("online") or 0)
    rows: list[tuple[Any, Any]] = []
    for r in devices[:KINDS_SHOWN]:
        off = [html.Span(t("village.offline", lang, n=r["offline"]), className="dev num")] if r["offline"] else []
        value = [go.number(fmt.number(r["total"]), f"devices:{r['kind']}"), *off]
        rows.append((fmt.word(r, lang), value))
    rest = sum(int(r["total"]) for r in devices[KINDS_SHOWN:])
    if rest:
        rows.append((t("village.rest", lang), go.number(fmt.number(rest), "devices:")))
    for r in resources[: max(2, KINDS_SHOWN - len(devices))]:
        rows.append((fmt.word(r, lang), go.number(fmt.number(r["total"]), f"resources:{r['kind']}")))
    share = [html.Small(f" {online / total:.0%}")] if total else []
    head = html.Div(
        [
            _big(go.number(fmt.number(total), "devices:"), t("village.devices", lang)),
            _big([fmt.number(online), *share], t("village.online", lang)),
            _big(go.number(fmt.number(card.get("resource_total") or 0), "resources:"), t("village.resources", lang)),
        ],
        className="vhead",
    )
    return _card("facilities", "sensor", card, [head, _rows(rows)], _age(card.get("as_of"), DEVICE_STATE, "", view),
                 view)  # fmt: skip


def _item(item: str, lang: str) -> str:
    key = f"village.item.{item}"
    word = t(key, lang)
    return item if word == key else word


def _value(row: Part) -> str:
    return "<5" if row.get("withheld") else fmt.number(row.get("value"))


def _dated(card: Part, view: View) -> Any:
    """The date the figures speak of, not that of their import."""
    day = card.get("as_of")
    if not isinstance(day, dt.date):
        return ""
    at = dt.datetime.combine(day, dt.time(), tzinfo=view.zone)
    return [html.Span(f"{day:%Y-%m-%d}", className="num"), fresh(at, FIGURE_AGE, "", view)]


def _people(card: Part, go: _Links, view: View) -> Component:
    rows: Sequence[Part] = card.get("rows") or ()
    lang = view.lang
    first = [_big(go.number(_value(r), f"people:{r['item']}"), _item(str(r["item"]), lang)) for r in rows[:2]]
    rest = [(_item(str(r["item"]), lang), go.number(_value(r), f"people:{r['item']}")) for r in rows[2:]]
    note = html.P(t("village.small", lang), className="mut vnote")
    some = [note] if any(r.get("withheld") for r in rows) else []
    return _card("people", "users", card, [html.Div(first, className="vhead"), _rows(rest), *some], _dated(card, view),
                 view)  # fmt: skip


def _services(card: Part, go: _Links, view: View) -> Component:
    lang = view.lang
    rows: Sequence[Part] = card.get("rows") or ()
    work: Sequence[Part] = card.get("work") or ()
    shown = [(str(r["item"]), go.number(_value(r), f"services:{r['item']}")) for r in rows[:6]]
    said: list[Any] = [_rows(shown)] if shown else []
    if work:
        note = [t("village.work", lang), _age(card.get("work_as_of"), WORK_AGE, "", view)]
        lines = [
            (
                fmt.word(w["label"], lang),
                [
                    go.number(fmt.number(w["total"]), f"cases:{w['flow']}"),
                    html.Span(t("village.open", lang, n=w["open"]), className="mut num"),
                ],
            )
            for w in work[:4]
        ]
        said += [html.H4(note), _rows(lines)]
    return _card("services", "list", card, said, _dated(card, view), view)


def _happened(card: Part, go: _Links, view: View) -> Component:
    lang = view.lang
    head = html.Div(
        [
            _big(go.number(fmt.number(card.get("verified")), "events:verified"), t("village.verified", lang)),
            _big(go.number(fmt.number(card.get("suspected")), "events:suspected"), t("village.suspected", lang)),
        ],
        className="vhead",
    )
    # filled by assets/village.js: what is open at the moment that is played, newest first
    said = html.Div([html.P(t("village.play.hint", lang), className="mut")], className="vplayed")
    return _card("playback", "history", card, [head, said], _age(card.get("as_of"), WORK_AGE, "", view), view)


# ---------------------------------------------------------------- side by side


_COLUMNS = ("name", "households", "residents", "elderly", "children", "devices", "resources", "events", "open_cases",
            "walked")  # fmt: skip


def _compare(compare: Part, page: PageState, view: View) -> list[Any]:
    lang = view.lang
    rows: Sequence[Part] = compare.get("rows") or ()
    if not rows:
        return []
    head = html.Tr([html.Th(t(f"village.col.{c}", lang), className="" if c == "name" else "r") for c in _COLUMNS])
    title = html.H3([t("village.compare", lang), html.Span(str(compare.get("of") or ""), className="mut")],
                    className="vilh")  # fmt: skip
    table = html.Table([html.Thead(head), html.Tbody([_compared(r, page, view) for r in rows])], className="tbl vcmp")
    return [title, html.Div(table, className="tblw", **{"data-scrolls": "1"})]


def _compared(row: Part, page: PageState, view: View) -> Component:
    code = str(row["code"])
    go = _Links(page, code)
    here = {"aria-current": "location"} if row.get("here") else {}
    cells: list[Any] = [
        html.Td(html.Button(str(row["name"]), className="link", type="button", **{"data-region": code}), **here)
    ]
    people: Mapping[str, Any] = row.get("people") or {}
    for item in ("households", "residents", "elderly", "children"):
        said = people.get(item)
        text = "—" if said is None else "<5" if said.withheld else fmt.number(said.value)
        cells.append(html.Td(go.number(text, f"people:{item}") if text != "—" else text, className="num r"))
    devices = row.get("devices")
    online = f" {row['online'] / devices:.0%}" if devices else ""
    number = go.number(fmt.number(devices), "devices:") if devices is not None else "—"
    cells.append(html.Td([number, html.Span(online, className="mut")], className="num r"))
    for name, target in (("resources", "resources:"), ("events", "events:"), ("open_cases", "cases:open")):
        value = row.get(name)
        cells.append(html.Td("—" if value is None else go.number(fmt.number(value), target), className="num r"))
    walked = row.get("walked")
    cells.append(html.Td("—" if walked is None else f"{walked:.0%}", className="num r"))
    return html.Tr(cells, className="on" if row.get("here") else "")


# ---------------------------------------------------------------- the list behind a number


def _list(chosen: Part, code: str, page: PageState, view: View) -> list[Any]:
    lang = view.lang
    go = _Links(page, code)
    which, _, what = str(chosen["name"]).partition(":")
    back = html.A([icon("x"), t("village.back", lang)], href=page.href(PATH, region=code), className="btn",
                  **{"data-keep": "1"})  # fmt: skip
    words = [
        t(f"village.list.{which}", lang),
        *([_item(what, lang)] if what and which in ("people", "services") else []),
    ]
    title = html.Div([html.H3(" · ".join(words)), back], className="villh")
    total, offset = int(chosen["total"]), int(chosen["offset"])
    rows = [_worded(r, lang) for r in chosen["rows"]]
    last = min(total, offset + PAGE)
    shown = t("screens.rec.range", lang, a=fmt.number(offset + 1 if total else 0), b=fmt.number(last),
              n=fmt.number(total))  # fmt: skip
    pages: list[Any] = [html.Span(shown, className="num mut")]
    if offset > 0:
        earlier = go(str(chosen["name"]), max(0, offset - PAGE))
        pages.append(html.A(t("screens.rec.prev", lang), href=earlier, className="btn", **{"data-keep": "1"}))
    if last < total:
        later = go(str(chosen["name"]), last)
        pages.append(html.A(t("screens.rec.next", lang), href=later, className="btn", **{"data-keep": "1"}))
    return [title, records_table({**chosen, "rows": rows}, view), html.Div(pages, className="pager")]


def _worded(row: Record, lang: str) -> dict[str, Any]:
    said = {**row, "source": fmt.word(row["source"], lang)} if "source" in row else dict(row)
    return {**said, "item": _item(str(row["item"]), lang)} if "item" in row else said


# ---------------------------------------------------------------- playback


_WORDS = ("play", "pause", "prev", "next", "none", "failed", "more", "open", "closed", "nothing")


def _player(model: Model) -> Component:
    """Controls; assets/village.js fetches the things and moves the time."""
    lang = model.lang
    buttons = [
        html.Button(icon(glyph), type="button", className=f"btn l {name}", title=t(f"village.play.{name}", lang),
                    **{"data-play": name, "aria-label": t(f"village.play.{name}", lang)})
        for name, glyph in (("prev", "chev"), ("play", "play"), ("next", "chev"))
    ]  # fmt: skip
    spans = [
        html.Button(t(f"village.play.days{n}", lang), type="button", className="on" if n == 7 else "",
                    **{"data-play-days": str(n)})
        for n in (1, 7, 30)
    ]  # fmt: skip
    dates = [
        html.Label([t("village.play.from", lang), _date("from")]),
        html.Label([t("village.play.to", lang), _date("to")]),
    ]
    bar = html.Div([], className="vbar", role="slider", tabIndex="0",
                   **{"aria-label": t("village.play.time", lang)})  # fmt: skip
    words = {f"data-w-{w}": t(f"village.play.{w}", lang) for w in _WORDS}
    rows = [
        html.Div(
            [*buttons, html.B("—", className="vnow num"), html.Span("", className="vcount num mut")], className="vctl"
        ),
        bar,
        html.Div([html.Span(spans, className="seg"), *dates, html.Span("", className="vsay mut", role="status")],
                 className="vper"),
    ]  # fmt: skip
    more = {"data-playback": "1", "data-zone": model.view.zone.key, "data-now": fmt.iso(model.view.now) or "", **words}
    return html.Section(rows, className="vplayer", **{"aria-label": t("village.playback", lang)}, **more)


def _date(name: str) -> Any:
    return dcc.Input(id=f"vil-{name}", type="text", placeholder="YYYY-MM-DD", maxLength=10, className="num vdate")
