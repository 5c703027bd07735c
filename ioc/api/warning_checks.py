"""`/api/v1/warnings/{id}/check`, `/api/v1/warning-checks`: what became of a warning, and what none went before."""

from __future__ import annotations

import datetime as dt
from typing import Literal, get_args

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.intake import fields
from ioc.intake.warning_checks import RIGHT, Checks, Word
from ioc.store import warning_checks

MAX_BODY = 16 * 1024
MOST = 500
STATUSES = {404: "Not there, or outside the scope", 409: "An exercise, replaced, or not in force yet",
            422: "Refused, with the reasons of every field"}  # fmt: skip
Judged = Literal["hit", "false", "void"]


class CheckIn(BaseModel):
    """The word on a warning."""

    model_config = ConfigDict(extra="forbid")
    outcome: Judged = Field(description=f"{', '.join(get_args(Judged))}; void takes a word back")
    occurred_at: str | None = Field(default=None, max_length=40, description="needed for a hit")
    evidence: str = Field(default="", max_length=500)


class MissIn(BaseModel):
    """What happened without a warning; `outcome` void takes the miss of this number back."""

    model_config = ConfigDict(extra="forbid")
    kind: str = Field(max_length=100)
    outcome: Literal["miss", "void"] = "miss"
    number: str = Field(default="", max_length=200)
    region: str = Field(default="", max_length=20, description="code; empty: the whole centre")
    occurred_at: str | None = Field(default=None, max_length=40)
    evidence: str = Field(default="", max_length=500)


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("warning_checks", __name__)
    checks = Checks(deps.store, deps.clock)

    def moment(raw: str | None) -> dt.datetime | None:
        return fields.moment("occurred_at", raw, deps.settings.tz)

    @bp.post("/api/v1/warnings/<int:warning_id>/check")
    @doc("Judge a warning: hit, false alarm, or take the word back; the newest word is in force, all of them stay",
         body=CheckIn, returns={"type": "object"}, permission=RIGHT, statuses=STATUSES)  # fmt: skip
    def check(warning_id: int) -> Response:
        scope = require(RIGHT)
        body = _body.sized(CheckIn, MAX_BODY)
        word = Word(body.outcome, moment(body.occurred_at), body.evidence.strip())
        return flask.jsonify(checks.judge(scope, warning_id, word, current_identity().name))

    @bp.post("/api/v1/warning-checks")
    @doc("A miss: what happened and no warning went before", body=MissIn, returns={"type": "object"},
         permission=RIGHT, statuses=STATUSES)  # fmt: skip
    def miss() -> Response:
        scope = require(RIGHT)
        body = _body.sized(MissIn, MAX_BODY)
        word = Word(body.outcome, moment(body.occurred_at), body.evidence.strip(), body.kind.strip(),
                    number=body.number.strip())  # fmt: skip
        return flask.jsonify(checks.miss(scope, word, body.region.strip(), current_identity().name))

    @bp.get("/api/v1/warning-checks")
    @doc("Warnings and misses with what became of them, newest first",
         query={"from": "default: 365 days ago", "until": "default: now", "waiting": "1: those nobody has judged"},
         returns={"type": "object"}, permission="map.view")  # fmt: skip
    def listed() -> Response:
        scope = require("map.view")
        now = deps.clock.now()
        since = fields.moment("from", _read.text("from"), deps.settings.tz) or now - dt.timedelta(days=365)
        until = fields.moment("until", _read.text("until"), deps.settings.tz) or now
        with deps.store.reading(scope) as conn:
            rows = warning_checks.listed(conn, since, until, _read.text("waiting") == "1", MOST)
        shown = ("key", "warning_id", "kind", "colour", "area", "at", "until", "occurred_at", "outcome", "evidence",
                 "actor", "judged_at", "source", "source_id", "origin")  # fmt: skip
        return _read.tagged({"checks": [{k: r[k] for k in shown} for r in rows]})

    server.register_blueprint(bp)
