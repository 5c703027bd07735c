"""The past of the demo: its cases went through their stages before it was loaded, and a replay shows them there."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
from psycopg import sql

Conn = psycopg.Connection[Any]


def known_from(conn: Conn, at: dt.datetime) -> None:
    """What this transaction writes without a time of its own was known since `at`."""
    conn.execute("SELECT set_config('ioc.known_at', %s, true)", (at.isoformat(),))


# A version for each stage but the last, as its own `stages` tell; the row is what it became with the last one.
_STAGES = """
WITH went AS MATERIALIZED (
  SELECT c.case_id, s.i, s.value AS stage, (s.value ->> 'entered_at')::timestamptz AS since,
         lead((s.value ->> 'entered_at')::timestamptz) OVER (PARTITION BY c.case_id ORDER BY s.i) AS until
  FROM cases c CROSS JOIN LATERAL jsonb_array_elements(c.stages) WITH ORDINALITY AS s (value, i)
  WHERE c.origin = 'demo' AND s.value ? 'entered_at'
)
INSERT INTO ioc_was.cases
SELECT r.*
FROM went w JOIN cases c USING (case_id)
CROSS JOIN LATERAL jsonb_populate_record(NULL::ioc_was.cases, to_jsonb(c) - 'geom' - 'geom_m' || jsonb_build_object(
         'known', tstzrange(w.since, w.until)::text, 'stage', w.stage ->> 'stage', 'due_at', w.stage ->> 'due_at',
         'version', w.i, 'updated_at', w.since, 'closed_at', NULL, 'on_time', NULL, 'satisfaction', NULL, 'ended', '',
         'responded_at', CASE WHEN c.responded_at <= w.since THEN c.responded_at END,
         'queue_due', coalesce(ioc_epoch((w.stage ->> 'due_at')::timestamptz), 9000000000000),
         'stages', (SELECT jsonb_agg(e.value ORDER BY e.n)
                    FROM jsonb_array_elements(c.stages) WITH ORDINALITY e (value, n) WHERE e.n <= w.i))) r
WHERE w.until > w.since
"""

# What is closed was open from when it came in.
_REPORTED = """
INSERT INTO ioc_was.event
SELECT r.*
FROM event e
CROSS JOIN LATERAL jsonb_populate_record(NULL::ioc_was.event, to_jsonb(e) - 'geom' - 'geom_m' || jsonb_build_object(
         'known', tstzrange(e.received_at, e.updated_at)::text, 'status', 'open', 'updated_at', e.received_at)) r
WHERE e.origin = 'demo' AND e.status = 'closed' AND e.updated_at > e.received_at
"""


def stages(conn: Conn) -> int:
    """Versions of demo cases at their earlier stages; the rows are known since they entered their last."""
    made = conn.execute(_STAGES).rowcount + conn.execute(_REPORTED).rowcount
    conn.execute(
        "UPDATE ioc_was.cases w SET geom = c.geom, geom_m = c.geom_m FROM cases c"
        " WHERE c.case_id = w.case_id AND c.origin = 'demo' AND w.geom IS NULL"
    )
    conn.execute(
        "UPDATE ioc_was.event w SET geom = e.geom, geom_m = e.geom_m FROM event e"
        " WHERE e.event_id = w.event_id AND e.origin = 'demo' AND w.geom IS NULL"
    )
    conn.execute("ALTER TABLE cases DISABLE TRIGGER USER")
    done = conn.execute(
        "UPDATE cases c SET known_at = s.at FROM ("
        " SELECT case_id, max((e.value ->> 'entered_at')::timestamptz) AS at FROM cases x"
        " CROSS JOIN LATERAL jsonb_array_elements(x.stages) e WHERE x.origin = 'demo' GROUP BY 1) s"
        " WHERE s.case_id = c.case_id AND s.at IS NOT NULL"
    ).rowcount
    conn.execute("ALTER TABLE cases ENABLE TRIGGER USER")
    return made + done


# What does not change from day to day: it stood there through the whole past of the demo.
_STANDING = ("grid_cell", "resource", "source", "target", "thematic_feature")


def stood(conn: Conn, at: dt.datetime) -> None:
    """Places, forces and sources of the demo were on record at `at`, so that a replay shows them."""
    for name in _STANDING:
        table = sql.Identifier(name)
        conn.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(table))
        conn.execute(
            sql.SQL("UPDATE {} SET recorded_at = %s, updated_at = %s, known_at = %s WHERE origin = 'demo'").format(
                table
            ),
            (at, at, at),
        )
        conn.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(table))
