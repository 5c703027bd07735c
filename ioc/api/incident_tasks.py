"""`/api/v1/incidents/{id}/tasks`, `/api/v1/tasks/{task}/steps`, `/api/v1/my/tasks`: orders and their receipts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import flask
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body, _once, _read
from ioc.api.auth import current_identity, require, require_session
from ioc.api.cases import actor
from ioc.api.incidents import HEADER, MAX_BODY, NO, TEXT, moment, use
from ioc.api.openapi import doc
from ioc.command import life, links, orders
from ioc.command.ordering import Order, Orders
from ioc.errors import Invalid
from ioc.intake.reasons import reason

TO = ("department", "account", "resource", "person")
TASK: dict[str, Any] = {
    "type": "object",
    "required": ["key", "task_id", "what", "to", "state", "late", "version", "may"],
    "properties": {
        "key": {"type": "string", "description": "task:ID"},
        "task_id": {"type": "integer"},
        "what": {"type": "string"},
        "to": {"type": "object"},
        "where": {"type": "object"},
        "due_at": {"type": ["string", "null"]},
        "late": {"type": "boolean"},
        "state": {"enum": list(orders.STATES)},
        "version": {"type": "integer"},
        "may": {"type": "array", "items": {"type": "object"}},
    },
}
LIST = {"type": "object", "required": ["total", "tasks"],
        "properties": {"total": {"type": "integer"}, "tasks": {"type": "array", "items": TASK}}}  # fmt: skip


class ToIn(BaseModel):
    """Who is ordered: a department by name, an account by login, a team or vehicle by id, a person by name."""

    model_config = ConfigDict(extra="forbid")
    kind: str = Field(description=", ".join(TO), max_length=20)
    ref: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00]*\S[^\x00]*$")
    phone: str = Field(default="", max_length=40, pattern=TEXT, description="of a person without an account")


class OrderIn(BaseModel):
    """What, who, where, by when. With `Idempotency-Key` an order that is sent again is given once."""

    model_config = ConfigDict(extra="forbid")
    what: str = Field(min_length=1, max_length=300, pattern=r"^[^\x00]*\S[^\x00]*$")
    to: ToIn
    detail: str = Field(default="", max_length=4000, pattern=TEXT)
    where: dict[str, Any] | None = Field(default=None, description="GeoJSON point, line or area, EPSG:4490")
    address: str = Field(default="", max_length=500, pattern=TEXT)
    due_at: AwareDatetime | None = None
    due_min: int | None = Field(default=None, ge=1, le=60 * 24 * 30, description="instead: minutes from now")
    plan_ref: str = Field(default="", max_length=100, pattern=TEXT, description="the plan's step it carries out")


class ReceiptIn(BaseModel):
    """A receipt, and what it needs."""

    model_config = ConfigDict(extra="forbid")
    step: str = Field(description=", ".join(orders.RECEIPTS), max_length=20)
    version: int | None = Field(default=None, ge=1, description="refused where the order has changed since")
    given: dict[str, Any] = Field(default_factory=dict[str, Any])


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("incident_tasks", __name__)
    work = Orders(use(deps))

    @bp.post("/api/v1/incidents/<int:case_id>/tasks")
    @doc("Give an order; who is ordered is told", body=OrderIn, statuses={201: "Given", **NO}, permission=life.COMMAND,
         returns={"type": "object", "properties": {"task": TASK, "incident": HEADER}})  # fmt: skip
    def give(case_id: int) -> tuple[Response, int]:
        require(life.COMMAND)
        asked = _body.sized(OrderIn, MAX_BODY)
        if asked.to.kind not in TO:
            raise Invalid(reasons=[reason("to.kind", "bad_choice", asked.to.kind, choices=", ".join(TO))])
        due = asked.due_at
        if asked.due_min is not None and due is None:
            due = deps.clock.now() + dt.timedelta(minutes=asked.due_min)
        order = Order(asked.what.strip(), (asked.to.kind, asked.to.ref.strip()), asked.detail.strip(), asked.where,
                      asked.address.strip(), due, asked.to.phone.strip(), asked.plan_ref)  # fmt: skip
        return flask.jsonify(work.give(actor(), case_id, order, _once.asked())), 201

    @bp.get("/api/v1/incidents/<int:case_id>/tasks")
    @doc("Orders of an incident, newest first", returns=LIST, statuses=NO, permission="case.view",
         query={"at": "ISO 8601: as they were known then"})  # fmt: skip
    def listed(case_id: int) -> Response:
        return _read.tagged(work.listed(require("case.view"), case_id, moment(deps, "at")))

    @bp.post("/api/v1/tasks/<int:task_id>/steps")
    @doc("A receipt of an order: by who is ordered, or for them by who commands", body=ReceiptIn, statuses=NO,
         returns={"type": "object", "properties": {"task": TASK}}, permission="task.handle")  # fmt: skip
    def receipt(task_id: int) -> Response:
        identity = current_identity()
        asked = _body.sized(ReceiptIn, MAX_BODY)
        return flask.jsonify(
            work.answer(actor(), identity.login, task_id, asked.step, asked.given, asked.version, _once.asked())
        )

    @bp.get("/api/v1/my/tasks")
    @doc("Orders in my hand: mine and my departments', those due first, and what ended within a day", returns=LIST,
         permission="task.handle")  # fmt: skip
    def mine() -> Response:
        identity = require_session()
        found = work.mine(identity.scope, identity.login)
        for task in found["tasks"]:  # MOB-05: one press into the meeting of the incident, where a system is configured
            about = {**task["incident"], "case_id": str(task["case"]).rpartition(":")[2]}
            task["incident"]["meeting"] = links.opened(deps.settings.meeting_url, about)
        answer = flask.jsonify({"now": deps.clock.now(), **found})
        answer.headers["Cache-Control"] = "private, no-store"
        return answer

    server.register_blueprint(bp)
