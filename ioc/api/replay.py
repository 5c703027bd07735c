"""`/api/v1/replay`: what the replay bar needs beside the screens themselves, which take `t=`."""

from __future__ import annotations

import datetime as dt
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc import moment
from ioc.api import Deps, _read
from ioc.api._moment import earliest
from ioc.api.auth import current_scope, require_session
from ioc.api.cases import body
from ioc.api.openapi import doc
from ioc.errors import Invalid, NotFound, Reason
from ioc.scope import SYSTEM, Scope
from ioc.services_past import UNRECORDED
from ioc.store import past as pasts
from ioc.store import replay, replay_words
from ioc.store.regions import Regions

RIGHT = "map.view"
BARS, BARS_MAX = 90, 400
SPAN_MAX = dt.timedelta(days=31)
_REGION = "12-digit or zone code; empty: all the asker may see"
_CASE = "of this case alone"
_AT = "the moment: ISO 8601 with its offset"

MAX_BODY = 4 * 1024
MARK: dict[str, Any] = {
    "type": "object",
    "required": ["mark_id", "at", "note"],
    "properties": {"mark_id": {"type": "integer"}, "at": {"type": "string"}, "note": {"type": "string"}},
}
MARKS: dict[str, Any] = {"type": "object", "properties": {"marks": {"type": "array", "items": MARK}}}


