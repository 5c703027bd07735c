"""`/api/v1/video`: catalogues of video platforms, and the tree they make."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.errors import Forbidden, Invalid, TooLarge
from ioc.intake.catalogues import SOURCE_KEY, submit_catalogue
from ioc.intake.gb_catalogue import MAX_BYTES
from ioc.intake.reasons import reason
from ioc.store import video_nodes

FORMS = ("application/xml", "text/xml", "application/manscdp+xml")
MAX_LIMIT = 2000
RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["platform", "sn", "state", "round", "expected", "arrived", "rejected"],
    "properties": {
        "platform": {"type": "string"},
        "sn": {"type": "string"},
        "state": {"enum": ["stored", "unchanged"]},
        "round": {"enum": ["open", "complete", "incomplete", "notify"]},
        "expected": {"type": "integer", "description": "SumNum"},
        "arrived": {"type": "integer"},
        "unplaced": {"type": "integer", "description": "in the tree, but without coordinates"},
        "civil_elsewhere": {"type": "integer", "description": "lie outside the region their CivilCode names"},
        "rejected": {"type": "integer"},
        "rejects": {"type": "array", "items": {"type": "object"}, "description": "the first 50"},
    },
}


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("catalogues", __name__)

    @bp.post("/api/v1/video/catalogue")
    @doc(
        "Deliver one packet of a GB/T 28181 catalogue (MANSCDP XML; GB2312, GBK, GB18030 or UTF-8)",
        body={"type": "string"},
        returns=RESULT,
        statuses={422: "No catalogue, with the reason", 413: f"Larger than {MAX_BYTES // 2**20} MB"},
        permission="event.write",
        consumes=FORMS,
    )
    def post_catalogue() -> Response:
        scope = require("event.write")
        identity = current_identity()
        if identity.kind != "token":
            raise Forbidden("目录只能由接口令牌报送", "catalogues are delivered with an API token")
        kind = flask.request.mimetype
        if kind not in FORMS:
            raise Invalid(reasons=[reason("Content-Type", "bad_media", kind)])
        found = submit_catalogue(
            deps.store,
            scope,
            _body(),
            deps.clock,
            settings=deps.settings,
            source=identity.source or SOURCE_KEY,
        )
        return flask.jsonify(found.as_dict())

    @bp.get("/api/v1/video/nodes")
    @doc(
        "The trees of video platforms: regions, groups, organisations, devices, with state and its age",
        query={
            "source": "key of a source",
            "platform": "20-digit id",
            "parent": "id of the node above",
            "placed": "true or false: devices with or without a place on the map",
            "missing": "true: a complete catalogue came without them",
            "after": "gb_id of the last row of the page before",
            "limit": f"1-{MAX_LIMIT}, default 500",
        },
        returns={"type": "object"},
        permission="device.view",
    )
    def get_nodes() -> Response:
        scope = require("device.view")
        asked: dict[str, Any] = {n: _word(n) for n in ("source", "platform", "parent", "after")}
        asked |= {n: _flag(n) for n in ("placed", "missing")}
        limit = _read.whole("limit", 1, MAX_LIMIT, 500)
        with deps.store.reading(scope) as conn:
            rows = video_nodes.listed(conn, scope, asked, limit)
        return _read.tagged({"nodes": [_plain(r) for r in rows], "count": len(rows)})

    server.register_blueprint(bp)


def _body() -> bytes:
    request = flask.request
    too_large = TooLarge(f"上限 {MAX_BYTES // 2**20} MB", f"limit {MAX_BYTES // 2**20} MB")
    if (request.content_length or 0) > MAX_BYTES:
        raise too_large
    data = request.stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise too_large
    return data


def _word(name: str) -> str | None:
    raw = _read.text(name)
    if raw and not (raw.isprintable() and len(raw) <= 100):
        raise Invalid(reasons=[reason(name, "bad_text", raw)])
    return raw or None


def _flag(name: str) -> bool | None:
    raw = _read.text(name)
    if raw and raw not in ("true", "false"):
        raise Invalid(reasons=[reason(name, "bad_choice", raw, choices="true, false")])
    return raw == "true" if raw else None


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    def value(v: Any) -> Any:
        return v.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if isinstance(v, dt.datetime) else v

    return {k: value(v) for k, v in row.items()}
