"""`/api/v1/departments`, `/cases/pool`, `/ratings`: who is responsible, what waits, what people said."""

from __future__ import annotations

from typing import Any

import flask

from ioc.api import Deps, _read
from ioc.api.auth import require
from ioc.api.openapi import doc
from ioc.cases import supervising
from ioc.cases.ratings import repair_rate, shares
from ioc.intake.fields import moment
from ioc.scope import SYSTEM
from ioc.store import dictionaries, dispatch, ratings
from ioc.store.regions import Regions

MAX_LIMIT = 1000
RATINGS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "bad": {"type": "integer"},
        "repaired": {"type": "integer"},
        "rate": {"type": ["number", "null"], "description": "差评整改率, %"},
        "reasons": {"type": "array", "items": {"type": "object"}, "description": "shares sum to 100 %"},
    },
}


def register(server: flask.Flask, deps: Deps) -> None:
    @server.get("/api/v1/departments")
    @doc("The centre's departments, as imported", returns={"type": "object"}, permission="case.view")
    def departments() -> flask.Response:
        scope = require("case.view")
        names = ("code", "name", "level", "region_code", "parent", "contact", "phone")
        with deps.store.reading(scope) as conn:
            version = dispatch.newest(conn, "departments")
            rows = dispatch.departments(conn)
        return flask.jsonify(
            {
                "version": version["version"] if version else 0,
                "sample": bool(version and version["sample"]),
                "departments": [{n: r[n] for n in names} for r in rows],
            }
        )

    @server.get("/api/v1/cases/pool")
    @doc(
        "人工池: open cases nobody has been given and no rule could place, the longest waiting first",
        query={"region": "12-digit or zone code", "limit": f"1-{MAX_LIMIT}, default 200"},
        returns={"type": "object"},
        permission="case.view",
    )
    def pool() -> flask.Response:
        scope = require("case.view")
        region_ids = Regions.of(deps.store).ids(scope, _read.text("region"))
        limit = _read.whole("limit", 1, MAX_LIMIT, 200)
        with deps.store.reading(scope) as conn:
            rows = dispatch.pool(conn, scope, region_ids, limit)
        total = rows[0]["total"] if rows else 0
        return flask.jsonify({"total": total, "cases": [supervising.waiting(r) for r in rows]})

    @server.get("/api/v1/ratings")
    @doc(
        "Bad ratings: how many were repaired, and what was named, in shares that sum to 100 %",
        query={
            "since": "ISO 8601 or epoch ms; default: start of the month",
            "until": "default now",
            "region": "12-digit or zone code",
        },
        returns=RATINGS,
        permission="case.view",
    )
    def rated() -> flask.Response:
        scope = require("case.view")
        region_ids = Regions.of(deps.store).ids(scope, _read.text("region"))
        now = deps.clock.now()
        today = now.astimezone(deps.settings.tz)
        month = today.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        tz = deps.settings.tz
        since = moment("since", _read.text("since"), tz) or month
        until = moment("until", _read.text("until"), tz) or now
        with deps.store.scoped(scope) as conn:
            tags, counts = ratings.reasons(conn, scope, since, until, region_ids)
        with deps.store.reading(SYSTEM) as conn:
            words = dictionaries.current(conn, today.date()).get("rating_reason") or {}
        listed = [
            {
                "tag": tag,
                "zh": words[tag].zh if tag in words else tag,
                "en": words[tag].en if tag in words else tag,
                "count": tags[tag],
                "share": share,
            }
            for tag, share in sorted(shares(tags).items(), key=lambda item: (-tags[item[0]], item[0]))
        ]
        rate = repair_rate(counts["bad"], counts["repaired"])
        return flask.jsonify({**counts, "rate": rate, "reasons": listed})
