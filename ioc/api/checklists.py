"""`/api/v1/cases/{id}/checklists`: the plan an incident works by, step by step; `/api/v1/plans`: what there is."""

from __future__ import annotations

from typing import Any, Literal

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body, _once, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.cases.work import Actor
from ioc.command import checklist
from ioc.command.checklist import Added, Checklists
from ioc.command.plans import Plan, newest
from ioc.errors import NotFound
from ioc.intake import fields
from ioc.store import plans

MAX_BODY = 64 * 1024
STEP: dict[str, Any] = {
    "type": "object",
    "required": ["step_id", "state", "version"],
    "properties": {
        "step_id": {"type": "integer"},
        "what": {"type": "string"},
        "state": {"enum": ["todo", "done", "skipped"]},
        "due_at": {"type": ["string", "null"]},
        "late": {"type": "boolean"},
        "deviation": {"type": "boolean", "description": "skipped, or not of the plan"},
        "version": {"type": "integer", "description": "give it with the next change"},
    },
}
LIST: dict[str, Any] = {"type": "object", "required": ["checklist_id", "steps"],
                        "properties": {"checklist_id": {"type": "integer"},
                                       "steps": {"type": "array", "items": STEP}}}  # fmt: skip
_STATUSES = {404: "Not there, or outside the scope", 409: "Somebody was first, or the incident is over",
             422: "Refused, with every reason"}  # fmt: skip


class ChooseIn(BaseModel):
    """A plan's version at a response level; deadlines count from `started_at` (default: now)."""

    model_config = ConfigDict(extra="forbid")
    plan_id: int = Field(ge=1, le=2**62)
    level: int = Field(ge=1, le=4)
    started_at: str | None = Field(default=None, max_length=40, description="ISO 8601")


class MarkIn(BaseModel):
    """`reason` is needed to skip a step, `receipt_by` to finish one that needs a receipt."""

    model_config = ConfigDict(extra="forbid")
    state: Literal["todo", "done", "skipped"]
    version: int = Field(ge=1, le=2**31)
    reason: str = Field(default="", max_length=1000)
    receipt_by: str = Field(default="", max_length=100)
    at: str | None = Field(default=None, max_length=40, description="when it was done, ISO 8601; default: now")


class AddIn(BaseModel):
    """A step the plan does not have."""

    model_config = ConfigDict(extra="forbid")
    what: str = Field(min_length=1, max_length=1000)
    department: str = Field(default="", max_length=100)
    role: str = Field(default="", max_length=100)
    deadline_min: int | None = Field(default=None, ge=0, le=86_400)
    reason: str = Field(default="", max_length=1000)
    receipt: bool = False


def register(server: flask.Flask, deps: Deps) -> None:
    tz = deps.settings.tz
    work = Checklists(deps.store, deps.clock, tz)

    @server.get("/api/v1/plans")
    @doc("Emergency plans in force today, with the steps of every level", returns={"type": "object"},
         permission="case.view")  # fmt: skip
    def get_plans() -> Response:
        scope = require("case.view")
        now = deps.clock.now()
        with deps.store.scoped(scope) as conn:
            found = newest(plans.known_at(conn, now), now.astimezone(tz).date())
        return _read.tagged({"plans": [plan_json(p) for p in found]})

    @server.get("/api/v1/plans/<int:plan_id>")
    @doc("One version of a plan", returns={"type": "object"}, statuses={404: "No such version"},
         permission="case.view")  # fmt: skip
    def get_plan(plan_id: int) -> Response:
        scope = require("case.view")
        with deps.store.scoped(scope) as conn:
            found = plans.one(conn, plan_id)
        if found is None:
            raise NotFound(f"预案 {plan_id}", f"plan {plan_id}")
        return _read.tagged(plan_json(found))

    @server.get("/api/v1/cases/<int:case_id>/checklists")
    @doc("Checklists an incident works by", returns={"type": "object"}, statuses={404: "Not there"},
         permission="case.view")  # fmt: skip
    def get_checklists(case_id: int) -> Response:
        return _read.tagged({"checklists": work.of(require("case.view"), case_id)})

    @server.post("/api/v1/cases/<int:case_id>/checklists")
    @doc("Choose a plan at a level; an earlier choice of the same plan ends, what was done under it stays done",
         body=ChooseIn, returns=LIST, statuses=_STATUSES, permission=checklist.CHOOSE[0])  # fmt: skip
    def post_checklist(case_id: int) -> Response:
        actor = _actor()
        body = _body.sized(ChooseIn, MAX_BODY)
        begun = fields.moment("started_at", body.started_at, tz)
        return flask.jsonify(work.choose(actor, case_id, body.plan_id, body.level, begun, _once.asked()))

    @server.post("/api/v1/cases/<int:case_id>/checklists/<int:checklist_id>/steps")
    @doc("Add a step the plan does not have", body=AddIn, returns=STEP, statuses=_STATUSES,
         permission=checklist.CHOOSE[0])  # fmt: skip
    def post_step(case_id: int, checklist_id: int) -> Response:
        actor = _actor()
        body = _body.sized(AddIn, MAX_BODY)
        return flask.jsonify(work.add(actor, case_id, checklist_id, Added(**body.model_dump()), _once.asked()))

    @server.post("/api/v1/cases/<int:case_id>/steps-of-plan/<int:step_id>")
    @doc("Mark a step done, skipped with its reason, or to do again", body=MarkIn, returns=STEP, statuses=_STATUSES,
         permission=checklist.MARK[0])  # fmt: skip
    def post_mark(case_id: int, step_id: int) -> Response:
        actor = _actor()
        body = _body.sized(MarkIn, MAX_BODY)
        at = fields.moment("at", body.at, tz)
        done = work.mark(actor, case_id, step_id, body.state, body.version, reason=body.reason.strip(),
                         receipt_by=body.receipt_by.strip(), at=at, once=_once.asked())  # fmt: skip
        return flask.jsonify(done)


def _actor() -> Actor:
    identity = current_identity()
    return Actor(identity.scope, identity.name)


def plan_json(p: Plan) -> dict[str, Any]:
    return {"plan_id": p.plan_id, "code": p.code, "version": p.version, "title": p.title, "class": p.class_,
            "types": list(p.types), "places": list(p.places), "document": p.document, "issuer": p.issuer,
            "valid_from": p.valid_from.isoformat(), "valid_to": p.valid_to.isoformat() if p.valid_to else None,
            "sample": p.sample, "origin": p.origin, "levels": p.levels_json()}  # fmt: skip
