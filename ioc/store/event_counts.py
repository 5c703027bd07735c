"""Events counted as two figures that are never added up unasked: verified, and suspected (疑似) until verified."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Part = tuple[sql.Composable, dict[str, Any]]


def conditions(only: Mapping[str, Any]) -> Iterator[Part]:
    """Of a table `e` of events: `suspected` (bool), `status`, `category` (a code with what lies below it), `from` and
    `until` (occurred)."""
    if only.get("suspected") is not None:
        yield sql.SQL("e.suspected = %(suspected)s"), {"suspected": only["suspected"]}
    if only.get("status"):
        yield sql.SQL("e.status = %(status)s"), {"status": only["status"]}
    if only.get("category"):
        yield sql.SQL("starts_with(e.category_code, %(category)s)"), {"category": only["category"]}
    if only.get("from"):
        yield sql.SQL("e.occurred_at >= %(occurred_from)s"), {"occurred_from": only["from"]}
    if only.get("until"):
        yield sql.SQL("e.occurred_at < %(occurred_until)s"), {"occurred_until": only["until"]}


_COUNTS = """
SELECT e.category_scheme AS scheme, coalesce(nullif(e.category_code, ''), e.attributes ->> 'algorithm', '') AS code,
       coalesce(c.zh, a.zh, '未分类') AS zh, coalesce(c.en, a.en, 'Not classified') AS en,
       count(*) FILTER (WHERE e.status <> 'void' AND NOT e.suspected)::int AS verified,
       count(*) FILTER (WHERE e.status <> 'void' AND e.suspected)::int AS suspected,
       count(*) FILTER (WHERE e.reviewed = 'refuted')::int AS refuted
FROM event e
LEFT JOIN dictionary_now c ON c.dict = 'category.' || e.category_scheme AND c.code = e.category_code
LEFT JOIN dictionary_now a ON e.category_code = '' AND a.dict = 'detection_type'
                              AND a.code = e.attributes ->> 'algorithm'
WHERE {where} GROUP BY 1, 2, 3, 4 ORDER BY count(*) DESC, 2
"""


def counts(
    conn: Conn, scope: Scope, region_ids: Sequence[int] | None, start: dt.datetime, end: dt.datetime
) -> dict[str, Any]:
    """{total, verified, suspected, refuted, kinds} of start <= occurred < end. Refuted ones are in no total."""
    seen, params = visible(scope, "e")
    parts: list[sql.Composable] = [seen, sql.SQL("e.occurred_at >= %(start)s AND e.occurred_at < %(end)s")]
    if region_ids is not None:
        parts.append(sql.SQL("e.region_id = ANY (%(region_ids)s::int[])"))
    query = sql.SQL(_COUNTS).format(where=sql.SQL(" AND ").join(parts))
    ids = None if region_ids is None else list(region_ids)
    rows = conn.execute(query, {**params, "start": start, "end": end, "region_ids": ids}).fetchall()
    sums = {n: sum(r[n] for r in rows) for n in ("verified", "suspected", "refuted")}
    kinds = [dict(r) for r in rows if r["verified"] or r["suspected"] or r["refuted"]]
    return {"total": sums["verified"] + sums["suspected"], **sums, "kinds": kinds}
