"""`/api/v1/area-notices`: a notice to everybody who answers for an area, its rates and the list of the unread."""

from __future__ import annotations

from typing import Any, Literal

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body, _once, _read
from ioc.api.auth import require
from ioc.api.cases import actor
from ioc.api.incidents import MAX_BODY, NO, TEXT, use
from ioc.api.openapi import doc
from ioc.command import life
from ioc.command.area_notices import AreaNotices, Wish

NOTICE: dict[str, Any] = {
    "type": "object",
    "required": ["key", "area_notice_id", "title", "total", "read"],
    "properties": {
        "key": {"type": "string", "description": "area_notice:ID"},
        "area_notice_id": {"type": "integer"},
        "title": {"type": "string"},
        "total": {"type": "integer", "description": "people, each once"},
        "submitted": {"type": "integer"},
        "delivered": {"type": "integer"},
        "read": {"type": "integer"},
        "delivered_rate": {"type": ["number", "null"]},
        "read_rate": {"type": ["number", "null"]},
        "people": {"type": "array", "items": {"type": "object"}},
        "unread": {"type": "array", "items": {"type": "object"}},
        "empty": {"type": "array", "items": {"type": "object"}, "description": "villages and cells without a person"},
    },
}
ONE = {"type": "object", "required": ["area_notice"], "properties": {"area_notice": NOTICE}}
LIST = {"type": "object", "required": ["total", "area_notices"],
        "properties": {"total": {"type": "integer"}, "area_notices": {"type": "array", "items": NOTICE}}}  # fmt: skip


class AreaNoticeIn(BaseModel):
    """What is said, and to which area: one that is drawn, else a warning's, else the incident's."""

    model_config = ConfigDict(extra="forbid")
    title: str = Field(default="", max_length=190, pattern=TEXT)
    body: str = Field(default="", max_length=4000, pattern=TEXT)
    area: dict[str, Any] | None = Field(default=None, description="GeoJSON Polygon or MultiPolygon, EPSG:4490")
    case_id: int | None = Field(default=None, ge=1, le=2**62)
    warning_id: int | None = Field(default=None, ge=1, le=2**62)
    priority: Literal["urgent", "high", "medium", "low"] = "urgent"
    duties: list[str] = Field(default_factory=list[str], max_length=20, description="of stewards; empty: all")
    exercise: bool = False


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("area_notices", __name__)
    work = AreaNotices(use(deps))

    def wish() -> Wish:
        asked = _body.sized(AreaNoticeIn, MAX_BODY)
        return Wish(asked.title, asked.body, asked.area, asked.case_id, asked.warning_id, asked.priority,
                    tuple(asked.duties), asked.exercise)  # fmt: skip

    @bp.post("/api/v1/area-notices/preview")
    @doc("Whom an area reaches: villages, grid cells, people; nothing is sent", body=AreaNoticeIn,
         returns={"type": "object"}, statuses=NO, permission=life.COMMAND)  # fmt: skip
    def preview() -> Response:
        require(life.COMMAND)
        return flask.jsonify(work.preview(actor(), wish()))

    @bp.post("/api/v1/area-notices")
    @doc("Send it, one notice a person", body=AreaNoticeIn, returns=ONE, statuses={201: "Sent", **NO},
         permission=life.COMMAND)  # fmt: skip
    def send() -> tuple[Response, int]:
        require(life.COMMAND)
        return flask.jsonify(work.send(actor(), wish(), _once.asked())), 201

    @bp.get("/api/v1/area-notices")
    @doc("Notices to areas, newest first", returns=LIST, permission="case.view",
         query={"case": "of an incident", "warning": "of a warning"})  # fmt: skip
    def listed() -> Response:
        scope = require("case.view")
        case = _read.whole("case", 1, 2**53, 0) if _read.text("case") else None
        warning = _read.whole("warning", 1, 2**53, 0) if _read.text("warning") else None
        return _read.tagged(work.listed(scope, case, warning))

    @bp.get("/api/v1/area-notices/<int:area_notice_id>")
    @doc("One with everybody's state and the list of the unread", returns=NOTICE, statuses=NO, permission="case.view")
    def one(area_notice_id: int) -> Response:
        return _read.tagged(work.one(require("case.view"), area_notice_id))

    @bp.post("/api/v1/area-notices/<int:area_notice_id>/remind")
    @doc("Again, to those who have not read it", returns=ONE, statuses=NO, permission=life.COMMAND)
    def remind(area_notice_id: int) -> Response:
        require(life.COMMAND)
        return flask.jsonify(work.remind(actor(), area_notice_id, _once.asked()))

    server.register_blueprint(bp)
