"""`/api/v1/reports`: 接报登记, a telephone report taken down at the desk; and what it may be a double of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.accounts.identity import Identity
from ioc.api import Deps, _once, _read
from ioc.api._body import read
from ioc.api.auth import current_identity, require, require_session
from ioc.api.openapi import doc
from ioc.cases.work import Actor, Cases
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.intake.caller import mask_name, mask_number
from ioc.intake.event_input import CategoryIn
from ioc.intake.events import EventResult, submit_event
from ioc.intake.hotline import caller_ring, seal_caller
from ioc.intake.hotline_order import scrub
from ioc.scope import SYSTEM, Scope
from ioc.store import near_events
from ioc.store.request_keys import RequestKey

SOURCE = "desk_report"
TITLE_MAX = 60
NEAR: dict[str, Any] = {
    "type": "object",
    "required": ["events"],
    "properties": {
        "events": {"type": "array", "items": {"type": "object"}, "description": "nearest first, at most 10"}
    },
}


class ReportIn(BaseModel):
    """What was said on the telephone. Name and number of the caller are sealed; everybody sees them masked."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=4000, description="what happened")
    title: str = Field(default="", max_length=200, description="empty: the beginning of the text")
    urgency: str = Field(description="routine 一般, urgent 紧急, critical 特急", max_length=20)
    category: CategoryIn | None = None
    caller_name: str = Field(default="", max_length=60)
    caller_phone: str = Field(default="", max_length=40)
    lon: float | None = None
    lat: float | None = None
    crs: str | None = Field(default=None, max_length=40)
    region: str | None = Field(default=None, max_length=50, description="only where no lon/lat is known")
    device_id: int | None = Field(default=None, ge=1, le=2**63 - 1, description="the place is the device's")
    address: str = Field(default="", max_length=500)
    flow: str = Field(default="", max_length=40, description="grid, hotline or urban: a case at once")


def register(server: flask.Flask, deps: Deps) -> None:
    cases = Cases(deps.store, deps.clock, deps.settings.area_buffer_m, deps.settings.tz)

    @server.post("/api/v1/reports")
    @doc(
        "Take down a report at the desk (接报登记); with `flow` it becomes a case at once",
        body=ReportIn,
        returns={"type": "object"},
        statuses={201: "Taken down", 422: "Refused, with the reasons of every field"},
        permission="event.write",
    )
    def report() -> tuple[Response, int]:
        require_session()
        scope = require("event.write")
        asked, once, identity = read(ReportIn), _once.asked(), current_identity()
        if asked.flow:
            scope.require("case.accept")
        done = take_down(deps, identity, asked, once)
        with deps.store.reading(scope) as conn:
            number = near_events.number_of(conn, done.event_id)
        made = _case(cases, Actor(scope, identity.name), done, asked.flow)
        answer = {**done.as_dict(), "number": number, **made}
        return flask.jsonify(answer), 201

    @server.get("/api/v1/reports/near")
    @doc(
        "Open reports within 200 m and 24 h of a place that may be the same",
        query={"lon": "degrees", "lat": "degrees", "scheme": "of the category; empty: every one", "code": "its code"},
        returns=NEAR,
        permission="event.view",
    )
    def near() -> Response:
        scope = require("event.view")
        lon, lat = _read.number("lon", -180, 180), _read.number("lat", -90, 90)
        with deps.store.reading(scope) as conn:
            rows = near_events.near(conn, scope, lon, lat, _read.text("scheme"), _read.text("code"), deps.clock.now())
        return flask.jsonify({"events": [_near_json(r) for r in rows]})


def take_down(deps: Deps, identity: Identity, asked: ReportIn, once: RequestKey | None) -> EventResult:
    """The report stored as an event, who called sealed beside it. The same request again is the same report."""
    scope = identity.scope
    payload, private = _payload(deps, scope, asked)
    if private:
        _ = caller_ring(deps.settings).newest().key_id  # before anything is stored: what cannot be sealed is not kept
    done = submit_event(
        deps.store, scope, payload, deps.clock, scope.actor, settings=deps.settings, channel=SOURCE, once=once
    )
    with deps.store.reading(scope) as conn:
        number = near_events.number_of(conn, done.event_id)
    if private:
        seal_caller(deps.store, deps.settings, SOURCE, number, done.event_id, private, deps.clock.now())
    return done


