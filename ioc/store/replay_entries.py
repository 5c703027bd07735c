"""Entries of an incident's timeline that were known at a moment and corrected after it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import sql

from ioc.command import telling
from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible
from ioc.store.worklist import region_predicate

# `c.at` has an index; who corrects writes at once: a minute is more than enough between the two times of a step.
_CORRECTED: LiteralString = """
SELECT w.case_id, w.title, c.recorded_at AS at, o.version, o.step, o.given AS was, c.given ->> 'text' AS now
FROM public.case_step c
JOIN public.case_step o ON o.case_id = c.case_id AND o.version::text = c.given ->> 'refers'
JOIN ioc_past.cases w ON w.case_id = c.case_id
WHERE c.step = 'correct' AND c.at > %(at)s - interval '1 minute' AND c.recorded_at > %(at)s AND o.recorded_at <= %(at)s
  AND {seen} AND {inside}
ORDER BY c.recorded_at, w.case_id, o.version LIMIT %(most)s
"""


def corrected(
    conn: Conn, scope: Scope, region_ids: Sequence[int] | None, at: dt.datetime, most: int
) -> list[dict[str, Any]]:
    """[{key, title, at, changes: [{field: entry, was, now}]}], in the order in which it was corrected.

    `conn` is one of the past (`ioc.store.past`) at `at`. Steps are told to who sees their case today.
    """
    seen, params = visible(scope, "w")
    inside, drill = region_predicate(region_ids, "w")
    query = sql.SQL(_CORRECTED).format(seen=seen, inside=inside)
    out: list[dict[str, Any]] = []
    for row in conn.execute(query, {**params, **drill, "at": at, "most": most}):
        line = telling.line(row["step"], row["was"])
        said = telling.said(row["was"])
        change: dict[str, Any] = {"field": "entry", "was": said or line.zh, "now": row["now"]}
        if not said:
            change["was_said"] = {"zh": line.zh, "en": line.en}
        out.append({"key": f"case:{row['case_id']}", "title": row["title"], "at": row["at"], "changes": [change]})
    return out
