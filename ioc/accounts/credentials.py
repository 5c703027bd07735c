"""From what a request carries (cookie, bearer token, signed embed token) to who is asking. Cached for a few seconds."""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from ioc.accounts import embed
from ioc.accounts.base import SYSTEM, Accounts, Conn, rows
from ioc.accounts.identity import NOBODY_ID, Identity, viewer_scope
from ioc.accounts.rules import (
    SEEN_EVERY,
    TOKEN_PREFIX,
    VIEWS,
    WALL_RENEW_AFTER,
    WALL_RENEW_RETRY,
    WALL_VIEWS,
    hash_secret,
    new_secret,
    session_valid,
    token_permissions,
)
from ioc.errors import NotSignedIn
from ioc.scope import Scope

SESSION_COOKIE, WALL_COOKIE, ENROL_COOKIE = "ioc_session", "ioc_wall", "ioc_enrol"
CACHE_S, CACHE_SIZE = 5.0, 5_000


@dataclass(frozen=True, slots=True)
class Presented:
    """What one request carries. `embed_token` comes from the page's URL; `path` says what it wants to open."""

    cookies: Mapping[str, str]
    authorization: str = ""
    embed_token: str = ""
    path: str = "/"


@dataclass
class Credentials:
    """Thread-safe. One instance a process."""

    accounts: Accounts
    _cache: OrderedDict[str, tuple[float, Identity]] = field(default_factory=OrderedDict[str, tuple[float, Identity]])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def identify(self, given: Presented) -> Identity:
        """The asker, or NOBODY_ID. A bearer or embed token that does not hold is an error, not a fall-back.

        Raises NotSignedIn for those, so that a wrong token is never quietly answered as somebody else.
        """
        found = self._identify(given, ask=True)
        assert found is not None  # the store always has an answer
        return found

    def at_hand(self, given: Presented) -> Identity | None:
        """`identify` from memory alone; None where the store would have to be asked."""
        return self._identify(given, ask=False)

    def _identify(self, given: Presented, *, ask: bool) -> Identity | None:
        scheme, _, value = given.authorization.partition(" ")
        if scheme.lower() == "bearer" and value.strip():
            return self._bearer(value.strip(), given.path, ask)
        if given.embed_token:
            return self._embed(given.embed_token, given.path, ask)
        for cookie, kind in ((SESSION_COOKIE, "s"), (WALL_COOKIE, "w")):
            secret = given.cookies.get(cookie, "")
            if secret:
                found = self._find(f"{kind}:{hash_secret(secret)}", ask)
                if found is not NOBODY_ID:
                    return found
        return NOBODY_ID

    def still(self, identity: Identity) -> bool:
        """Does the credential of a long stream still hold, with the same view? Signed out or re-granted: no."""
        if identity.kind == "embed":
            try:
                embed.verify(self.accounts.settings, identity.secret_hash, self.accounts.now())
            except NotSignedIn:
                return False
            return True
        prefix = {"session": "s", "wall": "w", "token": "t"}.get(identity.kind, "")
        found = self._cached(f"{prefix}:{identity.secret_hash}")
        return found is not NOBODY_ID and found.scope.class_key == identity.scope.class_key

    def forget(self) -> None:
        """Look everything up again: somebody's rights have just changed."""
        with self._lock:
            self._cache.clear()

    # ------------------------------------------------------------ ways in

    def _bearer(self, token: str, path: str, ask: bool) -> Identity | None:
        if not token.startswith(TOKEN_PREFIX):
            return self._embed(token, path, ask)
        found = self._find(f"t:{hash_secret(token)}", ask)
        if found is NOBODY_ID:
            raise NotSignedIn("令牌无效或已过期", "the token is not valid or has expired")
        return found

    def _embed(self, token: str, path: str, ask: bool) -> Identity | None:
        """The signature is checked each time; only what the region holds is remembered."""
        verified = embed.verify(self.accounts.settings, token, self.accounts.now())
        if not embed.opens(verified.panel, path):
            raise NotSignedIn("嵌入令牌不能打开此地址", "the embed token does not open this address")
        key = f"e:{hash_secret(token)}"
        found = self._get(key)
        if found is None and ask:
            with self.accounts.store.scoped(SYSTEM) as conn:
                ids = rows.expand_regions(conn, verified.grant.region_codes)
            rights = VIEWS if verified.panel == "map" else frozenset({"indicator.view"})
            grant = verified.grant
            scope = viewer_scope(f"embed:{verified.panel}", grant.whole, ids, grant.sensitivity, rights)
            found = Identity(
                "embed", scope, verified.panel, secret_hash=token, panel=verified.panel, region=verified.region
            )
            self._put(key, found)
        return found

    # ------------------------------------------------------------ lookups

    def _cached(self, key: str) -> Identity:
        found = self._get(key)
        if found is None:
            kind, _, hashed = key.partition(":")
            look = {"s": self._session, "w": self._wall, "t": self._token}[kind]
            with self.accounts.store.scoped(SYSTEM) as conn:
                found = look(conn, hashed)
            self._put(key, found)
        return found

    def _find(self, key: str, ask: bool) -> Identity | None:
        return self._cached(key) if ask else self._get(key)

    def _get(self, key: str) -> Identity | None:
        with self._lock:
            entry = self._cache.get(key)
        if entry is None or self.accounts.clock.monotonic() - entry[0] > CACHE_S:
            return None
        return entry[1]

    def _put(self, key: str, identity: Identity) -> None:
        with self._lock:
            self._cache[key] = (self.accounts.clock.monotonic(), identity)
            self._cache.move_to_end(key)
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)

    def _session(self, conn: Conn, hashed: str) -> Identity:
        row, now = rows.session_by_hash(conn, hashed), self.accounts.now()
        if row is None:
            return NOBODY_ID
        if not session_valid(now, row["seen_at"], row["expires_at"], self.accounts.idle):
            rows.end_session(conn, hashed)
            return NOBODY_ID
        if now - row["seen_at"] >= SEEN_EVERY:
            rows.touch_session(conn, hashed, now)
        scope = _scope(conn, row, f"account:{row['login']}", frozenset(row["permissions"]), row["account_id"])
        return Identity(
            "session",
            scope,
            name=row["name"],
            login=row["login"],
            roles=tuple(row["roles"]),
            must_change=row["must_change"],
            secret_hash=hashed,
        )

    def _token(self, conn: Conn, hashed: str) -> Identity:
        now = self.accounts.now()
        row = rows.token_by_hash(conn, hashed, now)
        if row is None:
            return NOBODY_ID
        if row["used_at"] is None or now - row["used_at"] >= SEEN_EVERY:
            rows.touch_token(conn, row["token_id"], now)
        scope = _scope(conn, row, f"token:{row['name']}", token_permissions(row["actions"]))
        return Identity("token", scope, name=row["name"], secret_hash=hashed, source=row["source"])

    def _wall(self, conn: Conn, hashed: str) -> Identity:
        row, now = rows.wall_by_hash(conn, hashed), self.accounts.now()
        if row is None:
            return NOBODY_ID
        if row["credential_hash"] == hashed and row["previous_hash"] is not None:
            rows.settle_wall(conn, row["wall_id"], now)
        elif row["seen_at"] is None or now - row["seen_at"] >= SEEN_EVERY:
            rows.touch_wall(conn, row["wall_id"], now)
        ids = frozenset[int]() if row["whole"] else rows.expand_regions(conn, row["region_codes"])
        scope = viewer_scope(f"wall:{row['wall_id']}", row["whole"], ids, row["sensitivity"], WALL_VIEWS)
        return Identity("wall", scope, name=row["name"], secret_hash=hashed, wall_id=row["wall_id"])

    # ------------------------------------------------------------ renewal of walls

    def renewal(self, identity: Identity) -> str:
        """A fresh credential for a wall whose own is a day old, or ''. The one it has just shown stays valid."""
        if identity.kind != "wall" or identity.wall_id is None:
            return ""
        now = self.accounts.now()
        with self.accounts.store.scoped(SYSTEM) as conn:
            row = rows.wall_by_hash(conn, identity.secret_hash)
            if row is None or not _renewal_due(row, identity.secret_hash, now):
                return ""
            fresh = new_secret()
            done = rows.renew_wall(
                conn, row["wall_id"], identity.secret_hash, hash_secret(fresh), row["renewed_at"], now
            )
        return fresh if done else ""


def _renewal_due(row: rows.Row, shown: str, now: dt.datetime) -> bool:
    age = now - row["renewed_at"]
    lost_on_the_way = row["previous_hash"] == shown and age >= WALL_RENEW_RETRY
    return lost_on_the_way or (row["credential_hash"] == shown and age >= WALL_RENEW_AFTER)


def _scope(conn: Conn, row: rows.Row, actor: str, permissions: frozenset[str], account_id: int | None = None) -> Scope:
    ids = frozenset[int]() if row["whole"] else rows.expand_regions(conn, row["region_codes"])
    departments = row["departments"]
    return Scope(
        actor=actor,
        permissions=permissions,
        whole=row["whole"],
        region_ids=ids,
        departments=None if departments is None else frozenset(departments),
        sensitivity=row["sensitivity"],
        account_id=account_id,
    )
