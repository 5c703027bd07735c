"""`/api/v1/observations`: telemetry over HTTP, in batches, with a reason for every value that is refused."""

from __future__ import annotations

from typing import Any

import flask

from ioc.api import Deps, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.intake.push import MAX_READINGS, MAX_ROWS, Push

MAX_BODY = 4 * 2**20
ENTRY: dict[str, Any] = {
    "type": "object",
    "required": ["device", "ts", "values"],
    "properties": {
        "device": {"type": "string", "description": "external or national id"},
        "ts": {"description": "ISO 8601, or epoch milliseconds", "type": ["string", "number"]},
        "values": {
            "type": "object",
            "description": "property -> value; null or 缺测 is a missing value. For a device with a model: its "
            "maker's own names and units",
        },
        "quality": {"description": "good, suspect, bad, missing: of all values, or an object by property"},
    },
}
BODY: dict[str, Any] = {
    "type": "object",
    "required": ["observations"],
    "properties": {"observations": {"type": "array", "items": ENTRY, "minItems": 1, "maxItems": MAX_ROWS}},
}
RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["received", "stored", "duplicates", "rejected", "rows"],
    "properties": {
        **{n: {"type": "integer", "description": "values"} for n in ("received", "stored", "duplicates", "rejected")},
        "rows": {
            "type": "array",
            "description": "entries of which something was refused",
            "items": {
                "type": "object",
                "properties": {
                    "row": {"type": "integer", "description": "place in the batch, from 0"},
                    "device": {"type": "string"},
                    "reasons": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
    },
}


def register(server: flask.Flask, deps: Deps) -> None:
    push = Push(deps.store, deps.settings, deps.clock)

    @server.post("/api/v1/observations")
    @doc(
        "Deliver observations; the same value again is a duplicate, the good ones beside a bad one are kept",
        body=BODY,
        returns=RESULT,
        statuses={
            201: "Something new was stored",
            422: "Nothing could be used: the same answer with a reason for every row, or a body of another form",
            413: f"Larger than {MAX_BODY // 2**20} MB (and at most {MAX_READINGS} values)",
        },
        permission="observation.write",
    )
    def post_observations() -> tuple[flask.Response, int]:
        scope = require("observation.write")
        result = push.submit(scope, _read.json_object(MAX_BODY), current_identity().source)
        return flask.jsonify(result.as_dict()), result.status
