"""The header `Idempotency-Key`: a request sent again is answered as it was the first time."""

from __future__ import annotations

import hashlib
import re

import flask

from ioc.api.auth import current_identity
from ioc.errors import Invalid, Reason
from ioc.store.request_keys import RequestKey

HEADER = "Idempotency-Key"
_FORM = re.compile(r"[\x21-\x7e]{8,128}")


def asked() -> RequestKey | None:
    """The key of this request, None without one. Raises Invalid for a key that is none (8 to 128 visible ASCII)."""
    request = flask.request
    key = request.headers.get(HEADER, "")
    return of(key, current_identity().scope.actor, f"{request.method} {request.path}", request.get_data())


def of(key: str, actor: str, what: str, data: bytes) -> RequestKey | None:
    """The same for any door. Raises Invalid."""
    if not key:
        return None
    if not _FORM.fullmatch(key):
        zh, en = "应为 8 至 128 个可见 ASCII 字符", "must be 8 to 128 visible ASCII characters"
        raise Invalid(reasons=[Reason(HEADER, "bad_key", zh, en, key[:120])])
    return RequestKey(actor, key, what, hashlib.sha256(data).hexdigest())
