"""`/api/v1/incidents`: opening an incident, acting on it, its record now or as it was known, its timeline."""

from __future__ import annotations

import datetime as dt
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.alarms.desk import Alarms
from ioc.api import Deps, _body, _once, _read, reports
from ioc.api.auth import current_identity, require, require_session
from ioc.api.cases import actor
from ioc.api.openapi import doc
from ioc.clock import parse_time
from ioc.command import gather, life, orders, record, reporting, shapes
from ioc.command import marks as mark_rules
from ioc.command.opening import Wish
from ioc.command.work import Incidents
from ioc.errors import Conflict, Invalid, Reason
from ioc.intake.reasons import reason
from ioc.scope import Scope
from ioc.store import incidents as store
from ioc.store.incidents import Wanted
from ioc.store.regions import Regions

MAX_BODY = 1024 * 1024
MAX_LIMIT = 500
TEXT = r"^[^\x00]*$"
KINDS = ("case", "event", "alarm", "warning", "phone", "hand")
NO = {404: "No such incident, or outside the scope", 409: "Against its state, or somebody was first",
      422: "Refused, with the reasons of every field"}  # fmt: skip
HEADER: dict[str, Any] = {
    "type": "object",
    "required": ["key", "case_id", "number", "title", "version", "exercise", "stage", "stages", "may"],
    "properties": {
        "key": {"type": "string", "description": "incident:ID"},
        "case_id": {"type": "integer"},
        "version": {"type": "integer", "description": "give it with an act that changes level, response or stage"},
        "exercise": {"type": "boolean", "description": "演练: nothing of it is sent or counted"},
        "stage": {"enum": list(life.STAGES)},
        "stages": {"type": "array", "items": {"type": "object"}},
        "level": {"type": ["object", "null"]},
        "response": {"type": ["object", "null"]},
        "response_asked": {"type": ["object", "null"]},
        "report_due": {"type": ["object", "null"]},
        "tasks": {"type": "object"},
        "posts": {"type": "array", "items": {"type": "object"}},
        "may": {"type": "array", "items": {"type": "object"}, "description": "acts the asker may do now"},
    },
}
LIST: dict[str, Any] = {
    "type": "object",
    "required": ["total", "incidents"],
    "properties": {"total": {"type": "integer"}, "incidents": {"type": "array", "items": HEADER}},
}
TIMELINE: dict[str, Any] = {
    "type": "object",
    "required": ["entries", "next"],
    "properties": {"entries": {"type": "array", "items": {"type": "object"}}, "next": {"type": ["integer", "null"]}},
}


class OriginIn(BaseModel):
    """Where it comes from. `id` of the case, report, alarm or warning; none by telephone or by hand."""

    model_config = ConfigDict(extra="forbid")
    kind: str = Field(default="hand", description=", ".join(KINDS), max_length=20)
    id: int = Field(default=0, ge=0, le=2**62)


class PlaceIn(BaseModel):
    """Coordinates in a declared system; they are converted, and kept as they were given."""

    model_config = ConfigDict(extra="forbid")
    lon: float
    lat: float
    crs: str = Field(max_length=40, description="EPSG:4490, EPSG:4326, EPSG:4546 ..., GCJ-02, BD-09")


