"""`/api/v1/resources`: free beds and places as their systems report them, what forces do, and where they went."""

from __future__ import annotations

import datetime as dt
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body, _once, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.cases.work import Actor
from ioc.command.checklist import require as require_any
from ioc.command.figures import BEDS
from ioc.command.force_state import STATUSES
from ioc.command.forces import RIGHTS, Forces
from ioc.errors import Conflict, Forbidden, Invalid, NotFound
from ioc.intake import fields
from ioc.intake.capacity import RIGHT, Applied, Capacities, Checked, Report
from ioc.scope import Scope
from ioc.store import resources

MAX_BODY, MAX_BATCH, MOST_REPORTS = 64 * 1024, 2 * 2**20, 500
KINDS_OF_BED = ", ".join(BEDS)
REPORTED: dict[str, Any] = {
    "type": "object",
    "required": ["applied", "observed_at", "version"],
    "properties": {
        "applied": {"enum": ["applied", "same", "older"],
                    "description": "older: kept in the history, what is shown does not change"},
        "observed_at": {"type": "string"},
        "version": {"type": "integer"},
    },
}  # fmt: skip
STATE: dict[str, Any] = {
    "type": "object",
    "required": ["resource_id", "status", "version"],
    "properties": {
        "key": {"type": "string"},
        "resource_id": {"type": "integer"},
        "name": {"type": "string"},
        "status": {"enum": list(STATUSES)},
        "case_id": {"type": ["integer", "null"]},
        "version": {"type": "integer", "description": "give it with the next change"},
        "status_at": {"type": ["string", "null"]},
    },
}
_STATUSES = {404: "Not there, or outside the scope", 409: "Another report of this time and version is known",
             422: "Refused, with every reason"}  # fmt: skip


