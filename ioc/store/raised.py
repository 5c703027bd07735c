"""The incident that was opened from a record, where the asker sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

# An alarm leads to its case, and that to the incident it became or was raised to.
_OF_ALARM = (
    "SELECT coalesce(o.raised_to, o.case_id) FROM alarm a JOIN cases o USING (case_id) WHERE a.alarm_id = %(id)s"
)
_OF_OTHERS = (
    "SELECT i.case_id FROM incident i WHERE i.origin_ref = %(ref)s AND NOT i.exercise"
    " UNION SELECT k.case_id FROM incident_link k"
    " WHERE %(warning)s AND k.kind = 'warning' AND k.other_id = %(id)s AND k.undone_at IS NULL"
)


def incident_of(conn: Conn, scope: Scope, kind: str, record_id: int) -> Mapping[str, Any] | None:
    """{case_id, number} of the newest real incident of a case, report, alarm or warning."""
    seen, params = visible(scope, "c")
    found = sql.SQL(_OF_ALARM if kind == "alarm" else _OF_OTHERS)
    query = sql.SQL(
        "SELECT c.case_id, c.number FROM cases c WHERE c.flow = 'incident' AND NOT c.exercise AND c.case_id IN ({})"
        " AND {} ORDER BY c.opened_at DESC LIMIT 1"
    ).format(found, seen)
    given = {**params, "id": record_id, "ref": f"{kind}:{record_id}", "warning": kind == "warning"}
    return conn.execute(query, given).fetchone()
