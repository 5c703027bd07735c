"""`/api/v1/incidents/{id}/marks`, `/api/v1/marks/{mark}`: what is drawn on the incident's map, for all."""

from __future__ import annotations

from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body, _once, _read
from ioc.api.auth import require
from ioc.api.cases import actor
from ioc.api.incidents import MAX_BODY, NO, TEXT, moment, use
from ioc.api.openapi import doc
from ioc.command import life, marks
from ioc.command.drawing import Marks, Wish

MARK: dict[str, Any] = {
    "type": "object",
    "required": ["key", "mark_id", "kind", "geometry", "version"],
    "properties": {
        "key": {"type": "string", "description": "mark:ID"},
        "mark_id": {"type": "integer"},
        "kind": {"enum": list(marks.KINDS)},
        "label": {"type": "string"},
        "responsible": {"type": "string", "description": "who answers for it"},
        "geometry": {"type": "object", "description": "GeoJSON, EPSG:4490"},
        "style": {"type": "object"},
        "version": {"type": "integer", "description": "give it with the next change"},
    },
}
LIST = {"type": "object", "required": ["marks"], "properties": {"marks": {"type": "array", "items": MARK}}}
ONE = {"type": "object", "required": ["mark"], "properties": {"mark": MARK}}


class MarkIn(BaseModel):
    """A mark to draw."""

    model_config = ConfigDict(extra="forbid")
    kind: str = Field(max_length=40, description=", ".join(marks.KINDS))
    label: str = Field(default="", max_length=100, pattern=TEXT)
    geometry: dict[str, Any] = Field(description="GeoJSON point, line or area, EPSG:4490")
    responsible: str = Field(default="", max_length=60, pattern=TEXT, description="who answers for it")
    style: dict[str, str | int | float | bool] = Field(default_factory=dict[str, str | int | float | bool])


class MarkChangeIn(BaseModel):
    """What of a mark changes, and the version the asker saw."""

    model_config = ConfigDict(extra="forbid")
    version: int = Field(ge=1)
    kind: str | None = Field(default=None, max_length=40)
    label: str | None = Field(default=None, max_length=100, pattern=TEXT)
    responsible: str | None = Field(default=None, max_length=60, pattern=TEXT)
    geometry: dict[str, Any] | None = None
    style: dict[str, str | int | float | bool] | None = None


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("incident_marks", __name__)
    work = Marks(use(deps))

    @bp.get("/api/v1/incidents/<int:case_id>/marks")
    @doc("Marks that stand on an incident's map", returns=LIST, statuses=NO, permission="case.view",
         query={"at": "ISO 8601: as they were known then"})  # fmt: skip
    def listed(case_id: int) -> Response:
        return _read.tagged(work.listed(require("case.view"), case_id, moment(deps, "at")))

    @bp.post("/api/v1/incidents/<int:case_id>/marks")
    @doc("Draw a mark", body=MarkIn, returns=ONE, statuses={201: "Drawn", **NO}, permission=life.COMMAND)
    def drawn(case_id: int) -> tuple[Response, int]:
        require(life.COMMAND)
        asked = _body.sized(MarkIn, MAX_BODY)
        wish = Wish(asked.kind, asked.label, asked.geometry, asked.style, asked.responsible)
        return flask.jsonify(work.draw(actor(), case_id, wish, _once.asked())), 201

    @bp.put("/api/v1/marks/<int:mark_id>")
    @doc("Change a mark; where somebody was first the answer names who and gives theirs", body=MarkChangeIn,
         returns=ONE, statuses=NO, permission=life.COMMAND)  # fmt: skip
    def changed(mark_id: int) -> Response:
        require(life.COMMAND)
        asked = _body.sized(MarkChangeIn, MAX_BODY)
        wish = Wish(asked.kind, asked.label, asked.geometry, asked.style, asked.responsible)
        return flask.jsonify(work.change(actor(), mark_id, wish, asked.version, _once.asked()))

    @bp.delete("/api/v1/marks/<int:mark_id>")
    @doc("Remove a mark; its history stays", query={"version": "the one the asker saw"}, returns=ONE, statuses=NO,
         permission=life.COMMAND)  # fmt: skip
    def removed(mark_id: int) -> Response:
        require(life.COMMAND)
        version = _read.whole("version", 1, 2**31 - 1, 0)
        return flask.jsonify(work.remove(actor(), mark_id, version, _once.asked()))

    server.register_blueprint(bp)
