"""Events: one row per (source, source_id), its history, and its feed record in one transaction."""

from __future__ import annotations

import datetime as dt
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
from ioc.store.worklist import event_record

State = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class Saved:
    event_id: int
    state: State
    version: int


_UPSERT = """
INSERT INTO event AS e (source, source_id, title, description, category_scheme, category_code, urgency, incident_level,
  status, suspected, geom, geom_m, h3_10, x_orig, y_orig, crs_orig, address, region_id, grid_cell_ids, device_id,
  occurred_at, received_at, updated_at, private_to, sensitivity, search, attributes, origin)
VALUES (%(source)s, %(source_id)s, %(title)s, %(description)s, %(category_scheme)s, %(category_code)s, %(urgency)s,
  %(incident_level)s, coalesce(%(status)s, 'open'), %(suspected)s,
  ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), ST_SetSRID(ST_MakePoint(%(x_m)s, %(y_m)s), %(srid)s::int),
  %(h3_10)s, %(x_orig)s, %(y_orig)s, %(crs_orig)s, %(address)s, %(region_id)s, %(grid_cell_ids)s, %(device_id)s,
  %(occurred_at)s, %(now)s, %(now)s, %(private_to)s, %(sensitivity)s, %(search)s, %(attributes)s, %(origin)s)
ON CONFLICT (source, source_id) DO UPDATE SET
  title = excluded.title, description = excluded.description, category_scheme = excluded.category_scheme,
  category_code = excluded.category_code, urgency = excluded.urgency, incident_level = excluded.incident_level,
  status = CASE WHEN e.reviewed = 'refuted' THEN e.status ELSE coalesce(%(status)s, e.status) END,
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
       CASE WHEN e.reviewed = 'refuted' THEN e.status ELSE coalesce(%(status)s, e.status) END,
       CASE WHEN e.reviewed = '' THEN excluded.suspected ELSE e.suspected END, excluded.x_orig, excluded.y_orig,
       excluded.crs_orig, excluded.address, excluded.device_id, excluded.occurred_at, excluded.private_to,
       excluded.sensitivity, excluded.attributes)
RETURNING event_id, version, region_id, private_to, sensitivity, origin, (xmax = 0) AS created
"""

_HISTORY = """
INSERT INTO event_history (event_id, version, recorded_at, op, actor, region_id, private_to, sensitivity, origin,
                           record)
SELECT event_id, version, %(now)s, %(op)s, %(actor)s, region_id, private_to, sensitivity, origin,
       ioc_history_record(to_jsonb(e), e.geom)
FROM event e WHERE event_id = %(id)s
"""


def save(conn: Conn, values: Mapping[str, Any], actor: str, now: dt.datetime) -> Saved:
    """Insert, change or leave one event. `values` are the columns of `_UPSERT`; no `lon` means no place.

    Two writers of one key take turns on its row: the first creates, the others see its row and change nothing or add a
    version. A status that is not given stays as duty officers have set it, and so does what a review has found: the
    source saying it again makes a verified event no suspicion.
    """
    row = conn.execute(_UPSERT, {**values, "attributes": Jsonb(dict(values["attributes"])), "now": now}).fetchone()
    if row is None:
        same = conn.execute(
            "SELECT event_id, version FROM event WHERE source = %(source)s AND source_id = %(source_id)s", values
        ).fetchone()
        if same is None:
            raise LookupError(values["source_id"])
        return Saved(same["event_id"], "unchanged", same["version"])
    op = "new" if row["created"] else "change"
    conn.execute(_HISTORY, {"id": row["event_id"], "op": op, "actor": actor, "now": now})
    outbox.put(
        conn,
        topic="event",
        op=op,
        entity_id=row["event_id"],
        region_id=row["region_id"],
        private_to=row["private_to"],
        sensitivity=row["sensitivity"],
        permission="event.view",
        origin=row["origin"],
        payload=event_record(conn, row["event_id"]),
    )
    outbox.wake(conn)
    return Saved(row["event_id"], "created" if row["created"] else "updated", row["version"])


def existing(conn: Conn, source: str, source_id: str) -> Mapping[str, Any] | None:
    return conn.execute(
        "SELECT event_id, region_id, private_to, sensitivity FROM event WHERE source = %s AND source_id = %s",
        (source, source_id),
    ).fetchone()


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
