"""`t=` of a request: which addresses take it, and that nothing is done from a screen that looks back."""

from __future__ import annotations

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import flask
from werkzeug.wrappers import Response

from ioc import moment
from ioc.api.auth import PAGE_KEY, SAFE
from ioc.clock import Clock
from ioc.errors import Invalid, PastLocked, Reason
from ioc.settings import Settings

HEADER = "X-Ioc-Replay"  # a page that looks back says so with every request
# Reads that answer for a moment. Others refuse `t`: they would tell of the present.
TAKES = (
    "/api/v1/live/", "/api/v1/map/", "/api/v1/identify", "/api/v1/search", "/api/v1/detail/", "/api/v1/regions",
    "/api/v1/alarms", "/api/v1/cases", "/api/v1/events", "/api/v1/devices", "/api/v1/detections", "/api/v1/fences",
    "/api/v1/indicators", "/api/v1/warnings", "/api/v1/grids", "/api/v1/supervision", "/api/v1/duty",
    "/api/v1/attachments", "/api/v1/incidents", "/api/v1/area-notices", "/api/v1/command/closures",
    "/api/v1/command/panels/", "/api/v1/command/simulations",
    "/api/v1/video/states", "/api/v1/video/cameras", "/api/v1/drones",
)  # fmt: skip
# Asked with a body, and only read: a place and an area do not fit into an address.
_READS = ("/api/v1/command/panels/",)
# What a page in replay may still do: sign out, keep a bookmark, and ask the Dash server for its panels.
_STILL = ("/api/v1/auth/", "/api/v1/replay/", "/_dash")
FRAME_AGE_S = 86_400


def earliest(settings: Settings, now: dt.datetime) -> dt.datetime:
    """Versions are kept as long as histories are."""
    return now - dt.timedelta(days=settings.retention_history_days)


def install(server: flask.Flask, settings: Settings, clock: Clock) -> None:
    @server.before_request
    def look_back() -> None:
        moment.ask(None)  # the thread may have served another
        text, path = _text(), flask.request.path
        replaying = bool(text and text != moment.LIVE) or flask.request.headers.get(HEADER, "live") != "live"
        if flask.request.method not in SAFE and replaying and not path.startswith((*_STILL, *_READS)):
            raise PastLocked("回到实时后再操作", "return to live first")
        if not text or (path.startswith("/api/") and "t" in flask.request.args and not path.startswith(TAKES)):
            if text and text != moment.LIVE:
                raise Invalid(
                    reasons=[Reason("t", "no_past", "此接口没有历史时刻", "this address has no past", text[:60])]
                )
            return
        now = clock.now()
        moment.ask(moment.parse(text, now, earliest(settings, now)))

    @server.after_request
    def keep(response: Response) -> Response:
        at = moment.asked()
        if at is not None:
            response.headers["X-Ioc-As-Of"] = at.isoformat()
            api = flask.request.path.startswith("/api/") and flask.request.method == "GET"
            if api and response.status_code == 200 and moment.settled(at, clock.now()):
                response.headers["Cache-Control"] = f"private, max-age={FRAME_AGE_S}"
        moment.ask(None)
        return response


def _text() -> str:
    """`t` of the request, or of the page a Dash call belongs to."""
    page = str(flask.request.environ.get(PAGE_KEY, ""))
    if page:
        return parse_qs(urlsplit(page).query).get("t", [""])[0].strip()
    return flask.request.args.get("t", "").strip()
