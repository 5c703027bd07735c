"""`/api/v1/incidents/{id}/review`: the after-action report: filled in, submitted, closed; as document and PDF."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from urllib.parse import quote

import flask
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body, _once, _read
from ioc.api.auth import current_identity, require, require_session
from ioc.api.cases import actor
from ioc.api.incidents import MAX_BODY, NO, TEXT, use
from ioc.api.openapi import doc
from ioc.command import life
from ioc.command.review import paper, pdf
from ioc.command.review.figures import ENTERED, LOSSES
from ioc.command.review.work import STATES, STEPS, Reviews
from ioc.exports.work import RIGHT
from ioc.i18n import as_lang
from ioc.scope import SYSTEM
from ioc.store import accounts

REVIEW: dict[str, Any] = {
    "type": "object",
    "required": ["key", "case_id", "state", "version", "losses", "times", "lessons", "may"],
    "properties": {
        "key": {"type": "string", "description": "review:ID of the incident"},
        "case_id": {"type": "integer"},
        "state": {"enum": list(STATES)},
        "version": {"type": "integer", "description": "give it with every change; 0 before anything was entered"},
        "conclusion": {"type": "string"},
        "losses": {"type": "object", "description": "key: {value, source, by, at}; a key that is not there is unknown"},
        "times": {"type": "object", "description": "moments that were entered: {at, source, by}"},
        "lessons": {"type": "array", "items": {"type": "object"}},
        "digest": {"type": "string", "description": "SM3 of the sealed report, hexadecimal"},
        "may": {"type": "array", "items": {"type": "object"}, "description": "steps the asker may take now"},
    },
}
ONE: dict[str, Any] = {"type": "object", "required": ["review"], "properties": {"review": REVIEW}}
WHOLE: dict[str, Any] = {
    "type": "object",
    "required": ["review"],
    "properties": {"review": REVIEW, "report": {"type": "object", "description": "docs/review.md; only with report=1"}},
}
LESSONS: dict[str, Any] = {
    "type": "object",
    "required": ["total", "lessons"],
    "properties": {"total": {"type": "integer"}, "lessons": {"type": "array", "items": {"type": "object"}}},
}
VERSION = Field(ge=0, le=2**31 - 1, description="of the review the asker saw")


class LossIn(BaseModel):
    """What was lost, and who says so."""

    model_config = ConfigDict(extra="forbid")
    value: float = Field(description="people, rooms: whole; 万元: two decimals")
    source: str = Field(default="", max_length=400, pattern=TEXT)


class TimeIn(BaseModel):
    """A moment no record of the system tells, and who says so."""

    model_config = ConfigDict(extra="forbid")
    at: AwareDatetime
    source: str = Field(default="", max_length=400, pattern=TEXT)


class ReviewIn(BaseModel):
    """What of a draft is changed; null takes a value back to unknown."""

    model_config = ConfigDict(extra="forbid")
    version: int = VERSION
    conclusion: str | None = Field(default=None, max_length=20_000, pattern=TEXT)
    losses: dict[str, LossIn | None] | None = Field(default=None, description=", ".join(LOSSES))
    times: dict[str, TimeIn | None] | None = Field(default=None, description=", ".join(ENTERED))


class LessonIn(BaseModel):
    """A lesson, who answers for it, and by which day."""

    model_config = ConfigDict(extra="forbid")
    version: int = VERSION
    text: str = Field(default="", max_length=2000, pattern=TEXT)
    department: str = Field(default="", max_length=100, pattern=TEXT)
    person: str = Field(default="", max_length=60, pattern=TEXT)
    due_on: dt.date | None = None


class StepIn(BaseModel):
    """送审, 退回, 批准办结."""

    model_config = ConfigDict(extra="forbid")
    step: Literal["submit", "return", "close"]
    version: int = VERSION
    reason: str = Field(default="", max_length=2000, pattern=TEXT, description="of a return")


class DoneIn(BaseModel):
    """How a lesson was put right."""

    model_config = ConfigDict(extra="forbid")
    result: str = Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*\S[^\x00]*$")


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("incident_reviews", __name__)
    work = Reviews(use(deps), deps.past)
    base = "/api/v1/incidents/<int:case_id>/review"

    @bp.get(base)
    @doc("The review of an incident that has ended; with `report=1` the whole report", returns=WHOLE,
         statuses={**NO, 409: "Not ended yet, or merged into another"}, query={"report": "1: with the report"},
         permission="case.view")  # fmt: skip
    def one(case_id: int) -> Response:
        scope = require("case.view")
        if _read.text("report") == "1":
            return flask.jsonify(work.report(scope, case_id, current_identity().login))
        return flask.jsonify({"review": work.state(scope, case_id)})

    @bp.put(base)
    @doc(
        "Fill in a draft: conclusion, losses, moments", body=ReviewIn, returns=ONE, statuses=NO, permission=life.REPORT
    )
    def edited(case_id: int) -> Response:
        require(life.REPORT)
        asked = _body.sized(ReviewIn, MAX_BODY)
        given = asked.model_dump(exclude={"version"}, exclude_unset=True)
        return flask.jsonify(work.edit(actor(), case_id, given, asked.version, _once.asked()))

    @bp.post(f"{base}/steps")
    @doc("Submit (the report is sealed), return, or approve and close", body=StepIn, returns=ONE, statuses=NO,
         permission="case.view")  # fmt: skip
    def stepped(case_id: int) -> Response:
        require("case.view")
        asked = _body.sized(StepIn, MAX_BODY)
        require(STEPS[asked.step][2])
        return flask.jsonify(work.step(actor(), case_id, asked.step, asked.version, asked.reason, _once.asked()))

    @bp.post(f"{base}/lessons")
    @doc("Add a lesson", body=LessonIn, returns=ONE, statuses={201: "Added", **NO}, permission=life.REPORT)
    def added(case_id: int) -> tuple[Response, int]:
        require(life.REPORT)
        asked = _body.sized(LessonIn, MAX_BODY)
        given = asked.model_dump(exclude={"version"}, exclude_unset=True)
        return flask.jsonify(work.lesson(actor(), case_id, None, given, asked.version, _once.asked())), 201

    @bp.put(f"{base}/lessons/<int:lesson_id>")
    @doc("Change a lesson of a draft", body=LessonIn, returns=ONE, statuses=NO, permission=life.REPORT)
    def changed(case_id: int, lesson_id: int) -> Response:
        require(life.REPORT)
        asked = _body.sized(LessonIn, MAX_BODY)
        given = asked.model_dump(exclude={"version"}, exclude_unset=True)
        return flask.jsonify(work.lesson(actor(), case_id, lesson_id, given, asked.version, _once.asked()))

    @bp.delete(f"{base}/lessons/<int:lesson_id>")
    @doc("Take a lesson back from a draft", returns=ONE, statuses=NO, query={"version": "of the review the asker saw"},
         permission=life.REPORT)  # fmt: skip
    def removed(case_id: int, lesson_id: int) -> Response:
        require(life.REPORT)
        version = _read.whole("version", 0, 2**31 - 1, 0)
        return flask.jsonify(work.lesson(actor(), case_id, lesson_id, {"remove": True}, version, _once.asked()))

    @bp.post(f"{base}/lessons/<int:lesson_id>/done")
    @doc("A lesson of a closed review is put right; its 督办 is answered", body=DoneIn, returns=ONE, statuses=NO,
         permission="case.view")  # fmt: skip
    def finished(case_id: int, lesson_id: int) -> Response:
        require("case.view")
        asked = _body.sized(DoneIn, MAX_BODY)
        return flask.jsonify(work.lesson_done(actor(), case_id, lesson_id, asked.result.strip(), _once.asked()))

    @bp.get("/api/v1/reviews/lessons")
    @doc("Lessons that are not done, of every incident the asker sees; those due first", returns=LESSONS,
         permission="case.view")  # fmt: skip
    def lessons() -> Response:
        return flask.jsonify(work.open_lessons(require("case.view")))

    _files(bp, deps, work, base)
    server.register_blueprint(bp)


def _files(bp: flask.Blueprint, deps: Deps, work: Reviews, base: str) -> None:
    def made(case_id: int) -> tuple[paper.Paper, str]:
        scope = require("case.view")
        found = work.report(scope, case_id, current_identity().login)
        lang = as_lang(_read.text("lang"))
        centre = deps.services.centre(SYSTEM).title(lang)
        shown = paper.Paper(found["report"], found["review"], centre, deps.settings.tz, lang)
        return shown, paper.html(shown)

    @bp.get(f"{base}/document")
    @doc("The report as one HTML document, maps inside", query={"lang": "zh or en"},
         statuses={**NO, 409: "Not ended yet"}, permission="case.view")  # fmt: skip
    def document(case_id: int) -> Response:
        answer = flask.Response(made(case_id)[1], mimetype="text/html")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @bp.get(f"{base}/file")
    @doc("The report as PDF; every one is in the audit", query={"lang": "zh or en"}, permission=RIGHT,
         statuses={**NO, 403: "Without desk.export", 503: "This machine lacks the libraries"})  # fmt: skip
    def file(case_id: int) -> Response:
        identity = require_session()
        require(RIGHT)
        shown, text = made(case_id)
        body = pdf.pdf(text)
        detail = {"format": "pdf", "lang": shown.lang, "state": shown.review["state"], "digest": shown.review["digest"],
                  "bytes": len(body), "demo": shown.report["origin"] == "demo"}  # fmt: skip
        with deps.store.scoped(SYSTEM) as conn:
            accounts.audit(conn, actor=identity.login, action="desk.export", object_=f"review:{case_id}",
                           address=flask.request.remote_addr or "", detail=detail)  # fmt: skip
        name = f"{shown.w('title')}_{shown.report['number']}.pdf"
        answer = flask.Response(body, mimetype="application/pdf")
        answer.headers["Content-Disposition"] = (
            f"attachment; filename=\"review_{case_id}.pdf\"; filename*=UTF-8''{quote(name)}"
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer
