"""`/api/v1/my/*`: what the officer's page shows, and the words its forms choose from."""

from __future__ import annotations

from typing import Any

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import current_identity, require, require_session
from ioc.api.openapi import doc
from ioc.cases.mine import MyCases
from ioc.cases.work import Actor
from ioc.clock import Clock
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, dictionaries

MINE: dict[str, Any] = {
    "type": "object",
    "required": ["now", "timezone", "who", "total", "cases"],
    "properties": {
        "now": {"type": "string", "format": "date-time"},
        "timezone": {"type": "string"},
        "who": {"type": "object"},
        "total": {"type": "integer", "description": "open cases in hand; at most 200 are listed"},
        "cases": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["case_id", "version", "record", "stage", "steps", "progress", "by"],
                "properties": {
                    "case_id": {"type": "integer"},
                    "version": {"type": "integer", "description": "give it with the next step"},
                    "by": {"enum": ["officer", "department", "grid"], "description": "why it is in this hand"},
                    "record": {"type": "object", "description": "a row of the work list (docs/live.md)"},
                    "stage": {"type": "string"},
                    "steps": {"type": "object", "description": "stage -> steps: the present one and those after it"},
                    "progress": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
    },
}


def register(server: flask.Flask, deps: Deps) -> None:
    cases = MyCases(deps.store)

    @server.get("/api/v1/my/cases")
    @doc("The cases in my hand: by name, by department, in my grid cell", returns=MINE, permission="case.view")
    def my_cases() -> Response:
        require_session()
        require("case.view")
        identity = current_identity()
        scope = identity.scope
        who = {
            "login": identity.login,
            "name": identity.name or identity.login,
            "roles": list(identity.roles),
            "departments": sorted(scope.departments or ()),
            "may_report": scope.can("event.write"),
            "places": [ref.name for ref in deps.services.breadcrumb(scope, "")[-1:]],
        }
        answer = {
            "now": deps.clock.now(),
            "timezone": deps.settings.timezone,
            "who": who,
            **cases.read(Actor(scope, identity.name)),
        }
        response = flask.jsonify(answer)
        response.headers["Cache-Control"] = "private, no-store"
        return response

    @server.get("/api/v1/categories")
    @doc(
        "Categories of reports as the code tables of today have them",
        returns={"type": "object", "properties": {"categories": {"type": "array", "items": {"type": "object"}}}},
        permission="event.view",
    )
    def categories() -> Response:
        require("event.view")
        return _read.tagged({"categories": _categories(deps.store, deps.clock, deps.settings)})


def _categories(store: Store, clock: Clock, settings: Settings) -> list[dict[str, Any]]:
    with store.reading(SYSTEM) as conn:
        tables = dictionaries.current(conn, clock.now().astimezone(settings.tz).date())
    return [
        {
            "scheme": name.removeprefix("category."),
            "code": entry.code,
            "title": {"zh": entry.zh, "en": entry.en},
            "parent": str(entry.attributes.get("parent") or ""),
            "major": bool(entry.attributes.get("major")),
        }
        for name, table in sorted(tables.items())
        if name.startswith("category.")
        for entry in table.values()
    ]
