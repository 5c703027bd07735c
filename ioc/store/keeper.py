"""Partition keeper: partitions by UTC day made ahead, dropped by retention. Runs as the owner."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

# Partitioned table -> column it is partitioned by (always by UTC day).
PARTITIONED: Mapping[str, str] = {
    "observation": "observed_at",
    "device_state_log": "recorded_at",
    "reject": "recorded_at",
    "feed": "numbered_at",
}
_LOCK = 4_930_002


def ensure_partitions(
    owner_conn: psycopg.Connection[Any], now: dt.datetime, days_back: int = 2, days_ahead: int = 7
) -> list[str]:
    """Makes the missing day partitions of every partitioned table around `now`. Returns the names made. Idempotent."""
    first = now.astimezone(dt.UTC).date() - dt.timedelta(days=days_back)
    wanted = [first + dt.timedelta(days=i) for i in range(days_back + days_ahead + 1)]
    made: list[str] = []
    with owner_conn.transaction():
        owner_conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        have = partitions(owner_conn)
        for table in PARTITIONED:
            for day in wanted:
                name = f"{table}_{day:%Y%m%d}"
                if name not in have:
                    _make(owner_conn, table, name, day)
                    made.append(name)
    return made


def _make(conn: psycopg.Connection[Any], table: str, name: str, day: dt.date) -> None:
    start = dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)
    conn.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
            sql.Identifier(name),
            sql.Identifier(table),
            sql.Literal(start.isoformat()),
            sql.Literal((start + dt.timedelta(days=1)).isoformat()),
        )
    )
    conn.execute(sql.SQL("REVOKE ALL ON TABLE {} FROM ioc_app, ioc_readonly").format(sql.Identifier(name)))


def partitions(conn: psycopg.Connection[Any]) -> dict[str, tuple[str, dt.date]]:
    """Existing day partitions: name -> (table, UTC day)."""
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute(
            "SELECT c.relname, p.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = ANY(%s) AND c.relispartition",
            (list(PARTITIONED),),
        ).fetchall()
    return {name: (table, dt.datetime.strptime(name[-8:], "%Y%m%d").date()) for name, table in rows}
