"""Rows of the chain and of the tables it watches. The owner's connection; sessions are settled first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import Jsonb

from ioc.store.chained import BY_TABLE, Chained

Conn = psycopg.Connection[Any]
WRITER = 4_930_004  # held until the transaction ends by who adds to the chain or cuts it
# How a row is written as JSON depends on these and on nothing else.
_SESSION: LiteralString = (
    "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex';"
    " SET extra_float_digits = 1"
)
_COLUMNS = ("seq", "linked_at", "kind", "table", "key", "row_at", "demo", "shape", "digest", "prev", "link")
_ADD = "COPY chain (seq, linked_at, kind, table_name, row_key, row_at, demo, shape, digest, prev, link) FROM STDIN"


@dataclass(frozen=True, slots=True)
class Found:
    """A row as it is now: its JSON as text, and the time by which it ages."""

    record: str
    at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Head:
    seq: int
    link: bytes
    mac: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """`kept`: table -> epoch seconds; rows before it are lawfully gone."""

    seq: int
    link: bytes
    kept: Mapping[str, int]
    mac: bytes
    cut_at: dt.datetime


def settle(conn: Conn) -> None:
    """Once a session."""
    conn.execute(_SESSION)


def take(conn: Conn, most: int) -> Sequence[Mapping[str, Any]]:
    """The oldest visible pending keys, removed. Holds off other writers of the chain until the transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (WRITER,))
    with conn.cursor(row_factory=dict_row) as cur:
        return cur.execute(
            "WITH taken AS (DELETE FROM chain_pending WHERE pending_id IN"
            " (SELECT pending_id FROM chain_pending ORDER BY pending_id LIMIT %s) RETURNING *)"
            " SELECT kind, table_name, row_key, demo FROM taken ORDER BY pending_id",
            (most,),
        ).fetchall()


def add(conn: Conn, links: Sequence[Mapping[str, Any]]) -> None:
    """Links with the names of `_COLUMNS`. By COPY: a busy second has a thousand of them."""
    with conn.cursor() as cur, cur.copy(_ADD) as copy:
        for link in links:
            copy.write_row([Jsonb(link[c]) if c == "key" else link[c] for c in _COLUMNS])


def head(conn: Conn) -> Head | None:
    with conn.cursor(row_factory=tuple_row) as cur:
        row = cur.execute("SELECT seq, link, mac FROM chain_head").fetchone()
    return None if row is None else Head(int(row[0]), bytes(row[1]), bytes(row[2]))


def put_head(conn: Conn, new: Head) -> None:
    conn.execute(
        "INSERT INTO chain_head (seq, link, mac) VALUES (%s, %s, %s)"
        " ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, link = excluded.link, mac = excluded.mac",
        (new.seq, new.link, new.mac),
    )


def newest(conn: Conn) -> tuple[int, bytes] | None:
    """Number and digest of the last link in the chain itself."""
    with conn.cursor(row_factory=tuple_row) as cur:
        row = cur.execute("SELECT seq, link FROM chain ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else (int(row[0]), bytes(row[1]))


def newest_cut(conn: Conn) -> Cut | None:
    with conn.cursor(row_factory=tuple_row) as cur:
        row = cur.execute("SELECT seq, link, kept, mac, cut_at FROM chain_cut ORDER BY cut_id DESC LIMIT 1").fetchone()
    return None if row is None else Cut(int(row[0]), bytes(row[1]), row[2], bytes(row[3]), row[4])


def put_cut(conn: Conn, new: Cut) -> None:
    conn.execute(
        "INSERT INTO chain_cut (cut_at, seq, link, kept, mac) VALUES (%s, %s, %s, %s, %s)",
        (new.cut_at, new.seq, new.link, Jsonb(dict(new.kept)), new.mac),
    )


def aged_until(conn: Conn, kept: Mapping[str, dt.datetime], now: dt.datetime) -> tuple[int, bytes] | None:
    """The last link of the beginning of the chain in which every row is past its retention; None: the first is not."""
    with conn.cursor(row_factory=tuple_row) as cur:
        first = cur.execute(
            "SELECT c.seq FROM chain c LEFT JOIN unnest(%s::text[], %s::timestamptz[]) k (name, until)"
            " ON k.name = c.table_name WHERE coalesce(c.row_at, c.linked_at) >= coalesce(k.until, %s)"
            " ORDER BY c.seq LIMIT 1",
            (list(kept), list(kept.values()), min(kept.values(), default=now)),
        ).fetchone()
        bound = int(first[0]) if first else 2**62
        row = cur.execute("SELECT seq, link FROM chain WHERE seq < %s ORDER BY seq DESC LIMIT 1", (bound,)).fetchone()
    return None if row is None else (int(row[0]), bytes(row[1]))


def forget(conn: Conn, seq: int) -> int:
    return conn.execute("DELETE FROM chain WHERE seq <= %s", (seq,)).rowcount


def shapes(conn: Conn) -> dict[int, tuple[str, ...]]:
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute("SELECT shape, columns FROM chain_shape").fetchall()
    return {int(r[0]): tuple(r[1]) for r in rows}


def shape_of(conn: Conn, table: Chained) -> tuple[int, tuple[str, ...]]:
    """The shape new rows of `table` are linked in: number and sorted columns."""
    columns = tuple(sorted(table.columns or _columns(conn, table.table)))
    with conn.cursor(row_factory=tuple_row) as cur:
        cur.execute(
            "INSERT INTO chain_shape (table_name, columns) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (table.table, list(columns)),
        )
        row = cur.execute(
            "SELECT shape FROM chain_shape WHERE table_name = %s AND columns = %s", (table.table, list(columns))
        ).fetchone()
    return (int(row[0]) if row else 0), columns


def _columns(conn: Conn, table: str) -> dict[str, str]:
    """Columns of a table -> their types; {} where there is no such table."""
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            (table,),
        ).fetchall()
    return {str(name): str(kind) for name, kind in rows}


