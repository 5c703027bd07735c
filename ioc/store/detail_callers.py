"""Who called, as everybody who sees the record may know it: masked. The plain text stays sealed (`/api/v1/callers`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
NAME, PHONE = "诉求人", "联系电话"  # of a 12345 order, already masked when it was stored


def of_event(row: Row) -> list[dict[str, Any]]:
    """At most one; `sealed`: there is a plain text that may be asked for."""
    given: Row = row["attributes"] or {}
    if str(given.get("anonymous", "")).lower() in ("true", "1", "yes"):
        return []
    own = given.get("caller")
    if isinstance(own, Mapping):  # registered at the desk: only the mask was kept
        desk = cast(Row, own)
        found = {"name": str(desk.get("name") or ""), "phone": str(desk.get("phone") or ""), "sealed": False}
    else:
        found = {"name": str(given.get(NAME) or ""), "phone": str(given.get(PHONE) or ""), "sealed": True}
    if not (found["name"] or found["phone"]):
        return []
    return [{**found, "source_id": row["source_id"]}]


def of_case(conn: Conn, scope: Scope, case_id: int) -> list[dict[str, Any]]:
    """Callers of every report of a case that the asker sees."""
    if not scope.can("event.view"):
        return []
    seen, params = visible(scope, "e")
    query = sql.SQL(
        "SELECT e.source_id, e.attributes FROM event e WHERE e.case_id = %(id)s AND {}"
        " AND e.attributes ?| ARRAY['caller', '诉求人', '联系电话'] ORDER BY e.occurred_at, e.event_id LIMIT 12"
    ).format(seen)
    return [c for row in conn.execute(query, {**params, "id": case_id}).fetchall() for c in of_event(row)]
