"""`/api/v1/cases/{id}/merge`, `/unmerge`, `/duplicates`, `/incident` and `/api/v1/events/duplicates`."""

from __future__ import annotations

import datetime as dt
from typing import Any

import flask
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ioc import geo
from ioc.api import Deps, _read
from ioc.api.auth import require
from ioc.api.cases import MAX_BODY, STATE, actor, body
from ioc.api.openapi import doc
from ioc.cases import merging, raising
from ioc.cases.work import Cases
from ioc.clock import parse_time
from ioc.errors import Invalid, Reason
from ioc.intake.reasons import reason
from ioc.intake.vocabulary import Vocabulary
from ioc.scope import SYSTEM
from ioc.store import dictionaries
from ioc.store.merges import Probe

CANDIDATE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "key": {"type": "string"},
        "number": {"type": "string"},
        "title": {"type": "string"},
        "distance_m": {"type": ["number", "null"]},
        "score": {"type": "number", "description": "0-1"},
        "parts": {"type": "object", "description": "category, space, time, text: 0-1 before weighing"},
        "verdict": {"enum": ["certain", "hint"]},
    },
}
LIKE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "joined": {"type": "array", "items": {"type": "object"}},
        "candidates": {"type": "array", "items": CANDIDATE},
    },
}
QUERY = {
    "lon": "x: longitude, or easting for a projected crs",
    "lat": "y",
    "crs": "of lon/lat: EPSG:4490, EPSG:4326, EPSG:4546, GCJ-02, BD-09; needed with them",
    "category": "code or word of a category table; `gbt30428:0110` names the table too",
    "text": "title as far as it is typed, at most 200 characters",
    "address": "at most 500 characters",
    "time": "ISO 8601 or epoch ms; default now",
}


class OtherIn(BaseModel):
    """One other record: a case or a report."""

    model_config = ConfigDict(extra="forbid")
    case_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    event_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    text: str = Field(default="", max_length=1000, pattern=r"^[^\x00]*$")

    @model_validator(mode="after")
    def one(self) -> OtherIn:
        if (self.case_id is None) == (self.event_id is None):
            raise ValueError("give case_id or event_id")
        return self

    @property
    def other(self) -> tuple[str, int]:
        return ("case", self.case_id) if self.case_id is not None else ("event", self.event_id or 0)


class IncidentIn(BaseModel):
    """初判级别 of the incident a case is raised to."""

    model_config = ConfigDict(extra="forbid")
    level: int = Field(ge=1, le=4, description="1-4: Ⅰ–Ⅳ, initial")
    text: str = Field(default="", max_length=2000, pattern=r"^[^\x00]*$")


