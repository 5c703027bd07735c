"""What a review changes of an event: verified, or void. Row, history and feed record in the caller's transaction."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from ioc.store import outbox
from ioc.store.pool import Conn
from ioc.store.worklist import event_record

Decision = Literal["confirmed", "refuted"]

_CHANGE = """
WITH changed AS (
  UPDATE event SET suspected = CASE WHEN %(decision)s = 'confirmed' THEN false ELSE suspected END,
    status = CASE WHEN %(decision)s = 'refuted' THEN 'void' WHEN status = 'void' THEN 'open' ELSE status END,
    reviewed = %(decision)s, version = version + 1, updated_at = %(now)s
  WHERE event_id = %(id)s RETURNING *
)
INSERT INTO event_history (event_id, version, recorded_at, op, actor, region_id, private_to, sensitivity, origin,
                           record)
SELECT event_id, version, %(now)s, 'change', %(actor)s, region_id, private_to, sensitivity, origin,
       ioc_history_record(to_jsonb(c), c.geom)
FROM changed c RETURNING version, region_id, private_to, sensitivity, origin
"""


def review(conn: Conn, event_id: int, decision: Decision, actor: str, now: dt.datetime) -> int:
    """The event's new version. Confirmed: verified, open again where it was void. Refuted: void, and no longer counted.

    Raises LookupError when there is no such event.
    """
    values: dict[str, Any] = {"id": event_id, "decision": decision, "actor": actor, "now": now}
    row = conn.execute(_CHANGE, values).fetchone()
    if row is None:
        raise LookupError(event_id)
    outbox.put(
        conn,
        topic="event",
        op="change",
        entity_id=event_id,
        region_id=row["region_id"],
        private_to=row["private_to"],
        sensitivity=row["sensitivity"],
        permission="event.view",
        origin=row["origin"],
        payload=event_record(conn, event_id),
    )
    outbox.wake(conn)
    return int(row["version"])
