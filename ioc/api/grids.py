"""`/api/v1/grids/colours`: the legend of the map's coloured grid cells."""

from __future__ import annotations

import datetime as dt
from typing import Any

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import require
from ioc.api.openapi import doc
from ioc.dictionaries import shipped
from ioc.grids import colours
from ioc.kpi.grids import EVERY_S
from ioc.store import grid_counts
from ioc.store.grid_counts import Colouring
from ioc.villages.figures import LEAST


def register(server: flask.Flask, deps: Deps) -> None:
    @server.get("/api/v1/grids/colours")
    @doc(
        "Legend of the coloured grid cells: measure, unit, period, classes with the number of cells in each, age",
        query={"by": "events, overdue or population", "lang": "zh or en"},
        returns={"type": "object"},
        permission="grid.view",
        statuses={422: "No such measure"},
    )
    def grid_colours() -> Response:
        scope = require("grid.view")
        with deps.store.scoped(scope) as conn:
            found = grid_counts.colouring(conn, scope, _read.text("by"))
        return _read.tagged(legend(found, _read.lang()))


def legend(found: Colouring, lang: str) -> dict[str, Any]:
    """As the layer panel draws it, in one language."""
    measure = found.measure
    kind = shipped()["grid_kind"].get(found.kind)
    named = [{"c": c[0], "text": colours.words(measure, c)(lang), "cells": found.cells.get(c[0], 0)}
             for c in colours.classes(found.breaks)]  # fmt: skip
    en = lang == "en"
    if measure.key != "population":
        none = ("no events" if en else "无事件") if measure.key == "events" else "no open cases" if en else "无在办件"
        named.insert(0, {"c": colours.NONE, "text": none, "cells": found.cells.get(colours.NONE, 0)})
    missing = f"no data, or fewer than {LEAST}" if en else f"无数据或少于 {LEAST} 人"
    if measure.key != "population":
        missing = "no data" if en else "无数据"
    if found.cells.get(colours.NO_DATA):
        named.append({"c": colours.NO_DATA, "text": missing, "cells": found.cells[colours.NO_DATA]})
    return {
        "by": measure.key,
        "title": measure.title(lang),
        "unit": measure.unit(lang),
        "period": measure.period(lang),
        "kind": (kind.en if en else kind.zh) if kind else found.kind,
        "classes": named,
        "computed_at": _iso(found.computed_at),
        "interval_s": EVERY_S,
    }


def _iso(at: dt.datetime | None) -> str | None:
    return None if at is None else at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
