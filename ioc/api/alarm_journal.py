"""`/api/v1/alarms/journal`: the whole journal; `/api/v1/alarms/sound`: a seat muted, or switched its sound."""

from __future__ import annotations

import datetime as dt
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.wrappers import Response

from ioc.alarms.record import ENTRIES
from ioc.api import Deps, _read
from ioc.api.auth import current_identity, require
from ioc.api.openapi import doc
from ioc.clock import parse_time
from ioc.errors import Invalid, Reason
from ioc.scope import SYSTEM
from ioc.store import alarm_journal
from ioc.store.alarm_journal import LIMIT_MAX, SOUND, Wanted
from ioc.store.regions import Regions
from ioc.store.retry import retried

MAX_BODY = 4 * 1024
MUTE_MAX_S = 120  # what the desk's sound allows (core/alarm_sound.ts)
# A line that waited in a browser without network keeps its own time, when that is believable.
LATE_MAX, AHEAD_MAX = dt.timedelta(days=1), dt.timedelta(minutes=2)
JOURNAL: dict[str, Any] = {
    "type": "object",
    "required": ["v", "now", "rows", "next"],
    "properties": {
        "rows": {"type": "array", "items": {"type": "object", "required": ["id", "entry", "text", "at", "by", "said"]}},
        "next": {"type": ["integer", "null"], "description": "`before` of the next page"},
    },
}


class SoundIn(BaseModel):
    """`seat`: the workplace's own name, as set on it. `at`: when it was done, where that was not now."""

    model_config = ConfigDict(extra="forbid")
    entry: str = Field(description=", ".join(SOUND), max_length=20)
    seat: str = Field(default="", max_length=40)
    seconds: int | None = Field(default=None, ge=1, le=MUTE_MAX_S)
    at: str = Field(default="", max_length=40)


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("alarm_journal", __name__)

    @bp.get("/api/v1/alarms/journal")
    @doc(
        "The journal of all alarms, newest first, with who muted which seat",
        query={
            "region": "region code",
            "entry": f"{', '.join(ENTRIES)}; several with commas",
            "since": "written at or after",
            "until": "written before",
            "before": "lines older than this id",
            "limit": f"lines (200, at most {LIMIT_MAX})",
        },
        returns=JOURNAL,
        permission="alarm.view",
    )
    def journal() -> Response:
        scope = require("alarm.view")
        limit = _read.whole("limit", 1, LIMIT_MAX, 200)
        wanted = _wanted(deps, Regions.of(deps.store).ids(scope, _read.text("region")))
        with deps.store.reading(scope) as conn:
            rows = alarm_journal.listed(conn, scope, wanted, limit)
        following = rows[-1]["id"] if len(rows) == limit else None
        return flask.jsonify({"v": 1, "now": deps.clock.now(), "rows": rows, "next": following})

    @bp.post("/api/v1/alarms/sound")
    @doc(
        "A seat muted its alarms, or switched their sound: a line of the journal",
        body=SoundIn,
        returns={"type": "object", "properties": {"journal_id": {"type": "integer"}}},
        statuses={422: "Refused"},
        permission="alarm.view",
    )
    def sound() -> Response:
        scope = require("alarm.view")
        asked, now = _body(), deps.clock.now()
        at = _at(deps, asked.at, now)
        given = {"seat": asked.seat.strip(), "address": flask.request.remote_addr or "", "seconds": asked.seconds}
        kept = {k: v for k, v in given.items() if v not in (None, "")}

        def write() -> int:
            with deps.store.scoped(SYSTEM) as conn:
                return alarm_journal.put_sound(conn, scope, asked.entry, current_identity().name, kept, at, now)

        return flask.jsonify({"journal_id": retried(write)})

    server.register_blueprint(bp)


def _wanted(deps: Deps, inside: tuple[int, ...] | None) -> Wanted:
    entries = tuple(w.strip() for w in _read.text("entry").split(",") if w.strip())[:50]
    reasons = [_choice("entry", e, tuple(ENTRIES)) for e in entries if e not in ENTRIES]
    times: dict[str, dt.datetime | None] = {}
    for name in ("since", "until"):
        text = _read.text(name)
        try:
            times[name] = parse_time(text, deps.settings.tz) if text else None
        except (ValueError, OverflowError, OSError):
            reasons.append(Reason(name, "bad_time", "不是有效的时间", "not a valid time", text[:120]))
    if reasons:
        raise Invalid(reasons=reasons)
    before = _read.whole("before", 1, 2**53, 0) or None if _read.text("before") else None
    return Wanted(entries, inside, times["since"], times["until"], before)


def _choice(name: str, given: str, allowed: tuple[str, ...]) -> Reason:
    listed = ", ".join(allowed)
    return Reason(name, "bad_choice", f"应为 {listed}", f"must be one of {listed}", given[:120])


def _at(deps: Deps, text: str, now: dt.datetime) -> dt.datetime:
    if not text:
        return now
    try:
        at = parse_time(text, deps.settings.tz)
    except (ValueError, OverflowError, OSError):
        raise Invalid(reasons=[Reason("at", "bad_time", "不是有效的时间", "not a valid time", text[:120])]) from None
    if not now - LATE_MAX <= at <= now + AHEAD_MAX:
        raise Invalid(reasons=[Reason("at", "bad_time", "须在一天之内", "must be within the last day", text[:120])])
    return min(at, now)


def _body() -> SoundIn:
    given: dict[str, Any] = _read.json_object(MAX_BODY)
    try:
        asked = SoundIn.model_validate(given)
    except ValidationError as e:
        faults = e.errors(include_url=False)
        raise Invalid(
            reasons=[
                Reason(".".join(map(str, f["loc"])), str(f["type"]), "格式不对", str(f["msg"]), str(f["input"])[:120])
                for f in faults
            ]
        ) from e
    if asked.entry not in SOUND:
        raise Invalid(reasons=[_choice("entry", asked.entry, SOUND)])
    if "\x00" in asked.seat:
        raise Invalid(reasons=[Reason("seat", "bad_text", "应为文字", "must be text")])
    return asked
