"""Events: one row per (source, source_id), its history, and its feed record in one transaction."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.geo import Bbox
from ioc.scope import Scope
from ioc.store import outbox
from ioc.store.event_counts import conditions
from ioc.store.pool import Conn
from ioc.store.where import visible
from ioc.store.worklist import event_records

State = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class Saved:
    event_id: int
    state: State
    version: int


# One statement for all rows: each of its own would be parsed, bound and planned a hundred times.
_UPSERT = """
WITH g AS MATERIALIZED (SELECT * FROM jsonb_to_recordset(%(rows)s) AS g(
  source text, source_id text, title text, description text, category_scheme text, category_code text, urgency text,
  incident_level smallint, status text, suspected boolean, lon float8, lat float8, x_m float8, y_m float8, srid int,
  h3_10 bigint, x_orig float8, y_orig float8, crs_orig text, address text, region_id int, grid_cell_ids bigint[],
  device_id bigint, occurred_at timestamptz, private_to text, sensitivity smallint, search text, attributes jsonb,
  origin text))
INSERT INTO event AS e (source, source_id, title, description, category_scheme, category_code, urgency, incident_level,
  status, suspected, geom, geom_m, h3_10, x_orig, y_orig, crs_orig, address, region_id, grid_cell_ids, device_id,
  occurred_at, received_at, updated_at, private_to, sensitivity, search, attributes, origin)
SELECT source, source_id, title, description, category_scheme, category_code, urgency, incident_level,
  coalesce(status, 'open'), suspected, ST_SetSRID(ST_MakePoint(lon, lat), 4326),
  ST_SetSRID(ST_MakePoint(x_m, y_m), srid), h3_10, x_orig, y_orig, crs_orig, address, region_id, grid_cell_ids,
  device_id, occurred_at, %(now)s, %(now)s, private_to, sensitivity, search, attributes, origin
FROM g
ON CONFLICT (source, source_id) DO UPDATE SET
  title = excluded.title, description = excluded.description, category_scheme = excluded.category_scheme,
  category_code = excluded.category_code, urgency = excluded.urgency, incident_level = excluded.incident_level,
  status = CASE WHEN e.reviewed = 'refuted' THEN e.status ELSE
    coalesce((SELECT g.status FROM g WHERE (g.source, g.source_id) = (excluded.source, excluded.source_id)), e.status)
    END,
  suspected = CASE WHEN e.reviewed = '' THEN excluded.suspected ELSE e.suspected END, geom = excluded.geom,
  geom_m = excluded.geom_m, h3_10 = excluded.h3_10, x_orig = excluded.x_orig, y_orig = excluded.y_orig,
  crs_orig = excluded.crs_orig, address = excluded.address, region_id = excluded.region_id,
  grid_cell_ids = excluded.grid_cell_ids, device_id = excluded.device_id, occurred_at = excluded.occurred_at,
  private_to = excluded.private_to, sensitivity = excluded.sensitivity, search = excluded.search,
  attributes = excluded.attributes, version = e.version + 1, updated_at = excluded.updated_at
WHERE (e.title, e.description, e.category_scheme, e.category_code, e.urgency, e.incident_level, e.status, e.suspected,
       e.x_orig, e.y_orig, e.crs_orig, e.address, e.device_id, e.occurred_at, e.private_to, e.sensitivity,
       e.attributes)
      IS DISTINCT FROM
      (excluded.title, excluded.description, excluded.category_scheme, excluded.category_code, excluded.urgency,
       excluded.incident_level,
       CASE WHEN e.reviewed = 'refuted' THEN e.status ELSE
         coalesce((SELECT g.status FROM g WHERE (g.source, g.source_id) = (excluded.source, excluded.source_id)),
                  e.status) END,
       CASE WHEN e.reviewed = '' THEN excluded.suspected ELSE e.suspected END, excluded.x_orig, excluded.y_orig,
       excluded.crs_orig, excluded.address, excluded.device_id, excluded.occurred_at, excluded.private_to,
       excluded.sensitivity, excluded.attributes)
RETURNING source, source_id, event_id, version, region_id, private_to, sensitivity, origin, (xmax = 0) AS created
"""

_HISTORY = """
INSERT INTO event_history (event_id, version, recorded_at, op, actor, region_id, private_to, sensitivity, origin,
                           record)
SELECT e.event_id, e.version, %(now)s, w.op, w.actor, e.region_id, e.private_to, e.sensitivity, e.origin,
       ioc_record(e)
