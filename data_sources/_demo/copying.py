"""COPY and ids: what every part of the loader needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql

Conn = psycopg.Connection[Any]


def copy_lines(conn: Conn, table: str, columns: Sequence[str], lines: Iterable[str]) -> int:
    """COPY text lines; returns how many."""
    names = sql.SQL(", ").join(sql.Identifier(c) for c in columns)
    n = 0
    with (
        conn.cursor() as cur,
        cur.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)) as copy,
    ):
        block: list[str] = []
        for line in lines:
            block.append(line)
            n += 1
            if len(block) >= 2000:
                copy.write("\n".join(block) + "\n")
                block.clear()
        if block:
            copy.write("\n".join(block) + "\n")
    return n


def next_id(conn: Conn, table: str, column: str) -> int:
    """One above the highest id in use."""
    query = sql.SQL("SELECT coalesce(max({}), 0) + 1 FROM {}").format(sql.Identifier(column), sql.Identifier(table))
    row = conn.execute(query).fetchone()
    return int(row[0]) if row else 1


def next_ids(conn: Conn) -> tuple[int, int]:
    """First free (device, datastream) id."""
    return next_id(conn, "device", "device_id"), next_id(conn, "datastream", "datastream_id")


def settle_sequences(conn: Conn) -> None:
    """Sequences behind explicit ids, so that the next real row gets a free one."""
    for table, column in (
        ("device", "device_id"),
        ("datastream", "datastream_id"),
        ("event", "event_id"),
        ("cases", "case_id"),
        ("grid_cell", "grid_cell_id"),
    ):
        conn.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), greatest((SELECT max({}) FROM {}), 1))").format(
                sql.Literal(table), sql.Literal(column), sql.Identifier(column), sql.Identifier(table)
            )
        )