@dataclass
class Reader:
    """Rows of the chained tables by their keys."""

    conn: Conn

    def rows(self, table: str, keys: Sequence[Sequence[Any]]) -> list[Found | None]:
        """As many as `keys`, in their order; None where there is no such row."""
        declared = BY_TABLE.get(table)
        types = _columns(self.conn, table) if declared else {}
        if declared is None or not types:
            return [None] * len(keys)
        arrays = [sql.SQL("{}::{}[]").format(sql.Placeholder(), sql.SQL(_type(types[k]))) for k in declared.key]
        names = [sql.Identifier(f"k{i}") for i in range(len(declared.key))]
        join = sql.SQL(" AND ").join(
            sql.SQL("t.{} = k.{}").format(sql.Identifier(c), n) for c, n in zip(declared.key, names, strict=True)
        )
        query = sql.SQL(
            "SELECT k.n, to_jsonb(t)::text, t.{aged} FROM unnest({arrays}) WITH ORDINALITY AS k ({names}, n)"
            " JOIN {table} t ON {join}"
        ).format(
            aged=sql.Identifier(declared.aged),
            arrays=sql.SQL(", ").join(arrays),
            names=sql.SQL(", ").join(names),
            table=sql.Identifier(table),
            join=join,
        )
        found: list[Found | None] = [None] * len(keys)
        with self.conn.cursor(row_factory=tuple_row) as cur:
            values = [[k[i] for k in keys] for i in range(len(declared.key))]
            for n, record, at in cur.execute(query, values):
                found[int(n) - 1] = Found(str(record), at)
        return found


def _type(name: str) -> LiteralString:
    """A type of a key, as PostgreSQL names it; anything else goes as text."""
    known: dict[str, LiteralString] = {"bigint": "bigint", "integer": "integer", "smallint": "smallint", "uuid": "uuid",
                                       "timestamp with time zone": "timestamptz"}  # fmt: skip
    return known.get(name, "text")


def unlinked(conn: Conn, table: Chained, dropped: int) -> sql.Composed:
    """Query: key and age of the rows of `table` that are neither linked (but for demo links before `dropped`, which a
    drop has ended) nor waiting to be. Parameters: none.
    """
    key = sql.SQL("jsonb_build_array({})").format(sql.SQL(", ").join(sql.Identifier("t", k) for k in table.key))
    return sql.SQL(
        "SELECT {key} AS key, t.{aged} AS at FROM {table} t"
        " WHERE NOT EXISTS (SELECT FROM chain c WHERE c.table_name = {name} AND c.row_key = {key} AND c.kind = 'row'"
        " AND NOT (c.demo AND c.seq < {dropped}))"
        " AND NOT EXISTS (SELECT FROM chain_pending p WHERE p.table_name = {name} AND p.row_key = {key}"
        " AND p.kind = 'row')"
    ).format(
        key=key,
        aged=sql.Identifier(table.aged),
        table=sql.Identifier(table.table),
        name=sql.Literal(table.table),
        dropped=sql.Literal(dropped),
    )


def waiting(conn: Conn) -> tuple[int, dt.datetime | None]:
    """Rows not yet linked, and when the oldest of them was written."""
    with conn.cursor(row_factory=tuple_row) as cur:
        row = cur.execute("SELECT count(*), min(recorded_at) FROM chain_pending").fetchone()
    return (int(row[0]), row[1]) if row else (0, None)
