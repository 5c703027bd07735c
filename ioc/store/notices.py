"""Notices to people, written in the transaction of what they tell of: neither without the other, each exactly once."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Literal

from ioc.store import outbox
from ioc.store.pool import Conn

ToKind = Literal["account", "department", "role", "person"]
Priority = Literal["urgent", "high", "medium", "low"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What one addressee must know.

    `key`: the same key is written once, whoever says it again. `to_ref`: login, department, role key, or the name of
    somebody without an account (then with `phone`, if known). `about`: key of the record (`case:12`, `alarm:5`).
    """

    key: str
    kind: str
    to_kind: ToKind
    to_ref: str
    title: str
    title_en: str = ""
    body: str = ""
    body_en: str = ""
    about: str = ""
    priority: Priority = "medium"
    phone: str = ""
    region_id: int | None = None
    private_to: str | None = None
    sensitivity: int = 0
    origin: str = "real"


_PUT = """
INSERT INTO notice (key, kind, to_kind, to_ref, phone, title, title_en, body, body_en, about, priority, created_at,
                    region_id, private_to, sensitivity, origin)
VALUES (%(key)s, %(kind)s, %(to_kind)s, %(to_ref)s, %(phone)s, %(title)s, %(title_en)s, %(body)s, %(body_en)s,
        %(about)s, %(priority)s, %(created_at)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(origin)s)
ON CONFLICT (key) DO NOTHING
RETURNING notice_id
"""


def put(conn: Conn, notice: Notice, now: dt.datetime) -> int | None:
    """Write it, under the system's scope. Returns its id, None where it had been written before."""
    row = conn.execute(_PUT, {**asdict(notice), "created_at": now}).fetchone()
    if row is None:
        return None
    stir(conn, notice.origin)
    return int(row["notice_id"])


def stir(conn: Conn, origin: str = "real") -> None:
    """Every inbox asks again for what is its own. The record says nothing: a notice is its addressee's."""
    outbox.put(conn, topic="notice", op="new", entity_id="", permission="case.view", origin=origin, payload={})
