"""`/api/v1/incidents/{id}/reports`: 首报, 续报, 终报: drafted from the facts, approved, sent, proven."""

from __future__ import annotations

from typing import Any, Literal

import flask
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body, _once
from ioc.api.auth import require
from ioc.api.cases import actor
from ioc.api.incidents import MAX_BODY, NO, TEXT, moment, use
from ioc.api.openapi import doc
from ioc.command import life, reporting
from ioc.command.report_work import Reports
from ioc.scope import SYSTEM

REPORT: dict[str, Any] = {
    "type": "object",
    "required": ["key", "report_id", "kind", "how", "state", "title", "text", "version", "may"],
    "properties": {
        "key": {"type": "string", "description": "report:ID"},
        "report_id": {"type": "integer"},
        "kind": {"enum": list(reporting.KINDS)},
        "how": {"enum": ["phone", "written"]},
        "state": {"enum": list(reporting.STATES)},
        "title": {"type": "string"},
        "text": {"type": "string"},
        "facts": {
            "type": "array",
            "items": {"type": "object"},
            "description": "key, text, as_of, source of each number",
        },
        "recipients": {"type": "array", "items": {"type": "object"}},
        "delivery": {"type": ["object", "null"], "description": "已提交, 已送达, 已读 of each addressee"},
        "version": {"type": "integer"},
        "may": {"type": "array", "items": {"type": "object"}},
    },
}
LIST = {"type": "object", "required": ["total", "reports", "due"],
        "properties": {"total": {"type": "integer"}, "reports": {"type": "array", "items": REPORT},
                       "due": {"type": ["object", "null"]}, "term": {"type": ["object", "null"]}}}  # fmt: skip
SOME = r"^[^\x00]*\S[^\x00]*$"


class RecipientIn(BaseModel):
    """Whom it goes to."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["department", "role", "person", "account"]
    ref: str = Field(min_length=1, max_length=100, pattern=SOME)


class ReportIn(BaseModel):
    """A draft of a kind, or a report that was made by telephone."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["first", "follow", "final", ""] = Field(default="", description="of a draft")
    how: Literal["written", "phone"] = "written"
    to: str = Field(default="", max_length=100, pattern=TEXT, description="telephone: who was called")
    text: str = Field(default="", max_length=4000, pattern=TEXT, description="telephone: what was said")
    at: AwareDatetime | None = Field(default=None, description="telephone: when; default now")


class EditIn(BaseModel):
    """Another text, and whom it goes to."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=20_000, pattern=SOME)
    recipients: list[RecipientIn] | None = Field(default=None, max_length=100)
    version: int = Field(ge=1)


class StepIn(BaseModel):
    """送审, 批准, 退回, 报送, 作废."""

    model_config = ConfigDict(extra="forbid")
    step: Literal["submit", "approve", "return", "send", "void"]
    version: int | None = Field(default=None, ge=1)
    reason: str = Field(default="", max_length=2000, pattern=TEXT, description="of a return or an annulment")
    recipients: list[RecipientIn] | None = Field(default=None, max_length=100, description="of sending")


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("incident_reports", __name__)
    work = Reports(use(deps), lambda: deps.services.centre(SYSTEM).title.zh)
    one = {"type": "object", "properties": {"report": REPORT}}

    @bp.get("/api/v1/incidents/<int:case_id>/reports")
    @doc("Reports of an incident with their proof, when the next is owed, and the terms", returns=LIST, statuses=NO,
         query={"at": "ISO 8601: as they were known then"}, permission="case.view")  # fmt: skip
    def listed(case_id: int) -> Response:
        return flask.jsonify(work.listed(require("case.view"), case_id, moment(deps, "at")))

    @bp.post("/api/v1/incidents/<int:case_id>/reports")
    @doc("A draft with text generated from the facts; or `how: phone`, a report made by telephone", body=ReportIn,
         returns=one, statuses={201: "Made", **NO}, permission=life.REPORT)  # fmt: skip
    def made(case_id: int) -> tuple[Response, int]:
        require(life.REPORT)
        asked = _body.sized(ReportIn, MAX_BODY)
        if asked.how == "phone":
            said = _body.checked(PhoneIn, {"to": asked.to, "text": asked.text})
            return flask.jsonify(work.phone(actor(), case_id, said.to, said.text, asked.at, _once.asked())), 201
        kind = _body.checked(KindIn, {"kind": asked.kind}).kind
        return flask.jsonify(work.draft(actor(), case_id, kind, _once.asked())), 201

    @bp.put("/api/v1/incidents/<int:case_id>/reports/<int:report_id>")
    @doc("Edit a draft", body=EditIn, returns=one, statuses=NO, permission=life.REPORT)
    def edited(case_id: int, report_id: int) -> Response:
        require(life.REPORT)
        asked = _body.sized(EditIn, MAX_BODY)
        to = None if asked.recipients is None else [r.model_dump() for r in asked.recipients]
        return flask.jsonify(work.edit(actor(), case_id, report_id, asked.text, to, asked.version))

    @bp.post("/api/v1/incidents/<int:case_id>/reports/<int:report_id>/steps")
    @doc("Submit, approve, return, send or annul a report", body=StepIn, returns=one, statuses=NO,
         permission=life.REPORT)  # fmt: skip
    def stepped(case_id: int, report_id: int) -> Response:
        require("case.view")
        asked = _body.sized(StepIn, MAX_BODY)
        given = asked.model_dump(exclude={"step", "version"}, exclude_none=True)
        return flask.jsonify(work.step(actor(), case_id, report_id, asked.step, given, asked.version, _once.asked()))

    server.register_blueprint(bp)


class PhoneIn(BaseModel):
    """What a report by telephone cannot do without."""

    to: str = Field(min_length=1, pattern=SOME)
    text: str = Field(min_length=1, pattern=SOME)


class KindIn(BaseModel):
    """What a draft cannot do without."""

    kind: Literal["first", "follow", "final"]
