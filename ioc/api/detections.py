"""`/api/v1/detections`: what AI video analysis reports, and a person's review of it."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from ioc.api import Deps, _json, _read
from ioc.api._body import read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.cases.work import Actor, Cases
from ioc.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from ioc.intake import pictures
from ioc.intake.detection_input import DetectionIn
from ioc.intake.detections import submit_detection
from ioc.intake.fields import moment
from ioc.intake.reasons import reason
from ioc.intake.reviews import Reviews
from ioc.scope import SYSTEM
from ioc.store import detections
from ioc.store.event_change import Decision
from ioc.store.regions import Regions

MAX_BODY = pictures.MAX_BYTES * 4 // 3 + 256 * 1024
MAX_LIMIT = 500
RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["detection_id", "status", "state", "event_id", "version"],
    "properties": {
        "detection_id": {"type": "integer"},
        "status": {"enum": ["created", "updated", "unchanged"]},
        "state": {
            "enum": list(detections.STATES),
            "description": "review: below the confidence of its algorithm, a person looks at it; no event yet",
        },
        "event_id": {"type": ["integer", "null"]},
        "version": {"type": "integer"},
        "algorithm": {"type": "string"},
        "confidence": {"type": "number"},
        "threshold": {"type": "number"},
    },
}
DECIDED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "detection_id": {"type": "integer"},
        "state": {"enum": ["confirmed", "refuted"]},
        "event_id": {"type": ["integer", "null"]},
        "version": {"type": "integer"},
    },
}
_FILTERS = {
    "algorithm": "code of a detection type",
    "region": "12-digit or zone code, with everything inside it",
    "since": "occurred at or after it, ISO 8601 or epoch ms",
    "until": "occurred before it",
}


class ReviewIn(BaseModel):
    """A decision. The reason is needed for `refute`, and for changing an earlier decision."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(default="", max_length=500)
    version: int | None = Field(default=None, ge=1, description="a detection that has changed since is not touched")


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("detections", __name__)
    cases = Cases(deps.store, deps.clock, deps.settings.area_buffer_m, deps.settings.tz)
    reviews = Reviews(deps.store, deps.settings, deps.clock)
    regions = Regions.of(deps.store)

    @bp.post("/api/v1/detections")
    @doc(
        "Deliver one detection of AI video analysis: JSON, or multipart with the parts `detection` and `picture`",
        body=DetectionIn,
        returns=RESULT,
        statuses={201: "Kept for the first time", 422: "Refused, with every reason", 413: "Body too large"},
        permission="event.write",
        consumes=("application/json", "multipart/form-data"),
    )
    def post_detection() -> tuple[Response, int]:
        scope = require("event.write")
        payload, picture = _delivered()
        found = submit_detection(
            deps.store,
            scope,
            payload,
            deps.clock,
            settings=deps.settings,
            source=_source(payload),
            picture=picture,
        )
        if found.case_flow and found.event_id is not None:
            # somebody may have opened it in the meantime, or closed the event
            with contextlib.suppress(Conflict):
                cases.open(Actor(SYSTEM, "自动立案"), found.event_id, found.case_flow)
        return flask.jsonify(found.as_dict()), 201 if found.status == "created" else 200

    @bp.get("/api/v1/detections")
    @doc(
        "Detections; those that wait for review oldest first, all others newest first",
        query={
            "state": ", ".join(detections.STATES),
            **_FILTERS,
            "after": "detection_id of the last row of the page before",
            "limit": f"1-{MAX_LIMIT}, default 100",
        },
        returns={"type": "object"},
        permission="event.view",
    )
    def get_detections() -> Response:
        scope = require("event.view")
        asked = _asked(deps, regions)
        state = _read.text("state")
        if state and state not in detections.STATES:
            raise Invalid(reasons=[reason("state", "bad_choice", state, choices=", ".join(detections.STATES))])
        limit, after = _read.whole("limit", 1, MAX_LIMIT, 100), _read.whole("after", 0, 2**53, 0)
        with deps.store.reading(scope) as conn:
            rows = detections.listed(conn, scope, {**asked, "state": state or None}, limit, after)
            counts = detections.counted(conn, scope, asked)
        return _read.tagged({"detections": [_plain(r) for r in rows], "count": len(rows), "counts": counts})

    @bp.get("/api/v1/detections/figures")
    @doc(
        "How often each algorithm and each camera was refuted",
        query=_FILTERS,
        returns={"type": "object"},
        permission="event.view",
    )
    def get_figures() -> Response:
        scope = require("event.view")
        asked = _asked(deps, regions)
        with deps.store.reading(scope) as conn:
            found = detections.figures(conn, scope, asked)
        out = {k: [{**r, "refuted_rate": _rate(r["refuted_rate"])} for r in rows] for k, rows in found.items()}
        return _read.tagged(out)

    @bp.get("/api/v1/detections/<int:detection_id>")
    @doc("One detection with its reviews", returns={"type": "object"}, permission="event.view", statuses=_MISSING)
    def get_detection(detection_id: int) -> Response:
        scope = require("event.view")
        with deps.store.reading(scope) as conn:
            row = detections.shown(conn, scope, detection_id)
            if row is None:
                raise NotFound(f"检测 {detection_id}", f"detection {detection_id}")
            said = detections.reviews(conn, detection_id)
        return _read.tagged({**_plain(row), "reviews": [_times(r) for r in said]})

    @bp.get("/api/v1/detections/<int:detection_id>/picture")
    @doc(
        "The picture of a detection, without what the camera wrote beside it",
        media="image/jpeg",
        permission="event.view",
        statuses=_MISSING,
    )
    def get_picture(detection_id: int) -> Response:
        scope = require("event.view")
        with deps.store.reading(scope) as conn:
            row = detections.one(conn, scope, detection_id)
        path = pictures.path_of(deps.settings.root, row["picture"]) if row is not None and row["picture"] else None
        if row is None or path is None or not path.is_file():
            raise NotFound(f"检测 {detection_id} 的图片", f"picture of detection {detection_id}")
        answer = flask.send_file(path, mimetype=row["picture_type"], etag=row["picture"], max_age=0)
        answer.headers["Cache-Control"] = "private, no-cache"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Content-Security-Policy"] = "default-src 'none'"
        return answer

    @bp.post("/api/v1/detections/<int:detection_id>/confirm")
    @doc(
        "It is so: the event counts as verified",
        body=ReviewIn,
        returns=DECIDED,
        permission="detection.review",
        statuses={404: "Not there, or outside the scope", 409: "Somebody was first", 422: "Refused, with the reasons"},
    )
    def confirm(detection_id: int) -> Response:
        return flask.jsonify(_decide(reviews, detection_id, "confirmed"))

    @bp.post("/api/v1/detections/<int:detection_id>/refute")
    @doc(
        "It is not so: the event is void and counts nowhere; with the reason",
        body=ReviewIn,
        returns=DECIDED,
        permission="detection.review",
        statuses={
            404: "Not there, or outside the scope",
            409: "Somebody was first, or part of a case",
            422: "No reason",
        },
    )
    def refute(detection_id: int) -> Response:
        return flask.jsonify(_decide(reviews, detection_id, "refuted"))

    server.register_blueprint(bp)


