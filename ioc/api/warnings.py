"""`/api/v1/warnings`: official warnings from an issuing platform, one message a call."""

from __future__ import annotations

from typing import Any

import flask

from ioc.api import Deps
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.errors import Forbidden, Invalid, TooLarge
from ioc.intake.reasons import reason
from ioc.intake.warnings import SOURCE_KEY, submit_warning
from ioc.intake.xml_guard import MAX_BYTES

FORMS = {
    "application/cap+xml": "xml",
    "application/xml": "xml",
    "text/xml": "xml",
    "application/json": "json",
}
_REFERENCE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "identifier": {"type": "string"},
        "outcome": {
            "enum": ["ended", "already_ended", "late", "not_yours"],
            "description": "late: no such warning is known; it is ended should it come",
        },
    },
}
RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["identifier", "msg_type", "state", "warning_id", "status", "version"],
    "properties": {
        "identifier": {"type": "string"},
        "msg_type": {"enum": ["alert", "update", "cancel", "ack", "error"]},
        "state": {"enum": ["created", "updated", "unchanged"]},
        "warning_id": {"type": ["integer", "null"], "description": "null for a cancellation or a receipt"},
        "status": {"enum": ["active", "replaced", "cancelled", "expired", "kept"]},
        "version": {"type": "integer"},
        "region_ids": {"type": "array", "items": {"type": "integer"}},
        "references": {"type": "array", "items": _REFERENCE},
        "unknown_codes": {"type": "array", "items": {"type": "string"}, "description": "region codes not of here"},
    },
}
BODY: dict[str, Any] = {
    "type": "object",
    "description": "One warning; other spellings of the names are listed in docs/warnings.md",
    "properties": {
        name: {"type": "string"}
        for name in ("identifier", "sender", "sent", "msgType", "eventType", "event", "color", "severity", "headline")
    }
    | {"areaCode": {"type": ["string", "array"]}, "polygon": {"type": ["string", "array"]}},
}


def register(server: flask.Flask, deps: Deps) -> None:
    @server.post("/api/v1/warnings")
    @doc(
        "Deliver one official warning: CAP 1.2 (application/cap+xml, application/xml) or warning JSON",
        body=BODY,
        returns=RESULT,
        statuses={
            201: "Kept for the first time",
            422: "Refused, with every reason",
            413: f"Larger than {MAX_BYTES // 1024} KB",
        },
        permission="event.write",
        consumes=("application/json", "application/cap+xml", "application/xml"),
    )
    def post_warning() -> tuple[flask.Response, int]:
        scope = require("event.write")
        identity = current_identity()
        if identity.kind != "token":  # a duty officer reports events; an official warning is its issuer's to send
            raise Forbidden("预警只能由接口令牌报送", "warnings are delivered with an API token")
        result = submit_warning(
            deps.store,
            scope,
            _body(),
            deps.clock,
            form=_form(),
            settings=deps.settings,
            source=identity.source or SOURCE_KEY,
        )
        return flask.jsonify(result.as_dict()), 201 if result.state == "created" else 200


def _body() -> bytes:
    request = flask.request
    too_large = TooLarge(f"上限 {MAX_BYTES // 1024} KB", f"limit {MAX_BYTES // 1024} KB")
    if (request.content_length or 0) > MAX_BYTES:
        raise too_large
    data = request.stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise too_large
    return data


def _form() -> str:
    """By what the sender declares; `+xml` and `+json` types count as what they are built on."""
    kind = flask.request.mimetype
    form = FORMS.get(kind) or ("xml" if kind.endswith("+xml") else "json" if kind.endswith("+json") else "")
    if not form:
        raise Invalid(reasons=[reason("Content-Type", "bad_media", kind)])
    return form
