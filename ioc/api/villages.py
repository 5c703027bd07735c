"""`/api/v1/villages`: the four cards of a village with its neighbours beside it, and the playback of what happened."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import require
from ioc.api.openapi import doc
from ioc.api.patrols import moment
from ioc.errors import Invalid
from ioc.intake.reasons import reason
from ioc.villages.page import play, village

LONGEST = dt.timedelta(days=366)
USUAL = dt.timedelta(days=7)


def register(server: flask.Flask, deps: Deps) -> None:
    tz = deps.settings.tz

    @server.get("/api/v1/villages/<code>")
    @doc(
        "Cards of a village (or the sums of what lies below a region), and its neighbours side by side",
        query={
            "list": "devices:KIND, resources:KIND, cases:FLOW|open, events:verified|suspected, people:ITEM,"
            " services:ITEM",
            "offset": "first row of the list",
        },
        returns={"type": "object"},
        permission="map.view",
        statuses={404: "No such region in the asker's scope"},
    )
    def village_page(code: str) -> Response:
        scope = require("map.view")
        asked = {"list": _read.text("list"), "offset": _read.text("offset")}
        return _read.tagged(_plain(village(deps.store, scope, code, asked, deps.clock.now(), tz)))

    @server.get("/api/v1/villages/<code>/playback")
    @doc(
        "Events and cases of a region in a period, each with the states it has had, as they were recorded",
        query={"since": "ISO 8601 or epoch ms; 7 days before `until`", "until": "now"},
        returns={"type": "object"},
        permission="event.view",
        statuses={404: "No such region in the asker's scope", 422: "No such period"},
    )
    def village_playback(code: str) -> Response:
        scope = require("event.view")
        until = moment("until", tz) or deps.clock.now()
        since = moment("since", tz) or until - USUAL
        if not dt.timedelta(0) < until - since <= LONGEST:
            raise Invalid(reasons=[reason("since", "out_of_range", since.isoformat(), low=0, high=f"{LONGEST.days} d")])
        return _read.tagged(play(deps.store, scope, code, since, until))


def _plain(value: Any) -> Any:
    """What the page is made of, as JSON."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.date):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    return value
