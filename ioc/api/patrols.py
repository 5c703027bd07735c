"""`/api/v1/patrols`: patrols and visits as a phone sends them, what they found, how well each cell is walked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import flask
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.clock import parse_time
from ioc.errors import Invalid, NotFound, Reason
from ioc.intake.reasons import reason
from ioc.patrols.coverage import coverage, together
from ioc.patrols.visits import Visits
from ioc.patrols.work import KINDS, LOOK, PHOTOS, POINTS_A_BATCH, Patrols, Walker
from ioc.scope import Scope
from ioc.store import patrols
from ioc.store.detail_parts import masked
from ioc.store.regions import Regions

MAX_BODY, MAX_TRACK = 64 * 1024, 1024 * 1024
MAX_LIMIT = 500
RIGHT = "case.handle"
ID = Field(ge=1, le=2**63 - 1)
PATROL: dict[str, Any] = {
    "type": "object",
    "required": ["patrol_id", "kind", "person", "begun_at"],
    "properties": {
        "patrol_id": {"type": "integer"},
        "kind": {"enum": list(KINDS)},
        "person": {"type": "string", "description": "masked below the internal level"},
        "mine": {"type": "boolean"},
        "grid_cell_id": {"type": ["integer", "null"]},
        "begun_at": {"type": "string"},
        "ended_at": {"type": ["string", "null"]},
        "distance_m": {"type": "number", "description": "along the good points"},
        "points": {"type": "integer"},
        "jumps": {"type": "integer", "description": "points that could not have been reached: kept, not counted"},
        "inside": {
            "type": "integer",
            "description": "good points and findings in the cell; 0: the cell is not covered",
        },
        "findings": {"type": "integer"},
        "visits": {"type": "integer", "description": "households and facilities visited"},
    },
}
_STATUSES = {404: "Not there, or outside the scope", 422: "Refused, with every reason"}
_KEYED = {201: "For the first time", 409: "The Idempotency-Key was used for something else", **_STATUSES}


class StartIn(BaseModel):
    """A patrol begins. Header Idempotency-Key: the phone's own id of it."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["inspect", "visit"] = Field(description="inspect 巡查, visit 走访")
    begun_at: str | int = Field(description="ISO 8601 or epoch milliseconds")
    grid_cell_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    grid_code: str = Field(default="", max_length=100, description="instead of grid_cell_id")
    note: str = Field(default="", max_length=1000)


class TrackIn(BaseModel):
    """Points in any order: {at, lon, lat, accuracy_m}. One that cannot be read is refused alone, with its reasons."""

    model_config = ConfigDict(extra="forbid")
    points: list[Any] = Field(max_length=POINTS_A_BATCH)
    crs: str = Field(default="EPSG:4326", description="EPSG:4326 (Geolocation API), EPSG:4490, GCJ-02, BD-09")


class CategoryIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    scheme: str = Field(max_length=50)
    code: str = Field(max_length=50)


class FindingIn(BaseModel):
    """Something found on the way. Becomes a report. Header Idempotency-Key: the phone's own id of it."""

    model_config = ConfigDict(extra="forbid")
    title: str = Field(min_length=1, max_length=200)
    description: str = Field(default="", max_length=4000)
    category: CategoryIn | None = None
    urgency: str = Field(default="routine", max_length=20)
    occurred_at: str | int
    lon: float
    lat: float
    crs: str = "EPSG:4326"
    address: str = Field(default="", max_length=500)
    photos: list[int] = Field(default_factory=list[int], max_length=PHOTOS, description="attachment ids")


