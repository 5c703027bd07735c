"""`/api/v1/hotline`: work orders of a 12345 platform; `/api/v1/callers`: who called, one record at a time, audited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import flask
from pydantic import BaseModel, ConfigDict, Field

from ioc.api import Deps, _body, _json
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.errors import Forbidden, Invalid, NotFound, TooLarge
from ioc.intake.hotline import Hotline, caller_ring, mapping
from ioc.intake.reasons import reason
from ioc.scope import SYSTEM
from ioc.store import accounts, callers
from ioc.store.sealed import hold

MAX_BODY, MAX_ORDERS = 4 * 1024 * 1024, 500
RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["accepted", "rejected", "results"],
    "properties": {
        "accepted": {"type": "integer"},
        "rejected": {"type": "integer"},
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "string", "description": "the platform's own"},
                    "state": {"enum": ["created", "updated", "unchanged", "rejected"]},
                    "event_id": {"type": ["integer", "null"]},
                    "case_id": {"type": ["integer", "null"]},
                    "case_number": {"type": "string", "description": "ours"},
                    "reasons": {"type": "array", "items": {"$ref": "#/components/schemas/Reason"}},
                },
            },
        },
    },
}
ORDERS: dict[str, Any] = {
    "type": "object",
    "required": ["orders"],
    "properties": {"orders": {"type": "array", "maxItems": MAX_ORDERS, "items": {"type": "object"}}},
    "description": "Fields and their spellings are listed in docs/hotline.md; a list alone is taken too",
}
CALLERS: dict[str, Any] = {
    "type": "object",
    "required": ["callers"],
    "properties": {"callers": {"type": "array", "items": {"type": "object"}}},
}


class Purpose(BaseModel):
    """Why the plain text is needed; it stands in the audit log with the asker's name."""

    model_config = ConfigDict(extra="forbid")
    purpose: str = Field(min_length=2, max_length=200, pattern=r"^[^\x00]*$")


def register(server: flask.Flask, deps: Deps) -> None:
    @server.post("/api/v1/hotline")
    @doc(
        "Deliver 12345 orders; each is taken or refused by itself, the same number again is the same order",
        body=ORDERS,
        returns=RESULT,
        statuses={403: "Not a token bound to a source", 413: "More than 500 orders or 4 MB", 422: "Not readable"},
        permission="event.write",
    )
    def hotline_orders() -> flask.Response:
        scope, identity = require("event.write"), current_identity()
        if identity.kind != "token" or not identity.source:
            zh, en = "只接受绑定数据源的接口令牌", "needs an API token bound to a source (ioc token create --source)"
            raise Forbidden(zh, en)
        records = _records()
        hotline = Hotline(deps.store, deps.settings, deps.clock, mapping(deps.settings))
        results = [r.as_dict() for r in hotline.submit(scope, records, identity.source)]
        refused = sum(r["state"] == "rejected" for r in results)
        return flask.jsonify({"accepted": len(results) - refused, "rejected": refused, "results": results})

    @server.post("/api/v1/callers/<record>")
    @doc(
        "Name, number and untouched words of who called, for `event:ID` or `case:ID`; every look is audited",
        body=Purpose,
        returns=CALLERS,
        statuses={404: "No such record in the asker's scope, or nobody is known"},
        permission="caller.view",
    )
    def callers_of(record: str) -> flask.Response:
        scope, identity = require("caller.view"), current_identity()
        if identity.kind != "session":  # a person answers for it
            raise Forbidden("需要账号登录", "needs a signed-in person")
        asked = _body.read(Purpose)
        kind, _, number = record.partition(":")
        if kind not in ("event", "case") or not (number.isascii() and number.isdigit()) or len(number) > 18:
            raise NotFound(record, record)
        opener = caller_ring(deps.settings)
        with deps.store.scoped(SYSTEM) as conn:
            hold(conn)  # the keys of these rows stay until they have been opened
            rows = callers.of_events(conn, callers.events_of(conn, scope, kind, int(number)))
            if not rows:
                raise NotFound(record, record)
            found = [
                {
                    "source_id": r["source_id"],
                    **opener.open(bytes(r["sealed"]), f"{r['source']}\n{r['source_id']}", r["key_id"]),
                }
                for r in rows
            ]
            detail = {"purpose": asked.purpose, "numbers": [r["source_id"] for r in rows]}
            address = flask.request.remote_addr or ""
            accounts.audit(conn, actor=identity.login, action="caller.view", object_=record, address=address,
                           detail=detail)  # fmt: skip
        answer = flask.jsonify({"callers": found})
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _records() -> list[Mapping[str, Any]]:
    """Raises TooLarge, Invalid. The body is never repeated in a reason: it names people."""
    too_large = TooLarge(f"上限 {MAX_ORDERS} 条、{MAX_BODY // 1024} KB", f"limit {MAX_ORDERS}, {MAX_BODY // 1024} KB")
    if (flask.request.content_length or 0) > MAX_BODY:
        raise too_large
    raw = flask.request.stream.read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise too_large
    try:
        body: Any = _json.loads(raw)
    except ValueError as e:
        raise Invalid(reasons=[reason("body", "bad_json")]) from e
    if isinstance(body, dict):
        body = cast("dict[str, Any]", body).get("orders")
    if not isinstance(body, list) or not all(isinstance(o, dict) for o in cast("list[Any]", body)):
        raise Invalid(reasons=[reason("orders", "bad_object")])
    listed = cast("list[Mapping[str, Any]]", body)
    if len(listed) > MAX_ORDERS:
        raise too_large
    return listed
