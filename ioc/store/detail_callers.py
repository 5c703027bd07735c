"""Who called, as everybody who sees the record may know it: masked. The plain text stays sealed (`/api/v1/callers`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from psycopg import sql

from ioc.scope import Scope
from ioc.store.attributes import anonymous, masked_name, masked_number
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
NAME, PHONE = "诉求人", "联系电话"  # of a 12345 order, already masked when it was stored


def of_event(row: Row) -> list[dict[str, Any]]:
    """At most one; `sealed`: there is a plain text that may be asked for."""
    given: Row = row["attributes"] or {}
    if anonymous(given):
        return []
    own = given.get("caller")
    desk = cast(Row, own) if isinstance(own, Mapping) else None  # registered at the desk
    if desk is None:
        name, phone = given.get(NAME) or own, given.get(PHONE)
    else:
        name, phone = desk.get("name"), desk.get("phone")
    if not (name or phone):
        return []
    # desk reports of earlier versions have nothing sealed behind the mask, and a source may have sent it unmasked
    sealed = desk is None or bool(desk.get("sealed"))
    shown = {"name": masked_name(str(name or "")), "phone": masked_number(str(phone or "")), "sealed": sealed}
    return [{**shown, "source_id": row["source_id"]}]


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