class MarkIn(BaseModel):
    """A moment to come back to."""

    model_config = ConfigDict(extra="forbid")
    at: str = Field(min_length=1, max_length=40, description=_AT)
    note: str = Field(default="", max_length=80)


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("replay", __name__)
    regions = Regions.of(deps.store)
    clock = deps.live_clock or deps.clock

    def asker() -> Scope:
        scope = current_scope()
        scope.require(RIGHT)
        return scope

    def when(name: str) -> dt.datetime:
        now = clock.now()
        at = moment.parse(_read.text(name), now, earliest(deps.settings, now))
        if at is None:
            raise Invalid(reasons=[Reason(name, "missing", "缺少时刻", "is missing", "")])
        return at

    def own_case(scope: Scope) -> int:
        return _read.whole("case", 1, 2**53, 0) if scope.can("case.view") else 0

    @bp.get("/api/v1/replay/state")
    @doc(
        "Whether a moment can be shown, since when each kind of record is kept, and what has no record of its past",
        query={"at": _AT},
        returns={"type": "object"},
        permission=RIGHT,
    )
    def state() -> Response:
        asker()
        at, now = when("at"), clock.now()
        with deps.store.reading(SYSTEM) as conn:
            kept = pasts.kept(conn)
        gaps = [{"table": k.table, "since": k.since.isoformat()} for k in kept if k.lost and at < k.since]
        return _read.tagged({
            "at": at.isoformat(), "now": now.isoformat(), "earliest": earliest(deps.settings, now).isoformat(),
            "settled": moment.settled(at, now), "gaps": gaps,
            "unrecorded": [{"key": k, "zh": v.zh, "en": v.en} for k, v in UNRECORDED.items()],
        })  # fmt: skip

    @bp.get("/api/v1/replay/density")
    @doc(
        "Events in equal parts of a period, oldest first",
        query={"from": _AT, "to": _AT, "bars": f"how many parts, up to {BARS_MAX}; {BARS} unless given",
               "region": _REGION, "case": _CASE},
        returns={"type": "object"},
        permission=RIGHT,
    )  # fmt: skip
    def density() -> Response:
        scope, now = asker(), clock.now()
        bars = _read.whole("bars", 2, BARS_MAX, BARS)
        since = when("from")
        # the end may lie ahead: the bar shows some of what is to come, empty
        until = _read_any("to", now)
        if not dt.timedelta(0) < until - since <= SPAN_MAX:
            zh, en = (
                f"时段应在 {SPAN_MAX.days} 天以内",
                f"the period must end after it begins, {SPAN_MAX.days} days at most",
            )
            raise Invalid(reasons=[Reason("to", "bad_period", zh, en, _read.text("to"))])
        ids = regions.ids(scope, _read.text("region"))
        with deps.store.reading(scope) as conn:
            found = replay.density(conn, scope, ids, since, until, bars)
            case = own_case(scope)
            steps = replay.steps_of_case(conn, case, since, until) if case else []
        return _read.tagged({"from": since.isoformat(), "to": until.isoformat(), "bars": found,
                             "steps": [s.isoformat() for s in steps]})  # fmt: skip

    @bp.get("/api/v1/replay/step")
    @doc(
        "When the next change became known, or the one before",
        query={"at": _AT, "to": "next or previous", "region": _REGION, "case": _CASE},
        returns={"type": "object"},
        permission=RIGHT,
    )
    def step() -> Response:
        scope, at, to = asker(), when("at"), _read.text("to", "next")
        if to not in ("next", "previous"):
            raise Invalid(reasons=[Reason("to", "bad_choice", "应为 next 或 previous", "must be next or previous", to)])
        # frames are to the second: the second in which it was known shows it when it is over
        probe = at + dt.timedelta(seconds=1) if to == "next" else at - dt.timedelta(seconds=1)
        ids = regions.ids(scope, _read.text("region"))
        with deps.store.reading(scope) as conn:
            since, ahead, case = probe if to == "previous" else at, to == "next", own_case(scope)
            found = (replay.step_of_case(conn, case, since, forward=ahead) if case
                     else replay.step(conn, scope, ids, since, forward=ahead))  # fmt: skip
        stop = None if found is None else found.replace(microsecond=0) + dt.timedelta(seconds=1)
        live = stop is None or stop > clock.now()
        return _read.tagged({"at": None if live or stop is None else stop.isoformat()})

    @bp.get("/api/v1/replay/corrections")
    @doc(
        "What was said otherwise later of what stood open at a moment, and how many reports came in only afterwards",
        query={"at": _AT, "region": _REGION},
        returns={"type": "object"},
        permission=RIGHT,
    )
    def corrections() -> Response:
        scope, at = asker(), when("at")
        ids = regions.ids(scope, _read.text("region"))
        if deps.past is None:
            raise Invalid(reasons=[Reason("at", "no_past", "没有历史", "there is no past here", "")])
        with deps.past.at(at).scoped(scope) as conn:
            rows, total, late = replay.corrections(conn, scope, ids, at)
        with deps.store.reading(SYSTEM) as conn:
            rows = replay_words.worded(conn, rows)
        told: list[dict[str, Any]] = [{**r, "at": r["at"].isoformat()} for r in rows]
        return _read.tagged({"at": at.isoformat(), "total": total, "late": late, "rows": told})

    def account() -> int:
        scope = require_session().scope
        if scope.account_id is None:
            raise NotFound("账号", "account")
        return scope.account_id

    @bp.get("/api/v1/replay/marks")
    @doc("The signed-in person's bookmarks", returns=MARKS)
    def marks() -> Response:
        who = account()
        with deps.store.scoped(SYSTEM) as conn:
            found = replay.marks(conn, who)
        return _read.tagged({"marks": [{**m, "at": m["at"].isoformat()} for m in found]})

    @bp.post("/api/v1/replay/marks")
    @doc("Keep a moment", body=MarkIn, returns=MARK, statuses={422: "No moment that can be shown"})
    def put() -> Response:
        who, asked, now = account(), body(MarkIn, MAX_BODY), clock.now()
        at = moment.parse(asked.at, now, earliest(deps.settings, now))
        if at is None:
            raise Invalid(reasons=[Reason("at", "missing", "缺少时刻", "is missing", "")])
        with deps.store.scoped(SYSTEM) as conn:
            made = replay.mark(conn, who, at, asked.note.strip(), now)
        return flask.jsonify({"mark_id": made, "at": at.isoformat(), "note": asked.note.strip()})

    @bp.delete("/api/v1/replay/marks/<int:mark_id>")
    @doc("Let go of a bookmark", returns={"type": "object"}, statuses={404: "None of the asker's"})
    def drop(mark_id: int) -> Response:
        who = account()
        with deps.store.scoped(SYSTEM) as conn:
            if not replay.unmark(conn, who, mark_id):
                raise NotFound(f"书签 {mark_id}", f"bookmark {mark_id}")
        return flask.jsonify({"mark_id": mark_id})

    server.register_blueprint(bp)


def _read_any(name: str, default: dt.datetime) -> dt.datetime:
    text = _read.text(name)
    if not text:
        return default
    try:
        at = dt.datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        zh, en = "应为带时区的 ISO 8601 时间", "must be a time of ISO 8601 with its offset"
        raise Invalid(reasons=[Reason(name, "bad_time", zh, en, text)])
    return at.astimezone(dt.UTC)
