"""推演: a mark that cannot be overlooked, when forces arrive and when people are out (P10, P50, P90), and a new run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.i18n import t
from ioc.screens import fmt
from ioc.screens.command import forms
from ioc.screens.command.bodies import _rows
from ioc.screens.elements import html
from ioc.screens.marks import icon
from ioc.screens.state import View

SHOWN = 3
_KEYS = ("p10", "p50", "p90")
Part = Mapping[str, Any]


def body(data: Part, view: View) -> Sequence[Any]:
    lang = view.lang
    heads = [t("cmd.sim.what", lang), "P10", "P50", "P90"]
    rows = [
        _line(t("cmd.sim.first", lang), data.get("first"), lang, strong=True),
        _line(t("cmd.sim.third", lang), data.get("third"), lang),
        _line(t("cmd.sim.out", lang), data.get("evacuation"), lang, strong=True),
        *(_line(str(f["name"]), f.get("arrives"), lang) for f in list(data.get("forces") or ())[:SHOWN]),
    ]
    mark = html.P([html.B(t("cmd.sim.mark", lang)), html.Span(_supposed(data, lang))], className="simmark")
    acts = [*_shown(data, lang), *_form(data, lang)]
    table = _rows.table(heads, rows, ("", "52px", "52px", "52px"))
    return [mark, table, *([html.Div(acts, className="simacts")] if acts else [])]


def _shown(data: Part, lang: str) -> list[Any]:
    """The run's area on the map, by the page's script: of a kept run by its id, else as the panel tells it."""
    if not data.get("kept") and not data.get("area"):
        return []
    keep = ("area", "params", "affected", "first", "third", "evacuation", "seed")
    told = {"id": data["simulation_id"]} if data.get("kept") else {k: data.get(k) for k in keep}
    word = [icon("layers"), t("cmd.sim.show", lang)]
    return [html.Button(word, type="button", className="btn", **{"data-sim": json.dumps(told, ensure_ascii=False),
                                                               "aria-pressed": "false"})]  # fmt: skip


def _line(name: str, times: Part | None, lang: str, *, strong: bool = False) -> Any:
    cells = [_minutes((times or {}).get(k), lang) for k in _KEYS]
    shown = [html.Td(html.B(c) if i == 1 else c, className="r num") for i, c in enumerate(cells)]
    return html.Tr([html.Td(html.B(name) if strong else name, title=name), *shown])


def _minutes(seconds: float | None, lang: str) -> str:
    return "—" if seconds is None else _rows.minutes(seconds, lang)


def _supposed(data: Part, lang: str) -> str:
    """What was assumed, in one line, with the seed it can be made again by."""
    p: Part = data.get("params") or {}
    said: list[str] = []
    water: Part | None = data.get("water")
    if water:
        said.append(t("cmd.sim.water", lang, m=f"{water['level_m']:g}"))
    if p.get("closed"):
        said.append(t("cmd.sim.closed", lang, n=len(p["closed"])))
    if p.get("delay_all_min") or p.get("delays"):
        said.append(t("cmd.sim.delayed", lang, n=f"{p.get('delay_all_min') or 0:g}"))
    people = (data.get("affected") or {}).get("people")
    if people is not None:
        said.append(t("cmd.sim.people", lang, n=fmt.number(people)))
    said.append(t("cmd.sim.seed", lang, seed=data.get("seed"), runs=fmt.number(float(data.get("runs") or 0))))
    return " · ".join(said)


def _form(data: Part, lang: str) -> list[Any]:
    if data.get("case_id") is None:
        return []
    numbers = (("rise_m", 0.1, 200, 0.1), ("close_here_m", 10, 20_000, 10), ("delay_all_min", 0, 1440, 1),
               ("radius_m", 50, 20_000, 50), ("seed", 0, 2**31, 1))  # fmt: skip
    fields = [
        {"name": n, "label": t(f"cmd.sim.f.{n}", lang), "kind": "number", "min": low, "max": high, "step": step,
         "optional": True, "value": {"radius_m": "1000", "seed": "1"}.get(n, "")}
        for n, low, high, step in numbers
    ]  # fmt: skip
    form = {"post": "/api/v1/command/simulations", "body": {"case_id": data["case_id"]}, "fields": fields,
            "title": t("cmd.sim.new", lang), "sub": t("cmd.sim.mark", lang), "words": forms.words(lang),
            "asks": "simulation"}  # fmt: skip
    return [forms.button(t("cmd.sim.new", lang), form)]
