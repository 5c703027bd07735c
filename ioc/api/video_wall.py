"""`/api/v1/video/...`: cameras, views, PTZ, references, snapshots, groups. Media goes by `ioc.api.video_media`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.accounts.identity import Identity
from ioc.api import Deps, _body, _read
from ioc.api.auth import current_identity, require, require_session
from ioc.api.openapi import doc
from ioc.attachments.work import Attachments
from ioc.errors import Forbidden, Invalid, NotFound, Reason, TooLarge
from ioc.intake.fields import moment
from ioc.store import video_views
from ioc.video.acts import TRACE_RIGHT, Acts
from ioc.video.groups import Groups, Wish
from ioc.video.identity import MAX_BYTES
from ioc.video.judge import WORDS
from ioc.video.platform import Command
from ioc.video.platforms import Platforms
from ioc.video.views import Look, Page, Views

MAX_BODY = 16 * 1024
MOST_IDS = 256
OBJECT: dict[str, Any] = {"type": "object"}
VIEW: dict[str, Any] = {
    "type": "object",
    "required": ["view_id", "base", "until", "state", "code", "cover"],
    "properties": {
        "view_id": {"type": "integer"},
        "base": {"type": "string", "description": "address of the media: add /live.flv, /live.ts or /hls/index.m3u8"},
        "until": {"type": "integer", "description": "epoch seconds: afterwards the address opens nothing"},
        "kinds": {"type": "array", "items": {"enum": ["flv", "ts", "hls"]}},
        "state": {"enum": ["verified", "unverified", "lost"]},
        "code": {"type": "string", "description": "why; `zh` and `en` are its words"},
        "cover": {"type": "boolean", "description": "the picture is not to be shown"},
        "restart": {"type": "boolean", "description": "close the view and open a new one"},
        "liftable": {"type": "boolean"},
        "similarity": {"type": ["number", "null"]},
    },
}
PICTURE = ("image/jpeg",)


class ViewIn(BaseModel):
    """A camera to be looked at."""

    model_config = ConfigDict(extra="forbid")
    device_id: int = Field(ge=1, le=2**62)
    surface: Literal["desk", "command", "wall", "bench"] = "desk"
    case_id: int | None = Field(default=None, ge=1, le=2**62)
    purpose: str = Field(default="", max_length=200, description="what for; required for a sensitive camera")
    mux: str = Field(default="", pattern=r"^([0-9a-zA-Z]{16,64})?$", description="key of the page's one connection")
    kind: Literal["", "flv", "ts", "hls"] = Field(default="", description="wanted there; empty: the quickest")


class PtzIn(BaseModel):
    """A movement; it goes on until `stop`."""

    model_config = ConfigDict(extra="forbid")
    command: Command
    speed: float = Field(default=0.4, gt=0, le=1)


class TraceIn(BaseModel):
    """The registered purpose of a search."""

    model_config = ConfigDict(extra="forbid")
    device_id: int = Field(ge=1, le=2**62)
    case_id: int = Field(ge=1, le=2**62)
    purpose: str = Field(max_length=200)


class GroupIn(BaseModel):
    """A group of cameras."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=200)
    device_ids: list[int] = Field(max_length=MOST_IDS)
    panes: Literal[1, 4, 9, 16] = 4
    dwell_s: int = Field(default=20, ge=5, le=3600)
    shared: bool = False
    on_wall: bool = False


class GroupChange(GroupIn):
    version: int = Field(ge=1, le=2**31 - 1)


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("video_wall", __name__)
    platforms = Platforms(deps.registry.sources, deps.settings, deps.clock.monotonic)
    views = Views(deps.store, deps.settings, deps.clock, platforms)
    acts = Acts(views, Attachments(deps.store, deps.settings, deps.clock))
    groups = Groups(deps.store, deps.clock)
    server.extensions["ioc_video"] = views
    _looking(bp, deps, views)
    _acting(bp, deps, acts)
    _grouping(bp, groups)
    server.register_blueprint(bp)


