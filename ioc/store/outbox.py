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


_PUT_MANY = """
INSERT INTO outbox (topic, op, entity_id, region_id, private_to, sensitivity, permission, origin, payload)
SELECT topic, op, entity_id, region_id, nullif(private_to, ''), sensitivity, permission, origin, payload
FROM ROWS FROM (jsonb_to_recordset(%(records)s) AS (topic text, op text, entity_id text, region_id int, private_to text,
  sensitivity smallint, permission text, origin text, payload jsonb)) WITH ORDINALITY AS r ORDER BY ordinality
"""


def put_many(conn: Conn, records: Sequence[Mapping[str, Any]]) -> None:
    """`put` for many, by one statement and in their order. Each has every name of `put`."""
    conn.execute(_PUT_MANY, {"records": Jsonb(records)})


def wake(conn: Conn) -> None:
    """Hint to the sequencer, once per batch and before the commit: commits that notify are serialised."""
    conn.execute("NOTIFY ioc_outbox")
