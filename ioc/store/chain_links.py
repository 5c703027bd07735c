"""Which rows of a record's timeline stand in the chain of history (已存证), and where. As the application reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg.types.json import Jsonb

from ioc.store.pool import Conn

Entry = dict[str, Any]


def links(conn: Conn, table: str, keys: Iterable[list[int]]) -> dict[tuple[int, ...], dict[str, Any]]:
    """Number and time of the link of each row that has one, by the values of its key."""
    wanted = [Jsonb(key) for key in keys]
    if not wanted:
        return {}
    rows = conn.execute(
        "SELECT row_key, seq, linked_at FROM ioc_chain_links(%s, %s::jsonb[])", (table, wanted)
    ).fetchall()
    return {tuple(r["row_key"]): {"no": int(r["seq"]), "at": r["linked_at"].isoformat()} for r in rows}


def marked(conn: Conn, entries: list[Entry], entity_id: int, history: str) -> list[Entry]:
    """The entries, those that are linked with `chain`. `version`: a step of a case; `of`: a version of `history`."""
    out = list(entries)
    for table, name in (("case_step", "version"), (history, "of")):
        found = links(conn, table, [[entity_id, e[name]] for e in entries if name in e])
        out = [{**e, "chain": at} if (at := found.get((entity_id, e.get(name, -1)))) else e for e in out]
    return out
