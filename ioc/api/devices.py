"""One device, its curves, and the detail of anything by key."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import current_scope
from ioc.api.openapi import doc
from ioc.errors import NotFound
from ioc.store import detail_device


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("devices", __name__)

    @bp.get("/api/v1/devices/<int:device_id>")
    @doc(
        "A device with its latest values",
        returns={"type": "object"},
        permission="device.view",
        statuses={404: "Not there, or outside the scope"},
    )
    def device(device_id: int) -> Response:
        scope = current_scope()
        scope.require("device.view")
        with deps.store.scoped(scope) as conn:
            row = detail_device.device_row(conn, scope, device_id)
            latest = detail_device.streams(conn, scope, device_id)
        return _read.tagged(detail_device.device_json(row, latest, scope))

    @bp.get("/api/v1/devices/<int:device_id>/observations")
    @doc(
        "Curves of a device, averaged into at most 288 points; null where values are missing",
        query={"property": "one property; empty: all", "hours": "length (24)"},
        returns={"type": "object"},
        permission="device.view",
    )
    def observations(device_id: int) -> Response:
        scope = current_scope()
        scope.require("device.view")
        only, hours = _read.text("property"), _read.number("hours", 0.1, detail_device.HOURS_MAX, 24)
        with deps.store.scoped(scope) as conn:
            detail_device.device_row(conn, scope, device_id)
            found = detail_device.series(conn, scope, device_id, deps.clock.now(), hours, only)
        if only and not found:
            raise NotFound(f"设备 {device_id} 没有 {only}", f"device {device_id} has no {only}")
        return _read.tagged({"device_id": device_id, "hours": hours, "series": found})

    @bp.get("/api/v1/detail/<path:key>")
    @doc("Everything the detail panel shows: device:1, event:1, case:1, grid:1, resource:1, region:CODE, feature:1",
         returns={"type": "object"}, statuses={404: "Not there, or outside the scope"})  # fmt: skip
    def detail(key: str) -> Response:
        return _read.tagged(deps.services.detail(current_scope(), key))

    server.register_blueprint(bp)
