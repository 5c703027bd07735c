"""`/api/v1/command/simulations`: runs of 推演, asked for, kept with all they stood on, and made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.command import flood, life, simulating
from ioc.command import montecarlo as mc
from ioc.command.area import area_of, metres_of
from ioc.command.asking import Ask
from ioc.command.simulating import Supposed
from ioc.errors import NotFound
from ioc.scope import SYSTEM, Scope
from ioc.store import incidents, locate, simulations
from ioc.store.pool import Conn

MAX_BODY = 512 * 1024
MOST_M = 20_000.0


class CircleIn(BaseModel):
    """Roads supposed closed within a circle."""

    model_config = ConfigDict(extra="forbid")
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    radius_m: float = Field(gt=0, le=MOST_M)


class SimulationIn(BaseModel):
    """What is supposed. The place is that of the incident unless one is given."""

    model_config = ConfigDict(extra="forbid")
    case_id: int | None = Field(default=None, ge=1, le=2**62)
    lon: float | None = Field(default=None, ge=-180, le=180)
    lat: float | None = Field(default=None, ge=-90, le=90)
    rise_m: float | None = Field(default=None, gt=0, le=flood.RISE_MAX_M, description="water above the ground here")
    level_m: float | None = Field(default=None, ge=-500, le=9000, description="in the datum of the terrain")
    close_here_m: float | None = Field(default=None, gt=0, le=MOST_M, description="roads closed round the place")
    closed: list[CircleIn] = Field(default_factory=list[CircleIn], max_length=20)
    delays: dict[int, float] = Field(default_factory=dict[int, float], max_length=100,
                                     description="minutes a force comes later, by resource id")  # fmt: skip
    delay_all_min: float = Field(default=0, ge=0, le=1440, description="minutes every force comes later")
    area: dict[str, Any] | None = Field(default=None, description="GeoJSON polygon that is evacuated, EPSG:4490")
    radius_m: float = Field(default=simulating.RADIUS_M, gt=0, le=MOST_M, description="evacuated, without an area")
    runs: int = Field(default=mc.RUNS, ge=mc.RUNS_MIN, le=mc.RUNS_MAX)
    seed: int = Field(default=1, ge=0, le=2**53)


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("command_simulations", __name__)

    @bp.post("/api/v1/command/simulations")
    @doc("推演: who is affected, when forces arrive and when people are out (P10, P50, P90); kept with its seed",
         body=SimulationIn, returns={"type": "object"}, permission=life.COMMAND,
         statuses={201: "Computed and kept", 404: "No such incident", 422: "Refused, with the reasons"})  # fmt: skip
    def run() -> tuple[Response, int]:
        scope = require(life.COMMAND)
        asked = _body.sized(SimulationIn, MAX_BODY)
        now = deps.clock.now()
        with deps.store.scoped(scope) as conn:
            lon, lat, about = _place(conn, scope, asked, deps.settings.area_buffer_m)
            srid = metres_of(conn, lon)
        ask = Ask(scope, lon, lat, now, srid, area=area_of(asked.area), case_id=asked.case_id)
        made = simulating.simulate(deps.store, ask, _supposed(asked, lon, lat))
        values = {**about, **made, "case_id": asked.case_id, "lon": lon, "lat": lat, "seed": asked.seed,
                  "runs": asked.runs, "by_actor": scope.actor, "by_name": current_identity().name}  # fmt: skip
        with deps.store.scoped(SYSTEM) as conn:
            made_id = simulations.add(conn, values, now)
        return flask.jsonify({"simulation_id": made_id, "params": made["params"], **made["result"]}), 201

    @bp.get("/api/v1/command/simulations")
    @doc("Runs of an incident, newest first", query={"case": "of an incident"}, returns={"type": "object"},
         permission="case.view")  # fmt: skip
    def listed() -> Response:
        scope = require("case.view")
        case = _read.whole("case", 1, 2**53, 0)
        with deps.store.scoped(scope) as conn:
            rows = simulations.of_case(conn, scope, case)
        return _read.tagged({"simulations": [_told(r) for r in rows]})

    @bp.get("/api/v1/command/simulations/<int:simulation_id>")
    @doc("One run with what it stood on; `again=1` computes it anew from that and says whether it is the same",
         query={"again": "1: computed anew"}, returns={"type": "object"}, permission="case.view",
         statuses={404: "Also outside the asker's scope", 409: "Another library drew its numbers"})  # fmt: skip
    def one(simulation_id: int) -> Response:
        scope = require("case.view")
        with deps.store.scoped(scope) as conn:
            row = simulations.one(conn, scope, simulation_id)
        if row is None:
            raise NotFound(f"推演 {simulation_id}", f"simulation {simulation_id}")
        told = _told(row) | {"inputs": row["inputs"]}
        if _read.text("again") == "1":
            told["again"] = simulating.again(row)
        return _read.tagged(told)

    server.register_blueprint(bp)


def _place(conn: Conn, scope: Scope, asked: SimulationIn, buffer_m: float) -> tuple[float, float, dict[str, Any]]:
    """The place, and who may see the run: as the incident, else as the region of the place."""
    lon, lat = asked.lon, asked.lat
    about: dict[str, Any] = {"private_to": None, "sensitivity": 0, "origin": "real", "region_id": None}
    if asked.case_id is not None:
        found = incidents.read(conn, scope, asked.case_id)
        if found is None:
            raise NotFound(f"突发事件 {asked.case_id}", f"incident {asked.case_id}")
        about = {n: found[0][n] for n in about}
        at = simulations.place(conn, asked.case_id)
        lon, lat = (at["lon"], at["lat"]) if at is not None and (lon is None or lat is None) else (lon, lat)
    elif lon is not None and lat is not None:
        about["region_id"] = locate.locate(conn, lon, lat, buffer_m).region_id
    if lon is None or lat is None:
        raise NotFound("没有位置", "no place")
    return lon, lat, about


def _supposed(asked: SimulationIn, lon: float, lat: float) -> Supposed:
    closed = [(c.lon, c.lat, c.radius_m) for c in asked.closed]
    closed += [(lon, lat, asked.close_here_m)] if asked.close_here_m else []
    return Supposed(asked.rise_m, asked.level_m, tuple(closed), asked.delays, asked.delay_all_min, asked.radius_m,
                    asked.runs, asked.seed)  # fmt: skip


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"simulation_id": row["simulation_id"], "case_id": row["case_id"], "at": row["updated_at"].isoformat(),
            "by": row["by_name"] or row["by_actor"], "params": row["params"], "origin": row["origin"],
            **row["result"]}  # fmt: skip
