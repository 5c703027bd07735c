"""`/healthz` (this process answers), `/readyz` (database, migrations, feed) and `/metrics` (Prometheus)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import flask
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse
from werkzeug.wrappers import Response

from ioc.api import Deps
from ioc.api.auth import public, require
from ioc.api.openapi import doc
from ioc.errors import IocError
from ioc.scope import SYSTEM
from ioc.store.migrate import pending

# The sequencer beats every second; this long without a beat the feed counts as down.
FEED_SILENT_S = 10.0
_SAFETY = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; object-src 'none'; connect-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}


async def alive(request: Request) -> JSONResponse:
    """`/healthz` of the ASGI server, on its event loop: the supervisor kills a process that does not answer here.

    Not behind the threads of the WSGI side: those may all wait for a slow database, which a restart would not mend.
    """
    return JSONResponse({"ok": True}, headers=_SAFETY)


def checks(deps: Deps) -> dict[str, dict[str, Any]]:
    """Each check with `ok` and, when it is not, why. `needed` false: it works without, only worse. Never raises."""
    out: dict[str, dict[str, Any]] = {}
    try:
        with deps.store.scoped(SYSTEM) as conn:
            out["database"] = {"ok": True}
            waiting = [f"{m.number:03d}_{m.name}" for m in pending(conn)]
            out["migrations"] = {"ok": not waiting, "pending": waiting}
            row = conn.execute("SELECT beat_at, last_no FROM feed_state").fetchone()
            out["feed"] = _feed(row["beat_at"] if row else None, deps.clock.now())
    except IocError as e:
        out["database"] = {"ok": False, "error": e.code}
        out.setdefault("migrations", {"ok": False, "error": "unknown"})
        out.setdefault("feed", {"ok": False, "error": "unknown"})
    if deps.shared is not None:
        out["redis"] = {"ok": deps.shared.answers(), "needed": False}
        if not out["redis"]["ok"]:
            out["redis"]["error"] = "away: every web process counts and caches alone"
    return out


def _feed(beat_at: dt.datetime | None, now: dt.datetime) -> dict[str, Any]:
    if beat_at is None:
        return {"ok": False, "error": "no sequencer has run yet"}
    age = (now - beat_at).total_seconds()
    return {"ok": age < FEED_SILENT_S, "beat_age_s": round(max(0.0, age), 1)}


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("health", __name__)

    @bp.get("/healthz")
    @public
    @doc("This process answers", tag="health")
    def healthz() -> Response:
        return flask.jsonify({"ok": True})

    @bp.get("/readyz")
    @public
    @doc("Database, migrations and feed; 503 until all are well", statuses={503: "Not ready"}, tag="health")
    def readyz() -> Response:
        found = checks(deps)
        ready = all(c["ok"] or not c.get("needed", True) for c in found.values())
        response = flask.jsonify({"ok": ready, "checks": found})
        response.status_code = 200 if ready else 503
        return response

    @bp.get("/metrics")
    @doc("Prometheus metrics", permission="source.view", media="text/plain", tag="health")
    def metrics() -> Response:
        require("source.view")
        text = generate_latest(flask.current_app.extensions["ioc_metrics"])
        return flask.Response(text, content_type=CONTENT_TYPE_LATEST)

    server.register_blueprint(bp)
