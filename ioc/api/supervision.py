"""`/api/v1/supervision`: the 督办 list, its answers and closings."""

from __future__ import annotations

from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field

from ioc.api import Deps, _read
from ioc.api.auth import require
from ioc.api.cases import MAX_BODY, actor, body
from ioc.api.openapi import doc
from ioc.cases import supervising
from ioc.cases.work import Cases
from ioc.errors import Invalid
from ioc.intake.reasons import reason
from ioc.store.regions import Regions
from ioc.store.supervision import STATES

MAX_LIMIT = 500
ENTRY: dict[str, Any] = {
    "type": "object",
    "required": ["supervision_id", "kind", "what", "state", "case", "overdue"],
    "properties": {
        "supervision_id": {"type": "integer"},
        "kind": {"enum": ["supervise", "instruct"]},
        "what": {"type": "string"},
        "state": {"enum": ["open", "answered", "closed"]},
        "until": {"type": ["string", "null"]},
        "overdue": {"type": "boolean"},
        "case": {"type": "object"},
        "owner": {"type": "object"},
        "answer": {"type": "string"},
    },
}
LIST: dict[str, Any] = {
    "type": "object",
    "required": ["total", "entries"],
    "properties": {"total": {"type": "integer"}, "entries": {"type": "array", "items": ENTRY}},
}
QUERY = {
    "state": f"{', '.join(STATES)}; default active (not closed)",
    "region": "12-digit or zone code, with everything inside it",
    "case": "id of one case",
    "limit": f"1-{MAX_LIMIT}, default 200",
}


class AnswerIn(BaseModel):
    """What was done about it."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=4000, pattern=r"^[^\x00]*\S[^\x00]*$")


def register(server: flask.Flask, deps: Deps) -> None:
    cases = Cases(deps.store, deps.clock, deps.settings.area_buffer_m, deps.settings.tz)

    @server.get("/api/v1/supervision")
    @doc("督办 and 批示 about cases the asker sees, those due first", query=QUERY, returns=LIST, permission="case.view")
    def listed() -> flask.Response:
        scope = require("case.view")
        state = _read.text("state", "active")
        if state not in STATES:
            raise Invalid(reasons=[reason("state", "bad_choice", state, choices=", ".join(STATES))])
        region_ids = Regions.of(deps.store).ids(scope, _read.text("region"))
        case_id = _read.whole("case", 1, 2**53, 0) if _read.text("case") else None
        limit = _read.whole("limit", 1, MAX_LIMIT, 200)
        return flask.jsonify(supervising.listed(cases, scope, state, region_ids, case_id, limit))

    @server.post("/api/v1/supervision/<int:supervision_id>/answer")
    @doc(
        "Answer an entry",
        body=AnswerIn,
        returns=ENTRY,
        statuses={403: "Only by who has it", 409: "Closed already", 422: "Refused, with the reasons"},
        permission="case.view",
    )
    def answered(supervision_id: int) -> flask.Response:
        require("case.view")
        asked = body(AnswerIn, MAX_BODY)
        return flask.jsonify(supervising.answer(cases, actor(), supervision_id, asked.text))

    @server.post("/api/v1/supervision/<int:supervision_id>/close")
    @doc("Close an entry", returns=ENTRY, statuses={409: "Closed already"}, permission="case.supervise")
    def closed(supervision_id: int) -> flask.Response:
        require("case.view")
        return flask.jsonify(supervising.close(cases, actor(), supervision_id))

    @server.post("/api/v1/supervision/<int:supervision_id>/return")
    @doc("The answer was not enough", returns=ENTRY, statuses={409: "No answer to decide about"},
         permission="case.supervise")  # fmt: skip
    def returned(supervision_id: int) -> flask.Response:
        require("case.view")
        return flask.jsonify(supervising.send_back(cases, actor(), supervision_id))