def _looking(bp: flask.Blueprint, deps: Deps, views: Views) -> None:
    @bp.get("/api/v1/video/cameras")
    @doc("Cameras the asker sees, for a picker",
         query={"q": "words of name, number or address", "region": "code", "bbox": "west,south,east,north",
                "ids": "device ids, at most 256, answered in their order", "limit": "1 to 500, 100 when left out"},
         returns=OBJECT, permission="video.view")  # fmt: skip
    def cameras() -> Response:
        scope = require("video.view")
        asked: dict[str, Any] = {"text": _read.text("q")[:100], "region": _read.text("region")}
        if _read.text("ids"):
            asked["ids"] = _numbers("ids", int)
        if _read.text("bbox"):
            asked["bbox"] = _numbers("bbox", float, 4)
        found = views.cameras(scope, asked, _read.whole("limit", 1, 500, 100))
        return _read.tagged({"cameras": found, "connected": bool(views.platforms.sources)})

    @bp.post("/api/v1/video/views")
    @doc("Begin to look at a camera; audited", body=ViewIn, returns=VIEW,
         statuses={201: "Begun", 404: "No such camera in the asker's scope, or no platform has it",
                   422: "A sensitive camera without a purpose", 429: "Too many open", 502: "The platform refuses"},
         permission="video.view")  # fmt: skip
    def begin() -> tuple[flask.Response, int]:
        who, body = _viewer(), _body.sized(ViewIn, MAX_BODY)
        page = Page(body.mux, body.kind)
        made = views.open(who, body.device_id, body.surface, body.case_id, body.purpose, _remote(), page)
        return flask.jsonify(made), 201

    @bp.post("/api/v1/video/views/<int:view_id>/look")
    @doc("What a pane shows now: a small picture, how many it decoded; answers what it may show until the next look",
         query={"frames": "pictures decoded", "idle_ms": "since the last one"},
         body={"type": "string", "format": "binary"}, returns=VIEW, statuses={404: "The view has ended"},
         permission="video.view", consumes=PICTURE)  # fmt: skip
    def look(view_id: int) -> flask.Response:
        who = _viewer()
        frames = _read.whole("frames", 0, 2**53, 0)
        idle = _read.number("idle_ms", 0, 1e9, 0)
        return flask.jsonify(views.look(who, view_id, Look(frames, idle, _picture())))

    @bp.post("/api/v1/video/views/<int:view_id>/lift")
    @doc("Lift the cover of a picture that is unlike its reference; audited", returns=OBJECT,
         statuses={404: "The view has ended", 409: "There is no such cover"}, permission="video.view")  # fmt: skip
    def lift(view_id: int) -> flask.Response:
        return flask.jsonify(views.lift(_viewer(), view_id, _remote()))

    @bp.post("/api/v1/video/views/<int:view_id>/end")
    @doc("End a view; audited with from and to", returns=OBJECT, permission="video.view")
    def end(view_id: int) -> flask.Response:
        views.end(_viewer(), view_id)
        return flask.jsonify({"view_id": view_id})

    @bp.get("/api/v1/video/states")
    @doc("What was known of cameras' pictures at a moment (replay)",
         query={"ids": "device ids", "at": "ISO 8601; left out: now"}, returns=OBJECT,
         permission="video.view")  # fmt: skip
    def states() -> Response:
        scope = require("video.view")
        at = moment("at", _read.text("at"), deps.settings.tz) or deps.clock.now()
        with deps.store.scoped(scope) as conn:
            found = video_views.states_at(conn, scope, _numbers("ids", int), at)
        return _read.tagged({"states": [_state(r) for r in found]})


def _state(row: Mapping[str, Any]) -> dict[str, Any]:
    word = WORDS.get(str(row["code"]))
    return {**row, "at": row["at"].isoformat(), **({"zh": word.zh, "en": word.en} if word else {"zh": "", "en": ""})}


