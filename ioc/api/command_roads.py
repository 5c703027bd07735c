"""`/api/v1/command/isochrones`, `/route`, `/closures`, `/roads`: the road network as a commander asks it."""

from __future__ import annotations

import json
from typing import Any, Literal

import flask
import shapely
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.cases.work import Actor
from ioc.command.closures import RIGHT, Closures, Wish
from ioc.command.roads.travel import Place, Route
from ioc.errors import Invalid, Reason
from ioc.i18n import Text
from ioc.intake.fields import moment
from ioc.store import closures as rows
from ioc.store import travel
from ioc.store.locate import metre_srid

MAX_BODY = 256 * 1024
TIMEOUT_S = 10
STATUSES = {422: "Refused, with the reasons of every field"}
CHANGED = {404: "No such closure", 409: "Somebody was first", **STATUSES}
Vehicle = Literal["fire_engine", "ambulance", "car", "foot"]


class PlaceIn(BaseModel):
    """Degrees, EPSG:4490."""

    model_config = ConfigDict(extra="forbid")
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-85, le=85)


class IsochroneIn(PlaceIn):
    """Areas within each of `minutes`; "from" the place, or "to" it."""

    minutes: list[int] = Field(default=[5, 10, 15, 30], min_length=1, max_length=8)
    vehicle: Vehicle = "fire_engine"
    direction: Literal["from", "to"] = "from"
    at: str | None = Field(default=None, max_length=40, description="closures as known then; now without")
    case_id: int | None = Field(default=None, ge=1, le=2**62)


class RouteIn(BaseModel):
    """From a place to another. `detour`: the same way without closures beside it."""

    model_config = ConfigDict(extra="forbid")
    start: PlaceIn
    end: PlaceIn
    vehicle: Vehicle = "fire_engine"
    at: str | None = Field(default=None, max_length=40)
    case_id: int | None = Field(default=None, ge=1, le=2**62)
    detour: bool = True


