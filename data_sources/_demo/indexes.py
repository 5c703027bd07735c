"""Secondary indexes of the device table: built after a large load they cost half of what they cost row by row.

Their definitions wait in `setting` while they are down, so that a load that was killed is made good by the next one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from data_sources._demo.copying import Conn

_KEY = "demo.indexes"


def take_down(conn: Conn) -> None:
    """Drop them, if the table is empty: rows of others are never left without."""
    if conn.execute("SELECT EXISTS (SELECT FROM device)").fetchone() == (True,):
        return
    found = conn.execute(
        "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = 'device'::regclass AND NOT i.indisunique ORDER BY 1"
    ).fetchall()
    with conn.transaction():
        conn.execute(
            "INSERT INTO setting (key, value, actor) VALUES (%s, %s, 'demo') ON CONFLICT (key) DO NOTHING",
            (_KEY, Jsonb(dict(found))),
        )
        for name, _ in found:
            conn.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))


def put_back(dsn: str, conn: Conn) -> None:
    """Build what is down, two at a time."""
    row = conn.execute("SELECT value FROM setting WHERE key = %s", (_KEY,)).fetchone()
    if row is None:
        return
    present = {r[0] for r in conn.execute("SELECT relname FROM pg_class WHERE relkind = 'i'").fetchall()}
    missing = [definition for name, definition in row[0].items() if name not in present]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda definition: _build(dsn, definition), missing))
    conn.execute("DELETE FROM setting WHERE key = %s", (_KEY,))


def _build(dsn: str, definition: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("SET maintenance_work_mem = '384MB'")
        # the server's own words for an index it had a moment ago
        conn.execute(sql.SQL(definition))  # pyright: ignore[reportArgumentType]
