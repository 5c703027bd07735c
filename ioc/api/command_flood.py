"""`POST /api/v1/command/flood`: what a water level would cover (推演). Nothing of it is stored."""

from __future__ import annotations

from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body
from ioc.api.auth import require
from ioc.api.command_panels import as_json
from ioc.api.openapi import doc
from ioc.command import flood, flooding
from ioc.command.area import metres_of
from ioc.command.asking import Ask
from ioc.command.flooding import Wish

MAX_BODY = 4096


class FloodIn(BaseModel):
    """A place, and how far the water stands above its ground or at which level."""

    model_config = ConfigDict(extra="forbid")
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    rise_m: float | None = Field(default=None, gt=0, le=flood.RISE_MAX_M, description="above the ground at the place")
    level_m: float | None = Field(default=None, ge=-500, le=9000, description="in the vertical datum of the terrain")
    reach_m: float = Field(default=flood.REACH_M, gt=0, le=flood.REACH_MAX_M, description="how far is looked")
    case_id: int | None = Field(default=None, ge=1, le=2**62)


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("command_flood", __name__)

    @bp.post("/api/v1/command/flood")
    @doc("推演: what a water level would cover, by depth, with the people and things there; stored nowhere",
         body=FloodIn, returns={"type": "object"}, statuses={422: "Refused: no terrain here, or two levels at once"},
         permission="case.view")  # fmt: skip
    def flooded() -> Response:
        scope = require("case.view")
        body = _body.sized(FloodIn, MAX_BODY)
        with deps.store.scoped(scope) as conn:
            srid = metres_of(conn, body.lon)
        ask = Ask(scope, body.lon, body.lat, deps.clock.now(), srid, case_id=body.case_id)
        told: dict[str, Any] = flooding.simulate(deps.store, ask, Wish(body.rise_m, body.level_m, body.reach_m))
        told["panels"] = {k: as_json(s) | {"what_if": True} for k, s in told["panels"].items()}
        return flask.jsonify(told)

    server.register_blueprint(bp)
