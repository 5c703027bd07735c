"""Import batches: who brought which file, and the balance read = stored + updated + unchanged + rejected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, LiteralString

from ioc.store import gridding, outbox
from ioc.store.cells import rebuild_device_cells
from ioc.store.pool import Conn
from ioc.store.worklist import case_record, event_record

# A batch that says nothing for so long was left by a process that is gone.
ABANDONED_S = 3600
_LOCK = 4_930_201  # held by the importing session as long as it lives


def begin(conn: Conn, *, kind: str, source: str, file_name: str, crs: str, actor: str, now: dt.datetime) -> int:
    row = conn.execute(
        "INSERT INTO import_batch (kind, source, file_name, crs, actor, started_at) VALUES (%s, %s, %s, %s, %s, %s)"
        " RETURNING batch_id",
        (kind, source, file_name, crs, actor, now),
    ).fetchone()
    assert row is not None
    return int(row["batch_id"])


def progress(conn: Conn, batch_id: int, counts: Mapping[str, int]) -> None:
    """The balance so far, in the transaction of the rows it counts."""
    conn.execute(
        "UPDATE import_batch SET read = %(read)s, stored = %(stored)s, updated = %(updated)s,"
        " unchanged = %(unchanged)s, rejected = %(rejected)s WHERE batch_id = %(batch)s",
        {**counts, "batch": batch_id},
    )


def finish(conn: Conn, batch_id: int, state: str, note: str, now: dt.datetime) -> None:
    conn.execute(
        "UPDATE import_batch SET state = %s, note = %s, finished_at = %s WHERE batch_id = %s",
        (state, note[:2000], now, batch_id),
    )


def batch(conn: Conn, batch_id: int) -> Mapping[str, Any] | None:
    return conn.execute("SELECT * FROM import_batch WHERE batch_id = %s", (batch_id,)).fetchone()


def hold(conn: Conn) -> None:
    """Say, for the life of this session, that an import is running here."""
    conn.execute("SELECT pg_advisory_lock_shared(%s)", (_LOCK,))


def close_interrupted(conn: Conn, now: dt.datetime) -> int:
    """Close batches whose process was killed, and set right what they could not. Returns how many."""
    if not conn.execute("SELECT pg_try_advisory_xact_lock(%s) AS alone", (_LOCK,)).fetchone()["alone"]:  # type: ignore[index]
        return 0
    rows = conn.execute(
        "UPDATE import_batch SET state = 'failed', note = 'interrupted', finished_at = %s WHERE state = 'running'"
        " RETURNING kind",
        (now,),
    ).fetchall()
    if any(r["kind"] in ("devices", "stations", "regions") for r in rows):
        rebuild_device_cells(conn)
    if any(r["kind"] == "grids" for r in rows):
        gridding.reassign_all(conn)
    return len(rows)


def announce(conn: Conn, topic: str) -> None:
    """One feed record for each event or case of `done`: few enough to be told one by one."""
    for row in conn.execute("SELECT id, created FROM done ORDER BY id").fetchall():
        record = event_record(conn, row["id"]) if topic == "event" else case_record(conn, row["id"])
        scope = conn.execute(_SCOPES[topic], (row["id"],)).fetchone()
        assert scope is not None
        outbox.put(
            conn,
            topic=topic,
            op="new" if row["created"] else "change",
            entity_id=row["id"],
            permission=f"{topic}.view",
            payload=record,
            **scope,
        )
    outbox.wake(conn)


_SCOPES: Mapping[str, LiteralString] = {
    "event": "SELECT region_id, private_to, sensitivity, origin FROM event WHERE event_id = %s",
    "case": "SELECT region_id, private_to, sensitivity, origin FROM cases WHERE case_id = %s",
}
