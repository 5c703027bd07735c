"""Code tables in the store: what the product ships is loaded at migration, what the installation added stays."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row
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


def current(conn: psycopg.Connection[Any], on: dt.date) -> Mapping[str, Dictionary]:
    """All tables as valid on the day `on`: for each code the row with the newest `valid_from` not after it."""
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
