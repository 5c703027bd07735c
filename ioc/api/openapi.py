"""`/api/v1/openapi.json`: the document of every route, made from the routes themselves, so that none can be left out.

A view says more about itself with `@doc(...)`; what it does not say is taken from its rule and its docstring.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import flask
from pydantic import BaseModel
from werkzeug.routing import Rule

from ioc import __version__
from ioc.api import Deps
from ioc.api.auth import current_identity

View = TypeVar("View", bound=Callable[..., Any])
Json = dict[str, Any]

_SECTIONS = ("/api/", "/tiles/", "/basemap/", "/healthz", "/readyz", "/metrics")
_TYPES = {"int": "integer", "float": "number"}
_ARGUMENT = re.compile(r"<(?:(?P<conv>[a-z_]+)(?:\([^)]*\))?:)?(?P<name>[A-Za-z_]\w*)>")

ERROR: Json = {
    "type": "object",
    "required": ["error", "zh", "en"],
    "properties": {
        "error": {"type": "string"},
        "zh": {"type": "string"},
        "en": {"type": "string"},
        "reasons": {"type": "array", "items": {"$ref": "#/components/schemas/Reason"}},
    },
}
REASON: Json = {
    "type": "object",
    "required": ["field", "code", "zh", "en"],
    "properties": {k: {"type": "string"} for k in ("field", "code", "zh", "en", "value")},
}


def doc(
    summary: str = "",
    *,
    query: Mapping[str, str] | type[BaseModel] | None = None,
    body: type[BaseModel] | Json | None = None,
    returns: type[BaseModel] | Json | None = None,
    statuses: Mapping[int, str] | None = None,
    tag: str = "",
    permission: str = "",
    media: str = "application/json",
    consumes: Sequence[str] = ("application/json",),
) -> Callable[[View], View]:
    """Describe a view. `query`: a pydantic model, or name -> description; `statuses`: answers beside 200 and 401.

    `consumes`: the types of a body; one that is neither JSON nor a form of parts is described as text.
    """

    def mark(view: View) -> View:
        cast(Any, view).ioc_doc = {
            "summary": summary,
            "query": query,
            "body": body,
            "returns": returns,
            "statuses": dict(statuses or {}),
            "tag": tag,
            "permission": permission,
            "media": media,
            "consumes": tuple(consumes),
        }
        return view

    return mark


def document(server: flask.Flask) -> Json:
    """The OpenAPI 3.1 document of every API route of `server`, and of the event stream beside it."""
    schemas: Json = {"Error": ERROR, "Reason": REASON}
    paths: dict[str, Json] = {"/live": {"get": _live()}}
    for rule in sorted(server.url_map.iter_rules(), key=lambda r: r.rule):
        if not rule.rule.startswith(_SECTIONS):
            continue
        path = _ARGUMENT.sub(r"{\g<name>}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _operation(server, rule, method, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "IOC · 一屏统览", "version": __version__, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "ioc token create NAME --allow read"},
                "session": {"type": "apiKey", "in": "cookie", "name": "ioc_session"},
            },
        },
    }


def _operation(server: flask.Flask, rule: Rule, method: str, schemas: Json) -> Json:
    view = server.view_functions[rule.endpoint]
    said: Mapping[str, Any] = getattr(view, "ioc_doc", {})
    words = (view.__doc__ or "").strip()
    title = said.get("summary") or words.split("\n\n")[0].replace("\n", " ") or rule.endpoint
    responses: Json = {"200": _answer(said, schemas)}
    for status, text in said.get("statuses", {}).items():
        responses[str(status)] = {"description": text} | ({} if status < 400 else _error_body())
    if not getattr(view, "ioc_public", False):
        responses.setdefault("401", {"description": "Not signed in"} | _error_body())
    responses.setdefault("default", {"description": "Any other error"} | _error_body())
    out: Json = {
        "operationId": f"{rule.endpoint}.{method.lower()}".replace(".", "_"),
        "summary": title,
        "tags": [said.get("tag") or _tag(rule.rule)],
        "parameters": _path_parameters(rule) + _query_parameters(said.get("query"), schemas),
        "responses": responses,
    }
    if said.get("permission"):
        out["x-permission"] = said["permission"]
    if getattr(view, "ioc_public", False):
        out["security"] = []
    if said.get("body") is not None and method in ("POST", "PUT", "PATCH"):
        out["requestBody"] = {
            "required": True,
            "content": {
                media: {"schema": _schema(said["body"], schemas) if _structured(media) else {"type": "string"}}
                for media in said["consumes"]
            },
        }
    return out


def _structured(media: str) -> bool:
    return media.endswith("json") or media.startswith("multipart/")


def _answer(said: Mapping[str, Any], schemas: Json) -> Json:
    media, returns = said.get("media", "application/json"), said.get("returns")
    schema = _schema(returns, schemas) if returns is not None else {}
    return {"description": "OK", "content": {media: {"schema": schema}}}


def _error_body() -> Json:
    return {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}


def _tag(rule: str) -> str:
    parts = [p for p in rule.split("/") if p and not p.startswith("<")]
    return parts[2] if parts[:1] == ["api"] and len(parts) > 2 else parts[0]


def _path_parameters(rule: Rule) -> list[Json]:
    return [
        {
            "name": m["name"],
            "in": "path",
            "required": True,
            "schema": {"type": _TYPES.get(m["conv"] or "", "string")},
        }
        for m in _ARGUMENT.finditer(rule.rule)
    ]


def _query_parameters(said: Mapping[str, str] | type[BaseModel] | None, schemas: Json) -> list[Json]:
    if said is None:
        return []
    if isinstance(said, Mapping):
        return [{"name": n, "in": "query", "description": d, "schema": {"type": "string"}} for n, d in said.items()]
    schema = said.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    needed = schema.get("required", [])
    found: Json = schema.get("properties", {})
    return [{"name": n, "in": "query", "required": n in needed, "schema": s} for n, s in found.items()]


def _schema(said: type[BaseModel] | Json, schemas: Json) -> Json:
    if isinstance(said, dict):
        return said
    schema = said.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas[said.__name__] = schema
    return {"$ref": f"#/components/schemas/{said.__name__}"}


def _live() -> Json:
    return {
        "operationId": "live",
        "summary": "Server-sent events: hello, change, beat (every 5 s), resync (docs/live.md)",
        "tags": ["live"],
        "parameters": [
            {"name": "region", "in": "query", "schema": {"type": "string"}, "description": "12-digit or zone code"},
            {"name": "last", "in": "query", "schema": {"type": "string"}, "description": "{epoch}-{feed_no}"},
            {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}},
        ],
        "responses": {
            "200": {"description": "The stream", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            "401": {"description": "Not signed in"} | _error_body(),
        },
    }


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("openapi", __name__)
    made: list[Json] = []

    @bp.get("/api/v1/openapi.json")
    @doc("This document", returns={"type": "object"})
    def openapi() -> flask.Response:
        current_identity()
        if not made:
            made.append(document(server))
        return flask.jsonify(made[0])

    server.register_blueprint(bp)
