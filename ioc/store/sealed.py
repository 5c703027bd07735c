"""Which columns hold sealed personal data, and how their rows pass from one key to the next. The system's scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from ioc.store.pool import Conn

Row = Mapping[str, Any]
_LOCK = 4_930_301  # shared by who seals, whole by who drops a key


@dataclass(frozen=True, slots=True)
class Sealed:
    """`key`: the primary or a unique key. `record`: what a row's ciphertext is bound to. `purpose`: of its keys."""

    table: str
    key: tuple[str, ...]
    purpose: str
    record: Callable[[Row], str]
    column: str = "sealed"
    key_column: str = "key_id"


# One line adds a column: counted, passed on to new keys, and waited for before a key is dropped.
SEALED: tuple[Sealed, ...] = (
    Sealed("caller", ("source", "source_id"), "caller", lambda r: f"{r['source']}\n{r['source_id']}"),
    Sealed("account", ("login",), "account", lambda r: str(r["login"]), "phone_sealed", "phone_key"),
)


def hold(conn: Conn) -> None:
    """No key is dropped until this transaction ends: first this, then the key, then the row."""
    conn.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_LOCK,))


def alone(conn: Conn) -> None:
    """Nobody seals until this transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def counts(conn: psycopg.Connection[Any], table: Sealed) -> dict[str, int]:
    """Rows by the id of the key that sealed them."""
    query = sql.SQL("SELECT {0} AS key_id, count(*)::int AS n FROM {1} WHERE {2} IS NOT NULL GROUP BY 1").format(
        sql.Identifier(table.key_column), sql.Identifier(table.table), sql.Identifier(table.column)
    )
    with conn.cursor(row_factory=tuple_row) as cur:
        return {str(key_id): int(n) for key_id, n in cur.execute(query).fetchall()}


def under(conn: Conn, table: Sealed, key_ids: Sequence[str], after: Sequence[Any], limit: int) -> Sequence[Row]:
    """The next rows sealed with one of `key_ids`, locked, in the order of their key. Rows somebody writes just now are
    left out: they come again, or come back with the newest key.
    """
    keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
    beyond = sql.SQL("({}) > ({})").format(keys, sql.SQL(", ").join(sql.Placeholder() * len(table.key)))
    query = sql.SQL(
        "SELECT {keys}, {column} AS sealed, {named} AS key_id FROM {table} WHERE {named} = ANY (%s)"
        " AND {column} IS NOT NULL AND {beyond} ORDER BY {keys} LIMIT %s FOR UPDATE SKIP LOCKED"
    ).format(
        keys=keys,
        column=sql.Identifier(table.column),
        named=sql.Identifier(table.key_column),
        table=sql.Identifier(table.table),
        beyond=beyond if after else sql.SQL("true"),
    )
    return conn.execute(query, [list(key_ids), *after, limit]).fetchall()


def put(conn: Conn, table: Sealed, rows: Sequence[tuple[Row, bytes]], key_id: str) -> None:
    """Only the ciphertext changes: retention and history go on as they were."""
    query = sql.SQL("UPDATE {} SET {} = %s, {} = %s WHERE {}").format(
        sql.Identifier(table.table),
        sql.Identifier(table.column),
        sql.Identifier(table.key_column),
        sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(k)) for k in table.key),
    )
    with conn.cursor() as cur:
        cur.executemany(query, [(sealed, key_id, *(row[k] for k in table.key)) for row, sealed in rows])
