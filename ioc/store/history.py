"""Append-only history of what has no history table of its own (regions, grids, devices, resources, layers ...)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from psycopg.types.json import Jsonb

from ioc.store.pool import Conn


def record_entity(
    conn: Conn,
    entity: str,
    entity_id: str | int,
    op: Literal["new", "change", "remove"],
    actor: str,
    origin: str,
    record: Mapping[str, Any],
) -> None:
    """`record` is the whole row as it is after the change (before it, for a removal), JSON-able."""
    conn.execute(
        "INSERT INTO entity_history (entity, entity_id, op, actor, origin, record) VALUES (%s, %s, %s, %s, %s, %s)",
        (entity, str(entity_id), op, actor, origin, Jsonb(dict(record))),
    )
