"""`GET /tiles/{layer}/{z}/{x}/{y}.mvt?region=`: vector tiles under the asker's scope."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps
from ioc.api._tiles import MIME, TileService
from ioc.api.auth import current_scope
from ioc.api.openapi import doc


def register(server: flask.Flask, deps: Deps) -> None:
    service = TileService(deps.store, deps.registry, deps.clock, deps.versions)
    bp = flask.Blueprint("tiles", __name__)

    @bp.get("/tiles/<layer>/<int:z>/<int:x>/<int:y>.mvt")
    @doc(
        "Vector tile (MVT 2.1) of a layer; 204 where it is empty",
        query={
            "region": "12-digit or zone code; what lies outside is left out",
            "v": "version",
            "by": "what grid cells are coloured by (events, overdue, population), or topics of events and cases",
        },
        media=MIME,
        statuses={204: "Nothing here", 304: "Not modified"},
    )
    def tile(layer: str, z: int, x: int, y: int) -> Response:
        args = flask.request.args
        asked = (args.get("region", ""), args.get("v", ""), args.get("by", ""))
        found = service.get(current_scope(), layer, z, x, y, *asked)
        response = flask.Response(found.body, status=200 if found.body else 204, mimetype=MIME)
        response.set_etag(found.etag)
        response.headers["Cache-Control"] = "private, no-cache"
        return response.make_conditional(flask.request)

    server.register_blueprint(bp)
