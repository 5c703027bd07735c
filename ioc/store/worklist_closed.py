"""What was closed today, last closed first: the list behind the number 今日办结."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.services import WorkPage
from ioc.store.pool import Conn
from ioc.store.where import visible
from ioc.store.worklist import LIMIT_MAX, case_records, region_predicate

_WHERE = sql.SQL("c.closed_at >= %(start)s AND c.closed_at < %(stop)s AND NOT c.exercise AND {seen} AND {inside}")
_IDS = sql.SQL("SELECT c.case_id AS id FROM cases c WHERE {} ORDER BY c.closed_at DESC, c.case_id DESC LIMIT %(limit)s")
_TOTAL = sql.SQL("SELECT count(*) AS n FROM cases c WHERE {}")


def closed_between(
    conn: Conn, scope: Scope, region_ids: Sequence[int] | None, start: dt.datetime, stop: dt.datetime
) -> WorkPage:
    """Records closed from `start` to before `stop`, `LIMIT_MAX` at most; `total`: all. Empty without case.view."""
    if not scope.can("case.view"):
        return WorkPage(total=0, rows=[], next=None)
    seen, params = visible(scope, "c")
    inside, drill = region_predicate(region_ids, "c")
    values: dict[str, Any] = {**params, **drill, "start": start, "stop": stop, "limit": LIMIT_MAX}
    where = _WHERE.format(seen=seen, inside=inside)
    ids = [r["id"] for r in conn.execute(_IDS.format(where), values)]
    records = {r["id"]: r for r in case_records(conn, ids)}
    total = conn.execute(_TOTAL.format(where), values).fetchone()
    return WorkPage(total=int(total["n"]) if total else 0, rows=[records[i] for i in ids if i in records], next=None)