def _near_json(row: Mapping[str, Any]) -> dict[str, Any]:
    at: dt.datetime = row["occurred_at"]
    title, title_en = row["source_title"] or row["source"], row["source_title_en"] or row["source_title"]
    return {
        "key": f"case:{row['case_id']}" if row["case_id"] is not None else f"event:{row['event_id']}",
        "event_id": row["event_id"],
        "title": row["title"],
        "address": row["address"],
        "source": {"zh": title, "en": title_en or row["source"]},
        "occurred_at": at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "distance_m": row["distance_m"],
    }


def _payload(deps: Deps, scope: Scope, asked: ReportIn) -> tuple[dict[str, Any], dict[str, str]]:
    """The report as any other source would send it, nobody named in it; and what is sealed of who called."""
    now = deps.clock.now()
    with deps.store.scoped(SYSTEM) as conn:
        number = near_events.next_number(conn, now.astimezone(deps.settings.tz).date())
    name, phone = asked.caller_name.strip(), asked.caller_phone.strip()
    masks = {"name": mask_name(name), "phone": mask_number(phone)}
    said = {"title": asked.title.strip() or _first_words(asked.text), "content": asked.text, "address": asked.address}
    shown = {k: scrub(v, name, phone) for k, v in said.items()}
    private = {k: v for k, v in {"caller": name, "phone": phone}.items() if v}
    private |= {k: v for k, v in said.items() if v != shown[k]}
    caller = {**{k: v for k, v in masks.items() if v}, **({"sealed": True} if private else {})}
    out: dict[str, Any] = {
        "source": SOURCE,
        "source_id": number,
        "title": shown["title"],
        "description": shown["content"],
        "urgency": asked.urgency,
        "address": shown["address"],
        "occurred_at": now.isoformat(),
        "attributes": {"caller": caller, "taken_by": scope.actor},
    }
    if asked.category is not None:
        out["category"] = asked.category.model_dump()
    if asked.device_id is not None:
        return {**out, **_of_device(deps, scope, asked.device_id)}, private
    place = {k: getattr(asked, k) for k in ("lon", "lat", "crs", "region")}
    return {**out, **{k: v for k, v in place.items() if v is not None}}, private


def _first_words(text: str) -> str:
    """The first sentence, cut where a list can show it."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    for mark in "。！？!?；;":
        line = line.split(mark)[0] or line
    return line.strip()[:TITLE_MAX] or text.strip()[:TITLE_MAX]


def _of_device(deps: Deps, scope: Scope, device_id: int) -> dict[str, Any]:
    with deps.store.reading(scope) as conn:
        found = near_events.device_place(conn, scope, device_id)
    if found is None or found["lon"] is None:
        raise Invalid(reasons=[Reason("device_id", "unknown_device", "没有此点位", "no such device", str(device_id))])
    own = {"device": found["external_id"]} if found["same"] == 1 else {}
    return {"lon": found["lon"], "lat": found["lat"], "crs": "EPSG:4326", "address": found["name"], **own}


def _case(cases: Cases, actor: Actor, done: EventResult, flow: str) -> dict[str, Any]:
    """The case made of the report; the report stays where that is refused, and the answer says why."""
    if not flow:
        return {"case_id": None}
    try:
        opened = cases.open(actor, done.event_id, flow)
    except Conflict as error:  # a repeated request: it is one already
        known = error.context.get("case_id")
        return {"case_id": known} if known is not None else {"case_id": None, "case_error": error.as_dict()}
    except (Invalid, NotFound) as error:
        return {"case_id": None, "case_error": error.as_dict()}
    return {"case_id": opened["case_id"], "case_number": opened["number"]}
