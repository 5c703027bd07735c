"""`/api/v1/drones`: flights with their track for playback, photo points, and a photo point made a report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _body
from ioc.api.auth import require, require_session
from ioc.api.openapi import doc
from ioc.errors import NotFound
from ioc.intake.drone_events import photo_to_event
from ioc.intake.event_input import CategoryIn
from ioc.intake.fields import moment
from ioc.store import drones

MAX_BODY = 16 * 1024
RIGHT = "resource.view"


class PhotoEventIn(BaseModel):
    """All of it may be left out: then the report says what the photo says."""

    model_config = ConfigDict(extra="forbid")
    title: str = Field(default="", max_length=200)
    description: str = Field(default="", max_length=4000)
    urgency: str = Field(default="routine", max_length=20, description="routine 一般, urgent 紧急, critical 特急")
    category: CategoryIn | None = None


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("drones", __name__)

    @bp.get("/api/v1/drones/flights/<int:flight_id>")
    @doc("A flight with its track `[lon, lat, altitude_m, epoch_s]` and photo points",
         query={"until": "ISO 8601: positions up to this moment"}, returns={"type": "object"},
         statuses={404: "Also outside the asker's scope"}, permission=RIGHT)  # fmt: skip
    def flight(flight_id: int) -> Response:
        scope = require(RIGHT)
        until = moment("until", flask.request.args.get("until"), deps.settings.tz)
        with deps.store.scoped(scope) as conn:
            row = drones.flight(conn, scope, flight_id)
            if row is None:
                raise NotFound(f"航迹 {flight_id}", f"flight {flight_id}")
            track = drones.track(conn, scope, flight_id, until) or []
            photos = drones.photos(conn, scope, flight_id)
        return flask.jsonify({**_told(row), "track": track, "crs": "EPSG:4490", "photos": [_told(p) for p in photos]})

    @bp.get("/api/v1/drones/photos/<int:photo_id>")
    @doc("A photo point; its picture is `/api/v1/attachments/{attachment_id}`", returns={"type": "object"},
         statuses={404: "Also outside the asker's scope"}, permission=RIGHT)  # fmt: skip
    def photo(photo_id: int) -> Response:
        scope = require(RIGHT)
        with deps.store.scoped(scope) as conn:
            row = drones.photo(conn, scope, photo_id)
        if row is None:
            raise NotFound(f"照片点 {photo_id}", f"photo {photo_id}")
        return flask.jsonify(_told(row))

    @bp.post("/api/v1/drones/photos/<int:photo_id>/event")
    @doc("Make a photo point a report; again, or by somebody else, answers the same report", body=PhotoEventIn,
         returns={"type": "object"}, statuses={201: "A report now", 200: "It was one already", 404: "No such photo"},
         permission="event.write, resource.view")  # fmt: skip
    def event(photo_id: int) -> tuple[Response, int]:
        require_session()
        scope = require("event.write")
        scope.require(RIGHT)
        given = _body.sized(PhotoEventIn, MAX_BODY).model_dump()
        done = photo_to_event(deps.store, deps.settings, deps.clock, scope, photo_id, given)
        return flask.jsonify(done), 201 if done["state"] == "created" else 200

    server.register_blueprint(bp)


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: v.astimezone(dt.UTC).isoformat() if isinstance(v, dt.datetime) else v
        for k, v in row.items()
        if k not in ("private_to", "sensitivity", "region_id")
    }
