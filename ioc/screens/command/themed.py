"""Themes on the list of incidents: chips to choose one, its rows with camera and people, rings for the map."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.command.datasets import datasets
from ioc.i18n import t
from ioc.screens import codes, fmt
from ioc.screens.command import forms
from ioc.screens.elements import Component, html
from ioc.screens.fresh import fresh
from ioc.screens.marks import icon, level_mark
from ioc.screens.state import PageState, View

Part = Mapping[str, Any]


def chips(found: Part, page: PageState, lang: str) -> list[Any]:
    """All, and each theme of this centre; the map's layers follow the choice."""
    known: Sequence[Part] = found.get("themes") or ()
    if not known:
        return []
    kept = {k: v for k, v in page.args.items() if k in ("class", "level")}
    chosen = str((found.get("theme") or {}).get("key") or "")
    out: list[Any] = []
    for key, glyph, word in (("", "", t("cmd.filter.all", lang)), *((th["key"], th["icon"], fmt.word(th, lang))
                                                                    for th in known)):  # fmt: skip
        here: dict[str, Any] = {"aria-current": "true"} if key == chosen else {}
        href = page.href(page.path, **{**kept, "theme": str(key), "layers": ""})
        out.append(html.A([*([icon(glyph)] if glyph else []), word], href=href,
                          className=f"chip{' on' if here else ''}", **here))  # fmt: skip
    label = t("cmd.theme", lang)
    return [
        html.Div([html.Span(label, className="mut"), *out], className="cflt", role="group", **{"aria-label": label})
    ]


def section(theme: Part | None, page: PageState, view: View, refutes: bool) -> list[Any]:
    """Rows of the chosen theme; what is not imported is named."""
    if not theme:
        return []
    lang = view.lang
    rows: Sequence[Part] = theme.get("rows") or ()
    title = str(theme.get(f"rows_{lang}") or theme.get("rows_zh") or "")
    total = int(theme.get("total") or 0)
    head = html.H3([title, html.Span(fmt.number(total), className="num")])
    out: list[Any] = [head, *(html.P(fmt.word(f, lang), className="mut") for f in theme.get("facts") or ())]
    if theme.get("forbidden"):
        out.append(html.P(t("cmd.forbidden", lang, right=theme["forbidden"]), className="cmiss"))
    missing = [d for k in theme.get("missing") or () if (d := datasets().get(k))]
    for dataset in missing:
        out.append(html.P(t("cmd.theme.missing", lang, name=dataset.title(lang), advice=dataset.advice(lang)),
                          className="cmiss"))  # fmt: skip
    if theme.get("origin") == "demo":
        head.children.append(html.Span(t("screens.demo", lang), className="demo"))
    if not rows and not missing and not theme.get("forbidden"):
        out.append(html.Div(html.B(t("cmd.theme.none", lang)), className="cnone"))
    out += [_row(row, page, view, refutes) for row in rows]
    if total > len(rows) and rows:
        out.append(html.P(t("cmd.theme.first", lang, n=len(rows)), className="mut"))
    return [html.Section(out, className="cthm", **{"data-rings": rings(rows)})]


def rings(rows: Sequence[Part]) -> str:
    """Circles for the map's script: [{lon, lat, m}]."""
    found = [{"lon": r["lon"], "lat": r["lat"], "m": ring["m"]} for r in rows for ring in r.get("rings") or ()]
    return json.dumps(found, separators=(",", ":"))


def _row(row: Part, page: PageState, view: View, refutes: bool) -> Component:
    lang = view.lang
    mark = level_mark(int(row["level"]), lang) if row.get("level") else icon(str(row.get("icon") or "pin"))
    opens = page.href("/desk/events", sel=str(row["key"]))
    title = html.A(str(row.get("title") or ""), href=opens, className="ellip", **{"data-keep": "1"})
    state = html.Span(fmt.word(row.get("state"), lang), className=f"end num {row.get('tone') or ''}".strip())
    head: list[Any] = [mark, title, state]
    if row.get("lon") is not None:
        fly = {"data-fly": f"{row['lon']:.6f},{row['lat']:.6f},15", "aria-label": t("cmd.theme.fly", lang),
               "title": t("cmd.theme.fly", lang)}  # fmt: skip
        head.append(html.Button(icon("target"), type="button", className="link", **fly))
    lines = [html.H4(head)]
    facts = [fmt.word(f, lang) for f in row.get("facts") or ()]
    as_of = fmt.when(row.get("as_of"))
    when: list[Any] = []
    if as_of is not None and row.get("interval_s"):
        when = [fresh(as_of, dt.timedelta(seconds=float(row["interval_s"])), "", view)]
    elif as_of is not None:
        when = [html.Span(fmt.moment(as_of, view), className="num")]
    if row.get("rings"):  # a line each
        lines += [html.P(fact, className="mut num") for fact in facts]
    elif facts or when:
        lines.append(html.P([html.Span(" · ".join(facts)), *when], className="mut"))
    for camera in row.get("cameras") or ():
        lines.append(_camera(camera, page, lang))
    for person in row.get("people") or ():
        said = [icon("user"), html.Span(_words(person, lang), className="ellip")]
        lines.append(html.P(said))
    if row.get("refute") and refutes:
        lines.append(html.P(_refute(int(row["refute"]), str(row.get("title") or ""), lang)))
    return html.Div(lines, className="ccard")


def _camera(camera: Part, page: PageState, lang: str) -> Component:
    how = t("cmd.theme.covers", lang) if camera.get("covers") else f"{camera['distance_m']} m"
    down = "" if camera.get("status") == "online" else f" · {codes.word('status', 'offline', lang)}"
    link = html.A(str(camera["name"]), href=page.href("/desk/events", sel=str(camera["key"])), className="ellip",
                  **{"data-keep": "1"})  # fmt: skip
    return html.P([icon("camera"), link, html.Span(f"{how}{down}", className="mut num")])


def _words(person: Part, lang: str) -> str:
    duty = str(person.get("duty") or "")
    name = fmt.word(person.get("title"), lang)
    head = "" if duty == "grid" else t(f"cmd.theme.duty.{duty}", lang)
    return " ".join(w for w in (head, name, fmt.word(person.get("sub"), lang)) if w)


def _refute(event_id: int, title: str, lang: str) -> Component:
    """A false alarm is closed with its reason; the report is void and counts nowhere."""
    form = {
        "post": f"/api/v1/events/{event_id}/refute", "title": t("cmd.theme.refute", lang), "sub": title, "body": {},
        "fields": forms.fields(("reason",), (), {}, lang), "words": forms.words(lang),
    }  # fmt: skip
    return forms.button([icon("x"), form["title"]], form)
