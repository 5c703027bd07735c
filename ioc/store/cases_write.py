"""Writing a case: the row, its history and its feed record in the caller's transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.store import outbox
from ioc.store.pool import Conn
from ioc.store.worklist import case_record, event_record

_JSON = ("stages", "sources", "attributes", "request", "terms")
_POINT: LiteralString = "ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)"
_METRES: LiteralString = "ST_SetSRID(ST_MakePoint(%(x_m)s, %(y_m)s), %(srid)s::int)"
# Columns a writer may give; places are given as lon, lat and, in metres, x_m, y_m, srid.
COLUMNS = frozenset(
    {
        "number",
        "source",
        "source_id",
        "flow",
        "stage",
        "title",
        "description",
        "category_scheme",
        "category_code",
        "urgency",
        "incident_level",
        "level_state",
        "level_by",
        "response",
        "h3_10",
        "address",
        "region_id",
        "grid_cell_id",
        "department",
        "officer",
        "opened_at",
        "responded_at",
        "due_at",
        "total_due_at",
        "due_label",
        "clock_stopped",
        "closed_at",
        "on_time",
        "satisfaction",
        "stages",
        "sources",
        "private_to",
        "sensitivity",
        "search",
        "attributes",
        "origin",
        "hold",
        "ended",
        "asked",
        "request",
        "co_department",
        "pool",
        "merged_into",
        "raised_to",
        "raised_from",
        "repair",
        "terms",
        "terms_rev",
        "due_unpublished",
        "exercise",
    }
)

_HISTORY = """
INSERT INTO case_history (case_id, version, recorded_at, op, actor, region_id, private_to, sensitivity, origin,
                          record)
SELECT case_id, version, %(now)s, %(op)s, %(actor)s, region_id, private_to, sensitivity, origin,
       ioc_history_record(to_jsonb(c), c.geom)
FROM cases c WHERE case_id = %(id)s
RETURNING region_id, private_to, sensitivity, origin
"""


def open_case(conn: Conn, values: Mapping[str, Any], actor: str, now: dt.datetime) -> int:
    """A new case from the columns of `COLUMNS` and `lon, lat, x_m, y_m, srid`. Returns its id.

    Raises ValueError for a column that is not one, psycopg.errors.UniqueViolation for a number that exists.
    """
    names = [n for n in values if n in COLUMNS]
    unknown = set(values) - COLUMNS - {"lon", "lat", "x_m", "y_m", "srid"}
    if unknown:
        raise ValueError(f"not columns of a case: {', '.join(sorted(unknown))}")
    query = sql.SQL(
        "INSERT INTO cases ({names}, geom, geom_m, recorded_at, updated_at)"
        " VALUES ({values}, {point}, {metres}, %(now)s, %(now)s) RETURNING case_id"
    ).format(
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        values=sql.SQL(", ").join(map(sql.Placeholder, names)),
        point=sql.SQL(_POINT),
        metres=sql.SQL(_METRES),
    )
    place = {"lon": None, "lat": None, "x_m": None, "y_m": None, "srid": None}
    row = conn.execute(query, {**place, **_adapted(values), "now": now}).fetchone()
    if row is None:
        raise LookupError("case")
    _record(conn, row["case_id"], "new", actor, now)
    return int(row["case_id"])


def change_case(conn: Conn, case_id: int, changes: Mapping[str, Any], actor: str, now: dt.datetime) -> None:
    """New values for columns of one case, as its next version. Raises LookupError when there is no such case."""
    unknown = set(changes) - COLUMNS
    if unknown:
        raise ValueError(f"not columns of a case: {', '.join(sorted(unknown))}")
    query = sql.SQL(
        "UPDATE cases SET {sets}, version = version + 1, updated_at = %(now)s WHERE case_id = %(id)s RETURNING case_id"
    ).format(sets=sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in changes))
    if conn.execute(query, {**_adapted(changes), "now": now, "id": case_id}).fetchone() is None:
        raise LookupError(case_id)
    _record(conn, case_id, "change", actor, now)


_LINK = """
WITH changed AS (
  UPDATE event SET case_id = %(case)s, version = version + 1, updated_at = %(now)s
  WHERE event_id = %(event)s RETURNING *
)
INSERT INTO event_history (event_id, version, recorded_at, op, actor, region_id, private_to, sensitivity, origin,
                           record)
SELECT event_id, version, %(now)s, 'change', %(actor)s, region_id, private_to, sensitivity, origin,
       ioc_history_record(to_jsonb(c), c.geom)
FROM changed c RETURNING region_id, private_to, sensitivity, origin
"""


def link_event(conn: Conn, event_id: int, case_id: int, actor: str, now: dt.datetime) -> None:
    """An event becomes part of a case. Open lists let go of it: from now on the case stands for it."""
    row = conn.execute(_LINK, {"case": case_id, "event": event_id, "actor": actor, "now": now}).fetchone()
    if row is None:
        raise LookupError(event_id)
    outbox.put(
        conn,
        topic="event",
        op="remove",
        entity_id=event_id,
        region_id=row["region_id"],
        private_to=row["private_to"],
        sensitivity=row["sensitivity"],
        permission="event.view",
        origin=row["origin"],
        payload=event_record(conn, event_id),
    )


def events_follow(conn: Conn, case_id: int, status: Literal["open", "closed"], actor: str, now: dt.datetime) -> None:
    """The events of a case are closed with it, and open again when it is; void ones stay void."""
    conn.execute(
        """
        WITH changed AS (
          UPDATE event SET status = %(status)s, version = version + 1, updated_at = %(now)s
          WHERE case_id = %(case)s AND status IN ('open', 'closed') AND status <> %(status)s RETURNING *
        )
        INSERT INTO event_history (event_id, version, recorded_at, op, actor, region_id, private_to, sensitivity,
                                   origin, record)
        SELECT event_id, version, %(now)s, 'change', %(actor)s, region_id, private_to, sensitivity, origin,
               ioc_history_record(to_jsonb(c), c.geom)
        FROM changed c
        """,
        {"case": case_id, "status": status, "actor": actor, "now": now},
    )


def _adapted(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: Jsonb(v) if k in _JSON else v for k, v in values.items()}


def _record(conn: Conn, case_id: int, op: str, actor: str, now: dt.datetime) -> None:
    row = conn.execute(_HISTORY, {"id": case_id, "op": op, "actor": actor, "now": now}).fetchone()
    if row is None:
        raise LookupError(case_id)
    outbox.put(
        conn,
        topic="case",
        op="new" if op == "new" else "change",
        entity_id=case_id,
        region_id=row["region_id"],
        private_to=row["private_to"],
        sensitivity=row["sensitivity"],
        permission="case.view",
        origin=row["origin"],
        payload=case_record(conn, case_id),
    )
    outbox.wake(conn)