class VisitIn(BaseModel):
    """Who or what was visited. Header Idempotency-Key: the phone's own id of it."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["household", "facility"] = Field(description="household 入户, facility 场所设施")
    name: str = Field(min_length=1, max_length=200, description="door (5 栋 302), or what the facility is called")
    person: str = Field(default="", max_length=60, description="who was met; kept masked only")
    outcome: Literal["met", "absent", "follow"] = Field(
        default="met", description="met 见面, absent 无人, follow 需跟进"
    )
    note: str = Field(default="", max_length=1000)
    visited_at: str | int
    lon: float | None = None
    lat: float | None = None
    crs: str = "EPSG:4326"


class EndIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ended_at: str | int
    note: str = Field(default="", max_length=1000)


Asked = TypeVar("Asked", bound=BaseModel)


def register(server: flask.Flask, deps: Deps) -> None:
    work = Patrols(deps.store, deps.settings, deps.clock)
    regions = Regions.of(deps.store)
    tz = deps.settings.tz

    @server.post("/api/v1/patrols")
    @doc("Start a patrol (巡查) or a visit (走访) of a grid cell; the same Idempotency-Key again is the same one",
         body=StartIn, returns=PATROL, statuses=_KEYED, permission=RIGHT)  # fmt: skip
    def patrol_start() -> tuple[Response, int]:
        require(RIGHT)
        row, new = work.start(_walker(), _once(), _body(StartIn, MAX_BODY))
        return flask.jsonify(_plain(row)), 201 if new else 200

    @server.post("/api/v1/patrols/<int:patrol_id>/track")
    @doc("Add points to the asker's own patrol: late, twice and out of order are all right",
         body=TrackIn, returns={"type": "object"}, statuses=_STATUSES, permission=RIGHT)  # fmt: skip
    def patrol_track_add(patrol_id: int) -> Response:
        require(RIGHT)
        given = _body(TrackIn, MAX_TRACK)
        return flask.jsonify(work.add_points(_walker(), patrol_id, given["points"], given["crs"]))

    @server.post("/api/v1/patrols/<int:patrol_id>/findings")
    @doc("A finding becomes a report (source patrol), with its photos; the same Idempotency-Key again is the same one",
         body=FindingIn, returns={"type": "object"}, statuses=_KEYED, permission=RIGHT)  # fmt: skip
    def patrol_found(patrol_id: int) -> tuple[Response, int]:
        require(RIGHT)
        made, new = work.find(_walker(), patrol_id, _once(), _body(FindingIn, MAX_BODY))
        return flask.jsonify(made), 201 if new else 200

    @server.post("/api/v1/patrols/<int:patrol_id>/visits")
    @doc("Register a household or a facility visited on the walk; the same Idempotency-Key again is the same one",
         body=VisitIn, returns={"type": "object"}, statuses=_KEYED, permission=RIGHT)  # fmt: skip
    def patrol_visited(patrol_id: int) -> tuple[Response, int]:
        require(RIGHT)
        made, new = Visits(work).add(_walker(), patrol_id, _once(), _body(VisitIn, MAX_BODY))
        return flask.jsonify(made), 201 if new else 200

    @server.post("/api/v1/patrols/<int:patrol_id>/end")
    @doc("End the asker's own patrol; points and findings that come later still belong to it",
         body=EndIn, returns=PATROL, statuses={409: "Ended at another time", **_STATUSES},
         permission=RIGHT)  # fmt: skip
    def patrol_end(patrol_id: int) -> Response:
        require(RIGHT)
        return flask.jsonify(_plain(work.end(_walker(), patrol_id, _body(EndIn, MAX_BODY))))

    @server.get("/api/v1/patrols")
    @doc(
        "Patrols, newest first",
        query={
            "region": "12-digit or zone code, with everything inside it",
            "grid_cell": "id of a grid cell",
            "kind": ", ".join(KINDS),
            "mine": "1: the asker's own",
            "open": "1: not ended, 0: ended",
            "since": "begun at or after it",
            "until": "begun before it",
            "after": "patrol_id of the last row of the page before",
            "limit": f"1-{MAX_LIMIT}, default 100",
        },
        returns={"type": "object"},
        permission="grid.view",
    )
    def patrol_list() -> Response:
        scope = require("grid.view")
        ids = regions.ids(scope, _read.text("region"))
        asked = {
            "region_ids": None if ids is None else list(ids),
            "grid_cell_id": _read.whole("grid_cell", 1, 2**53, 0) or None,
            "kind": _choice("kind", KINDS),
            "account": scope.actor if _read.text("mine") == "1" else None,
            "open": {"1": True, "0": False}.get(_read.text("open")),
            "since": moment("since", tz),
            "until": moment("until", tz),
        }
        limit, after = _read.whole("limit", 1, MAX_LIMIT, 100), _read.whole("after", 0, 2**53, 0)
        with deps.store.reading(scope) as conn:
            rows = patrols.listed(conn, scope, asked, limit, after)
        return _read.tagged({"patrols": [_plain(r) for r in rows], "count": len(rows)})

    @server.get("/api/v1/patrols/<int:patrol_id>")
    @doc("One patrol with its findings; without its track", returns=PATROL, permission="grid.view",
         statuses=_STATUSES)  # fmt: skip
    def patrol_one(patrol_id: int) -> Response:
        scope = require("grid.view")
        with deps.store.reading(scope) as conn:
            row = patrols.one(conn, scope, patrol_id) if patrol_id < 2**63 else None
            if row is None:
                raise NotFound(f"巡查 {patrol_id}", f"patrol {patrol_id}")
            found = patrols.findings(conn, scope, patrol_id) if scope.can("event.view") else []
            visited = patrols.visits(conn, scope, patrol_id) if _may_read_visits(row, scope) else []
        parts = {"found": [_times(f) for f in found], "visited": [_times(v) for v in visited]}
        return _read.tagged({**_plain(row), **parts})

    @server.get("/api/v1/patrols/<int:patrol_id>/track")
    @doc("Where the person was: their own, or with the right patrol.track; each look at another's is audited",
         returns={"type": "object"}, permission="patrol.track", statuses={403: "Another's, without the right",
                                                                          **_STATUSES})  # fmt: skip
    def patrol_track(patrol_id: int) -> Response:
        scope = current_identity().scope
        if patrol_id >= 2**63:
            raise NotFound(f"巡查 {patrol_id}", f"patrol {patrol_id}")
        row, points = work.track(scope, patrol_id, flask.request.remote_addr or "")
        answer = flask.jsonify({**_plain(row), "track": points})
        answer.headers["Cache-Control"] = "private, no-store"
        return answer

    @server.get("/api/v1/patrols/coverage")
    @doc(
        "How well each grid cell is walked: days since the last time, and the share of the plan of the last 7 days",
        query={
            "region": "12-digit or zone code, with everything inside it",
            "kind": ", ".join(KINDS),
            "all": "1: also cells without plan or patrol",
            "after": "grid_cell_id of the last row of the page before",
            "limit": f"1-{MAX_LIMIT}, default {MAX_LIMIT}",
        },
        returns={"type": "object"},
        permission="grid.view",
    )
    def patrol_coverage() -> Response:
        scope = require("grid.view")
        now, ids = deps.clock.now(), regions.ids(scope, _read.text("region"))
        limit, after = _read.whole("limit", 1, MAX_LIMIT, MAX_LIMIT), _read.whole("after", 0, 2**53, 0)
        kind = _choice("kind", KINDS)
        with deps.store.reading(scope) as conn:
            rows = patrols.coverage_rows(
                conn, scope, ids, now, kind=kind, after=after, limit=limit, walked=_read.text("all") != "1"
            )
        cells = [_cell(r, now, tz) for r in rows]
        share = together(coverage(r["last_at"], r["done"], r["planned"], now, tz) for r in rows)
        last = rows[-1]["grid_cell_id"] if len(rows) == limit else None
        return _read.tagged({"cells": cells, "share": _share(share), "next": last})


def _cell(row: Mapping[str, Any], now: dt.datetime, tz: ZoneInfo) -> dict[str, Any]:
    found = coverage(row["last_at"], row["done"], row["planned"], now, tz)
    return {
        **_times(row), "days_since": found.days_since, "share": _share(found.share), "overdue": found.overdue,
    }  # fmt: skip


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _may_read_visits(row: Mapping[str, Any], scope: Scope) -> bool:
    """Who was at home when: the walker's own, else who may also know where the walker was."""
    return row["account"] == scope.actor or scope.can(LOOK)


