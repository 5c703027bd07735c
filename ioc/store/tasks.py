"""Orders as who is ordered asks for them, whom they can be given to, and those that are late. System's scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
LIMIT = 200

_MINE = """
SELECT t.*, ST_AsGeoJSON(t.geom, 7)::jsonb AS geometry, c.number AS case_number, c.title AS case_title, c.exercise,
       c.incident_level, c.closed_at, c.address AS case_address, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat,
       ST_X(at.geom) AS at_lon, ST_Y(at.geom) AS at_lat
FROM task t JOIN cases c USING (case_id), LATERAL (SELECT ST_PointOnSurface(coalesce(t.geom, c.geom)) AS geom) at
WHERE (t.to_logins @> ARRAY[%(login)s]::text[]
       OR (t.to_department <> '' AND t.to_department = ANY (%(departments)s::text[])))
  AND (t.state IN ('issued', 'signed', 'working') OR t.done_at >= %(since)s)
ORDER BY (t.state NOT IN ('issued', 'signed', 'working')), t.due_at NULLS LAST, t.task_id LIMIT %(limit)s
"""


def mine(conn: Conn, login: str, departments: Sequence[str], since: dt.datetime) -> Sequence[Row]:
    """Open orders of an account and its departments, those due first; then those that ended since."""
    values = {"login": login, "departments": list(departments), "since": since, "limit": LIMIT}
    return conn.execute(_MINE, values).fetchall()


def account(conn: Conn, login: str) -> Row | None:
    return conn.execute("SELECT login, name FROM account WHERE login = %s AND NOT disabled", (login,)).fetchone()


def resource(conn: Conn, scope: Scope, ref: str) -> Row | None:
    """A team, vehicle or store the asker sees, by its id."""
    if not (ref.isascii() and ref.isdigit() and len(ref) <= 18):
        return None
    seen, params = visible(scope, "r")
    query = sql.SQL(
        "SELECT r.resource_id, r.name, r.owner_department FROM resource r WHERE r.resource_id = %(id)s AND {}"
    ).format(seen)
    return conn.execute(query, {**params, "id": int(ref)}).fetchone()


def late(conn: Conn, now: dt.datetime, limit: int) -> Sequence[Row]:
    """Open orders past their time that nobody was told of, locked; others leave them alone."""
    return conn.execute(
        "SELECT t.task_id, t.case_id FROM task t JOIN cases c USING (case_id)"
        " WHERE t.due_at < %s AND NOT t.late_told AND t.state IN ('issued', 'signed', 'working')"
        " AND c.closed_at IS NULL ORDER BY t.due_at LIMIT %s",
        (now, limit),
    ).fetchall()


def reports_late(conn: Conn, now: dt.datetime, limit: int) -> Sequence[Row]:
    """Open incidents whose report is overdue and has not been told of: the notice's key stands for the term."""
    return conn.execute(
        "SELECT c.case_id FROM cases c WHERE c.flow = 'incident' AND c.closed_at IS NULL AND c.due_at < %s"
        " AND NOT EXISTS (SELECT FROM notice n WHERE n.about = 'case:' || c.case_id"
        "  AND n.kind = 'incident.report_late' AND n.created_at >= c.due_at) ORDER BY c.due_at LIMIT %s",
        (now, limit),
    ).fetchall()
