"""`/api/v1/stewards`: who is responsible for what (责任人), who has left, and ending one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.scope import SYSTEM, Scope
from ioc.store import stewards
from ioc.store.pool import Conn
from ioc.store.regions import Regions
from ioc.store.retry import retried
from ioc.store.stewards import Asked

MAX_BODY, LIMIT_MAX = 8 * 1024, 500
RIGHT = "alarm.rules"
STEWARD: dict[str, Any] = {
    "type": "object",
    "required": ["id", "duty", "name", "ended_at"],
    "properties": {"id": {"type": "integer"}, "duty": {"type": "string"}, "name": {"type": "string"},
                   "phone": {"type": "string", "description": "masked"}},
}  # fmt: skip
ACTED = {404: "Not there, or outside the scope", 409: "Had left, or had not", 422: "Refused"}


class EndIn(BaseModel):
    """Why: 离任, 调岗 ..."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(min_length=1, max_length=200)


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("stewards", __name__)
    _reading(bp, deps)
    _acting(bp, deps)
    server.register_blueprint(bp)


def _reading(bp: flask.Blueprint, deps: Deps) -> None:
    @bp.get("/api/v1/stewards")
    @doc(
        "Stewards by place and duty",
        query={"region": "region code", "duty": "river_chief, grid_officer ...; several with commas",
               "ended": "1: those who have left, the newest first", "limit": f"rows (200, at most {LIMIT_MAX})",
               "offset": "from the last answer's next"},
        returns={"type": "object", "properties": {"rows": {"type": "array", "items": STEWARD},
                                                  "total": {"type": "integer"}, "next": {"type": ["integer", "null"]}}},
        permission="alarm.view",
    )  # fmt: skip
    def listed() -> Response:
        scope = require("alarm.view")
        limit, offset = _read.whole("limit", 1, LIMIT_MAX, 200), _read.whole("offset", 0, 1_000_000, 0)
        duties = tuple(w for w in _read.text("duty").split(",") if w and "\x00" not in w)[:20]
        inside = Regions.of(deps.store).ids(scope, _read.text("region"))
        asked = Asked(inside, duties, _read.text("ended") in ("1", "true"))
        with deps.store.reading(scope) as conn:
            rows, total = stewards.listed(conn, scope, asked, limit, offset)
        following = offset + limit if offset + limit < total else None
        return flask.jsonify({"rows": rows, "total": total, "next": following})

    @bp.get("/api/v1/stewards/<int:steward_id>/history")
    @doc(
        "What became of a steward, newest first",
        returns={"type": "object"},
        statuses={404: "Not there, or outside the scope"},
        permission="alarm.view",
    )
    def history(steward_id: int) -> Response:
        scope = require("alarm.view")
        with deps.store.reading(scope) as conn:
            _seen(conn, scope, steward_id)
        with deps.store.reading(SYSTEM) as conn:
            return flask.jsonify({"rows": stewards.history(conn, steward_id)})


def _acting(bp: flask.Blueprint, deps: Deps) -> None:
    def change(steward_id: int, act: Callable[[Conn, tuple[str, str]], bool], zh: str, en: str) -> Response:
        scope = require(RIGHT)
        by = (scope.actor, current_identity().name)

        def go() -> Any:
            with deps.store.reading(scope) as conn:
                _seen(conn, scope, steward_id)
            with deps.store.scoped(SYSTEM) as conn:
                if not act(conn, by):
                    raise Conflict(zh, en)
                rows, _ = stewards.listed(conn, SYSTEM, Asked(steward_id=steward_id), 1)
                return rows[0]

        return flask.jsonify(retried(go))

    @bp.post("/api/v1/stewards/<int:steward_id>/end")
    @doc("A steward has left: told of nothing from now on", body=EndIn, returns=STEWARD, statuses=ACTED,
         permission=RIGHT)  # fmt: skip
    def end(steward_id: int) -> Response:
        require(RIGHT)
        reason, now = _body().reason.strip(), deps.clock.now()
        return change(
            steward_id, lambda c, by: stewards.end(c, steward_id, by, reason, now), "已离任", "has left already"
        )

    @bp.post("/api/v1/stewards/<int:steward_id>/back")
    @doc("A steward who had left is in office again", returns=STEWARD, statuses=ACTED, permission=RIGHT)
    def back(steward_id: int) -> Response:
        now = deps.clock.now()
        return change(steward_id, lambda c, by: stewards.back(c, steward_id, by[0], now), "在任", "is in office")


def _seen(conn: Conn, scope: Scope, steward_id: int) -> None:
    rows, _ = stewards.listed(conn, scope, Asked(steward_id=steward_id), 1) if steward_id < 2**63 else (list[Any](), 0)
    if not rows:
        raise NotFound(f"责任人 {steward_id}", f"steward {steward_id}")


def _body() -> EndIn:
    given: dict[str, Any] = _read.json_object(MAX_BODY)
    try:
        asked = EndIn.model_validate(given)
    except ValidationError as e:
        raise Invalid(
            reasons=[
                Reason(".".join(map(str, f["loc"])), str(f["type"]), "格式不对", str(f["msg"]), str(f["input"])[:120])
                for f in e.errors(include_url=False)
            ]
        ) from e
    if not asked.reason.strip() or re.search("\x00", asked.reason):
        raise Invalid(reasons=[Reason("reason", "missing_field", "须写明原因", "a reason is needed")])
    return asked
