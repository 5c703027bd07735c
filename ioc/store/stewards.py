"""Who is responsible for a place, a kind of device or one device, and receipts of what they were told."""

from __future__ import annotations

import datetime as dt
import json
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


_SAVE = """
WITH given AS (SELECT * FROM jsonb_populate_recordset(NULL::steward, %(rows)s::jsonb)),
done AS (
  INSERT INTO steward AS s (source, external_id, duty, name, phone, login, region_id, kinds, device_id, private_to,
                            sensitivity, origin, recorded_at, updated_at)
  SELECT g.source, g.external_id, g.duty, g.name, g.phone, g.login, coalesce(g.region_id, d.region_id), g.kinds,
         g.device_id, g.private_to, g.sensitivity, g.origin, %(now)s, %(now)s
  FROM given g LEFT JOIN device d ON d.device_id = g.device_id
  ORDER BY g.external_id
  ON CONFLICT (source, external_id) DO UPDATE
  SET duty = excluded.duty, name = excluded.name, phone = excluded.phone, login = excluded.login,
      region_id = excluded.region_id, kinds = excluded.kinds, device_id = excluded.device_id,
      private_to = excluded.private_to, sensitivity = excluded.sensitivity, updated_at = excluded.updated_at
  WHERE (s.duty, s.name, s.phone, s.login, s.region_id, s.kinds, s.device_id, s.private_to, s.sensitivity)
        IS DISTINCT FROM (excluded.duty, excluded.name, excluded.phone, excluded.login, excluded.region_id,
                          excluded.kinds, excluded.device_id, excluded.private_to, excluded.sensitivity)
  RETURNING s.steward_id, s.origin, (xmax = 0) AS created, to_jsonb(s) AS record
), history AS (
  INSERT INTO entity_history (entity, entity_id, recorded_at, op, actor, origin, record)
  SELECT 'steward', steward_id::text, %(now)s, CASE WHEN created THEN 'new' ELSE 'change' END, 'import', origin, record
  FROM done)
SELECT count(*) FILTER (WHERE created)::int AS stored, count(*) FILTER (WHERE NOT created)::int AS updated FROM done
"""


def save(conn: Conn, rows: Sequence[Mapping[str, Any]], now: dt.datetime) -> tuple[int, int]:
    """Insert or change stewards, with their history. Returns (stored, updated); the rest was the same."""
    if not rows:
        return 0, 0
    given = json.dumps(list(rows), ensure_ascii=False)
    row = conn.execute(_SAVE, {"rows": given, "now": now}).fetchone()
    return (int(row["stored"]), int(row["updated"])) if row else (0, 0)