def _acting(bp: flask.Blueprint, deps: Deps, acts: Acts) -> None:
    @bp.post("/api/v1/video/cameras/<int:device_id>/ptz")
    @doc("Move a camera; one person at a time; audited", body=PtzIn, returns=OBJECT,
         statuses={409: "Somebody else moves it", 502: "The platform refuses"}, permission="video.ptz")  # fmt: skip
    def ptz(device_id: int) -> flask.Response:
        require("video.ptz")
        body = _body.sized(PtzIn, MAX_BODY)
        return flask.jsonify(acts.ptz(require_session(), device_id, body.command, body.speed, _remote()))

    @bp.post("/api/v1/video/cameras/<int:device_id>/ptz/release")
    @doc("Let a camera go", returns=OBJECT, permission="video.ptz")
    def release(device_id: int) -> flask.Response:
        require("video.ptz")
        acts.release(require_session(), device_id, _remote())
        return flask.jsonify({"device_id": device_id})

    @bp.get("/api/v1/video/cameras/<int:device_id>/references")
    @doc("Reference pictures in force", returns=OBJECT, permission="video.view")
    def references(device_id: int) -> flask.Response:
        require("video.view")
        return flask.jsonify({"references": acts.references(current_identity(), device_id)})

    @bp.post("/api/v1/video/views/<int:view_id>/reference")
    @doc("Approve the picture shown as the camera's reference; a new version; audited",
         query={"light": "day or night", "preset": "which view of a camera that turns"},
         body={"type": "string", "format": "binary"}, returns=OBJECT, statuses={201: "In force"},
         permission="video.reference", consumes=PICTURE)  # fmt: skip
    def approve(view_id: int) -> tuple[flask.Response, int]:
        require("video.reference")
        light, preset = _light(), _read.text("preset")[:40]
        return flask.jsonify(acts.approve(require_session(), view_id, light, preset, _picture(), _remote())), 201

    @bp.delete("/api/v1/video/cameras/<int:device_id>/references")
    @doc("Withdraw a reference; its versions stay", query={"light": "day or night", "preset": ""}, returns=OBJECT,
         permission="video.reference")  # fmt: skip
    def withdraw(device_id: int) -> flask.Response:
        require("video.reference")
        acts.withdraw(require_session(), device_id, _light(), _read.text("preset")[:40], _remote())
        return flask.jsonify({"device_id": device_id})

    @bp.get("/api/v1/video/references/<int:reference_id>")
    @doc("A reference picture", permission="video.view", media="image/jpeg")
    def picture(reference_id: int) -> flask.Response:
        scope = require("video.view")
        with deps.store.scoped(scope) as conn:
            data = video_views.reference_picture(conn, scope, reference_id)
        if data is None:
            raise NotFound(f"基准图 {reference_id}", f"reference {reference_id}")
        return flask.Response(data, mimetype="image/jpeg")

    @bp.post("/api/v1/video/views/<int:view_id>/snapshot")
    @doc("A snapshot, of the case when one is named; without a body the platform's own; audited",
         query={"case_id": "the case it belongs to"}, body={"type": "string", "format": "binary"}, returns=OBJECT,
         statuses={201: "Kept"}, permission="video.view", consumes=PICTURE)  # fmt: skip
    def snapshot(view_id: int) -> tuple[flask.Response, int]:
        require("video.view")
        case_id = _read.whole("case_id", 1, 2**53, 0) if _read.text("case_id") else None
        return flask.jsonify(acts.snapshot(require_session(), view_id, case_id, _picture(), _remote())), 201

    @bp.post("/api/v1/video/cameras/<int:device_id>/ar")
    @doc("The way to a high point's labelled view in the AR client; audited", returns=OBJECT,
         statuses={404: "No high point, or no AR client is set"}, permission="video.view")  # fmt: skip
    def ar(device_id: int) -> flask.Response:
        require("video.view")
        return flask.jsonify(acts.ar(require_session(), device_id, _remote()))

    @bp.post("/api/v1/video/trace")
    @doc("The way into the search system for faces and traces, with a registered purpose; audited", body=TraceIn,
         returns=OBJECT, statuses={404: "No search system is set"}, permission=TRACE_RIGHT)  # fmt: skip
    def trace() -> flask.Response:
        require(TRACE_RIGHT)
        body = _body.sized(TraceIn, MAX_BODY)
        return flask.jsonify(acts.trace(require_session(), body.device_id, body.case_id, body.purpose, _remote()))


