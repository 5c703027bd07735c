"""What devices and gateways say of themselves, kept apart from what people and files say of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from ioc.store.pool import Conn


class Told(NamedTuple):
    """`was`: what it said before; None: nothing yet."""

    device_id: int
    status: str
    at: dt.datetime
    was: str | None


def record(conn: Conn, told: Mapping[int, tuple[str, dt.datetime]], now: dt.datetime) -> dict[int, Told]:
    """Keep the newest word of each device. Returns those that are new or that the device's row does not say yet."""
    ids = sorted(told)
    rows = conn.execute(
        """
        WITH n AS (SELECT * FROM unnest(%(ids)s::bigint[], %(words)s::text[], %(times)s::timestamptz[])
                        AS n(device_id, status, at)),
        before AS (SELECT device_id, status FROM device_told WHERE device_id = ANY (%(ids)s)),
        up AS (
          INSERT INTO device_told AS t (device_id, status, observed_at, origin, updated_at)
          SELECT n.device_id, n.status, n.at, d.origin, %(now)s FROM n JOIN device d USING (device_id)
          ORDER BY n.device_id
          ON CONFLICT (device_id) DO UPDATE
          SET status = excluded.status, observed_at = excluded.observed_at, updated_at = excluded.updated_at
          WHERE t.observed_at <= excluded.observed_at
          RETURNING device_id, status, observed_at)
        SELECT up.device_id, up.status, up.observed_at AS at, b.status AS was
        FROM up JOIN device d USING (device_id) LEFT JOIN before b USING (device_id)
        WHERE d.status <> up.status OR b.status IS DISTINCT FROM up.status
        """,
        {
            "ids": ids,
            "words": [told[i][0] for i in ids],
            "times": [told[i][1] for i in ids],
            "now": now,
        },
    ).fetchall()
    return {r["device_id"]: Told(r["device_id"], r["status"], r["at"], r["was"]) for r in rows}


def status_after(before: str, heard: str, word: Told, current: bool) -> str:
    """A device's status after it spoke. `heard`: what telemetry alone makes of it; `current`: the word is recent."""
    if before == "disabled":
        return before
    if word.status == "fault":
        return "fault"
    if before == "fault" and word.was != "fault":
        return before  # a person or a file said so
    if word.status == "offline":
        return "offline" if current or before != "online" else heard
    return "online" if current else ("unknown" if before == "fault" else heard)
