"""Walls: the code an unenrolled wall shows, its confirmation on the desk, the list, and revoking."""

from __future__ import annotations

import flask
from pydantic import BaseModel, Field
from werkzeug.wrappers import Response

from ioc.accounts import walls
from ioc.accounts.base import SYSTEM, Grant, rows
from ioc.api import Deps
from ioc.api._body import read
from ioc.api.auth import (
    ENROL_COOKIE,
    WALL_COOKIE,
    WALL_COOKIE_AGE_S,
    current_identity,
    drop_cookie,
    public,
    require,
    set_cookie,
)
from ioc.api.limits import Buckets
from ioc.api.openapi import doc
from ioc.errors import Forbidden, TooMany
from ioc.scope import Scope
from ioc.store.regions import Regions

ENROL_PER_S, ENROL_BURST = 2.0, 60.0
ENROL_COOKIE_AGE_S = 86_400


class EnrolScreen(BaseModel):
    """The size the wall's browser sees, in CSS pixels; 0: not known."""

    width: int = Field(default=0, ge=0, le=100_000)
    height: int = Field(default=0, ge=0, le=100_000)


class EnrolState(BaseModel):
    state: str = Field(description="waiting, or confirmed: reload the page")
    code: str
    fingerprint: str
    expires_at: str
    width: int
    height: int


class ConfirmWall(BaseModel):
    """`region`: what the wall shows, with all below it; empty: the whole centre."""

    code: str = Field(min_length=6, max_length=12)
    name: str = Field(min_length=1, max_length=80)
    region: str = ""
    sensitivity: int = Field(default=0, ge=0, le=2)


def grant_of(deps: Deps, scope: Scope, region: str, sensitivity: int) -> Grant:
    """What the asker may hand on: no region outside, no level above their own. Raises NotFound, Forbidden."""
    if sensitivity > scope.sensitivity:
        raise Forbidden("密级高于本人", "a higher sensitivity than one's own")
    if not region:
        if not scope.whole:
            raise Forbidden("请选择管辖范围内的区划", "choose a region of your own scope")
        return Grant(True, (), (), sensitivity)
    Regions.of(deps.store).find(scope, region)
    return Grant(False, (region,), (), sensitivity)


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("walls", __name__)
    asks = Buckets(ENROL_PER_S, ENROL_BURST, deps.clock, shared=deps.shared, name="enrol")

    @bp.post("/api/v1/wall/enrol")
    @public
    @doc(
        "Called by an unenrolled wall every few seconds: its code, or its credential once it was confirmed",
        body=EnrolScreen,
        returns=EnrolState,
        tag="wall",
    )
    def enrol() -> Response:
        if not asks.take(flask.request.remote_addr or ""):
            raise TooMany()
        screen = read(EnrolScreen)
        found = walls.enrol(deps.accounts, flask.request.cookies.get(ENROL_COOKIE, ""), screen.width, screen.height)
        state = EnrolState(
            state="confirmed" if found.credential else "waiting",
            code=found.code,
            fingerprint=found.fingerprint,
            expires_at=found.expires_at.isoformat(),
            width=found.width,
            height=found.height,
        )
        response = flask.jsonify(state.model_dump())
        if found.credential:
            set_cookie(response, WALL_COOKIE, found.credential, max_age=WALL_COOKIE_AGE_S)
            drop_cookie(response, ENROL_COOKIE)
        else:
            set_cookie(response, ENROL_COOKIE, found.secret, max_age=ENROL_COOKIE_AGE_S)
        return response

    @bp.get("/api/v1/wall/enrolments/<code>")
    @doc("The wall that shows this code: size and fingerprint to compare", permission="wall.confirm", tag="wall")
    def waiting(code: str) -> Response:
        require("wall.confirm")
        if not asks.take(f"look:{current_identity().scope.actor}"):
            raise TooMany()
        found = walls.waiting(deps.accounts, code)
        return flask.jsonify({**found, "expires_at": str(found["expires_at"])})

    @bp.post("/api/v1/wall/confirm")
    @doc("Register the wall that shows the code", body=ConfirmWall, permission="wall.confirm", tag="wall")
    def confirm() -> Response:
        scope = require("wall.confirm")
        if not asks.take(f"look:{scope.actor}"):
            raise TooMany()
        body = read(ConfirmWall)
        grant = grant_of(deps, scope, body.region, body.sensitivity)
        wall_id = walls.confirm(deps.accounts, body.code, body.name, grant, scope.actor)
        return flask.jsonify({"wall_id": wall_id, "name": body.name})

    @bp.get("/api/v1/walls")
    @doc("Enrolled walls", permission="wall.confirm", tag="wall")
    def listed() -> Response:
        scope = require("wall.confirm")
        with deps.store.scoped(SYSTEM) as conn:
            found = rows.list_walls(conn)
        return flask.jsonify({"walls": [w for w in found if _administers(deps, scope, w)]})

    @bp.post("/api/v1/walls/<int:wall_id>/revoke")
    @doc("Revoke a wall's credential; its streams end within 15 s", permission="wall.confirm", tag="wall")
    def revoke(wall_id: int) -> Response:
        scope = require("wall.confirm")
        with deps.store.scoped(SYSTEM) as conn:
            known = {w["wall_id"]: w for w in rows.list_walls(conn)}
        if wall_id in known and not _administers(deps, scope, known[wall_id]):
            raise Forbidden("大屏不在管辖范围内", "the wall is outside your scope")
        walls.revoke(deps.accounts, wall_id, scope.actor)
        deps.credentials.forget()
        return flask.jsonify({"revoked": wall_id})

    server.register_blueprint(bp)


def _administers(deps: Deps, scope: Scope, wall: rows.Row) -> bool:
    """Whoever sees all a wall shows may administer it."""
    if scope.whole:
        return True
    by_code = Regions.of(deps.store).tree().by_code
    codes: list[str] = wall["region_codes"]
    known = [by_code[c].region_id for c in codes if c in by_code]
    return not wall["whole"] and bool(known) and all(r in scope.region_ids for r in known)