def _grouping(bp: flask.Blueprint, groups: Groups) -> None:
    @bp.get("/api/v1/video/groups")
    @doc("Groups of cameras: one's own and the shared ones", returns=OBJECT, permission="video.view")
    def listed() -> Response:
        require("video.view")
        return _read.tagged({"groups": groups.listed(current_identity())})

    @bp.post("/api/v1/video/groups")
    @doc("Save a group", body=GroupIn, returns=OBJECT, statuses={201: "Saved"}, permission="video.view")
    def add() -> tuple[flask.Response, int]:
        require("video.view")
        return flask.jsonify(groups.add(require_session(), _wish(_body.sized(GroupIn, MAX_BODY)))), 201

    @bp.put("/api/v1/video/groups/<int:group_id>")
    @doc("Change a group", body=GroupChange, returns=OBJECT, statuses={409: "It has changed meanwhile"},
         permission="video.view")  # fmt: skip
    def change(group_id: int) -> flask.Response:
        require("video.view")
        body = _body.sized(GroupChange, MAX_BODY)
        return flask.jsonify(groups.change(require_session(), group_id, body.version, _wish(body)))

    @bp.delete("/api/v1/video/groups/<int:group_id>")
    @doc("Throw a group away", query={"version": "the one that was seen"}, returns=OBJECT,
         statuses={409: "It has changed meanwhile"}, permission="video.view")  # fmt: skip
    def remove(group_id: int) -> flask.Response:
        require("video.view")
        groups.remove(require_session(), group_id, _read.whole("version", 1, 2**31 - 1, 0))
        return flask.jsonify({"removed": group_id})

    @bp.get("/api/v1/video/wall")
    @doc("What walls show on a day without an incident: the shared group marked for it", returns=OBJECT,
         permission="video.view")  # fmt: skip
    def wall() -> Response:
        require("video.view")
        return _read.tagged({"group": groups.on_wall()})


# ---------------------------------------------------------------- reading a request


def _viewer() -> Identity:
    """A person or a wall: what comes in by a credential a browser holds. Raises Forbidden."""
    require("video.view")
    who = current_identity()
    if who.kind not in ("session", "wall"):
        raise Forbidden("需要账号登录或大屏", "needs a signed-in person or a wall")
    return who


def _remote() -> str:
    return flask.request.remote_addr or ""


def _picture() -> bytes:
    request = flask.request
    if (request.content_length or 0) > MAX_BYTES:
        raise TooLarge(f"上限 {MAX_BYTES // 1024} KB", f"limit {MAX_BYTES // 1024} KB")
    return request.get_data(cache=False)


def _light() -> Literal["day", "night"]:
    word = _read.text("light", "day")
    if word not in ("day", "night"):
        raise Invalid(reasons=[Reason("light", "bad_choice", "应为 day 或 night", "day or night", word[:20])])
    return word


def _numbers(name: str, kind: type[Any], exactly: int = 0) -> list[Any]:
    parts = [p for p in _read.text(name).split(",") if p]
    try:
        out = [kind(p) for p in parts]
    except ValueError:
        out = []
    good = out and len(out) <= MOST_IDS and (not exactly or len(out) == exactly)
    if not good or any(not abs(v) < 2**62 for v in out):
        zh, en = "应为逗号分隔的数字", "must be numbers separated by commas"
        raise Invalid(reasons=[Reason(name, "bad_number", zh, en, _read.text(name)[:80])])
    return out


def _wish(body: GroupIn) -> Wish:
    return Wish(body.name, body.device_ids, body.panes, body.dwell_s, body.shared, body.on_wall)
