"""`GET /api/v1/warnings/{id}/area`: the ground an official warning speaks of, for the questions of a command map."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import require
from ioc.api.openapi import doc
from ioc.errors import NotFound
from ioc.store import incidents

RETURNS = {
    "type": "object",
    "required": ["key", "kind", "colour", "geometry"],
    "properties": {
        "key": {"type": "string", "description": "warning:ID"},
        "kind": {"type": "string"},
        "colour": {"type": "string"},
        "area": {"type": "string", "description": "as the issuer names it"},
        "geometry": {"type": ["object", "null"], "description": "GeoJSON, EPSG:4490; what of it lies in this centre"},
    },
}


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("command_areas", __name__)

    @bp.get("/api/v1/warnings/<int:warning_id>/area")
    @doc("The area of an official warning: its own shape, else that of the regions it names", returns=RETURNS,
         statuses={404: "No such warning, or outside the scope"}, permission="case.view")  # fmt: skip
    def area(warning_id: int) -> Response:
        scope = require("case.view")
        with deps.store.reading(scope) as conn:
            row = incidents.area_warning(conn, scope, warning_id)
        if row is None:
            raise NotFound(f"预警 {warning_id}", f"warning {warning_id}")
        shape = row["geometry"]
        told = {"key": f"warning:{warning_id}", **{n: row[n] for n in ("kind", "colour", "area", "status")}}
        return _read.tagged({**told, "geometry": shape if shape and shape.get("coordinates") else None})

    server.register_blueprint(bp)
