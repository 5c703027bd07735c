"""Code tables in the store: what the product ships is loaded at migration, what the installation added stays."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import Jsonb

from ioc.dictionaries import Dictionary, Entry, shipped


def load(conn: psycopg.Connection[Any]) -> int:
    """Bring the shipped tables into `dictionary`, in the caller's transaction. Idempotent; returns rows written."""
    entries = [entry for table in shipped().values() for entry in table.values()]
    rows = [
        (
            e.table,
            e.code,
            e.zh,
            e.en,
            e.standard,
            e.edition,
            e.confidence,
            e.valid_from,
            e.valid_to,
            Jsonb(e.attributes),
        )
        for e in entries
    ]
    with conn.cursor() as cur:
        cur.executemany(
            """
            INSERT INTO dictionary AS d (dict, code, zh, en, standard, edition, confidence, valid_from, valid_to,
                                        attributes)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (dict, code, valid_from) DO UPDATE
            SET zh = excluded.zh, en = excluded.en, standard = excluded.standard, edition = excluded.edition,
                confidence = excluded.confidence, valid_to = excluded.valid_to, attributes = excluded.attributes
            WHERE (d.zh, d.en, d.standard, d.edition, d.confidence, d.valid_to, d.attributes)
                  IS DISTINCT FROM (excluded.zh, excluded.en, excluded.standard, excluded.edition, excluded.confidence,
                                    excluded.valid_to, excluded.attributes)
            """,
            rows,
        )
        return max(cur.rowcount, 0)


# The tables as last read, by database: reports ask for them with every batch, and they change a few times a year.
_read: dict[tuple[str, str], tuple[tuple[Any, ...], Mapping[str, Dictionary]]] = {}


def current(conn: psycopg.Connection[Any], on: dt.date) -> Mapping[str, Dictionary]:
    """All tables as valid on the day `on`: for each code the row with the newest `valid_from` not after it.

    Read again when a row has been written: every row version has the number of the transaction that wrote it.
    """
    with conn.cursor(row_factory=tuple_row) as cur:
        stamp = cur.execute("SELECT count(*), sum(xmin::text::bigint), max(xmin::text::bigint) FROM dictionary")
        now = (on, *(stamp.fetchone() or ()))
    place = (conn.info.host or conn.info.hostaddr, f"{conn.info.port}/{conn.info.dbname}")
    kept = _read.get(place)
    if kept is not None and kept[0] == now:
        return kept[1]
    found = _tables(conn, on)
    _read[place] = (now, found)
    return found


def _tables(conn: psycopg.Connection[Any], on: dt.date) -> Mapping[str, Dictionary]:
    with conn.cursor(row_factory=dict_row) as cur:
        rows = cur.execute(
            """
            SELECT DISTINCT ON (dict, code) dict AS "table", code, zh, en, standard, edition, confidence, valid_from,
                   valid_to, attributes
            FROM dictionary
            WHERE valid_from <= %(on)s AND (valid_to IS NULL OR valid_to > %(on)s)
            ORDER BY dict, code, valid_from DESC
            """,
            {"on": on},
        ).fetchall()
    tables: defaultdict[str, list[Entry]] = defaultdict(list)
    for row in rows:
        tables[row["table"]].append(Entry(**row))
    return {name: Dictionary(entries) for name, entries in tables.items()}
