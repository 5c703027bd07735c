"""`/api/v1/exports/{list}`: what an export would hold, and the file."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import flask

from ioc.api import Deps, _read
from ioc.api.auth import require_session
from ioc.api.openapi import doc
from ioc.errors import Invalid
from ioc.exports import sheet, work
from ioc.exports.base import Ask, Place
from ioc.i18n import as_lang
from ioc.intake.reasons import reason
from ioc.store.regions import Regions

PLAN: dict[str, Any] = {
    "type": "object",
    "required": ["list", "title", "rows", "limit", "too_many", "head", "columns", "formats"],
    "properties": {
        "list": {"enum": list(work.LISTS)},
        "title": {"type": "string"},
        "rows": {"type": "integer", "description": "at most one more than `limit`"},
        "limit": {"type": "integer"},
        "too_many": {"type": "boolean", "description": "the file is refused until the filter is narrower"},
        "head": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
        "columns": {"type": "array", "items": {"type": "string"}},
        "formats": {"type": "array", "items": {"enum": list(sheet.FORMATS)}},
    },
}
QUERY = {
    "region": "12-digit or zone code; empty: all the asker may see",
    "lang": "zh or en: names of columns and words",
    "show, urgency, flow, sort": "queue, hotline: as in the address of /desk/events",
    "view, priority, state, rule": "alarms: as the list has them",
    "state": "supervision: active, open, answered, overdue, closed, all",
}
_OWN = ("show", "urgency", "flow", "sort", "view", "priority", "state", "rule")


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("exports", __name__)
    place = Place(deps.store, deps.settings)

    def prepared(name: str) -> tuple[Ask, work.Export]:
        ask = _ask(deps)
        area = deps.services.breadcrumb(ask.scope, _read.text("region"))
        centre = deps.services.centre(ask.scope).title(ask.lang)
        return ask, work.prepare(place, ask, name, centre, area[-1].name if area else ask.word("export.whole"))

    @bp.get("/api/v1/exports/<name>")
    @doc(
        f"What an export of a list would hold: {', '.join(work.LISTS)}",
        query=QUERY,
        returns=PLAN,
        statuses={403: "Without desk.export, or the list's own right", 404: "No such list or region"},
        permission=work.RIGHT,
    )
    def plan(name: str) -> flask.Response:
        _, made = prepared(name)
        answer = flask.jsonify({
            "list": name, "title": made.title, "rows": made.listing.total, "limit": made.most,
            "too_many": made.too_many, "head": [list(line) for line in made.head.lines],
            "columns": list(made.head.columns), "formats": list(sheet.FORMATS),
        })  # fmt: skip
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @bp.get("/api/v1/exports/<name>/file")
    @doc(
        "The list as a file, whole, as it was filtered; every one is in the audit",
        query={**QUERY, "format": ", ".join(sheet.FORMATS)},
        statuses={
            403: "Without desk.export, or the list's own right",
            422: "More rows than a file may have",
        },
        permission=work.RIGHT,
    )
    def file(name: str) -> flask.Response:
        kind = _read.text("format", "csv")
        if kind not in sheet.FORMATS:
            raise Invalid(reasons=[reason("format", "bad_choice", kind, choices=", ".join(sheet.FORMATS))])
        ask, made = prepared(name)
        pieces = work.write(place, ask, name, made, kind, flask.request.remote_addr or "")
        answer = flask.Response(pieces, mimetype=sheet.FORMATS[kind])
        at = ask.now.astimezone(place.zone)
        shown = quote(f"{made.title}_{at:%Y%m%d_%H%M%S}.{kind}")
        answer.headers["Content-Disposition"] = (
            f"attachment; filename=\"{name}_{at:%Y%m%d_%H%M%S}.{kind}\"; filename*=UTF-8''{shown}"
        )
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    server.register_blueprint(bp)


def _ask(deps: Deps) -> Ask:
    """A person's question: a file taken out of the house has somebody who answers for it."""
    identity = require_session()
    region_ids = Regions.of(deps.store).ids(identity.scope, _read.text("region"))
    query = {k: v for k in _OWN if (v := _read.text(k))}
    return Ask(identity.scope, identity.name, identity.login, as_lang(_read.text("lang")), query,
               None if region_ids is None else tuple(region_ids), deps.clock.now())  # fmt: skip
