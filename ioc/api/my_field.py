"""`/api/v1/my/cells`, `/api/v1/my/warnings`: what an officer outside needs beside the cases, also without a network."""

from __future__ import annotations

import datetime as dt
from typing import Any

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import current_identity, require, require_session
from ioc.api.openapi import doc
from ioc.services import Warning_
from ioc.store import patrols

CELLS: dict[str, Any] = {
    "type": "object",
    "required": ["cells"],
    "properties": {
        "cells": {"type": "array", "items": {"type": "object"}, "description": "own ones first, at most 60"}
    },
}
WARNINGS: dict[str, Any] = {
    "type": "object",
    "required": ["now", "connected", "warnings"],
    "properties": {
        "now": {"type": "string", "format": "date-time"},
        "connected": {"type": "boolean", "description": "false: no source of warnings is connected"},
        "warnings": {
            "type": "array",
            "description": "in force, then those sent ahead (`upcoming` until `onset_at`)",
            "items": {"type": "object", "required": ["key", "kind", "colour", "area", "onset_at", "expires_at"]},
        },
    },
}


def register(server: flask.Flask, deps: Deps) -> None:
    @server.get("/api/v1/my/cells")
    @doc(
        "Grid cells I may walk: my own, then the nearest in my scope",
        query={"lon": "where I am, degrees (WGS 84)", "lat": ""},
        returns=CELLS,
        permission="grid.view",
    )
    def my_cells() -> Response:
        require_session()
        scope = require("grid.view")
        place = None
        if _read.text("lon") or _read.text("lat"):
            place = (_read.number("lon", -180, 180), _read.number("lat", -90, 90))
        with deps.store.reading(scope) as conn:
            rows = patrols.cells_to_walk(conn, scope, current_identity().name, place)
        cells = [
            {**{k: r[k] for k in ("grid_cell_id", "code", "name", "mine", "lon", "lat", "away_m")},
             "kind": {"zh": r["kind_zh"], "en": r["kind_en"]}}
            for r in rows
        ]  # fmt: skip
        return _private({"cells": cells})

    @server.get("/api/v1/my/warnings")
    @doc("Official warnings that hold where I am responsible, in force and sent ahead", returns=WARNINGS,
         permission="map.view")  # fmt: skip
    def my_warnings() -> Response:
        require_session()
        scope = require("map.view")
        found = deps.services.warnings(scope, "")
        told = [_warning(w) for w in found or ()]
        return _private({"now": _iso(deps.clock.now()), "connected": found is not None, "warnings": told})


def _warning(w: Warning_) -> dict[str, Any]:
    return {
        "key": w.key,
        "kind": {"zh": w.kind.zh, "en": w.kind.en},
        "colour": w.colour,
        "area": w.area,
        "note": w.note,
        "sender": w.sender,
        "onset_at": _iso(w.onset_at),
        "expires_at": None if w.expires_at is None else _iso(w.expires_at),
        "upcoming": w.upcoming,
        "origin": w.origin,
    }


def _iso(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _private(body: dict[str, Any]) -> Response:
    answer = flask.jsonify(body)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
