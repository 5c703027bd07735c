"""Who is responsible for a place, a kind of device or one device, and receipts of what they were told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.store.pool import Conn

_FIND = """
SELECT s.steward_id, s.duty, s.name, s.phone, s.login, s.region_id,
       CASE WHEN s.device_id IS NOT NULL THEN -1 ELSE c.depth END AS depth
FROM device d
LEFT JOIN region_closure c ON c.descendant_id = d.region_id
JOIN steward s ON s.device_id = d.device_id OR (s.device_id IS NULL AND s.region_id = c.ancestor_id)
WHERE d.device_id = %(device)s AND s.duty = ANY (%(duties)s)
  AND (s.device_id IS NOT NULL OR s.kinds = '{}' OR d.kind = ANY (s.kinds))
  AND (s.private_to IS NULL OR s.private_to = d.private_to)
ORDER BY s.duty, depth, s.steward_id
"""


def responsible(conn: Conn, device_id: int, duties: Sequence[str]) -> list[Mapping[str, Any]]:
    """Stewards of a device for each duty: of the device itself, else of the nearest region that has any (village before
    town before county). Several of one duty at the same level are all named, each once."""
    if not duties:
        return []
    rows = conn.execute(_FIND, {"device": device_id, "duties": list(duties)}).fetchall()
    nearest: dict[str, int] = {}
    out: dict[int, Mapping[str, Any]] = {}
    for row in rows:
        depth = nearest.setdefault(row["duty"], row["depth"])
        if row["depth"] == depth:
            out.setdefault(row["steward_id"], row)
    return sorted(out.values(), key=lambda r: list(duties).index(r["duty"]))


def read_since(conn: Conn, about: str, since: dt.datetime) -> bool:
    """Has anybody read a notice about this record that was written since?"""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM notice WHERE about = %s AND created_at >= %s AND read_at IS NOT NULL) AS yes",
        (about, since),
    ).fetchone()
    return bool(row and row["yes"])
