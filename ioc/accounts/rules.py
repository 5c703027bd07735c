"""Pure rules of sign-in and credentials. Times are aware UTC; nothing here knows SQL, HTTP or the system clock.

Sources: GB/T 22239 level three (password complexity, lock-out, session time-out); the alphabet of the enrolment code
is the design's: no 0 O 1 I, so that it can be read aloud across a room.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from ioc.errors import Reason

PASSWORD_MIN, PASSWORD_CLASSES, PASSWORD_MAX = 10, 3, 256
CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
ENROLMENT_LIFE = dt.timedelta(minutes=10)
WALL_RENEW_AFTER = dt.timedelta(days=1)
# A wall that still shows its previous credential has not got the new one: it is given another, but not for each tile.
WALL_RENEW_RETRY = dt.timedelta(minutes=1)
SEEN_EVERY = dt.timedelta(minutes=1)
TOKEN_PREFIX = "ioc_"  # noqa: S105 - names the kind, so that a leaked token is recognised by scanners

_THINGS = ("map", "device", "event", "case", "indicator", "source", "resource", "grid", "alarm")
VIEWS = frozenset(f"{thing}.view" for thing in _THINGS)
WALL_VIEWS = VIEWS | {"video.view"}  # live pictures: on walls, never in embeds
ALL_VIEWS = VIEWS | {"reject.view"}
TOKEN_ACTIONS: dict[str, frozenset[str]] = {
    "read": ALL_VIEWS,
    "events:write": frozenset({"event.write"}),
    "observations:write": frozenset({"observation.write"}),
    "resources:write": frozenset({"resource.view", "resource.write"}),
    "admin": ALL_VIEWS
    | {
        "event.write",
        "observation.write",
        "resource.write",
        "import.run",
        "account.admin",
        "wall.confirm",
        "embed.sign",
    },
}


def password_faults(password: str, login: str) -> list[Reason]:
    """Every rule a password breaks: length, classes of characters (of four), and likeness to the login."""
    faults: list[Reason] = []
    if len(password) < PASSWORD_MIN:
        faults.append(Reason("password", "too_short", f"至少 {PASSWORD_MIN} 位", f"at least {PASSWORD_MIN} characters"))
    if len(password) > PASSWORD_MAX:
        faults.append(Reason("password", "too_long", f"至多 {PASSWORD_MAX} 位", f"at most {PASSWORD_MAX} characters"))
    kinds = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    if sum(any(kind(c) for c in password) for kind in kinds) < PASSWORD_CLASSES:
        faults.append(
            Reason(
                "password", "too_plain", "大写、小写、数字、符号中至少三类", "three of upper, lower, digits and signs"
            )
        )
    if login and login.lower() in password.lower():
        faults.append(Reason("password", "like_login", "不能包含账号", "must not contain the login"))
    return faults


def make_password(length: int = 14) -> str:
    """A random password that satisfies the rules and has no characters that look alike."""
    letters = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    while True:
        word = "".join(secrets.choice(letters) for _ in range(length))
        if not password_faults(word, ""):
            return word


# ------------------------------------------------------------ lock-out


@dataclass(frozen=True, slots=True)
class Attempts:
    """Wrong passwords in a row, and until when the account is locked."""

    failed: int = 0
    locked_until: dt.datetime | None = None

    def locked(self, now: dt.datetime) -> bool:
        return self.locked_until is not None and now < self.locked_until

    def after_failure(self, now: dt.datetime, limit: int, lock: dt.timedelta) -> Attempts:
        """The count starts anew after a lock has run out; at `limit` the account is locked for `lock`."""
        ran_out = self.locked_until is not None and now >= self.locked_until
        failed = (0 if ran_out else self.failed) + 1
        return Attempts(failed, now + lock if failed >= limit else None)

    def remaining(self, limit: int) -> int:
        return max(0, limit - self.failed)


# ------------------------------------------------------------ sessions


def session_valid(now: dt.datetime, seen_at: dt.datetime, expires_at: dt.datetime, idle: dt.timedelta) -> bool:
    return now < expires_at and now - seen_at < idle


# ------------------------------------------------------------ secrets


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """SHA-256: enough for 256 random bits, and quick enough for every request. Passwords use argon2 instead."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fingerprint(secret_hash: str) -> str:
    """What wall and desk compare before a wall is confirmed: A7:1C:93:E0."""
    head = secret_hash[:8].upper()
    return ":".join(head[i : i + 2] for i in range(0, 8, 2))


def token_permissions(actions: Collection[str]) -> frozenset[str]:
    return frozenset[str]().union(*(TOKEN_ACTIONS.get(a, frozenset[str]()) for a in actions))


def action_faults(actions: Collection[str]) -> list[Reason]:
    allowed = ", ".join(TOKEN_ACTIONS)
    if not actions:
        return [Reason("allow", "missing", f"至少一项：{allowed}", f"at least one of: {allowed}")]
    return [
        Reason("allow", "unknown_action", f"只能是 {allowed}", f"must be one of {allowed}", a)
        for a in actions
        if a not in TOKEN_ACTIONS
    ]


# ------------------------------------------------------------ wall enrolment


def new_code() -> str:
    """An enrolment code like 7K4-Q2M: 32^6, a thousand million."""
    word = "".join(secrets.choice(CODE_ALPHABET) for _ in range(6))
    return f"{word[:3]}-{word[3:]}"


def clean_code(text: str) -> str:
    """As typed at the desk, in any case, with or without the dash; '' when it cannot be a code."""
    word = "".join(c for c in text.upper() if c.isalnum())
    return f"{word[:3]}-{word[3:]}" if len(word) == 6 and all(c in CODE_ALPHABET for c in word) else ""
