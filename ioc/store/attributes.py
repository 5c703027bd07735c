"""What of a record's `attributes` an asker is told: one rule for panels, the API, tiles and whatever else shows them.

A source may send anything there. Secrets are told to nobody, what opens a device or reaches a person needs the
sensitive level, names are masked below the internal level, and of a report made without a name (EVT-07) nobody is
told who made it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ioc.scope import INTERNAL, SENSITIVE, Scope

_REACH = ("phone", "mobile", "tel", "contact", "id_card", "idcard", "openid", "email", "wechat", "电话", "手机",
          "手机号", "联系电话", "联系方式", "身份证", "身份证号", "邮箱", "微信")  # fmt: skip
_GUARDED = (*_REACH, "ip", "user", "rtsp", "url", "stream", "mac", "port")
_NEVER = ("password", "passwd", "secret", "token", "密码")
_PERSON = ("reporter", "reported_by", "caller", "reporter_name", "caller_name", "上报人", "报告人", "报案人", "举报人",
           "诉求人", "来电人", "联系人", "姓名")  # fmt: skip
# Of a report made without a name these are told to nobody.
_WHO = (*_PERSON, *_REACH, "name", "taken_by", "住址")
_MASK = "**"
_DIGITS = re.compile(r"\d{6,}")


def anonymous(given: Mapping[str, Any]) -> bool:
    """Whether the report was made without a name."""
    return str(given.get("anonymous", "")).lower() in ("true", "1", "yes")


def guarded(name: str) -> bool:
    """Whether an attribute of this name opens a device, reaches a person or is a secret."""
    return _never(name) or _is(name, _GUARDED)


def told(given: Mapping[str, Any] | None, scope: Scope) -> dict[str, Any]:
    """The attributes `scope` is told, masked where they have to be; in their order, nested ones by the same rule.

    What a source or the desk has masked already (张**, 138****5678) stays as it is.
    """
    attributes = given or {}
    hidden = _WHO if anonymous(attributes) else ()
    return _mapping(attributes, scope, hidden)


def masked_name(name: str) -> str:
    return name if not name or _MASK in name else name[0] + _MASK


def masked_number(number: str) -> str:
    """138****5678; what holds too few digits to show two ends loses all of them."""
    if _MASK in number or not number:
        return number
    if len(_DIGITS.findall(number)) != 1:
        return "****"
    return _DIGITS.sub(lambda m: f"{m[0][:3]}****{m[0][-4:]}" if len(m[0]) > 9 else f"{m[0][:2]}****", number)


def _mapping(given: Mapping[str, Any], scope: Scope, hidden: Sequence[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in given.items():
        if name.startswith("_") or _never(name) or _is(name, hidden):
            continue
        if scope.sensitivity < SENSITIVE and _is(name, _GUARDED) and not _is_masked(value):
            continue
        person = scope.sensitivity < INTERNAL and isinstance(value, str) and _is(name, _PERSON)
        out[name] = masked_name(value) if person else _value(value, scope, hidden)
    return out


def _value(value: Any, scope: Scope, hidden: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        return _mapping(cast("Mapping[str, Any]", value), scope, hidden)
    if isinstance(value, list):
        return [_value(v, scope, hidden) for v in cast("list[Any]", value)]
    return value


def _is_masked(value: Any) -> bool:
    return isinstance(value, str) and _MASK in value


def _never(name: str) -> bool:
    low = name.lower()
    return any(word in low for word in _NEVER)


def _is(name: str, words: Sequence[str]) -> bool:
    """`phone`, `phone_2` and `phone:home`, not `phonebook`."""
    low = name.lower()
    return any(low == w or low.startswith((f"{w}_", f"{w}:")) for w in words)
