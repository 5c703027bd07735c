"""Which tables are chained, one line each, and the triggers that leave the keys of their new rows to the linker."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from ioc.settings import Settings

Conn = psycopg.Connection[Any]
TRIGGER = "chain_put"


@dataclass(frozen=True, slots=True)
class Chained:
    """An append-only table. `key`: its primary key. `aged`: the column by which retention takes its rows, after the
    days of the setting `keep`. `columns`: what never changes, where something else of a row may; empty: every column.
    """

    table: str
    key: tuple[str, ...]
    aged: str = "recorded_at"
    columns: tuple[str, ...] = ()
    keep: str = "retention_history_days"


# One line adds a table. Its rows must be written by the application role and never change in `columns`.
CHAINED: tuple[Chained, ...] = (
    Chained("case_step", ("case_id", "version")),
    Chained("case_history", ("case_id", "version")),
    Chained("event_history", ("event_id", "version")),
    Chained("command_history", ("entity", "entity_id", "version")),
    Chained("audit", ("audit_id",)),
    Chained("alarm_journal", ("journal_id",)),
    Chained("detection_review", ("review_id",), "at"),
    Chained("duty_handover", ("region_id", "ends_at", "version"), "at"),
    Chained("notice", ("notice_id",), "created_at", ("notice_id", "key", "kind", "to_kind", "to_ref", "phone", "title",
            "title_en", "body", "body_en", "about", "priority", "created_at", "origin")),
)  # fmt: skip
BY_TABLE: Mapping[str, Chained] = {c.table: c for c in CHAINED}


def install(conn: Conn) -> None:
    """Triggers of every declared table; the rows a table had before are taken in once. The owner's transaction.

    Waits for writers of a table only where its trigger is missing or other than declared.
    """
    with conn.cursor(row_factory=tuple_row) as cur:
        found = cur.execute(
            "SELECT c.relname, t.tgargs FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = %s",
            (TRIGGER,),
        ).fetchall()
        adopted = {r[0] for r in cur.execute("SELECT table_name FROM chain_table").fetchall()}
    have = {str(name): bytes(arguments) for name, arguments in found}
    for table in CHAINED:
        arguments = [_origin(conn, table), *table.key]
        if have.get(table.table) != b"".join(a.encode() + b"\0" for a in arguments):
            _put_trigger(conn, table, arguments)
        if table.table not in adopted:
            _adopt(conn, table, arguments[0])


def missing(conn: Conn) -> list[str]:
    """Declared tables whose rows are not told to the linker at present: no trigger, or one that is switched off."""
    with conn.cursor(row_factory=tuple_row) as cur:
        rows = cur.execute(
            "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE t.tgname = %s AND t.tgenabled IN ('O', 'A')",
            (TRIGGER,),
        ).fetchall()
    return sorted(set(BY_TABLE) - {str(r[0]) for r in rows})


def dropped(conn: Conn, gone: Mapping[str, int]) -> None:
    """The demo's rows went lawfully: said in the chain, in the transaction that removed them, by the owner."""
    counts = {table: n for table, n in gone.items() if table in BY_TABLE}
    if counts:
        conn.execute(
            "INSERT INTO chain_pending (kind, row_key, demo) VALUES ('drop', %s, true)", (Jsonb(dict(counts)),)
        )


def taken_until(now: dt.datetime, settings: Settings) -> dict[str, dt.datetime]:
    """Table -> rows before this time are past their retention, or will be within a day (UTC days)."""
    days = {c.table: int(getattr(settings, c.keep)) for c in CHAINED}
    today = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {table: today + dt.timedelta(days=1 - kept) for table, kept in days.items()}


def _origin(conn: Conn, table: Chained) -> str:
    with conn.cursor(row_factory=tuple_row) as cur:
        found = cur.execute(
            "SELECT attname FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attname = 'origin' AND NOT attisdropped",
            (table.table,),
        ).fetchone()
    return "origin" if found else ""


def _put_trigger(conn: Conn, table: Chained, arguments: list[str]) -> None:
    name = sql.Identifier(table.table)
    conn.execute(sql.SQL("DROP TRIGGER IF EXISTS chain_put ON {}").format(name))
    conn.execute(
        sql.SQL(
            "CREATE TRIGGER chain_put AFTER INSERT ON {} REFERENCING NEW TABLE AS added"
            " FOR EACH STATEMENT EXECUTE FUNCTION ioc_chain_put({})"
        ).format(name, sql.SQL(", ").join(map(sql.Literal, arguments)))
    )


def _adopt(conn: Conn, table: Chained, origin: str) -> None:
    """The trigger's lock keeps writers out until this transaction ends: no row is left out, none comes twice."""
    demo = sql.SQL("{} = 'demo'").format(sql.Identifier(origin)) if origin else sql.SQL("false")
    keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
    conn.execute("SET LOCAL timezone = 'UTC'")  # a time in a key is written as JSON
    conn.execute(
        sql.SQL(
            "INSERT INTO chain_pending (table_name, row_key, demo)"
            " SELECT {}, jsonb_build_array({}), {} FROM {} ORDER BY {}"
        ).format(sql.Literal(table.table), keys, demo, sql.Identifier(table.table), sql.Identifier(table.aged))
    )
    conn.execute("INSERT INTO chain_table (table_name) VALUES (%s)", (table.table,))
