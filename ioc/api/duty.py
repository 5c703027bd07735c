"""`/api/v1/duty`: who is on duty, and the handover between shifts."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import flask
from pydantic import BaseModel, ConfigDict, Field

from ioc.api import Deps, _read
from ioc.api.auth import current_identity, require, require_session
from ioc.api.cases import body
from ioc.api.openapi import doc
from ioc.duty.desk import NOTE_MAX, DutyDesk, Officer
from ioc.errors import Invalid, NotFound, Reason

MAX_BODY = 32 * 1024
YEARS = 3
DUTY: dict[str, Any] = {
    "type": "object",
    "required": ["at", "on", "next", "handover"],
    "properties": {
        "at": {"type": "string"},
        "region": {"type": ["object", "null"], "description": "whose roster it is: the region's or one above it"},
        "shift": {"type": ["object", "null"], "description": "the watch that runs"},
        "on": {"type": "array", "items": {"type": "object"}, "description": "duty: leader, chief, officer, grid"},
        "next": {"type": ["object", "null"]},
        "handover": {"type": ["object", "null"], "description": "state: early, open, given, done, missing, ..."},
        "recent": {"type": "array", "items": {"type": "object"}},
        "changes_at": {"type": ["string", "null"], "description": "when this is different by the clock alone"},
    },
}
HANDOVER: dict[str, Any] = {
    "type": "object",
    "required": ["state", "version", "going", "coming", "facts", "may"],
    "properties": {
        "state": {"enum": ["early", "open", "given", "done", "missing", "continued", "unsigned"]},
        "version": {"type": "integer", "description": "give it with the next confirmation"},
        "facts": {"type": "object", "description": "open and changed, as recorded or as it is now"},
        "may": {"type": "array", "items": {"enum": ["give", "take", "return"]}},
    },
}


class ActIn(BaseModel):
    """A confirmation of one's own seat: give (the shift that goes), take or return (the one that comes)."""

    model_config = ConfigDict(extra="forbid")
    act: Literal["give", "take", "return"]
    ends_at: dt.datetime = Field(description="end of the shift that goes")
    version: int = Field(ge=0, le=2**31 - 2, description="of the handover as it was seen; another one is refused (409)")
    note: str = Field(default="", max_length=NOTE_MAX, description="what the figures do not say; needed to return")


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("duty", __name__)
    desk = DutyDesk(deps.store, deps.clock)

    @bp.get("/api/v1/duty")
    @doc(
        "Who is on duty at a moment, who comes next, and how the handover stands",
        query={"at": "ISO time; default now", "region": "region code; default the asker's own"},
        returns=DUTY,
        permission="case.view",
    )
    def on_duty() -> flask.Response:
        scope = require("case.view")
        return flask.jsonify(desk.on(scope, _read.text("region"), _at(deps.clock.now())))

    @bp.get("/api/v1/duty/handover")
    @doc(
        "The handover to be shown, with what is open and what has changed",
        query={"region": "region code; default the asker's own"},
        returns=HANDOVER,
        statuses={404: "The rosters ask for none"},
        permission="case.view",
    )
    def handover() -> flask.Response:
        require("case.view")
        require_session()
        found = desk.handover(_officer(), _read.text("region"))
        if found is None:
            raise NotFound("值班表没有排出下一班", "the rosters name no next shift")
        return flask.jsonify(found)

    @bp.post("/api/v1/duty/handover")
    @doc(
        "Confirm one's own side of a handover; nobody confirms for another",
        query={"region": "region code; default the asker's own"},
        body=ActIn,
        returns=HANDOVER,
        statuses={403: "Not one's own seat", 409: "Not now, or the other seat was first", 422: "Refused, with reasons"},
        permission="case.view",
    )
    def act() -> flask.Response:
        require("case.view")
        require_session()
        asked = body(ActIn, MAX_BODY)
        if asked.ends_at.tzinfo is None:
            raise Invalid(
                reasons=[Reason("ends_at", "no_zone", "时刻须带时区", "needs its offset", str(asked.ends_at))]
            )
        done = desk.act(_officer(), _read.text("region"), asked.ends_at, asked.act, asked.version, asked.note)
        return flask.jsonify(done)

    server.register_blueprint(bp)


def _officer() -> Officer:
    identity = current_identity()
    return Officer(identity.scope, identity.login, identity.name or identity.login)


def _at(now: dt.datetime) -> dt.datetime:
    """The moment asked for. Raises Invalid for none, one without offset, or one far from now."""
    raw = _read.text("at")
    if not raw:
        return now
    try:
        # a "+" of the offset arrives as a blank when nobody has encoded it
        found = dt.datetime.fromisoformat(raw.replace(" ", "+") if raw.count(" ") == 1 and "T" in raw else raw)
        far = found.tzinfo is not None and abs(found - now) > dt.timedelta(days=366 * YEARS)
    except (ValueError, OverflowError):
        found, far = None, False
    if found is None or found.tzinfo is None or far:
        zh, en = "应为带时区的时刻，例：2026-10-03T14:00:00+08:00", "a time with its offset: 2026-10-03T14:00:00+08:00"
        raise Invalid(reasons=[Reason("at", "bad_time", zh, en, raw[:60])])
    return found.astimezone(dt.UTC)
