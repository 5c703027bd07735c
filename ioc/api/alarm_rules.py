"""`/api/v1/alarm-rules`: rules with their parameters, changing them, and where a rule has no limit."""

from __future__ import annotations

from typing import Any, Literal

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.alarms.settings import RuleSettings
from ioc.api import Deps, _body, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.cases.work import Actor
from ioc.intake.fields import moment

MAX_BODY = 16 * 1024
SETTING: dict[str, Any] = {
    "type": "object",
    "required": ["rule", "target", "ref", "params", "version"],
    "properties": {
        "rule": {"type": "string"},
        "target": {"enum": ["", "kind", "region", "device"]},
        "ref": {"type": "string"},
        "params": {"type": "object"},
        "version": {"type": "integer"},
    },
}


class SettingIn(BaseModel):
    """Parameters of a rule for one target, whole: what is left out is as shipped, or as a wider target has it."""

    model_config = ConfigDict(extra="forbid")
    target: Literal["", "kind", "region", "device"] = Field(default="", description="empty: everywhere")
    ref: str = Field(default="", max_length=100, description="key of a kind, code of a region, or device id")
    params: dict[str, Any] = Field(description="names and bounds: docs/alarms.md")
    version: int = Field(ge=0, description="of the setting the asker saw; 0: there was none")
    valid_from: str | None = Field(default=None, max_length=40)
    valid_to: str | None = Field(default=None, max_length=40)


def register(server: flask.Flask, deps: Deps) -> None:
    settings = RuleSettings(deps.store, deps.clock)
    bp = flask.Blueprint("alarm_rules", __name__)

    @bp.get("/api/v1/alarm-rules")
    @doc(
        "Every alarm rule with its shipped and stored parameters",
        returns={"type": "object", "properties": {"rules": {"type": "array", "items": {"type": "object"}}}},
        permission="alarm.view",
    )
    def listed() -> Response:
        return _read.tagged({"rules": settings.listed(require("alarm.view"))})

    @bp.get("/api/v1/alarm-rules/<key>/unset")
    @doc(
        "Stations a rule speaks of and does not watch (未配置), each with the reason",
        returns={"type": "object"},
        statuses={404: "No such rule"},
        permission="alarm.view",
    )
    def unset(key: str) -> Response:
        rows = settings.unset(require("alarm.view"), key)
        return flask.jsonify({"rule": key, "rows": rows, "total": len(rows)})

    @bp.get("/api/v1/alarm-rules/<key>/history")
    @doc(
        "Changes of a rule's parameters, newest first, with who made them",
        returns={"type": "object"},
        statuses={404: "No such rule"},
        permission="alarm.view",
    )
    def history(key: str) -> Response:
        return flask.jsonify({"rule": key, "rows": settings.history(require("alarm.view"), key)})

    @bp.put("/api/v1/alarm-rules/<key>")
    @doc(
        "Change the parameters of a rule: everywhere, or for a kind, a region or a device",
        body=SettingIn,
        returns=SETTING,
        statuses={404: "No such rule", 409: "Somebody was first", 422: "Refused, with the reasons of every field"},
        permission="alarm.rules",
    )
    def put(key: str) -> Response:
        require("alarm.rules")
        asked = _body.sized(SettingIn, MAX_BODY)
        identity = current_identity()
        valid = (
            moment("valid_from", asked.valid_from, deps.settings.tz),
            moment("valid_to", asked.valid_to, deps.settings.tz),
        )
        actor = Actor(identity.scope, identity.name)
        return flask.jsonify(settings.put(actor, key, asked.target, asked.ref, asked.params, asked.version, valid))

    server.register_blueprint(bp)
