"""Who is responsible for a place, a kind of device or one device, and receipts of what they were told."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

_FIND = """
SELECT s.steward_id, s.duty, s.name, s.phone, s.login, s.region_id,
       CASE WHEN s.device_id IS NOT NULL THEN -1 ELSE c.depth END AS depth
FROM device d
LEFT JOIN region_closure c ON c.descendant_id = d.region_id
JOIN steward s ON s.device_id = d.device_id OR (s.device_id IS NULL AND s.region_id = c.ancestor_id)
WHERE d.device_id = %(device)s AND s.duty = ANY (%(duties)s) AND s.ended_at IS NULL
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
WITH given AS (SELECT g.*, CASE WHEN g.gone THEN %(now)s::timestamptz END AS left_at
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS g(source text, external_id text, duty text, name text, phone text,
    login text, region_id int, kinds text[], device_id bigint, private_to text, sensitivity smallint, origin text,
    gone boolean)),
done AS (
  INSERT INTO steward AS s (source, external_id, duty, name, phone, login, region_id, kinds, device_id, private_to,
                            sensitivity, origin, ended_at, ended_by, recorded_at, updated_at)
  SELECT g.source, g.external_id, g.duty, g.name, g.phone, g.login, coalesce(g.region_id, d.region_id), g.kinds,
         g.device_id, g.private_to, g.sensitivity, g.origin, g.left_at, CASE WHEN g.gone THEN %(actor)s ELSE '' END,
         %(now)s, %(now)s
  FROM given g LEFT JOIN device d ON d.device_id = g.device_id
  ORDER BY g.external_id
  ON CONFLICT (source, external_id) DO UPDATE
  SET duty = excluded.duty, name = excluded.name, phone = excluded.phone, login = excluded.login,
      region_id = excluded.region_id, kinds = excluded.kinds, device_id = excluded.device_id,
      private_to = excluded.private_to, sensitivity = excluded.sensitivity, updated_at = excluded.updated_at,
      ended_at = CASE WHEN excluded.ended_at IS NOT NULL THEN coalesce(s.ended_at, excluded.ended_at) END,
      ended_by = CASE WHEN s.ended_at IS NOT NULL AND excluded.ended_at IS NOT NULL THEN s.ended_by
                      ELSE excluded.ended_by END,
      ended_reason = CASE WHEN excluded.ended_at IS NOT NULL THEN s.ended_reason ELSE '' END
  WHERE (s.ended_at IS NULL) <> (excluded.ended_at IS NULL)
     OR (s.duty, s.name, s.phone, s.login, s.region_id, s.kinds, s.device_id, s.private_to, s.sensitivity)
        IS DISTINCT FROM (excluded.duty, excluded.name, excluded.phone, excluded.login, excluded.region_id,
                          excluded.kinds, excluded.device_id, excluded.private_to, excluded.sensitivity)
  RETURNING s.steward_id, s.origin, (xmax = 0) AS created, to_jsonb(s) AS record
), history AS (
  INSERT INTO entity_history (entity, entity_id, recorded_at, op, actor, origin, record)
  SELECT 'steward', steward_id::text, %(now)s,
         CASE WHEN created THEN 'new' WHEN record->>'ended_at' IS NOT NULL THEN 'remove' ELSE 'change' END,
         %(actor)s, origin, record
  FROM done)
SELECT count(*) FILTER (WHERE created)::int AS stored, count(*) FILTER (WHERE NOT created)::int AS updated FROM done
"""


def save(conn: Conn, rows: Sequence[Mapping[str, Any]], now: dt.datetime, actor: str = "import") -> tuple[int, int]:
    """Insert or change stewards, with their history. `gone` of a row: the person has left; without it one who had left
    is back. Returns (stored, updated); the rest was the same."""
    if not rows:
        return 0, 0
    given = json.dumps(list(rows), ensure_ascii=False)
    row = conn.execute(_SAVE, {"rows": given, "now": now, "actor": actor}).fetchone()
    return (int(row["stored"]), int(row["updated"])) if row else (0, 0)


_END = """
WITH done AS (
  UPDATE steward s SET ended_at = %(now)s, ended_by = %(by)s, ended_reason = %(reason)s, updated_at = %(now)s
  WHERE s.ended_at IS NULL AND {chosen} RETURNING s.steward_id, s.origin, to_jsonb(s) AS record
), history AS (
  INSERT INTO entity_history (entity, entity_id, recorded_at, op, actor, origin, record)
  SELECT 'steward', steward_id::text, %(now)s, 'remove', %(actor)s, origin, record FROM done)