class IncidentIn(BaseModel):
    """An incident to open. What is left out is taken from the origin."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    origin: OriginIn = Field(default_factory=OriginIn)
    title: str = Field(default="", max_length=190, pattern=TEXT)
    description: str = Field(default="", max_length=4000, pattern=TEXT)
    cls: int | None = Field(
        default=None, ge=1, le=4, alias="class", description="1-4: 自然灾害 事故灾难 公共卫生 社会安全"
    )
    type: str = Field(default="", max_length=20, pattern=TEXT, description="code or word of GB/T 35561")
    level: int | None = Field(default=None, ge=1, le=4, description="初判 Ⅰ–Ⅳ")
    reason: str = Field(default="", max_length=2000, pattern=TEXT, description="of the level")
    urgency: str = Field(default="", pattern="^(|routine|urgent|critical)$")
    exercise: bool = Field(default=False, description="演练; stays for ever")
    address: str = Field(default="", max_length=500, pattern=TEXT)
    place: PlaceIn | None = None
    area: dict[str, Any] | None = Field(default=None, description="GeoJSON Polygon or MultiPolygon, EPSG:4490")
    caller_name: str = Field(default="", max_length=60, pattern=TEXT, description="telephone: sealed")
    caller_phone: str = Field(default="", max_length=40, pattern=TEXT, description="telephone: sealed")


class ActIn(BaseModel):
    """One act, the version of the incident the asker saw, and what the act needs."""

    model_config = ConfigDict(extra="forbid")
    act: str = Field(min_length=1, max_length=40)
    version: int | None = Field(default=None, ge=0, description="needed by acts on level, response and stage")
    given: dict[str, Any] = Field(default_factory=dict[str, Any])


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("incidents", __name__)
    work = use(deps)

    @bp.post("/api/v1/incidents")
    @doc("Open an incident from a case, report, alarm, warning, telephone call, or by hand", body=IncidentIn,
         returns={"type": "object", "properties": {"incident_id": {"type": "integer"}, "number": {"type": "string"},
                                                   "incident": HEADER}},
         statuses={201: "Opened", **NO, 409: "Opened from this origin before: the answer names it"},
         permission="incident.open")  # fmt: skip
    def opened() -> tuple[Response, int]:
        require("incident.open")
        asked = _body.sized(IncidentIn, MAX_BODY)
        if asked.origin.kind not in KINDS:
            raise Invalid(reasons=[reason("origin.kind", "bad_choice", asked.origin.kind, choices=", ".join(KINDS))])
        return flask.jsonify(_open(deps, work, asked)), 201

    @bp.get("/api/v1/incidents")
    @doc("Incidents the asker sees: open ones by level, then those that are over", returns=LIST, query={
        "state": "open (default), ended, all", "class": "1-4, several by commas", "level": "1-4, several by commas",
        "exercise": "0 without exercises (default), 1 only them, all", "region": "12-digit or zone code",
        "origin": "case:1, event:2, alarm's event, warning:4", "limit": f"1-{MAX_LIMIT}, default 100",
    }, permission="case.view")  # fmt: skip
    def listed() -> Response:
        return _read.tagged(work.listed(require("case.view"), _wanted(deps)))

    @bp.get("/api/v1/incidents/vocabulary")
    @doc("Classes, types with their confidence, stages, acts, kinds of marks, states, terms of reports",
         returns={"type": "object"}, permission="case.view")  # fmt: skip
    def words() -> Response:
        return _read.tagged(_vocabulary(deps, require("case.view")))

    @bp.get("/api/v1/incidents/<int:case_id>")
    @doc("An incident: everything its header shows", returns=HEADER, statuses=NO,
         query={"at": "ISO 8601: as it was known then"}, permission="case.view")  # fmt: skip
    def one(case_id: int) -> Response:
        return flask.jsonify(work.one(require("case.view"), case_id, moment(deps, "at")))

    @bp.post("/api/v1/incidents/<int:case_id>/acts")
    @doc("Do one of the acts the record offers under `may`", body=ActIn, statuses=NO, permission="case.view",
         returns={"type": "object", "properties": {"no": {"type": "integer"}, "incident": HEADER}})  # fmt: skip
    def act(case_id: int) -> Response:
        require("case.view")
        asked = _body.sized(ActIn, MAX_BODY)
        act_ = life.act_of(asked.act)
        if act_.staled and asked.version is None:
            zh, en = "须给出所见版本", "give the version you saw"
            raise Invalid(reasons=[Reason("version", "missing", zh, en)])
        return flask.jsonify(work.act(actor(), case_id, asked.act, asked.given, asked.version, _once.asked()))

    @bp.get("/api/v1/incidents/<int:case_id>/timeline")
    @doc("The timeline, newest first; after `since` oldest first", returns=TIMELINE, statuses=NO, query={
        "since": "number of the last entry known: those after it, oldest first",
        "before": "number of an entry: those before it", "key": "1: only what matters (只看关键)",
        "at": "ISO 8601: as it was known then", "limit": f"1-{MAX_LIMIT}, default 200",
    }, permission="case.view")  # fmt: skip
    def timeline(case_id: int) -> Response:
        scope = require("case.view")
        before = _read.whole("before", 0, 2**31 - 1, 0)
        return flask.jsonify(work.timeline(
            scope, case_id, since=_read.whole("since", 0, 2**31 - 1, 0), before=before or None,
            key=_read.text("key") == "1", at=moment(deps, "at"), limit=_read.whole("limit", 1, MAX_LIMIT, 200),
        ))  # fmt: skip

    server.register_blueprint(bp)


def use(deps: Deps) -> Incidents:
    return Incidents(deps.store, deps.clock, deps.settings.area_buffer_m, deps.settings.tz)


def moment(deps: Deps, name: str) -> dt.datetime | None:
    """A time of the query; an unescaped + of an offset arrives as a space. Raises Invalid."""
    raw = _read.text(name)
    if not raw:
        return None
    try:
        return parse_time(raw.replace(" ", "+"), deps.settings.tz)
    except (ValueError, OverflowError, OSError):
        raise Invalid(reasons=[reason(name, "bad_time", raw[:120])]) from None


# ------------------------------------------------------------ parts


def _open(deps: Deps, work: Incidents, asked: IncidentIn) -> dict[str, Any]:
    who, once, kind, ref = actor(), _once.asked(), asked.origin.kind, asked.origin.id
    if kind == "phone" and not asked.exercise:
        kind, ref = "event", _taken_down(deps, asked)
    alarm = ref if kind == "alarm" else 0
    desk = Alarms(deps.store, deps.clock, deps.settings.tz, deps.settings.area_buffer_m)
    if alarm:
        kind, ref = desk.origin(who, alarm)
    wish = Wish(
        kind, ref, asked.title.strip(), asked.description.strip(), asked.cls, asked.type.strip(), asked.level,
        asked.reason.strip(), asked.exercise, asked.urgency, asked.address.strip(),
        asked.place.model_dump() if asked.place else None,
        shapes.text(shapes.area("area", asked.area)) if asked.area is not None else None,
        told_by="alarm" if alarm else asked.origin.kind,
    )  # fmt: skip
    answer = work.open(who, wish, once)
    if alarm and not asked.exercise:
        desk.raised(who, alarm, ref if kind == "event" else None, answer["incident_id"], answer["number"])
    return answer


def _taken_down(deps: Deps, asked: IncidentIn) -> int:
    """接报登记: the call is a report, its caller sealed, like any other. Sent again it is the same report."""
    require_session()
    require("event.write")
    if asked.place is None:
        zh, en = "须给出位置：地图点、地址命中或坐标", "a place is needed: a point, an address found, or coordinates"
        raise Invalid(reasons=[Reason("place", "missing", zh, en)])
    text = asked.description.strip() or asked.title.strip()
    if not text:
        raise Invalid(reasons=[Reason("description", "missing", "必填", "is required")])
    said = reports.ReportIn(
        text=text, title=asked.title.strip(), urgency=asked.urgency or "critical", caller_name=asked.caller_name,
        caller_phone=asked.caller_phone, address=asked.address, **asked.place.model_dump(),
    )  # fmt: skip
    key = flask.request.headers.get(_once.HEADER, "")
    identity = current_identity()
    own = _once.of(f"{key[:120]}:report", identity.scope.actor, "POST incident report", said.model_dump_json().encode())
    return reports.take_down(deps, identity, said, own if key else None).event_id


def _wanted(deps: Deps) -> Wanted:
    state = _read.text("state", "open")
    if state not in ("open", "ended", "all"):
        raise Invalid(reasons=[reason("state", "bad_choice", state, choices="open, ended, all")])
    exercise = {"0": False, "1": True, "all": None}.get(_read.text("exercise", "0"), False)
    ids = Regions.of(deps.store).ids(require("case.view"), _read.text("region"))
    return Wanted(state, _levels("class"), _levels("level"), exercise, None if ids is None else tuple(ids),
                  _read.text("origin"), _read.whole("limit", 1, MAX_LIMIT, 100))  # fmt: skip


def _levels(name: str) -> tuple[int, ...]:
    raw = _read.text(name)
    parts = [p for p in raw.split(",") if p]
    if any(p not in ("1", "2", "3", "4") for p in parts):
        raise Invalid(reasons=[reason(name, "bad_choice", raw[:40], choices="1, 2, 3, 4")])
    return tuple(int(p) for p in parts)


def _vocabulary(deps: Deps, scope: Scope) -> dict[str, Any]:
    with deps.store.reading(scope) as conn:
        types = store.types(conn)
        table, edition = gather.terms(conn)
    said = [{"code": t["code"], "zh": t["zh"], "en": t["en"], "confidence": t["confidence"],
             "class": store.CLASS_OF_CODE.get(t["code"][:2])} for t in types]  # fmt: skip
    return {
        "classes": [{"code": c, "zh": t.zh, "en": t.en} for c, t in record.CLASSES.items()],
        "types": said,
        "levels": [{"code": n, "roman": r} for n, r in life.ROMAN.items()],
        "acts": [{"act": a.key, "zh": a.title.zh, "en": a.title.en, "needs": list(a.needs), "may": list(a.may),
                  "right": a.right, "at": list(a.at)} for a in life.ACTS.values()],
        "receipts": [{"step": r.key, "zh": r.title.zh, "en": r.title.en, "needs": list(r.needs), "may": list(r.may)}
                     for r in orders.RECEIPTS.values()],
        "task_states": {k: {"zh": t.zh, "en": t.en} for k, t in orders.STATES.items()},
        "report_kinds": {k: {"zh": t.zh, "en": t.en} for k, t in reporting.KINDS.items()},
        "marks": [{"kind": k, "zh": t.zh, "en": t.en} for k, t in mark_rules.KINDS.items()],
        "report_terms": {"own": edition is not None, "document": edition["document"] if edition else "",
                         "rows": [t.as_dict() for t in table]},
    }  # fmt: skip


__all__ = ["HEADER", "MAX_BODY", "NO", "Conflict", "moment", "register", "use"]
