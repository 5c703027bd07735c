"""Open cases whose deadlines were computed by other publications than those in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from ioc.store.pool import Conn

Row = Mapping[str, Any]
# The condition is that of the index `cases_terms` (migration 080).
_STALE: LiteralString = """
SELECT * FROM cases
WHERE closed_at IS NULL AND (terms IS NOT NULL OR (due_at IS NULL AND total_due_at IS NULL)) AND terms_rev {} %(rev)s
ORDER BY terms_rev, case_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
# In two halves: `<>` has no place in an index.
_HALVES = (_STALE.format("<"), _STALE.format(">"))


def stale(conn: Conn, revision: int, limit: int) -> list[Row]:
    """At most `limit` of them, locked; those that others have locked are left out."""
    found: list[Row] = []
    for query in _HALVES:
        found += conn.execute(query, {"rev": revision, "limit": limit - len(found)}).fetchall()
    return found


def mark(conn: Conn, case_id: int, revision: int, terms: Mapping[str, Any] | None) -> None:
    """Computed, and nothing a screen shows has changed."""
    conn.execute(
        "UPDATE cases SET terms_rev = %s, terms = coalesce(%s, terms) WHERE case_id = %s",
        (revision, None if terms is None else Jsonb(dict(terms)), case_id),
    )


def unset(conn: Conn) -> int:
    """Open cases that no term is configured for."""
    row = conn.execute("SELECT count(*) AS n FROM cases WHERE closed_at IS NULL AND due_label = 'unset'").fetchone()
    return int(row["n"]) if row else 0
