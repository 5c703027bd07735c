"""Addresses of media that die: `/video/<view>/<until>.<signature>/...`, good for one view, one credential, one minute.

The signature is HMAC-SHA256 under the installation's own secret over view, end and the hash of the viewer's credential.
The proxy takes it together with that same credential (the session's cookie) only, so an address that leaks is of no use
to anybody else at once, and of none to anybody a minute later.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

PREFIX = "/video/"
LIFE_S = 60


def sign(secret: bytes, view_id: int, until: int, credential: str) -> str:
    """`until` in epoch seconds."""
    said = f"video|{view_id}|{until}|{credential}".encode()
    digest = hmac.new(secret, said, hashlib.sha256).digest()[:18]
    return f"{until}.{base64.urlsafe_b64encode(digest).decode()}"


def good(secret: bytes, view_id: int, token: str, credential: str, now: float) -> bool:
    """Whether `token` opens the view for this credential now."""
    head, _, _ = token.partition(".")
    if not (head.isascii() and head.isdigit() and len(head) <= 12) or not now <= int(head) <= now + 2 * LIFE_S:
        return False
    return hmac.compare_digest(sign(secret, view_id, int(head), credential), token)


def base(view_id: int, token: str) -> str:
    return f"{PREFIX}{view_id}/{token}"
