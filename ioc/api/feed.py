"""`/api/v1/feed`: the feed in pages, for machines that fetch what they missed instead of holding a stream open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import current_scope
from ioc.api.openapi import doc
from ioc.errors import Invalid, Reason
from ioc.feed.messages import FeedRow, Position, in_region, iso, permitted, trimmed
from ioc.scope import SYSTEM, Scope
from ioc.store.feed_pages import page
from ioc.store.regions import Regions

LIMIT, LIMIT_MAX = 500, 2000
NO_MAX = 2**62
_ROW: dict[str, Any] = {
    "type": "object",
    "properties": {
        "no": {"type": "integer"},
        "topic": {"type": "string"},
        "op": {"enum": ["new", "change", "remove"]},
        "key": {"type": "string"},
        "region": {"type": ["string", "null"], "description": "region code"},
        "sensitivity": {"type": "integer"},
        "private_to": {"type": ["string", "null"]},
        "origin": {"enum": ["real", "demo"]},
        "at": {"type": "string"},
        "record": {"type": "object", "description": "as on the stream, docs/live.md"},
    },
}
RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["v", "epoch", "last_no", "next", "more", "resync", "rows"],
    "properties": {
        "v": {"type": "integer"},
        "epoch": {"type": "string"},
        "last_no": {"type": "integer", "description": "the feed's end"},
        "next": {"type": "string", "description": "`after` of the next page"},
        "more": {"type": "boolean", "description": "there is a next page already"},
        "resync": {
            "enum": ["", "epoch", "gap"],
            "description": "not empty: fetch the lists anew, then go on from `next`",
        },
        "now": {"type": "string"},
        "rows": {"type": "array", "items": _ROW},
    },
}


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("feed", __name__)

    @bp.get("/api/v1/feed")
    @doc(
        "What happened since a place in the feed: gapless, each once, cut to the asker's scope",
        query={
            "after": "`next` of the page before, {epoch}-{feed_no}; empty: no rows, only where the feed ends",
            "topics": "names parted by commas (case,event,indicator ...); empty: all",
            "region": "12-digit or zone code, with everything inside it",
            "limit": f"rows looked at, up to {LIMIT_MAX}; {LIMIT} unless given",
        },
        returns=RESULT,
        tag="live",
    )
    def feed() -> Response:
        scope, after = current_scope(), _after()
        limit = _read.whole("limit", 1, LIMIT_MAX, LIMIT)
        ids = Regions.of(deps.store).ids(scope, _read.text("region"))
        topics = frozenset(t for t in _read.text("topics").split(",") if t)
        with deps.store.reading(SYSTEM) as conn:
            found = page(conn, after, limit)
        rows = _shown(scope, None if ids is None else frozenset(ids), topics, found.rows)
        return flask.jsonify(
            {
                "v": 1,
                "epoch": found.epoch,
                "last_no": found.last_no,
                "next": str(Position(found.epoch, found.until)),
                "more": found.until < found.last_no,
                "resync": found.resync,
                "now": iso(deps.clock.now()),
                "rows": rows,
            }
        )

    server.register_blueprint(bp)


def _after() -> tuple[str, int] | None:
    text = _read.text("after")
    if not text:
        return None
    found = Position.parse(text) if text.isascii() and len(text) <= 64 else None
    if found is None or found.no > NO_MAX:
        raise Invalid(reasons=[Reason("after", "bad_cursor", "不是上一页给出的位置", "not the next of a page", text)])
    return found.epoch, found.no


def _shown(
    scope: Scope, region_ids: frozenset[int] | None, topics: frozenset[str], rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for given in rows:
        row = FeedRow(**{k: v for k, v in given.items() if k != "region"})
        if (topics and row.topic not in topics) or not permitted(scope, row) or not in_region(region_ids, row):
            continue
        record = trimmed(scope, row)
        if record is None:
            continue
        out.append(
            {
                "no": row.feed_no,
                "topic": row.topic,
                "op": row.op,
                "key": record.get("key") or f"{row.topic}:{row.entity_id}",
                "region": given["region"],
                "sensitivity": row.sensitivity,
                "private_to": row.private_to,
                "origin": row.origin,
                "at": iso(row.recorded_at),
                "record": record,
            }
        )
    return out
