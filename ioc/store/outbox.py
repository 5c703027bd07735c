"""One outbox record in the transaction of every change a screen shows. The sequencer turns them into the feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from psycopg.types.json import Jsonb

from ioc.store.pool import Conn

CHANNEL = "ioc_outbox"

_PUT = """
INSERT INTO outbox (topic, op, entity_id, region_id, private_to, sensitivity, permission, origin, payload)
VALUES (%(topic)s, %(op)s, %(entity_id)s, %(region_id)s, %(private_to)s, %(sensitivity)s, %(permission)s, %(origin)s,
        %(payload)s)
"""


def put(
    conn: Conn,
    *,
    topic: str,
    op: Literal["new", "change", "remove"],
    entity_id: str | int,
    payload: Mapping[str, Any],
    region_id: int | None = None,
    private_to: str | None = None,
    sensitivity: int = 0,
    permission: str = "",
    origin: str = "real",
) -> None:
    """Scope fields are those of the row that changed: the stream filters by them. `payload` is what screens receive."""
    conn.execute(
        _PUT,
        {
            "topic": topic,
            "op": op,
            "entity_id": str(entity_id),
            "region_id": region_id,
            "private_to": private_to or None,
            "sensitivity": sensitivity,
            "permission": permission,
            "origin": origin,
            "payload": Jsonb(dict(payload)),
        },
    )


def put_many(conn: Conn, records: Sequence[Mapping[str, Any]]) -> None:
    """`put` for many, in one pipeline. Each has every name of `put`."""
    rows = [
        {**r, "entity_id": str(r["entity_id"]), "private_to": r["private_to"] or None, "payload": Jsonb(r["payload"])}
        for r in records
    ]
    with conn.cursor() as cur:
        cur.executemany(_PUT, rows)


def wake(conn: Conn) -> None:
    """Hint to the sequencer, once per batch and before the commit: commits that notify are serialised."""
    conn.execute("NOTIFY ioc_outbox")
