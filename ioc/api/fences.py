"""`/api/v1/fences`: electronic fences, drawn, changed and removed with the right `alarm.rules`."""

from __future__ import annotations

from typing import Any, Literal

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.alarms.fences import Fences, Wish
from ioc.api import Deps, _body, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.cases.work import Actor
from ioc.intake.fields import moment

MAX_BODY = 64 * 1024
STATUSES = {404: "No such fence", 409: "Somebody was first", 422: "Refused, with the reasons of every field"}


class FenceIn(BaseModel):
    """A fence whole. A change carries the `version` the editor saw."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=200)
    points: list[Any] = Field(max_length=600, description="[[lon, lat], ...] in degrees (EPSG:4490), 3 to 500")
    rule: str = Field(default="geofence", max_length=60, description="a rule of the test fence")
    target: Literal["", "kind", "region", "device"] = Field(default="", description="empty: every moving device")
    ref: str = Field(default="", max_length=100, description="key of a kind, code of a region, or device id")
    inside: bool = Field(default=False, description="alarm while inside; else while outside")
    hours: list[Any] = Field(default_factory=list[Any], max_length=20, description='["22:00-06:00"]; empty: always')
    weekdays: list[Any] = Field(default_factory=list[Any], max_length=7, description="1 (Monday) to 7")
    valid_from: str | None = Field(default=None, max_length=40)
    valid_to: str | None = Field(default=None, max_length=40)
    version: int = Field(default=0, ge=0)


def register(server: flask.Flask, deps: Deps) -> None:
    fences = Fences(deps.store, deps.clock, deps.settings.area_buffer_m)
    bp = flask.Blueprint("fences", __name__)

    @bp.get("/api/v1/fences")
    @doc("Electronic fences in the asker's scope", returns={"type": "object"}, permission="alarm.view")
    def listed() -> Response:
        return _read.tagged({"fences": fences.listed(require("alarm.view"))})

    @bp.get("/api/v1/fences/<int:fence_id>/history")
    @doc("Versions of a fence, newest first", returns={"type": "object"}, statuses={404: "No such fence"},
         permission="alarm.view")  # fmt: skip
    def history(fence_id: int) -> Response:
        return flask.jsonify({"versions": fences.history(require("alarm.view"), _id(fence_id))})

    @bp.post("/api/v1/fences")
    @doc("Draw a fence", body=FenceIn, returns={"type": "object"}, statuses=STATUSES, permission="alarm.rules")
    def add() -> tuple[Response, int]:
        require("alarm.rules")
        return flask.jsonify(fences.put(_actor(), _wish(_body.sized(FenceIn, MAX_BODY), deps))), 201

    @bp.put("/api/v1/fences/<int:fence_id>")
    @doc("Change a fence", body=FenceIn, returns={"type": "object"}, statuses=STATUSES, permission="alarm.rules")
    def change(fence_id: int) -> Response:
        require("alarm.rules")
        body = _body.sized(FenceIn, MAX_BODY)
        return flask.jsonify(fences.put(_actor(), _wish(body, deps), _id(fence_id), body.version))

    @bp.delete("/api/v1/fences/<int:fence_id>")
    @doc("Remove a fence; what it had raised ends", query={"version": "the one the asker saw"},
         returns={"type": "object"}, statuses=STATUSES, permission="alarm.rules")  # fmt: skip
    def remove(fence_id: int) -> Response:
        require("alarm.rules")
        fences.remove(_actor(), _id(fence_id), _read.whole("version", 0, 2**31 - 1, 0))
        return flask.jsonify({"removed": fence_id})

    server.register_blueprint(bp)


def _id(fence_id: int) -> int:
    """What no table holds is not found."""
    return min(fence_id, 2**62)


def _actor() -> Actor:
    identity = current_identity()
    return Actor(identity.scope, identity.name)


def _wish(body: FenceIn, deps: Deps) -> Wish:
    valid = moment("valid_from", body.valid_from, deps.settings.tz), moment("valid_to", body.valid_to, deps.settings.tz)
    return Wish(body.name, body.points, body.rule, body.target, body.ref, body.inside, body.hours, body.weekdays, valid)
