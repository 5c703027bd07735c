"""`/api/v1/events/counts` and a person's word on a suspected event."""

from __future__ import annotations

import datetime as dt
from typing import Any

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api._body import read
from ioc.api.auth import current_identity, require
from ioc.api.detections import DECIDED, ReviewIn
from ioc.api.events import event_filters
from ioc.api.openapi import doc
from ioc.intake.reviews import Reviews
from ioc.store import event_counts
from ioc.store.event_change import Decision
from ioc.store.regions import Regions


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("event_reviews", __name__)
    reviews = Reviews(deps.store, deps.settings, deps.clock)
    regions = Regions.of(deps.store)

    @bp.get("/api/v1/events/counts")
    @doc(
        "Events of a time by kind: verified and suspected apart; refuted ones count in neither",
        query={"from": "default: this month", "until": "default: now", "region": "code, with everything inside it"},
        returns={"type": "object"},
        permission="event.view",
    )
    def get_counts() -> Response:
        scope = require("event.view")
        asked = event_filters(deps)
        now = deps.clock.now()
        start = asked.get("from") or month_start(now, deps.settings.tz)
        end = asked.get("until") or now
        ids = regions.ids(scope, _read.text("region"))
        with deps.store.reading(scope) as conn:
            found = event_counts.counts(conn, scope, ids, start, end)
        return _read.tagged({"from": start.isoformat(), "until": end.isoformat(), **found})

    def decide(event_id: int, decision: Decision) -> dict[str, Any]:
        identity = current_identity()
        asked = read(ReviewIn)
        return reviews.event(identity.scope, identity.name, event_id, decision, asked.reason)

    @bp.post("/api/v1/events/<int:event_id>/confirm")
    @doc("A suspected event is so: it counts as verified", body=ReviewIn, returns=DECIDED,
         permission="detection.review", statuses=_STATUSES)  # fmt: skip
    def confirm(event_id: int) -> Response:
        return flask.jsonify(decide(event_id, "confirmed"))

    @bp.post("/api/v1/events/<int:event_id>/refute")
    @doc("A suspected event is not so: it is void; with the reason", body=ReviewIn, returns=DECIDED,
         permission="detection.review", statuses=_STATUSES)  # fmt: skip
    def refute(event_id: int) -> Response:
        return flask.jsonify(decide(event_id, "refuted"))

    server.register_blueprint(bp)


_STATUSES = {404: "Not there, or outside the scope", 409: "Not suspected, or part of a case", 422: "No reason"}


def month_start(now: dt.datetime, tz: dt.tzinfo) -> dt.datetime:
    """Local midnight of the first day of the running month, in UTC."""
    local = now.astimezone(tz)
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(dt.UTC)