def _walker() -> Walker:
    identity = current_identity()
    return Walker(identity.scope, identity.name or identity.scope.actor)


def _once() -> str:
    return flask.request.headers.get("Idempotency-Key", "").strip()


def _choice(name: str, known: tuple[str, ...]) -> str | None:
    given = _read.text(name)
    if given and given not in known:
        raise Invalid(reasons=[reason(name, "bad_choice", given, choices=", ".join(known))])
    return given or None


def moment(name: str, tz: ZoneInfo) -> dt.datetime | None:
    """A query parameter as a time; None where it is not given. Raises Invalid."""
    raw = _read.text(name)
    if not raw:
        return None
    try:
        return parse_time(int(raw) if raw.isdigit() else raw, tz)
    except (ValueError, OverflowError, OSError):
        raise Invalid(reasons=[reason(name, "bad_time", raw)]) from None


def _body(model: type[Asked], limit: int) -> dict[str, Any]:
    try:
        return model.model_validate(_read.json_object(limit)).model_dump()
    except ValidationError as e:
        raise Invalid(reasons=[_reason(f) for f in e.errors(include_url=False)]) from e


def _reason(fault: Mapping[str, Any]) -> Reason:
    where = ".".join(map(str, fault["loc"]))
    return Reason(where, str(fault["type"]), "格式不对", str(fault["msg"]), str(fault["input"])[:120])


def _times(row: Mapping[str, Any]) -> dict[str, Any]:
    def value(v: Any) -> Any:
        return v.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if isinstance(v, dt.datetime) else v

    return {k: value(v) for k, v in row.items()}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A patrol as it is told. The account's name is nobody's business; the person's is masked below internal."""
    scope = current_identity().scope
    mine = row["account"] == scope.actor
    hidden = ("account", "private_to", "region_id", "once")
    out = {k: v for k, v in _times(row).items() if k not in hidden}
    out["person"] = row["person"] if mine else masked(row["person"], scope)
    return {**out, "mine": mine, "distance_m": round(float(row["distance_m"]), 1)}
