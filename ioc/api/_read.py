"""Reading query parameters with a reason for each that is wrong, and tagged JSON answers."""

from __future__ import annotations

import hashlib
import math
from typing import Any, cast

import flask
from werkzeug.wrappers import Response

from ioc.errors import Invalid, Reason, TooLarge
from ioc.intake.reasons import reason


def text(name: str, default: str = "") -> str:
    return flask.request.args.get(name, default).strip()


def lang() -> str:
    return "en" if text("lang") == "en" else "zh"


def number(name: str, low: float, high: float, default: float | None = None) -> float:
    """A finite number within bounds. Raises Invalid."""
    raw = text(name)
    if not raw and default is not None:
        return default
    try:
        value = float(raw)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise Invalid(
            reasons=[Reason(name, "bad_number", f"应在 {low:g} 到 {high:g} 之间", f"must be {low:g} to {high:g}", raw)]
        )
    return value


def whole(name: str, low: int, high: int, default: int) -> int:
    return int(number(name, low, high, default))


def json_object(limit: int) -> dict[str, Any]:
    """The body as a JSON object of at most `limit` bytes. Raises TooLarge, Invalid."""
    request = flask.request
    if (request.content_length or 0) > limit:
        raise TooLarge(f"上限 {limit // 1024} KB", f"limit {limit // 1024} KB")
    body = request.get_json(silent=True, force=True)
    if not isinstance(body, dict):
        code = "bad_json" if body is None else "bad_object"
        raise Invalid(reasons=[reason("body", code, request.get_data(as_text=True)[:200])])
    return cast("dict[str, Any]", body)


def tagged(body: object) -> Response:
    """JSON with a strong ETag of its content; 304 when the asker has it."""
    data = flask.json.dumps(body).encode()
    response = flask.Response(data, mimetype="application/json")
    response.set_etag(hashlib.blake2b(data, digest_size=12).hexdigest())
    response.headers["Cache-Control"] = "private, no-cache"
    return response.make_conditional(flask.request)
