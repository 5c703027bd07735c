"""Text no table can hold: NUL, and halves of surrogate pairs. Refused at the door, with the name of what held it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import flask
from werkzeug.routing import IntegerConverter, ValidationError

from ioc.errors import Invalid, Reason

_BAD = re.compile("[\x00\ud800-\udfff]")
DEPTH = 64  # a body that is nested deeper is nobody's; what reads it says so


class Id(IntegerConverter):
    """`<int:...>` in a path: a number that a row can have. Anything longer names nothing, and is not found."""

    def to_python(self, value: str) -> int:
        if not value.isascii() or len(value) > 18:
            raise ValidationError
        return int(value)


def install(server: flask.Flask) -> None:
    """Path and query of every request; bodies are looked at by who reads them (`_body`, `_read`, the intake)."""

    @server.before_request
    def look() -> None:
        request = flask.request
        faults = [fault("path", request.path)] if _BAD.search(request.path) else []
        faults += [
            fault(name, value)
            for name, values in request.args.lists()
            for value in values
            if _BAD.search(name) or _BAD.search(value)
        ]
        if faults:
            raise Invalid(reasons=faults)


def fault(name: str, value: str) -> Reason:
    shown = _BAD.sub("\ufffd", value)[:80]
    return Reason(
        _BAD.sub("\ufffd", name)[:80], "bad_text", "含有不能保存的字符", "holds a character no table takes", shown
    )


def faults_in(body: Any) -> list[Reason]:
    """One reason for every text in a body (names of fields too) that cannot be stored."""
    return [fault(name, text) for name, text in _texts("", body, 0) if _BAD.search(text)]


def _texts(name: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif depth < DEPTH and isinstance(value, dict):
        for key, inner in cast("dict[Any, Any]", value).items():
            at = f"{name}.{key}" if name else str(key)
            yield at, str(key)
            yield from _texts(at, inner, depth + 1)
    elif depth < DEPTH and isinstance(value, list):
        for at, inner in enumerate(cast("list[Any]", value)):
            yield from _texts(f"{name}.{at}", inner, depth + 1)
