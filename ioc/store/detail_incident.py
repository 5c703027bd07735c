"""Panels of what belongs to an incident (order, report, notice to an area): the incident's own; and links to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from ioc.errors import NotFound
from ioc.store.detail_parts import Asked, Part, row_id
from ioc.store.detail_work import case
from ioc.store.where import visible

_CASE_OF: Mapping[str, Any] = {
    "incident": "SELECT c.case_id FROM cases c WHERE c.case_id = %s AND c.flow = 'incident'",
    "task": "SELECT case_id FROM task WHERE task_id = %s",
    "report": "SELECT case_id FROM incident_report WHERE report_id = %s",
    "area_notice": "SELECT case_id FROM area_notice WHERE area_notice_id = %s AND case_id IS NOT NULL",
}


def of(kind: str) -> Any:
    """The panel of a record of this kind. Raises NotFound, also for what lies outside the scope."""

    def build(asked: Asked, name: str) -> Part:
        row = asked.conn.execute(_CASE_OF[kind], (row_id(name),)).fetchone()
        if row is None:
            raise NotFound(name, name)
        return case(asked, str(row["case_id"]))

    return build


def of_warning(asked: Asked, warning_id: int) -> list[Part]:
    """Incidents opened from a warning, or linked to it, that the asker sees."""
    if not asked.scope.can("case.view"):
        return []
    seen, params = visible(asked.scope, "c")
    query = sql.SQL(
        "SELECT c.case_id, c.number, c.title FROM incident_link k JOIN cases c USING (case_id)"
        " WHERE k.kind = 'warning' AND k.other_id = %(id)s AND k.undone_at IS NULL AND {}"
        " ORDER BY c.opened_at DESC LIMIT 12"
    ).format(seen)
    rows = asked.conn.execute(query, {**params, "id": warning_id})
    return [{"key": f"case:{r['case_id']}", "icon": "flag", "title": r["title"], "sub": r["number"]} for r in rows]
