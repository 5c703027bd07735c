"""`/api/v1/lower`: what the centres of the level below let us read, with name, age and the state of the link."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import require
from ioc.api.openapi import doc
from ioc.feed.messages import iso
from ioc.freshness import freshness
from ioc.intake.fields import flag
from ioc.intake.reasons import Refuse
from ioc.store import lower
from ioc.store.regions import Regions

LIMIT, LIMIT_MAX = 200, 1000
HEARD = dt.timedelta(minutes=1)  # a centre gives a sign of life in that time


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("lower", __name__)

    @bp.get("/api/v1/lower")
    @doc("Centres of the level below: when they were last read, and what is wrong with the link",
         returns={"type": "object"}, permission="source.view")  # fmt: skip
    def centres() -> Response:
        scope, now = require("source.view"), deps.clock.now()
        with deps.store.reading(scope) as conn:
            found = lower.centres(conn)
        return flask.jsonify({"centres": [_centre(r, now) for r in found]})

    @bp.get("/api/v1/lower/records")
    @doc(
        "Their cases and reports, as they gave them",
        query={
            "centre": "key of one centre; empty: all",
            "region": "12-digit or zone code, with everything inside it",
            "closed": "1: with those that are closed",
            "after": "`next` of the page before",
            "limit": f"rows, up to {LIMIT_MAX}; {LIMIT} unless given",
        },
        returns={"type": "object"},
        permission="case.view",
    )
    def records() -> Response:
        scope, now = require("case.view"), deps.clock.now()
        limit, ids = _read.whole("limit", 1, LIMIT_MAX, LIMIT), Regions.of(deps.store).ids(scope, _read.text("region"))
        with deps.store.reading(scope) as conn:
            found = lower.records(conn, scope, centre=_word("centre"), closed=_closed(), region_ids=ids,
                                  limit=limit + 1, after=_word("after"))  # fmt: skip
        rows = [_aged(r, now, scope.can("event.view")) for r in found[:limit]]
        last = f"{found[limit - 1]['centre_key']}/{found[limit - 1]['key']}" if len(found) > limit else None
        return flask.jsonify({"now": iso(now), "rows": [r for r in rows if r is not None], "next": last})

    @bp.get("/api/v1/lower/indicators")
    @doc(
        "Their numbers for their region and those directly below it",
        query={"centre": "key of one centre; empty: all", "region": "12-digit code, exactly"},
        returns={"type": "object"},
        permission="indicator.view",
    )
    def indicators() -> Response:
        scope, now = require("indicator.view"), deps.clock.now()
        with deps.store.reading(scope) as conn:
            found = lower.indicators(conn, scope, centre=_word("centre"), region=_word("region"))
        return flask.jsonify({"now": iso(now), "rows": [_number(r, now) for r in found]})

    server.register_blueprint(bp)


def _word(name: str) -> str:
    """NUL is no text the database takes; nothing is named with it."""
    return _read.text(name).replace("\x00", "�")


def _closed() -> bool:
    try:
        return flag(_read.text("closed"))
    except Refuse:
        return False


def _iso(at: dt.datetime | None) -> str | None:
    return None if at is None else iso(at)


def _age(at: dt.datetime | None, now: dt.datetime) -> float | None:
    return None if at is None else max(0.0, round((now - at).total_seconds(), 1))


def _centre(row: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    code = row["error_code"]
    return {
        "key": row["key"],
        "title": row["title"],
        "region": row["region"],
        "state": row["state"] or "never",
        "freshness": freshness(row["last_seen_at"], HEARD, now),
        "read_at": _iso(row["read_at"]),
        "age_s": _age(row["last_seen_at"], now),
        "synced_at": _iso(row["synced_at"]),
        "error": {"code": code, "zh": row["error_zh"], "en": row["error_en"]} if code else None,
        "error_since": _iso(row["error_since"]),
    }


def _aged(row: Mapping[str, Any], now: dt.datetime, events: bool) -> dict[str, Any] | None:
    if row["key"].startswith("event:") and not events:
        return None
    return {
        "centre": {"key": row["centre_key"], "title": row["centre"], "link": row["link"]},
        "key": row["key"],
        "region": row["region"],
        "closed": row["closed"],
        "origin": row["origin"],
        "received_at": _iso(row["received_at"]),
        "age_s": _age(row["received_at"], now),
        "record": row["record"],
    }


def _number(row: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    return {
        "centre": {"key": row["centre_key"], "title": row["centre"], "link": row["link"]},
        "region": row["region"],
        "code": row["code"],
        "origin": row["origin"],
        "as_of": _iso(row["as_of"]),
        "age_s": _age(row["as_of"], now),
        "received_at": _iso(row["received_at"]),
        "indicator": row["record"],
    }