_MISSING = {404: "Not there, or outside the scope"}


def _decide(reviews: Reviews, detection_id: int, decision: Decision) -> dict[str, Any]:
    identity = current_identity()
    asked = read(ReviewIn)
    return reviews.detection(identity.scope, identity.name, detection_id, decision, asked.reason, asked.version)


def _delivered() -> tuple[Mapping[str, Any], bytes | None]:
    """The payload and, of a multipart body, the picture's bytes. Raises TooLarge, Invalid."""
    request = flask.request
    if request.mimetype != "multipart/form-data":
        return _read.json_object(MAX_BODY), None
    if (request.content_length or 0) > MAX_BODY:
        raise TooLarge(f"上限 {MAX_BODY // 1024} KB", f"limit {MAX_BODY // 1024} KB")
    request.max_content_length = request.max_form_memory_size = MAX_BODY
    try:
        part = request.files.get("picture")
        raw = request.form.get("detection")
        if raw is None and "detection" in request.files:
            raw = request.files["detection"].stream.read(MAX_BODY).decode("utf-8", "replace")
        picture = part.stream.read(pictures.MAX_BYTES + 1) if part is not None else None
    except RequestEntityTooLarge:
        raise TooLarge(f"上限 {MAX_BODY // 1024} KB", f"limit {MAX_BODY // 1024} KB") from None
    try:
        payload = _json.loads(raw or "")
    except ValueError:
        raise Invalid(reasons=[reason("detection", "bad_json", (raw or "")[:200])]) from None
    if not isinstance(payload, dict):
        raise Invalid(reasons=[reason("detection", "bad_object")])
    return payload, picture


def _source(payload: Mapping[str, Any]) -> str:
    """The token's own source. A detection is a platform's to send, not a person's. Raises Forbidden, Invalid."""
    identity = current_identity()
    if identity.kind != "token":
        raise Forbidden("视频检测只能由接口令牌报送", "detections are delivered with an API token")
    given = payload.get("source")
    if identity.source:
        if given not in (None, "", identity.source):
            raise Invalid(reasons=[reason("source", "source_not_allowed", given, source=identity.source)])
        return identity.source
    if not isinstance(given, str) or not given.strip():
        raise Invalid(reasons=[reason("source", "missing_field")])
    if len(given) > 100 or not given.isprintable():
        raise Invalid(reasons=[reason("source", "bad_text", given)])
    return given.strip()


def _asked(deps: Deps, regions: Regions) -> dict[str, Any]:
    identity = current_identity()
    return {
        "algorithm": _code("algorithm"),
        "region_ids": _ids(regions.ids(identity.scope, _read.text("region"))),
        "since": moment("since", _read.text("since"), deps.settings.tz),
        "until": moment("until", _read.text("until"), deps.settings.tz),
    }


def _code(name: str) -> str | None:
    """A code of a table. What can be none is refused before the store is asked for it."""
    raw = _read.text(name)
    if raw and not (raw.isprintable() and len(raw) <= 60):
        raise Invalid(reasons=[reason(name, "bad_code", raw)])
    return raw or None


def _ids(found: Any) -> list[int] | None:
    return None if found is None else list(found)


def _rate(value: Any) -> float | None:
    return None if value is None else round(float(value), 1)


def _times(row: Mapping[str, Any]) -> dict[str, Any]:
    def value(v: Any) -> Any:
        return v.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if isinstance(v, dt.datetime) else v

    return {k: value(v) for k, v in row.items()}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    out = _times(row)
    out["confidence"], out["threshold"] = round(float(row["confidence"]), 4), round(float(row["threshold"]), 4)
    has = out.pop("has_picture")
    out["picture"] = f"/api/v1/detections/{row['detection_id']}/picture" if has else None
    return out
