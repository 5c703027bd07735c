"""Reading a request's body into a model: every fault with its field, in both languages."""

from __future__ import annotations

from typing import Any, TypeVar

import flask
from pydantic import BaseModel, ValidationError

from ioc.api import _read
from ioc.api.clean import faults_in
from ioc.errors import Invalid, Reason

Model = TypeVar("Model", bound=BaseModel)

_ZH = {
    "missing": "缺少此项",
    "string_type": "应为文本",
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "bool_type": "应为是或否",
    "bool_parsing": "应为是或否",
    "extra_forbidden": "没有此项",
    "list_type": "应为列表",
    "string_too_long": "过长",
    "string_too_short": "过短",
    "json_invalid": "不是有效的 JSON",
}


def read(model: type[Model]) -> Model:
    """JSON, or an HTML form. Raises Invalid with every reason."""
    data: Any = flask.request.get_json(silent=True) if flask.request.is_json else flask.request.form.to_dict()
    if flask.request.is_json and data is None:
        raise Invalid(reasons=[Reason("", "bad_json", "不是有效的 JSON", "not valid JSON")])
    unfit = faults_in(data)
    if unfit:
        raise Invalid(reasons=unfit)
    return checked(model, data)


def sized(model: type[Model], limit: int) -> Model:
    """A JSON object of at most `limit` bytes. Raises TooLarge, Invalid with every reason."""
    return checked(model, _read.json_object(limit))


def checked(model: type[Model], data: Any) -> Model:
    """Data that was read already. Raises Invalid with every reason."""
    try:
        return model.model_validate(data)
    except ValidationError as e:
        reasons = [
            Reason(
                ".".join(map(str, fault["loc"])),
                fault["type"],
                _ZH.get(fault["type"], "数值有误"),
                fault["msg"],
                str(fault.get("input", ""))[:80] if "password" not in str(fault["loc"]) else "",
            )
            for fault in e.errors(include_url=False)
        ]
        raise Invalid(reasons=reasons) from e
