"""`/api/v1/events`: reports from outside, and the list of what was reported."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import flask

from ioc.api import Deps, _once, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.clock import parse_time
from ioc.errors import Invalid, Reason
from ioc.geo import Bbox
from ioc.intake.event_input import EventIn
from ioc.intake.events import refuse_unread, submit_event
from ioc.intake.reasons import reason
from ioc.scope import Scope
from ioc.store import events
from ioc.store.attributes import told
from ioc.store.regions import Regions

MAX_BODY = 256 * 1024
MAX_LIMIT = 1000
RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["event_id", "state", "version", "regions", "grid_cells"],
    "properties": {
        "event_id": {"type": "integer"},
        "state": {"enum": ["created", "updated", "unchanged"]},
        "version": {"type": "integer"},
        "case_id": {"type": ["integer", "null"], "description": "the open case it joined: a report of the same thing"},
        "regions": {"type": "array", "items": {"type": "object"}, "description": "root first"},
        "grid_cells": {"type": "array", "items": {"type": "object"}, "description": "one of each kind"},
    },
}
QUERY = {
    "bbox": "west,south,east,north in degrees",
    "since": "ISO 8601 or epoch ms: written or changed at or after it",
    "region": "12-digit or zone code, with everything inside it",
    "suspected": "true: suspected ones only, false: verified ones only",
    "category": "code of a category, with everything below it",
    "status": "open, closed, void",
    "from": "occurred at or after it",
    "until": "occurred before it",
    "limit": f"1-{MAX_LIMIT}, default 100",
}


def register(server: flask.Flask, deps: Deps) -> None:
    @server.post("/api/v1/events")
    @doc(
        "Report an event; the same `source` and `source_id` again is the same event",
        body=EventIn,
        returns=RESULT,
        statuses={201: "Created", 422: "Refused, with the reasons of every field", 413: "Body too large"},
        permission="event.write",
    )
    def post_event() -> tuple[flask.Response, int]:
        scope = require("event.write")
        identity = current_identity()
        try:
            payload = _read.json_object(MAX_BODY)
        except Invalid as fault:
            refuse_unread(deps.store, flask.request.get_data(), fault, deps.clock, identity.source)
            raise
        result = submit_event(
            deps.store,
            scope,
            payload,
            deps.clock,
            scope.actor,
            settings=deps.settings,
            only_source=identity.source,
            once=_once.asked(),
        )
        return flask.jsonify(result.as_dict()), 201 if result.state == "created" else 200

    @server.get("/api/v1/events")
    @doc("Events, last changed first", query=QUERY, returns={"type": "object"}, permission="event.view")
    def get_events() -> flask.Response:
        scope = require("event.view")
        bbox, since, limit = _arguments(deps)
        region_ids = Regions.of(deps.store).ids(scope, flask.request.args.get("region", ""))
        with deps.store.reading(scope) as conn:
            rows = events.listed(
                conn, scope, bbox=bbox, since=since, region_ids=region_ids, limit=limit, only=event_filters(deps)
            )
        return flask.jsonify({"events": [_plain(r, scope) for r in rows], "count": len(rows)})


def event_filters(deps: Deps) -> dict[str, Any]:
    """Conditions of the query: suspected, category, status, from, until. Raises Invalid with every reason."""
    args = flask.request.args
    reasons: list[Reason] = []
    out: dict[str, Any] = {}
    for name, choices in (("suspected", ("true", "false")), ("status", ("open", "closed", "void"))):
        if args.get(name):
            out[name] = args[name] == "true" if name == "suspected" else args[name]
            if args[name] not in choices:
                reasons.append(reason(name, "bad_choice", args[name], choices=", ".join(choices)))
    for name in ("from", "until"):
        if args.get(name):
            try:
                out[name] = parse_time(args[name].strip().replace(" ", "+"), deps.settings.tz)
            except (ValueError, OverflowError, OSError):
                reasons.append(reason(name, "bad_time", args[name]))
    if args.get("category"):
        out["category"] = args["category"]
        if not (args["category"].isprintable() and len(args["category"]) <= 50):
            reasons.append(reason("category", "bad_code", args["category"]))
    if reasons:
        raise Invalid(reasons=reasons)
    return out


def _arguments(deps: Deps) -> tuple[Bbox | None, dt.datetime | None, int]:
    args = flask.request.args
    reasons: list[Reason] = []
    bbox, since, limit = None, None, 100
    if args.get("bbox"):
        try:
            bbox = Bbox.parse(args["bbox"])
        except ValueError:
            reasons.append(reason("bbox", "bad_number", args["bbox"]))
    if args.get("since"):
        try:
            # an unescaped + of an offset arrives as a space
            since = parse_time(args["since"].strip().replace(" ", "+"), deps.settings.tz)
        except (ValueError, OverflowError, OSError):
            reasons.append(reason("since", "bad_time", args["since"]))
    if args.get("limit"):
        try:
            limit = int(args["limit"])
        except ValueError:
            limit = 0
        if not 1 <= limit <= MAX_LIMIT:
            reasons.append(reason("limit", "out_of_range", args["limit"], low=1, high=MAX_LIMIT))
    if reasons:
        raise Invalid(reasons=reasons)
    return bbox, since, limit


def _plain(row: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    def value(v: Any) -> Any:
        return v.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if isinstance(v, dt.datetime) else v

    return {k: told(v, scope) if k == "attributes" else value(v) for k, v in row.items()}