SELECT count(*)::int AS n FROM done
"""
_BACK = """
WITH done AS (
  UPDATE steward s SET ended_at = NULL, ended_by = '', ended_reason = '', updated_at = %(now)s
  WHERE s.ended_at IS NOT NULL AND s.steward_id = %(id)s RETURNING s.steward_id, s.origin, to_jsonb(s) AS record
), history AS (
  INSERT INTO entity_history (entity, entity_id, recorded_at, op, actor, origin, record)
  SELECT 'steward', steward_id::text, %(now)s, 'change', %(actor)s, origin, record FROM done)
SELECT count(*)::int AS n FROM done
"""


def end_absent(conn: Conn, source: str, present: Collection[str], actor: str, now: dt.datetime) -> int:
    """A whole register came: who is in it no more has left. Returns how many."""
    chosen = sql.SQL("s.source = %(source)s AND NOT s.external_id = ANY (%(present)s::text[])")
    values = {"source": source, "present": sorted(present), "by": actor, "actor": actor, "reason": "名册", "now": now}
    return _count(conn.execute(sql.SQL(_END).format(chosen=chosen), values).fetchone())


def end(conn: Conn, steward_id: int, by: tuple[str, str], reason: str, now: dt.datetime) -> bool:
    """One has left. `by`: login and name. False: had left before."""
    values = {"id": steward_id, "actor": by[0], "by": by[1] or by[0], "reason": reason, "now": now}
    query = sql.SQL(_END).format(chosen=sql.SQL("s.steward_id = %(id)s"))
    return _count(conn.execute(query, values).fetchone()) > 0


def back(conn: Conn, steward_id: int, actor: str, now: dt.datetime) -> bool:
    """Ended by mistake, or here again. False: had not left."""
    return _count(conn.execute(_BACK, {"id": steward_id, "actor": actor, "now": now}).fetchone()) > 0


def _count(row: Mapping[str, Any] | None) -> int:
    return int(row["n"]) if row else 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for. `ended`: those who have left instead of those in office."""

    region_ids: tuple[int, ...] | None = None
    duties: tuple[str, ...] = ()
    ended: bool = False
    steward_id: int | None = None


def listed(conn: Conn, scope: Scope, asked: Asked, limit: int, offset: int = 0) -> tuple[list[Mapping[str, Any]], int]:
    """Stewards the asker sees, by place and duty, and how many there are in all."""
    seen, values = visible(scope, "s")
    parts: list[sql.Composable] = [seen]
    if asked.steward_id is None:
        parts.append(sql.SQL("s.ended_at IS NOT NULL" if asked.ended else "s.ended_at IS NULL"))
    else:
        parts.append(sql.SQL("s.steward_id = %(id)s"))
    if asked.region_ids is not None:
        parts.append(sql.SQL("s.region_id = ANY (%(inside)s::int[])"))
    if asked.duties:
        parts.append(sql.SQL("s.duty = ANY (%(duties)s)"))
    values |= {"id": asked.steward_id, "inside": None if asked.region_ids is None else list(asked.region_ids),
               "duties": list(asked.duties), "limit": limit, "offset": offset}  # fmt: skip
    query = sql.SQL(
        "SELECT s.steward_id AS id, s.duty, s.name, s.phone, s.login, s.kinds, s.device_id, d.name AS device,"
        " r.code AS region, r.name AS region_name, s.source, s.ended_at, s.ended_by, s.ended_reason, s.updated_at,"
        " count(*) OVER () AS total"
        " FROM steward s LEFT JOIN region r ON r.region_id = s.region_id"
        " LEFT JOIN device d ON d.device_id = s.device_id"
        " WHERE {} ORDER BY s.ended_at DESC NULLS FIRST, r.code NULLS LAST, s.duty, s.name, s.steward_id"
        " LIMIT %(limit)s OFFSET %(offset)s"
    ).format(sql.SQL(" AND ").join(parts))
    rows = conn.execute(query, values).fetchall()
    total = rows[0]["total"] if rows else 0
    return [{k: v for k, v in r.items() if k != "total"} for r in rows], int(total)


def history(conn: Conn, steward_id: int) -> Sequence[Mapping[str, Any]]:
    """What became of a steward, newest first."""
    return conn.execute(
        "SELECT recorded_at AS at, op, actor, record->>'name' AS name, record->>'duty' AS duty,"
        " record->>'ended_reason' AS reason FROM entity_history WHERE entity = 'steward' AND entity_id = %s"
        " ORDER BY history_id DESC LIMIT 200",
        (str(steward_id),),
    ).fetchall()
