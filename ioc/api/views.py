"""`/api/v1/desk/views`: saved views of the desk's list."""

from __future__ import annotations

from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field

from ioc.api import Deps, _read
from ioc.api.auth import require, require_session
from ioc.api.cases import body
from ioc.api.openapi import doc
from ioc.scope import Scope
from ioc.views import NAME_MAX, Views, Wish

MAX_BODY = 8 * 1024
VIEW: dict[str, Any] = {
    "type": "object",
    "required": ["view_id", "name", "shared", "mine", "default", "version", "query", "region", "address"],
    "properties": {
        "view_id": {"type": "integer"},
        "name": {"type": "string"},
        "shared": {"type": "boolean"},
        "mine": {"type": "boolean"},
        "default": {"type": "boolean", "description": "the asker's list begins with it"},
        "version": {"type": "integer", "description": "give it with a change"},
        "query": {"type": "object", "description": "show, urgency, flow, topic, sort, v"},
        "region": {"type": "string"},
        "address": {"type": "string", "description": "query of /desk/events that shows it"},
    },
}
LIST: dict[str, Any] = {"type": "object", "properties": {"views": {"type": "array", "items": VIEW}}}


class ViewIn(BaseModel):
    """A view to be saved."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=NAME_MAX)
    shared: bool = Field(default=False, description="for everybody; needs desk.share")
    query: dict[str, str] = Field(
        default_factory=dict[str, str], description="show, urgency, flow, topic, sort, v", max_length=8
    )
    region: str = Field(default="", max_length=40)


class ViewChange(ViewIn):
    version: int = Field(ge=1, le=2**31 - 1, description="a view that has changed since is not touched (409)")


class FirstIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    view_id: int | None = Field(default=None, ge=1, le=2**63 - 1, description="null: the whole list again")


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("views", __name__)
    views = Views(deps.store, deps.clock)

    @bp.get("/api/v1/desk/views")
    @doc("Views of the list: one's own, and those shared with the centre", returns=LIST, permission="case.view")
    def listed() -> flask.Response:
        return flask.jsonify({"views": views.listed(_person())})

    @bp.post("/api/v1/desk/views")
    @doc("Save a view", body=ViewIn, returns=VIEW, statuses={201: "Saved"}, permission="case.view")
    def add() -> tuple[flask.Response, int]:
        asked, scope = body(ViewIn, MAX_BODY), _person()
        return flask.jsonify(views.add(scope, _wish(asked))), 201

    @bp.put("/api/v1/desk/views/<int:view_id>")
    @doc(
        "Rename a view, or save another filter under its name",
        body=ViewChange,
        returns=VIEW,
        statuses={403: "Somebody else's", 409: "It has changed meanwhile"},
        permission="case.view",
    )
    def change(view_id: int) -> flask.Response:
        asked, scope = body(ViewChange, MAX_BODY), _person()
        return flask.jsonify(views.change(scope, view_id, asked.version, _wish(asked)))

    @bp.delete("/api/v1/desk/views/<int:view_id>")
    @doc(
        "Throw a view away",
        query={"version": "the one that was seen"},
        statuses={403: "Somebody else's", 409: "It has changed meanwhile"},
        permission="case.view",
    )
    def remove(view_id: int) -> flask.Response:
        scope = _person()
        views.remove(scope, view_id, _read.whole("version", 1, 2**31 - 1, 0))
        return flask.jsonify({"removed": view_id})

    @bp.put("/api/v1/desk/views/default")
    @doc("Choose the view one's own list begins with", body=FirstIn, permission="case.view")
    def choose() -> flask.Response:
        asked, scope = body(FirstIn, MAX_BODY), _person()
        views.choose(scope, asked.view_id)
        return flask.jsonify({"view_id": asked.view_id})

    server.register_blueprint(bp)


def _person() -> Scope:
    require("case.view")
    return require_session().scope


def _wish(asked: ViewIn) -> Wish:
    return Wish(asked.name, asked.shared, asked.query, asked.region)
