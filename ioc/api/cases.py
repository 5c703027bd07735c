"""`/api/v1/cases/{id}/steps`: what can be done with a case, and doing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import flask
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ioc.api import Deps, _once, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.cases.many import MOST, Chosen, take_many
from ioc.cases.work import Actor, Cases
from ioc.errors import Invalid, Reason

MAX_BODY = 64 * 1024
STATE: dict[str, Any] = {
    "type": "object",
    "required": ["case_id", "version", "stage"],
    "properties": {
        "case_id": {"type": "integer"},
        "version": {"type": "integer", "description": "give it with the next step"},
        "stage": {"type": "string"},
        "hold": {"enum": ["", "paused", "shelved"]},
        "ended": {"enum": ["", "void", "refused", "false_alarm", "merged"]},
        "asked": {"type": "string", "description": "the request that waits for a decision"},
    },
}

ANSWERS: dict[str, Any] = {
    "type": "object",
    "required": ["taken", "refused", "results"],
    "properties": {
        "taken": {"type": "integer"},
        "refused": {"type": "integer"},
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["case_id", "ok"],
                "properties": {
                    "case_id": {"type": "integer"},
                    "ok": {"type": "boolean"},
                    "version": {"type": "integer", "description": "after the step"},
                    "stage": {"type": "string"},
                    "status": {"type": "integer", "description": "what the single step would have answered"},
                    "zh": {"type": "string"},
                    "en": {"type": "string"},
                },
            },
        },
    },
}


class StepIn(BaseModel):
    """One step: the version of the case the asker saw, and what the step needs."""

    model_config = ConfigDict(extra="forbid")
    step: str = Field(min_length=1, max_length=40, description="key of a step that is offered")
    version: int = Field(ge=1, description="a case that has changed since is not touched (409)")
    given: dict[str, Any] = Field(default_factory=dict[str, Any], description="what the step needs, by name")


class ChosenIn(BaseModel):
    """A case, and the version the asker saw."""

    model_config = ConfigDict(extra="forbid")
    case_id: int = Field(ge=1, le=2**63 - 1)
    version: int = Field(ge=1, le=2**31 - 1)


class StepsIn(BaseModel):
    """One step and what it needs, for up to 200 cases."""

    model_config = ConfigDict(extra="forbid")
    step: str = Field(min_length=1, max_length=40, description="key of a step that all of them offer")
    given: dict[str, Any] = Field(default_factory=dict[str, Any], description="what the step needs, by name")
    cases: list[ChosenIn] = Field(min_length=1, max_length=MOST)


class CaseIn(BaseModel):
    """A report to work on."""

    model_config = ConfigDict(extra="forbid")
    event_id: int = Field(ge=1, le=2**63 - 1)
    flow: str = Field(min_length=1, max_length=40, description="grid, hotline or urban")


Asked = TypeVar("Asked", bound=BaseModel)


def register(server: flask.Flask, deps: Deps) -> None:
    cases = Cases(deps.store, deps.clock, deps.settings.area_buffer_m, deps.settings.tz)

    @server.post("/api/v1/cases")
    @doc(
        "A report becomes a case in the first stage of a flow",
        body=CaseIn,
        returns=STATE,
        statuses={201: "Opened", 409: "Part of a case already, or closed", 422: "Refused, with the reasons"},
        permission="case.accept",
    )
    def opened() -> tuple[flask.Response, int]:
        require("case.accept")
        asked = body(CaseIn)
        return flask.jsonify(cases.open(actor(), asked.event_id, asked.flow, _once.asked())), 201

    @server.get("/api/v1/cases/<int:case_id>/steps")
    @doc("The steps the asker may take with a case now", returns=STATE, permission="case.view")
    def offered(case_id: int) -> flask.Response:
        require("case.view")
        return flask.jsonify(cases.offered(actor(), case_id))

    @server.post("/api/v1/cases/<int:case_id>/steps")
    @doc(
        "Take a step with a case",
        body=StepIn,
        returns=STATE,
        statuses={409: "Not possible now, or somebody was first", 422: "Refused, with the reasons of every field"},
        permission="case.view",
    )
    def take(case_id: int) -> flask.Response:
        require("case.view")
        asked = body(StepIn)
        return flask.jsonify(cases.take(actor(), case_id, asked.step, asked.given, asked.version, _once.asked()))

    @server.post("/api/v1/cases/steps")
    @doc(
        "Take one step with up to 200 cases; each is done or refused by itself, and its answer says which",
        body=StepsIn,
        returns=ANSWERS,
        statuses={422: "The request itself is wrong; nothing was done"},
        permission="case.view",
    )
    def take_all() -> flask.Response:
        require("case.view")
        asked = body(StepsIn)
        chosen = [Chosen(c.case_id, c.version) for c in asked.cases]
        results = take_many(cases, actor(), asked.step, asked.given, chosen)
        taken = sum(1 for r in results if r["ok"])
        return flask.jsonify({"taken": taken, "refused": len(results) - taken, "results": results})


def actor() -> Actor:
    """Who asks, with the name cases carry."""
    identity = current_identity()
    return Actor(identity.scope, identity.name)


def body(model: type[Asked], limit: int = MAX_BODY) -> Asked:
    """The body as `model`. Raises TooLarge, Invalid with the reason of every field."""
    try:
        return model.model_validate(_read.json_object(limit))
    except ValidationError as e:
        raise Invalid(reasons=[_reason(f) for f in e.errors(include_url=False)]) from e


def _reason(fault: Mapping[str, Any]) -> Reason:
    where = ".".join(map(str, fault["loc"]))
    return Reason(where, str(fault["type"]), "格式不对", str(fault["msg"]), str(fault["input"])[:120])
