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
    key = flask.request.headers.get(HEADER, "")
    if not key:
        return None
    if not _FORM.fullmatch(key):
        zh, en = "应为 8 至 128 个可见 ASCII 字符", "must be 8 to 128 visible ASCII characters"
        raise Invalid(reasons=[Reason(HEADER, "bad_key", zh, en, key[:120])])
    body = hashlib.sha256(flask.request.get_data()).hexdigest()
    what = f"{flask.request.method} {flask.request.path}"
    return RequestKey(current_identity().scope.actor, key, what, body)
