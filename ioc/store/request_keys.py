"""Idempotency keys: the answer of a request, kept in the transaction of its work, given again when it is repeated."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from ioc.errors import Conflict
from ioc.store.pool import Conn

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A key as one asker gave it. `what`: method and path; `body_hash`: of the body, so that a key is used once."""

    actor: str
    key: str
    what: str
    body_hash: str


_CLAIM = """
INSERT INTO request_key (actor, key, what, body_hash, answer, created_at, recorded_at)
VALUES (%(actor)s, %(key)s, %(what)s, %(hash)s, '{}', %(now)s, %(now)s)
ON CONFLICT (actor, key) DO NOTHING RETURNING key
"""


def claim(conn: Conn, asked: RequestKey | None, now: dt.datetime) -> Answer | None:
    """What the same request was answered before; None: it is the first, and `keep` must follow in this transaction.

    Waits for the same request where it is being done at this moment. Under the system's scope.
    Raises Conflict where the key belongs to another request.
    """
    if asked is None:
        return None
    values = {"actor": asked.actor, "key": asked.key, "what": asked.what, "hash": asked.body_hash, "now": now}
    if conn.execute(_CLAIM, values).fetchone() is not None:
        return None
    row = conn.execute(
        "SELECT what, body_hash, answer FROM request_key WHERE actor = %(actor)s AND key = %(key)s", values
    ).fetchone()
    if row is None or (row["what"], row["body_hash"]) != (asked.what, asked.body_hash):
        raise Conflict("此 Idempotency-Key 已用于另一请求", "this Idempotency-Key belongs to another request")
    return row["answer"]


def keep(conn: Conn, asked: RequestKey | None, answer: Answer, origin: str = "real") -> None:
    """The answer beside its claim. `origin`: of the record it speaks of."""
    if asked is None:
        return
    conn.execute(
        "UPDATE request_key SET answer = %s, origin = %s WHERE actor = %s AND key = %s",
        (Jsonb(dict(answer)), origin, asked.actor, asked.key),
    )
