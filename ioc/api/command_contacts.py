"""`/api/v1/command/contacts/phone`, `/meeting`: a sealed number by right, each look written down; the meeting link."""

from __future__ import annotations

from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.accounts.phones import account_ring, phone_of
from ioc.api import Deps, _body, _read
from ioc.api.auth import require
from ioc.api.openapi import doc
from ioc.command import links
from ioc.errors import NotFound
from ioc.scope import SYSTEM
from ioc.store import contacts
from ioc.store.accounts import audit

MAX_BODY = 4096
RIGHT = "duty.phone"
PHONE: dict[str, Any] = {"type": "object", "required": ["phone", "tel"],
                         "properties": {"phone": {"type": "string"}, "tel": {"type": "string"}}}  # fmt: skip
MEETING: dict[str, Any] = {"type": "object", "required": ["url"], "properties": {"url": {"type": ["string", "null"]}}}


class PhoneIn(BaseModel):
    """The login of somebody on a roster or at a post, and the incident it is about."""

    model_config = ConfigDict(extra="forbid")
    login: str = Field(min_length=1, max_length=100)
    case_id: int | None = Field(default=None, ge=1, le=2**62)


def register(server: flask.Flask, deps: Deps) -> None:
    keys = account_ring(deps.settings)

    @server.post("/api/v1/command/contacts/phone")
    @doc("The sealed number of an account, to call it; written into the audit", body=PhoneIn, returns=PHONE,
         statuses={404: "No such account, or none with a number"}, permission=RIGHT)  # fmt: skip
    def phone() -> Response:
        scope = require(RIGHT)
        body = _body.sized(PhoneIn, MAX_BODY)
        with deps.store.scoped(SYSTEM) as conn:
            found = phone_of(conn, keys, body.login)
            if not found:
                raise NotFound(f"账号 {body.login} 的电话", f"a number of {body.login}")
            about = f"case:{body.case_id}" if body.case_id else ""
            audit(conn, actor=scope.actor, action="contact.phone", object_=about, detail={"login": body.login})
        return flask.jsonify({"phone": found, "tel": f"tel:{found}"})

    @server.get("/api/v1/command/meeting")
    @doc("The link that opens a meeting (会商) of an incident; null where none is configured",
         query={"case_id": "of the incident"}, returns=MEETING, statuses={404: "No such incident"},
         permission="case.view")  # fmt: skip
    def meeting() -> Response:
        scope = require("case.view")
        number = _read.whole("case_id", 0, 2**62, 0)
        case = None
        if number:
            with deps.store.scoped(scope) as conn:
                case = contacts.place_of(conn, scope, number)
            if case is None:
                raise NotFound(f"突发事件 {number}", f"incident {number}")
        return _read.tagged({"url": links.opened(deps.settings.meeting_url, case)})
