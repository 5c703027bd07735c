"""`/api/v1/alarms`: the list with floods, one alarm with its journal, and what people do with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import flask
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.wrappers import Response

from ioc.alarms.desk import Alarms
from ioc.alarms.life import FALSE_CAUSES, SHELF_MINUTES, STATES
from ioc.alarms.params import PRIORITIES
from ioc.api import Deps, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.cases.work import Actor
from ioc.clock import parse_time
from ioc.errors import Invalid, NotFound, Reason
from ioc.store import alarm_read
from ioc.store.alarm_read import Filter
from ioc.store.regions import Regions

MAX_BODY = 16 * 1024
HOLDS = ("", "any", "shelved", "suppressed", "out_of_service")
FALSE_DAYS = 30
Asked = TypeVar("Asked", bound=BaseModel)
ALARM: dict[str, Any] = {
    "type": "object",
    "description": "the record of docs/alarms.md; key alarm:12 or alarm_group:3",
    "required": ["key", "type", "version", "priority", "state", "title"],
    "properties": {
        "key": {"type": "string"},
        "type": {"enum": ["alarm", "alarm_group"]},
        "version": {"type": "integer"},
        "priority": {"enum": list(PRIORITIES)},
        "state": {"enum": list(STATES)},
        "title": {"type": "object", "properties": {"zh": {"type": "string"}, "en": {"type": "string"}}},
    },
}
LIST: dict[str, Any] = {
    "type": "object",
    "required": ["v", "now", "rows", "total", "counts"],
    "properties": {
        "rows": {"type": "array", "items": ALARM},
        "total": {"type": "integer", "description": "alarms that stand alone, on all pages"},
        "next": {"type": ["integer", "null"], "description": "offset of the next page"},
        "counts": {"type": "object"},
    },
}
ACTED = {404: "Not there, or outside the scope", 409: "Somebody was first, or not possible now", 422: "Refused"}


class VersionIn(BaseModel):
    """`version` of the alarm the asker saw; an alarm that has changed since is not touched (409)."""

    model_config = ConfigDict(extra="forbid")
    version: int | None = Field(default=None, ge=1)


class ShelveIn(VersionIn):
    """15, 30 or 60 minutes are offered, four hours the most."""

    minutes: int = Field(ge=1, le=240, examples=list(SHELF_MINUTES))
    reason: str = Field(min_length=1, max_length=500)


class ReasonIn(VersionIn):
    """Why."""

    reason: str = Field(min_length=1, max_length=500)


class FalseIn(VersionIn):
    """误报 with its cause."""

    cause: str = Field(description=", ".join(FALSE_CAUSES), max_length=40)
    note: str = Field(default="", max_length=500)


class CaseIn(BaseModel):
    """The flow of the case: grid, hotline or urban."""

    model_config = ConfigDict(extra="forbid")
    flow: str = Field(default="grid", min_length=1, max_length=40)


class EmptyIn(BaseModel):
    """Nothing."""

    model_config = ConfigDict(extra="forbid")


def register(server: flask.Flask, deps: Deps) -> None:
    alarms = Alarms(deps.store, deps.clock, deps.settings.tz, deps.settings.area_buffer_m)
    bp = flask.Blueprint("alarms", __name__)
    _reading(bp, deps)
    _acting(bp, alarms)
    server.register_blueprint(bp)


def _reading(bp: flask.Blueprint, deps: Deps) -> None:
    @bp.get("/api/v1/alarms")
    @doc(
        "Alarms in the order of the desk; a flood is one row",
        query={
            "region": "region code",
            "state": "unack,acked,rtn_unack; several with commas",
            "priority": "urgent,high,medium,low",
            "rule": "keys of rules",
            "category": "water,rain,gas,fire ...",
            "device": "device id: its alarms, also those of floods",
            "group": "id of a flood: its alarms",
            "case": "case id",
            "hold": "shelved, suppressed, out_of_service or any; none: what is not held",
            "only": "chattering or stale",
            "ended": "1: alarms that are over, newest last raised first",
            "since": "first raised at or after",
            "until": "first raised before",
            "limit": "rows (200, at most 500)",
            "offset": "from the last answer's next",
        },
        returns=LIST,
        permission="alarm.view",
    )
    def listed() -> Response:
        scope = require("alarm.view")
        now, limit = deps.clock.now(), _read.whole("limit", 1, alarm_read.LIMIT_MAX, 200)
        offset = _read.whole("offset", 0, 1_000_000, 0)
        inside = Regions.of(deps.store).ids(scope, _read.text("region"))
        asked = _filter(deps, inside)
        with deps.store.reading(scope) as conn:
            rows, total = alarm_read.listed(conn, scope, asked, now, limit, offset)
            counts = alarm_read.counts(conn, scope, inside, now)
        following = offset + limit if offset + limit < total else None
        body = {"v": 1, "now": now, "rows": rows, "total": total, "next": following, "counts": counts}
        return flask.jsonify(body)

    @bp.get("/api/v1/alarms/false")
    @doc(
        "False alarms counted per rule and device, the most first",
        query={"days": f"how far back ({FALSE_DAYS})"},
        returns={"type": "object"},
        permission="alarm.view",
    )
    def false() -> Response:
        scope = require("alarm.view")
        since = deps.clock.now() - dt.timedelta(days=_read.whole("days", 1, 1095, FALSE_DAYS))
        with deps.store.reading(scope) as conn:
            return flask.jsonify({"since": since, "rows": alarm_read.false_alarms(conn, scope, since)})

    @bp.get("/api/v1/alarms/<int:alarm_id>")
    @doc(
        "One alarm with its journal",
        returns=ALARM,
        statuses={404: "Not there, or outside the scope"},
        permission="alarm.view",
    )
    def detail(alarm_id: int) -> Response:
        scope = require("alarm.view")
        with deps.store.reading(scope) as conn:
            found = alarm_read.detail(conn, scope, alarm_id, deps.clock.now())
        if found is None:
            raise NotFound(f"告警 {alarm_id}", f"alarm {alarm_id}")
        return flask.jsonify(found)


def _acting(bp: flask.Blueprint, alarms: Alarms) -> None:
    def route(path: str, summary: str, body: type[BaseModel], permission: str) -> Any:
        def mark(view: Any) -> Any:
            view = doc(summary, body=body, returns=ALARM, statuses=ACTED, permission=permission)(view)
            return bp.post(f"/api/v1/alarms/<int:alarm_id>/{path}")(view)

        return mark

    @route("ack", "Acknowledge an alarm, for all seats and by name", VersionIn, "alarm.ack")
    def ack(alarm_id: int) -> Response:
        asked = _body(VersionIn)
        return flask.jsonify(alarms.acknowledge(_actor("alarm.ack"), alarm_id, asked.version))

    @route("shelve", "Shelve an alarm for a time; never an urgent one", ShelveIn, "alarm.shelve")
    def shelve(alarm_id: int) -> Response:
        asked = _body(ShelveIn)
        actor = _actor("alarm.shelve")
        return flask.jsonify(alarms.shelve(actor, alarm_id, asked.minutes, asked.reason, asked.version))

    @route("unshelve", "Take an alarm from the shelf", VersionIn, "alarm.shelve")
    def unshelve(alarm_id: int) -> Response:
        asked = _body(VersionIn)
        return flask.jsonify(alarms.unshelve(_actor("alarm.shelve"), alarm_id, asked.version))

    @route("false_alarm", "Call an alarm false, with the cause", FalseIn, "alarm.ack")
    def false_alarm(alarm_id: int) -> Response:
        asked = _body(FalseIn)
        actor = _actor("alarm.ack")
        return flask.jsonify(alarms.false_alarm(actor, alarm_id, asked.cause, asked.note, asked.version))

    @route("out_of_service", "Take a rule on this datastream out of service", ReasonIn, "alarm.service")
    def out_of_service(alarm_id: int) -> Response:
        asked = _body(ReasonIn)
        return flask.jsonify(alarms.out_of_service(_actor("alarm.service"), alarm_id, asked.reason, asked.version))

    @route("in_service", "Put a rule on this datastream back into service", VersionIn, "alarm.service")
    def in_service(alarm_id: int) -> Response:
        asked = _body(VersionIn)
        return flask.jsonify(alarms.in_service(_actor("alarm.service"), alarm_id, asked.version))

    @route("case", "Take an alarm up as a report and a case, which name it", CaseIn, "case.accept")
    def case(alarm_id: int) -> Response:
        asked = _body(CaseIn)
        return flask.jsonify(alarms.take_up(_actor("case.accept"), alarm_id, asked.flow))

    @bp.post("/api/v1/alarm-groups/<int:group_id>/ack")
    @doc(
        "Acknowledge every alarm of a flood that the asker sees",
        body=EmptyIn,
        returns={"type": "object", "properties": {"acknowledged": {"type": "integer"}}},
        statuses={404: "Not there, or outside the scope"},
        permission="alarm.ack",
    )
    def ack_group(group_id: int) -> Response:
        _body(EmptyIn)
        return flask.jsonify({"acknowledged": alarms.acknowledge_group(_actor("alarm.ack"), group_id)})


# ---------------------------------------------------------------- reading what was asked


def _actor(permission: str) -> Actor:
    require(permission)
    identity = current_identity()
    return Actor(identity.scope, identity.name)


def _filter(deps: Deps, inside: tuple[int, ...] | None) -> Filter:
    reasons: list[Reason] = []

    def words(name: str, allowed: tuple[str, ...] = ()) -> tuple[str, ...]:
        found = tuple(w.strip() for w in _read.text(name).split(",") if w.strip())[:50]
        bad = [w for w in found if (allowed and w not in allowed) or "\x00" in w]
        if bad:
            listed = ", ".join(allowed)
            reasons.append(Reason(name, "bad_choice", f"应为 {listed}", f"must be {listed}", ",".join(bad)[:120]))
        return found

    def one(name: str, allowed: tuple[str, ...]) -> str:
        found = words(name, allowed)
        return found[0] if found else ""

    def number(name: str) -> int | None:
        return _read.whole(name, 1, 2**53, 0) or None if _read.text(name) else None

    def time(name: str) -> dt.datetime | None:
        text = _read.text(name)
        try:
            return parse_time(text, deps.settings.tz) if text else None
        except (ValueError, OverflowError, OSError):
            reasons.append(Reason(name, "bad_time", "不是有效的时间", "not a valid time", text[:120]))
            return None

    asked = Filter(
        states=words("state", tuple(STATES)),
        priorities=words("priority", PRIORITIES),
        rules=words("rule"),
        categories=words("category"),
        region_ids=inside,
        device_id=number("device"),
        group_id=number("group"),
        case_id=number("case"),
        hold=one("hold", HOLDS[1:]),
        only=cast("alarm_read.Only", one("only", ("chattering", "stale"))),
        ended=_read.text("ended") in ("1", "true"),
        since=time("since"),
        until=time("until"),
    )
    if reasons:
        raise Invalid(reasons=reasons)
    return asked


def _body(model: type[Asked]) -> Asked:
    request = flask.request
    given: dict[str, Any] = _read.json_object(MAX_BODY) if request.content_length else {}
    nul = [n for n, v in given.items() if isinstance(v, str) and "\x00" in v]
    if nul:
        raise Invalid(reasons=[Reason(n, "bad_text", "应为文字", "must be text") for n in nul])
    try:
        return model.model_validate(given)
    except ValidationError as e:
        raise Invalid(reasons=[_reason(f) for f in e.errors(include_url=False)]) from e


def _reason(fault: Mapping[str, Any]) -> Reason:
    where = ".".join(map(str, fault["loc"]))
    return Reason(where, str(fault["type"]), "格式不对", str(fault["msg"]), str(fault["input"])[:120])
