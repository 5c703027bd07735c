"""The snapshot a screen starts from, and counts: what the event stream then keeps up to date."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import flask
from werkzeug.wrappers import Response

from ioc import moment
from ioc.api import Deps
from ioc.api._read import text, whole
from ioc.api.auth import current_scope, require, require_session
from ioc.api.openapi import doc
from ioc.clock import local_day
from ioc.errors import Invalid
from ioc.feed.messages import iso
from ioc.intake.reasons import reason
from ioc.once import Once
from ioc.scope import Scope
from ioc.services import Counts

# Deadlines pass without a change in the data, so an answer is never older than this.
KEEP_S = 5
PAGE, LIMIT_MAX = 200, 2000
_TOPICS = ("case", "event", "device", "region", "grid", "resource")
KEPT, KEPT_BYTES = 256, 64 * 2**20  # answers, and what they may take together: a long page is two megabytes

MINE: dict[str, Any] = {
    "type": "object",
    "required": ["total", "keys"],
    "properties": {
        "total": {"type": "integer"},
        "keys": {"type": "array", "items": {"type": "string"}, "description": "case:1, event:2"},
        "rows": {"type": "array", "items": {"type": "object"}},
    },
}


def counts_json(counts: Counts) -> dict[str, Any]:
    """Counts as the browser gets them: maps by level get text keys."""
    out = dataclasses.asdict(counts)
    for name in ("incidents", "provisional"):
        out[name] = {str(k): v for k, v in out[name].items()}
    return out


class _Kept:
    """Answers by (scope class, region, data version); the oldest leave first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, tuple[bytes, str]] = OrderedDict()
        self._size = 0
        self._once = Once()

    def get(self, key: str, make: Callable[[], tuple[bytes, str]]) -> tuple[bytes, str]:
        return self._once.get(key, lambda: self._answers.get(key), lambda: self._put(key, make()))

    def _put(self, key: str, value: tuple[bytes, str]) -> tuple[bytes, str]:
        with self._lock:
            gone = self._answers.pop(key, None)
            self._answers[key] = value
            self._size += len(value[0]) - (len(gone[0]) if gone else 0)
            while len(self._answers) > KEPT or (self._size > KEPT_BYTES and len(self._answers) > 1):
                self._size -= len(self._answers.popitem(last=False)[1][0])
        return value


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("live", __name__)
    kept = _Kept()

    def version(now: dt.datetime) -> str:
        if moment.asked() is not None:
            return f"@{now.isoformat()}"
        return f"{deps.versions.of(*_TOPICS)}/{int(now.timestamp() // KEEP_S)}"

    def answer(kind: str, make: Callable[[Scope, str, dt.datetime], dict[str, Any]], asked: str = "") -> Response:
        scope, region = current_scope(), flask.request.args.get("region", "")
        now = deps.clock.now()
        key = f"{kind}/{scope.class_key}/{region}/{asked}/{version(now)}"
        body, tag = kept.get(key, lambda: _tagged(make(scope, region, now)))
        response = flask.Response(body, mimetype="application/json")
        response.set_etag(tag)
        response.headers["Cache-Control"] = "private, no-cache"
        return response.make_conditional(flask.request)

    def start(now: dt.datetime) -> dict[str, Any]:
        head = {"v": 1, "feed": {"epoch": deps.versions.epoch, "last_no": deps.versions.last_no}, "now": iso(now)}
        return head if moment.asked() is None else {**head, "t": iso(now)}

    def page(scope: Scope, region: str, limit: int, after: str, officer: str | None = None) -> dict[str, Any]:
        found = deps.services.work_page(scope, region, limit, after, officer)
        return {"total": found.total, "rows": list(found.rows), "next": found.next}

    @bp.get("/api/v1/live/snapshot")
    @doc(
        "Counts and the first open records of a region, and the place in the feed they stand at",
        query={"region": "12-digit or zone code; empty: all the asker may see"},
        returns={"type": "object"},
    )
    def snapshot() -> Response:
        def make(scope: Scope, region: str, now: dt.datetime) -> dict[str, Any]:
            # Read before the rows: what was numbered meanwhile is then sent once more, never left out.
            head = start(now)
            return {
                **head,
                "counts": counts_json(deps.services.counts(scope, region)),
                **page(scope, region, PAGE, ""),
            }

        return answer("snapshot", make)

    @bp.get("/api/v1/live/rows")
    @doc(
        "The work list page by page: what follows the rows of the snapshot, in the same order",
        query={
            "region": "12-digit or zone code; empty: all the asker may see",
            "after": "`next` of the snapshot or of the page before; empty: from the beginning",
            "limit": f"rows, up to {LIMIT_MAX}; {PAGE} unless given",
            "show": "mine: only what waits for the signed-in person's next step; all unless given",
        },
        returns={"type": "object"},
    )
    def rows() -> Response:
        after, limit = flask.request.args.get("after", ""), whole("limit", 1, LIMIT_MAX, PAGE)
        show = text("show", "all")
        if show not in ("all", "mine"):
            raise Invalid(reasons=[reason("show", "bad_choice", show, choices="all, mine")])
        officer = require_session().name if show == "mine" else None

        def make(scope: Scope, region: str, now: dt.datetime) -> dict[str, Any]:
            head = start(now)
            return {**head, **page(scope, region, limit, after, officer)}

        return answer("rows", make, f"{after}/{limit}/{show}/{officer}")

    @bp.get("/api/v1/live/mine")
    @doc(
        "Keys of the records that wait for the signed-in person's next step (待我处理); `rows`: those that are over"
        " and in no work list, with what waits (`awaits`)",
        query={"region": "12-digit or zone code; empty: all the asker may see"},
        returns=MINE,
        permission="case.view",
    )
    def mine() -> Response:
        require("case.view")
        officer = require_session().name

        def make(scope: Scope, region: str, now: dt.datetime) -> dict[str, Any]:
            found = deps.services.mine(scope, region, officer)
            return {**start(now), "total": len(found), "keys": list(found),
                    "rows": list(deps.services.mine_over(scope, found))}  # fmt: skip

        return answer("mine", make, officer)

    @bp.get("/api/v1/live/closed")
    @doc(
        f"Records closed since local midnight, last closed first, up to {LIMIT_MAX}; `total` counts all",
        query={"region": "12-digit or zone code; empty: all the asker may see"},
        returns={"type": "object"},
        permission="case.view",
    )
    def closed() -> Response:
        require("case.view")

        def make(scope: Scope, region: str, now: dt.datetime) -> dict[str, Any]:
            found = deps.services.closed_today(scope, region)
            return {**start(now), "total": found.total, "rows": list(found.rows)}

        return answer("closed", make, str(local_day(deps.clock.now(), deps.settings.tz)[0]))

    @bp.get("/api/v1/live/counts")
    @doc("Counts of a region", query={"region": "12-digit or zone code"}, returns={"type": "object"})
    def counts() -> Response:
        return answer("counts", lambda scope, region, now: counts_json(deps.services.counts(scope, region)))

    server.register_blueprint(bp)


def _tagged(body: dict[str, Any]) -> tuple[bytes, str]:
    """The answer and its ETag, which leaves out the time so that nothing new is a 304."""
    text = flask.json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    facts = {k: v for k, v in body.items() if k != "now"}
    tag = hashlib.blake2b(flask.json.dumps(facts, sort_keys=True).encode(), digest_size=12).hexdigest()
    return text.encode(), tag