FROM unnest(%(ids)s::bigint[], %(ops)s::text[], %(actors)s::text[]) AS w(event_id, op, actor)
JOIN event e USING (event_id)
"""


def save_many(conn: Conn, rows: Sequence[Mapping[str, Any]], actors: Sequence[str], now: dt.datetime) -> list[Saved]:
    """Insert, change or leave events, each `(source, source_id)` once. In the order of `rows`.

    `rows` hold the columns of `_UPSERT`; no `lon` means no place. The writers of one key take turns on its row: the
    first creates, the others see its row and change nothing or add a version. A status that is not given stays as duty
    officers have set it, and so does what a review has found: the source saying it again makes a verified event no
    suspicion. Rows, history and feed records are each written by one statement.
    """
    at = {(row["source"], row["source_id"]): i for i, row in enumerate(rows)}
    given = [rows[at[key]] for key in sorted(at)]  # every writer locks in one order
    found_rows = conn.execute(_UPSERT, {"rows": Jsonb(given, dumps=_dumps), "now": now})
    written = {at[r["source"], r["source_id"]]: r for r in found_rows}
    _tell(conn, written, actors, now)
    same = _kept(conn, [row for i, row in enumerate(rows) if i not in written])
    return [_saved(written.get(i), row, same) for i, row in enumerate(rows)]


def _dumps(rows: Any) -> str:
    return json.dumps(rows, ensure_ascii=False, default=dt.datetime.isoformat)


def _tell(conn: Conn, written: Mapping[int, Mapping[str, Any]], actors: Sequence[str], now: dt.datetime) -> None:
    """History and feed record of every row that was written."""
    if not written:
        return
    ids = [row["event_id"] for row in written.values()]
    ops = ["new" if row["created"] else "change" for row in written.values()]
    conn.execute(_HISTORY, {"ids": ids, "ops": ops, "actors": [actors[i] for i in written], "now": now})
    records = {r["id"]: r for r in event_records(conn, ids)}
    outbox.put_many(
        conn,
        [
            {
                "topic": "event",
                "op": op,
                "entity_id": row["event_id"],
                "region_id": row["region_id"],
                "private_to": row["private_to"],
                "sensitivity": row["sensitivity"],
                "permission": "event.view",
                "origin": row["origin"],
                "payload": records[row["event_id"]],
            }
            for row, op in zip(written.values(), ops, strict=True)
        ],
    )
    outbox.wake(conn)


def _kept(conn: Conn, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """What stands in the store for rows that changed nothing."""
    return found(conn, [(r["source"], r["source_id"]) for r in rows]) if rows else {}


def _saved(
    written: Mapping[str, Any] | None, row: Mapping[str, Any], same: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Saved:
    if written is not None:
        return Saved(written["event_id"], "created" if written["created"] else "updated", written["version"])
    kept = same[row["source"], row["source_id"]]
    return Saved(kept["event_id"], "unchanged", kept["version"])


def found(conn: Conn, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Id, version and scope columns of the events there are of these `(source, source_id)`."""
    rows = conn.execute(
        "SELECT e.source, e.source_id, e.event_id, e.version, e.region_id, e.private_to, e.sensitivity"
        " FROM unnest(%s::text[], %s::text[]) AS k(source, source_id) JOIN event e USING (source, source_id)",
        ([k[0] for k in keys], [k[1] for k in keys]),
    )
    return {(r["source"], r["source_id"]): r for r in rows}


_LIST = """
SELECT e.event_id, e.source, e.source_id, e.title, e.description, e.category_scheme, e.category_code, e.urgency,
       e.incident_level, e.status, e.suspected, e.reviewed, ST_X(e.geom) AS lon, ST_Y(e.geom) AS lat, e.address,
       r.code AS region, e.grid_cell_ids, e.occurred_at, e.received_at, e.updated_at, e.version, e.case_id, e.origin,
       e.attributes
FROM event e LEFT JOIN region r USING (region_id)
WHERE {where} ORDER BY e.updated_at DESC, e.event_id DESC LIMIT %(limit)s
"""


def listed(
    conn: Conn,
    scope: Scope,
    *,
    bbox: Bbox | None,
    since: dt.datetime | None,
    region_ids: Sequence[int] | None,
    limit: int,
    only: Mapping[str, Any] | None = None,
) -> Sequence[Mapping[str, Any]]:
    """Events the scope sees, last changed first. `since` means written or changed at or after it.

    `only`: conditions of `ioc.store.event_counts.conditions`.
    """
    seen, params = visible(scope, "e")
    parts: list[sql.Composable] = [seen]
    for part, values in conditions(only or {}):
        parts.append(part)
        params |= values
    if bbox is not None:
        parts.append(sql.SQL("e.geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)"))
        params |= {"west": bbox.west, "south": bbox.south, "east": bbox.east, "north": bbox.north}
    if since is not None:
        parts.append(sql.SQL("e.updated_at >= %(since)s"))
        params["since"] = since
    if region_ids is not None:
        parts.append(sql.SQL("e.region_id = ANY (%(region_ids)s::int[])"))
        params["region_ids"] = list(region_ids)
    query = sql.SQL(_LIST).format(where=sql.SQL(" AND ").join(parts))
    return conn.execute(query, {**params, "limit": limit}).fetchall()
