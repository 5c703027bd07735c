"""`GET /api/v1/audit`: who did, saw or exported what, and when."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from ioc.accounts.audit_search import LIMIT_MAX, RIGHT, asked_of, look
from ioc.api import Deps, _read
from ioc.api.auth import require
from ioc.api.openapi import doc


def register(server: flask.Flask, deps: Deps) -> None:
    @server.get("/api/v1/audit")
    @doc(
        "The audit log, newest first: for who has the right and sees the whole centre; each search is audited",
        query={
            "who": "a login, or a person's name",
            "object": "beginning of the object: case:12",
            "action": "an action (caller.view) or a group of them (caller)",
            "since": "ISO 8601 or epoch ms",
            "until": "ISO 8601 or epoch ms",
            "before": "`next` of the page before",
            "limit": f"rows, up to {LIMIT_MAX}; 100 unless given",
        },
        returns={"type": "object"},
        permission=RIGHT,
    )
    def audit() -> Response:
        scope = require(RIGHT)
        limit = _read.whole("limit", 1, LIMIT_MAX, 100)
        return flask.jsonify(look(deps.store, scope, asked_of(_read.text, deps.settings.tz), limit))
