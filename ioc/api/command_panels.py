"""`/api/v1/command/panels`, `/datasets`: who and what is around a place; each panel is asked for by itself."""

from __future__ import annotations

from typing import Any, cast

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body, _read
from ioc.api.auth import require
from ioc.api.openapi import doc
from ioc.command import answer
from ioc.command.area import area_of, metres_of
from ioc.command.asking import RADIUS_M, RADIUS_MAX_M, Ask, PanelState
from ioc.command.datasets import datasets
from ioc.command.panels import panels
from ioc.store import editions

MAX_BODY = 512 * 1024
STATUSES = {404: "No such panel", 422: "Refused, with the reasons of every field"}


class AskIn(BaseModel):
    """A place and, where one was drawn, an area."""

    model_config = ConfigDict(extra="forbid")
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    radius_m: float = Field(default=RADIUS_M, gt=0, le=RADIUS_MAX_M)
    area: dict[str, Any] | None = Field(default=None, description="GeoJSON Polygon or MultiPolygon, EPSG:4490")
    case_id: int | None = Field(default=None, ge=1, le=2**62)


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("command_panels", __name__)

    @bp.get("/api/v1/command/panels")
    @doc("Panels of a command workspace in their order", returns={"type": "object"}, permission="case.view")
    def listed() -> Response:
        require("case.view")
        return _read.tagged({"panels": [
            {"key": p.key, "zh": p.title.zh, "en": p.title.en, "datasets": p.datasets, "helped_by": p.helped_by}
            for p in panels().values()
        ]})  # fmt: skip

    @bp.post("/api/v1/command/panels/<key>")
    @doc("One panel around a place, with its age, source and state; only read, so it takes `t=`: as known then",
         body=AskIn, returns={"type": "object"}, statuses=STATUSES, permission="case.view")  # fmt: skip
    def asked(key: str) -> Response:
        scope = require("case.view")
        body = _body.sized(AskIn, MAX_BODY)
        area = area_of(body.area)
        with deps.store.scoped(scope) as conn:
            srid = metres_of(conn, body.lon)
        place = Ask(scope, body.lon, body.lat, deps.clock.now(), srid, body.radius_m, area, body.case_id)
        return flask.jsonify(as_json(answer.answer(deps.store, key, place)))

    @bp.get("/api/v1/command/datasets")
    @doc("Data of emergency command: which is here, of which day, by whom", returns={"type": "object"},
         permission="case.view")  # fmt: skip
    def data() -> Response:
        scope = require("case.view")
        with deps.store.scoped(scope) as conn:
            have = editions.everything(conn)
        rows: list[dict[str, Any]] = []
        for d in datasets().values():
            e = have.get(d.key)
            told = {"source": e.source, "as_of": e.as_of.isoformat(), "rows": e.rows, "origin": e.origin} if e else {}
            rows.append({"key": d.key, "zh": d.title.zh, "en": d.title.en, "present": e is not None, **told})
        return _read.tagged({"datasets": rows})

    @bp.get("/api/v1/command/themes")
    @doc("Themes of this centre (主题), and the rows of the one asked for with cameras and people at their places",
         query={"key": "of a theme", "region": "code, with everything inside it"}, returns={"type": "object"},
         permission="case.view")  # fmt: skip
    def themes() -> Response:
        scope = require("case.view")
        return _read.tagged(deps.services.themes(scope, _read.text("region"), _read.text("key")))

    server.register_blueprint(bp)


def as_json(state: PanelState) -> dict[str, Any]:
    """A panel's state for the wire; times as ISO 8601, the interval in seconds."""
    return {
        "key": state.key, "state": state.state, "data": cast("Any", state.data),
        "as_of": state.as_of.isoformat() if state.as_of else None, "source": state.source,
        "interval_s": state.interval.total_seconds() if state.interval else None,
        "notes": [{"zh": n.zh, "en": n.en} for n in state.notes], "missing": state.missing, "lacking": state.lacking,
        "origin": state.origin, "error_code": state.error_code,
        "error": {"zh": state.error.zh, "en": state.error.en} if state.error else None, "took_ms": state.took_ms,
    }  # fmt: skip