class StockIn(BaseModel):
    """A medical supply."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100)
    amount: float = Field(ge=0, le=1e9)
    unit: str = Field(default="", max_length=20)


class BedsIn(BaseModel):
    """Beds by kind (general, icu, burns, isolation). A kind that is left out is not known, which is not 0."""

    model_config = ConfigDict(extra="forbid")
    total: dict[str, int] = Field(default_factory=dict[str, int], description=f"by kind: {KINDS_OF_BED}")
    free: dict[str, int] = Field(default_factory=dict[str, int], description=f"by kind: {KINDS_OF_BED}")
    doctors: int | None = Field(default=None, ge=0, le=1_000_000)
    nurses: int | None = Field(default=None, ge=0, le=1_000_000)
    ambulances: int | None = Field(default=None, ge=0, le=1_000_000, description="ready to go")
    blood_u: int | None = Field(default=None, ge=0, le=1_000_000, description="units of 200 ml")
    stock: list[StockIn] = Field(default_factory=list[StockIn], max_length=200)


class PlacesIn(BaseModel):
    """Places of a shelter, in people."""

    model_config = ConfigDict(extra="forbid")
    free: int = Field(ge=0, le=1_000_000)
    total: int | None = Field(default=None, ge=0, le=1_000_000)


class CapacityIn(BaseModel):
    """Either `beds` or `places`. The newest `observed_at` is in force, whatever the order of arrival."""

    model_config = ConfigDict(extra="forbid")
    observed_at: str | int = Field(description="ISO 8601 or epoch milliseconds")
    version: int = Field(default=0, ge=0, le=2**53, description="decides between reports of one observed_at")
    beds: BedsIn | None = None
    places: PlacesIn | None = None


class ReportIn(CapacityIn):
    """One report of a batch."""

    source: str = Field(max_length=100)
    external_id: str = Field(max_length=200)


class BatchIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reports: list[ReportIn] = Field(min_length=1, max_length=MOST_REPORTS)


class StateIn(BaseModel):
    """What a team or vehicle does now. `case_id`: the incident it is bound to, with `bound`."""

    model_config = ConfigDict(extra="forbid")
    status: str = Field(max_length=20, description=", ".join(STATUSES))
    case_id: int | None = Field(default=None, ge=1, le=2**62)
    version: int | None = Field(default=None, ge=1, le=2**31, description="the one seen; left out: whatever it is")
    note: str = Field(default="", max_length=1000)


def register(server: flask.Flask, deps: Deps) -> None:
    capacities = Capacities(deps.store, deps.settings, deps.clock)
    forces = Forces(deps.store, deps.clock, deps.settings.tz)

    @server.put("/api/v1/resources/<source>/<external_id>/capacity")
    @doc("Report free beds of a hospital or free places of a shelter; the same report again changes nothing",
         body=CapacityIn, returns=REPORTED, statuses=_STATUSES, permission=RIGHT)  # fmt: skip
    def put_capacity(source: str, external_id: str) -> Response:
        scope = require(RIGHT)
        body = _body.sized(CapacityIn, MAX_BODY)
        _allowed(source)
        return flask.jsonify(_said(*capacities.put(scope, source, external_id, _report(body), _by(scope))))

    @server.post("/api/v1/resources/capacity")
    @doc("Report many at once; each is taken or refused by itself, in its place of `results`", body=BatchIn,
         returns={"type": "object"}, statuses={422: "The body is of another form"}, permission=RIGHT)  # fmt: skip
    def post_capacity() -> Response:
        scope = require(RIGHT)
        body = _body.sized(BatchIn, MAX_BATCH)
        results = [_one(capacities, scope, r) for r in body.reports]
        taken = sum(r.get("applied") == "applied" for r in results)
        refused = sum("error" in r for r in results)
        return flask.jsonify({"applied": taken, "refused": refused, "results": results})

    @server.post("/api/v1/resources/<int:resource_id>/state")
    @doc("Bind a team or vehicle to an incident, or say that it is en route, on scene, available again or off duty",
         body=StateIn, returns=STATE, permission=RIGHTS[0],
         statuses={404: "Not there, or outside the scope", 409: "Not possible now, or somebody was first",
                   422: "Refused, with every reason"})  # fmt: skip
    def post_state(resource_id: int) -> Response:
        identity = current_identity()
        require_any(identity.scope, RIGHTS)
        body = _body.sized(StateIn, MAX_BODY)
        actor = Actor(identity.scope, identity.name)
        done = forces.set_state(actor, resource_id, body.status, body.case_id, body.version, body.note, _once.asked())
        return flask.jsonify(done)

    @server.get("/api/v1/resources/<int:resource_id>/positions")
    @doc("Where a resource was, in the order its positions became known",
         query={"since": "ISO 8601; default: 24 hours before until", "until": "ISO 8601; default: now"},
         returns={"type": "object"}, statuses={404: "Not there, or outside the scope"},
         permission="resource.view")  # fmt: skip
    def get_positions(resource_id: int) -> Response:
        scope = require("resource.view")
        until = fields.moment("until", flask.request.args.get("until"), deps.settings.tz) or deps.clock.now()
        since = fields.moment("since", flask.request.args.get("since"), deps.settings.tz)
        with deps.store.scoped(scope) as conn:
            if resources.peek(conn, scope, resource_id) is None:
                raise NotFound(f"应急资源 {resource_id}", f"resource {resource_id}")
            rows = resources.positions(conn, scope, resource_id, since or until - dt.timedelta(hours=24), until)
        return _read.tagged({"resource_id": resource_id, "positions": [_position(r) for r in rows]})


def _report(body: CapacityIn) -> Report:
    beds = body.beds.model_dump(exclude_none=True) if body.beds else None
    places = body.places.model_dump(exclude_none=True) if body.places else None
    return Report(body.observed_at, beds, places, body.version)


def _said(applied: Applied, checked: Checked) -> dict[str, Any]:
    return {"applied": applied, "observed_at": checked.observed_at.isoformat(), "version": checked.version}


def _one(capacities: Capacities, scope: Scope, r: ReportIn) -> dict[str, Any]:
    named = {"source": r.source, "external_id": r.external_id}
    try:
        _allowed(r.source)
        return {**named, **_said(*capacities.put(scope, r.source, r.external_id, _report(r), _by(scope)))}
    except Invalid as e:
        return {**named, "error": e.code, "zh": e.message("zh"), "en": e.message("en"),
                "reasons": [x.as_dict() for x in e.reasons]}  # fmt: skip
    except (NotFound, Conflict, Forbidden) as e:
        return {**named, "error": e.code, "zh": e.message("zh"), "en": e.message("en")}


def _allowed(source: str) -> None:
    """A token that is bound to one source reports for its resources alone. Raises Forbidden."""
    own = current_identity().source
    if own and own != source:
        raise Forbidden(f"该令牌只能上报来源 {own}", f"this token may only report for {own}")


def _by(scope: Scope) -> str:
    return current_identity().source or scope.actor


def _position(row: resources.Row) -> dict[str, Any]:
    return {**row, "observed_at": row["observed_at"].isoformat(), "recorded_at": row["recorded_at"].isoformat()}