class ClosureIn(BaseModel):
    """A drawn line or area, or stretches by their ids; closed for `vehicles` (all without)."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(max_length=400)
    shape: dict[str, Any] | None = Field(default=None, description="GeoJSON line or polygon, EPSG:4490")
    edges: list[int] = Field(default=[], max_length=5000)
    vehicles: list[str] = Field(default=[], max_length=10)
    valid_from: str | None = Field(default=None, max_length=40)
    valid_to: str | None = Field(default=None, max_length=40)
    case_id: int | None = Field(default=None, ge=1, le=2**62)


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("command_roads", __name__)
    closures = Closures(deps.store, deps.clock, deps.settings.tz)

    def ask(body: IsochroneIn | RouteIn, *, open_roads: bool = False) -> travel.Ask:
        at = moment("at", body.at, deps.settings.tz) or deps.clock.now()
        return travel.Ask(body.vehicle, at, case_id=body.case_id, ignore_closures=open_roads)

    @bp.post("/api/v1/command/isochrones")
    @doc("Areas a vehicle reaches by road in time, closures respected; nothing is changed by asking",
         body=IsochroneIn, returns={"type": "object"}, statuses=STATUSES, permission="case.view")  # fmt: skip
    def isochrones() -> Response:
        scope = require("case.view")
        body = _body.sized(IsochroneIn, MAX_BODY)
        if any(not 1 <= m <= 120 for m in body.minutes):
            raise Invalid(reasons=[Reason("minutes", "out_of_range", "应在 1 到 120 之间", "must be 1 to 120", "")])
        with deps.store.scoped(scope) as conn:
            _bounded(conn)
            place = Place("place", body.lon, body.lat)
            found = travel.isochrones(conn, scope, place, sorted(set(body.minutes)), ask(body), body.direction)
        return flask.jsonify({**found, "note": _text(found["note"])})

    @bp.post("/api/v1/command/route")
    @doc("The fastest way by road from one place to another, and what closures cost it",
         body=RouteIn, returns={"type": "object"}, statuses=STATUSES, permission="case.view")  # fmt: skip
    def route() -> Response:
        scope = require("case.view")
        body = _body.sized(RouteIn, MAX_BODY)
        start, end = Place("start", body.start.lon, body.start.lat), Place("end", body.end.lon, body.end.lat)
        with deps.store.scoped(scope) as conn:
            _bounded(conn)
            found = travel.route(conn, scope, start, end, ask(body))
            plain = None
            if body.detour and found.closed:
                plain = travel.route(conn, scope, start, end, ask(body, open_roads=True))
        told = _route(plain) if plain and plain.state == "ok" else None
        without = {k: told[k] for k in ("seconds", "metres", "geometry")} if told else None
        return flask.jsonify({**_route(found), "without_closures": without})

    @bp.get("/api/v1/command/closures")
    @doc("Closed roads that stand or are to come", query={"at": "as known then", "case_id": "with its exercise's"},
         returns={"type": "object"}, permission="map.view")  # fmt: skip
    def listed() -> Response:
        scope = require("map.view")
        at = moment("at", _read.text("at"), deps.settings.tz)
        case_id = _read.whole("case_id", 0, 2**62, 0) or None
        return _read.tagged({"closures": closures.listed(scope, at, case_id)})

    @bp.post("/api/v1/command/closures")
    @doc("Close roads: every desk sees it at once, every travel time goes round it", body=ClosureIn,
         returns={"type": "object"}, statuses=STATUSES, permission=RIGHT)  # fmt: skip
    def add() -> Response:
        require(RIGHT)
        body, tz = _body.sized(ClosureIn, MAX_BODY), deps.settings.tz
        times = moment("valid_from", body.valid_from, tz), moment("valid_to", body.valid_to, tz)
        wish = Wish(body.reason, _shape(body.shape), body.edges, body.vehicles, *times, body.case_id)
        return flask.jsonify(closures.add(_actor(), wish))

    @bp.get("/api/v1/command/closures/<int:closure_id>/history")
    @doc("Versions of a closure, newest first", returns={"type": "object"}, statuses=CHANGED, permission="map.view")
    def history(closure_id: int) -> Response:
        return _read.tagged({"versions": closures.history(require("map.view"), closure_id)})

    @bp.delete("/api/v1/command/closures/<int:closure_id>")
    @doc("Open again", query={"version": "the one the asker saw"}, returns={"type": "object"}, statuses=CHANGED,
         permission=RIGHT)  # fmt: skip
    def end(closure_id: int) -> Response:
        require(RIGHT)
        return flask.jsonify(closures.end(_actor(), closure_id, _read.whole("version", 0, 2**31 - 1, 0)))

    @bp.get("/api/v1/command/roads")
    @doc("Stretches of road around a place, nearest first", query={"lon": "degrees", "lat": "degrees",
         "radius_m": "up to 2000", "limit": "up to 200"}, returns={"type": "object"}, statuses=STATUSES,
         permission="case.view")  # fmt: skip
    def near() -> Response:
        scope = require("case.view")
        lon, lat = _read.number("lon", -180, 180), _read.number("lat", -85, 85)
        radius = _read.number("radius_m", 1, 2000, 200)
        with deps.store.scoped(scope) as conn:
            srid = metre_srid(conn)
            found = rows.near(conn, scope, lon, lat, srid, radius, _read.whole("limit", 1, 200, 20)) if srid else []
        return _read.tagged({"roads": found})

    server.register_blueprint(bp)


def _bounded(conn: Any) -> None:
    conn.execute("SELECT set_config('statement_timeout', %s, true)", (f"{TIMEOUT_S}s",))


def _actor() -> Actor:
    identity = current_identity()
    return Actor(identity.scope, identity.name)


def _shape(given: dict[str, Any] | None) -> Any:
    if given is None:
        return None
    try:
        return shapely.from_geojson(json.dumps(given))
    except (shapely.errors.GEOSException, ValueError, TypeError):
        zh, en = "不是 GeoJSON 几何", "is no GeoJSON geometry"
        raise Invalid(reasons=[Reason("shape", "bad_shape", zh, en)]) from None


def _text(note: Text | None) -> dict[str, str] | None:
    return None if note is None else {"zh": note.zh, "en": note.en}


def _route(r: Route) -> dict[str, Any]:
    shape = {"type": "LineString", "coordinates": [[round(x, 6), round(y, 6)] for x, y in r.points]}
    return {
        "state": r.state, "vehicle": r.vehicle, "seconds": r.seconds, "metres": r.metres,
        "geometry": shape if r.points else None, "snap_from_m": r.snap_from_m, "snap_to_m": r.snap_to_m,
        "closed": r.closed, "note": _text(r.note),
        "steps": [{"name": s.name, "class": s.cls, "metres": round(s.metres, 1), "seconds": round(s.seconds, 1)}
                  for s in r.steps],
    }  # fmt: skip
