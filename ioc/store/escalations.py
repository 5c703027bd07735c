"""Late cases and what of them has been told to whom. The caller's transaction, under the system's scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.store.pool import Conn

Row = Mapping[str, Any]
SLICE = 2000

# The newest entry of `stages` says when the case came into its stage; an imported case has one of the stage it came in.
_LATE = """
SELECT c.case_id, c.number, c.title, c.flow, c.stage, c.category_code, c.urgency, c.department, c.officer, c.due_at,
       c.region_id, c.private_to, c.sensitivity, c.origin,
       coalesce((c.stages -> -1 ->> 'entered_at')::timestamptz, c.opened_at) AS entered_at,
       coalesce((SELECT array_agg(x.level) FROM case_escalation x
                 WHERE x.case_id = c.case_id AND x.stage = c.stage
                   AND x.entered_at = coalesce((c.stages -> -1 ->> 'entered_at')::timestamptz, c.opened_at)),
                '{}') AS done
FROM cases c
WHERE c.closed_at IS NULL AND c.ended = '' AND NOT c.clock_stopped AND c.due_at < %(now)s
  AND (c.due_at, c.case_id) > (%(after_due)s, %(after_id)s)
ORDER BY c.due_at, c.case_id LIMIT %(limit)s
"""


def late(conn: Conn, now: dt.datetime, after: tuple[dt.datetime, int] | None) -> Sequence[Row]:
    """Open cases past the deadline of their stage, oldest deadline first, `SLICE` at a time."""
    due, case_id = after or (dt.datetime(1900, 1, 1, tzinfo=dt.UTC), 0)
    return conn.execute(_LATE, {"now": now, "after_due": due, "after_id": case_id, "limit": SLICE}).fetchall()


def mark(conn: Conn, case: Row, level: int, rule: str, to: tuple[str, str], now: dt.datetime) -> bool:
    """Whether this is the first time: two processes, or one that was restarted, tell it once."""
    done = conn.execute(
        "INSERT INTO case_escalation (case_id, stage, entered_at, level, rule, due_at, to_kind, to_ref, at, origin)"
        " VALUES (%(case_id)s, %(stage)s, %(entered_at)s, %(level)s, %(rule)s, %(due_at)s, %(kind)s, %(ref)s, %(now)s,"
        " %(origin)s) ON CONFLICT DO NOTHING",
        {
            **{n: case[n] for n in ("case_id", "stage", "entered_at", "due_at", "origin")},
            "level": level,
            "rule": rule,
            "kind": to[0],
            "ref": to[1],
            "now": now,
        },
    ).rowcount
    return done == 1
