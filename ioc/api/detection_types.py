"""`/api/v1/detections/types`: the algorithms a centre knows, and how sure each must be."""

from __future__ import annotations

import re
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api._body import read
from ioc.api.auth import require
from ioc.api.openapi import doc
from ioc.dictionaries import Dictionary, Entry
from ioc.errors import Invalid
from ioc.flows import flows
from ioc.intake.detection_input import TABLE, THRESHOLD, URGENCIES, threshold_of, urgency_of
from ioc.intake.reasons import Refuse, reason
from ioc.intake.vocabulary import Vocabulary
from ioc.scope import SYSTEM
from ioc.store import accounts as rows
from ioc.store import detections, dictionaries

CODE = re.compile(r"^[a-z][a-z0-9_]{1,39}$")


class TypeIn(BaseModel):
    """What is not given stays as it is; a new type starts with 0.8 and routine."""

    model_config = ConfigDict(extra="forbid")
    zh: str | None = Field(default=None, min_length=1, max_length=60)
    en: str | None = Field(default=None, min_length=1, max_length=80)
    threshold: float | None = Field(default=None, ge=0, le=1, description="below it a person looks first")
    urgency: str | None = Field(default=None, description=", ".join(URGENCIES))
    scheme: str | None = Field(default=None, max_length=40, description="category table of its events")
    category: str | None = Field(default=None, max_length=40)
    sensitivity: int | None = Field(default=None, ge=0, le=2)
    case_flow: str | None = Field(default=None, max_length=40, description="opens a case at once; empty: never")
    case_confidence: float | None = Field(default=None, ge=0, le=1, description="from which on; default: threshold")
    enabled: bool | None = None


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("detection_types", __name__)

    def tables() -> dict[str, Dictionary]:
        today = deps.clock.now().astimezone(deps.settings.tz).date()
        with deps.store.scoped(SYSTEM) as conn:
            return dict(dictionaries.current(conn, today))

    @bp.get("/api/v1/detections/types")
    @doc("Types of detections with their thresholds", returns={"type": "object"}, permission="event.view")
    def get_types() -> Response:
        require("event.view")
        found = tables().get(TABLE, Dictionary([]))
        return _read.tagged({"types": [_json(found[code]) for code in sorted(found)]})

    @bp.put("/api/v1/detections/types/<code>")
    @doc(
        "Change a type of detections, or add one; valid from today, what it was before stays known",
        body=TypeIn,
        returns={"type": "object"},
        permission="detection.configure",
        statuses={422: "Refused, with the reasons"},
    )
    def put_type(code: str) -> Response:
        scope = require("detection.configure")
        asked = read(TypeIn)
        known = tables()
        old = known.get(TABLE, Dictionary([])).get(code)
        given = asked.model_dump(exclude_none=True)
        zh, en = given.pop("zh", old.zh if old else ""), given.pop("en", old.en if old else "")
        attributes: dict[str, Any] = {**(old.attributes if old else {"threshold": THRESHOLD}), **given}
        faults = _faults(code, zh, en, attributes, Vocabulary(known))
        if faults:
            raise Invalid(reasons=faults)
        today = deps.clock.now().astimezone(deps.settings.tz).date()
        with deps.store.scoped(SYSTEM) as conn:
            detections.configure(conn, code, zh, en, attributes, today)
            detail = {"before": _json(old) if old else None, "given": asked.model_dump(exclude_none=True)}
            rows.audit(conn, actor=scope.actor, action="detection_type.change", object_=code, detail=detail)
        return flask.jsonify(_json(tables()[TABLE][code]))

    server.register_blueprint(bp)


def _faults(code: str, zh: str, en: str, attributes: dict[str, Any], words: Vocabulary) -> list[Any]:
    out: list[Any] = []
    if not CODE.match(code):
        out.append(reason("code", "bad_code", code))
    out += [reason(name, "missing_field") for name, word in (("zh", zh), ("en", en)) if not word]
    out += [reason(name, "bad_text", word) for name, word in (("zh", zh), ("en", en)) if not word.isprintable()]
    if attributes.get("urgency", "routine") not in URGENCIES:
        out.append(reason("urgency", "unknown_urgency", attributes["urgency"]))
    flow = attributes.get("case_flow")
    if flow and (flow not in flows() or not flows()[flow].steps):
        out.append(reason("case_flow", "unknown_flow", flow))
    if attributes.get("scheme") or attributes.get("category"):
        try:
            words.category(str(attributes.get("scheme", "")), str(attributes.get("category", "")))
        except Refuse as e:
            out.append(e.of("category", attributes.get("category", "")))
    return out


def _json(entry: Entry) -> dict[str, Any]:
    facts = entry.attributes
    return {
        "code": entry.code,
        "zh": entry.zh,
        "en": entry.en,
        "threshold": threshold_of(entry),
        "urgency": urgency_of(entry),
        "enabled": facts.get("enabled") is not False,
        "valid_from": entry.valid_from.isoformat(),
        **{n: facts.get(n) for n in ("scheme", "category", "sensitivity", "case_flow", "case_confidence")},
    }