def register(server: flask.Flask, deps: Deps) -> None:
    cases = Cases(deps.store, deps.clock, deps.settings.area_buffer_m, deps.settings.tz)

    @server.get("/api/v1/cases/<int:case_id>/duplicates")
    @doc("What may be the same as a case, and what has been joined to it", returns=LIKE, permission="case.view")
    def like_case(case_id: int) -> flask.Response:
        require("case.view")
        return flask.jsonify(merging.like_case(cases, actor(), case_id))

    @server.get("/api/v1/events/duplicates")
    @doc(
        "Open cases and reports that may be the same as one being typed",
        query=QUERY,
        returns=LIKE,
        statuses={422: "Refused, with the reasons"},
        permission="case.view",
    )
    def like_report() -> flask.Response:
        require("case.view")
        return flask.jsonify({"candidates": merging.like_report(cases, actor(), _probe(deps))})

    @server.post("/api/v1/cases/<int:case_id>/merge")
    @doc(
        "A case or a report becomes part of this case, whose number and deadlines stay",
        body=OtherIn,
        returns=STATE,
        statuses={409: "Over, or part of a case already", 422: "Refused, with the reasons"},
        permission=merging.RIGHT,
    )
    def merge(case_id: int) -> flask.Response:
        require(merging.RIGHT)
        asked = body(OtherIn, MAX_BODY)
        return flask.jsonify(merging.merge(cases, actor(), case_id, *asked.other, asked.text))

    @server.post("/api/v1/cases/<int:case_id>/unmerge")
    @doc(
        "Take a merger back",
        body=OtherIn,
        returns=STATE,
        statuses={409: "Is not part of this case", 422: "Refused, with the reasons"},
        permission=merging.RIGHT,
    )
    def unmerge(case_id: int) -> flask.Response:
        require(merging.RIGHT)
        asked = body(OtherIn, MAX_BODY)
        return flask.jsonify(merging.unmerge(cases, actor(), case_id, *asked.other, asked.text))

    @server.post("/api/v1/cases/<int:case_id>/incident")
    @doc(
        "Raise a case to an incident; both records name each other",
        body=IncidentIn,
        returns={"type": "object", "properties": {"incident_id": {"type": "integer"}, "number": {"type": "string"}}},
        statuses={201: "Raised", 409: "Raised before, or over", 422: "Refused, with the reasons"},
        permission="case.dispatch",
    )
    def incident(case_id: int) -> tuple[flask.Response, int]:
        require("case.dispatch")
        asked = body(IncidentIn, MAX_BODY)
        return flask.jsonify(raising.raise_incident(cases, actor(), case_id, asked.level, asked.text)), 201


def _probe(deps: Deps) -> Probe:
    reasons: list[Reason] = []
    now = deps.clock.now()
    lon, lat = _place(reasons)
    at = now
    if raw := _read.text("time"):
        try:
            # an unescaped + of an offset arrives as a space
            at = parse_time(raw.replace(" ", "+"), deps.settings.tz)
        except (ValueError, OverflowError, OSError):
            reasons.append(reason("time", "bad_time", raw[:120]))
        else:
            if abs(at - now) > dt.timedelta(days=deps.settings.retention_history_days):
                reasons.append(reason("time", "bad_time", raw[:120]))
    scheme, code = _category(deps, now, reasons)
    texts = {name: _read.text(name) for name in ("text", "address")}
    for name, most in (("text", 200), ("address", 500)):
        if len(texts[name]) > most or "\x00" in texts[name]:
            reasons.append(Reason(name, "too_long", f"至多 {most} 字", f"at most {most} characters", texts[name][:80]))
    if reasons:
        raise Invalid(reasons=reasons)
    return Probe(lon, lat, at, scheme, code, texts["text"], texts["address"])


def _place(reasons: list[Reason]) -> tuple[float | None, float | None]:
    raw = {name: _read.text(name) for name in ("lon", "lat", "crs")}
    if not any(raw.values()):
        return None, None
    try:
        x, y = np.array([float(raw["lon"])]), np.array([float(raw["lat"])])
        lon, lat = geo.to_wgs84(x, y, geo.parse_crs(raw["crs"]))
        if abs(lon[0]) <= 180 and abs(lat[0]) <= 90:
            return float(lon[0]), float(lat[0])
    except ValueError:
        pass
    zh, en = "应同时给出有效的 lon、lat 和 crs", "give valid lon, lat and crs together"
    reasons.append(Reason("lon", "bad_place", zh, en, str(raw)[:120]))
    return None, None


def _category(deps: Deps, now: dt.datetime, reasons: list[Reason]) -> tuple[str, str]:
    word = _read.text("category")
    if not word:
        return "", ""
    with deps.store.reading(SYSTEM) as conn:
        words = Vocabulary(dictionaries.current(conn, now.astimezone(deps.settings.tz).date()))
    scheme, colon, code = word.partition(":")
    if colon:
        table = words.tables.get(f"category.{scheme}")
        entry = table.find(code) if table is not None else None
        found = (scheme, entry.code) if entry is not None else ("", "")
    else:
        found = words.any_category(word)
    if not found[0]:
        reasons.append(reason("category", "unknown_category", word[:80], scheme=scheme if colon else ""))
    return found
