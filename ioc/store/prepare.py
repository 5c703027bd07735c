"""A database that is fit to be written to: migrated, with the partitions of these days. Idempotent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import psycopg

from ioc.store.keeper import ensure_partitions
from ioc.store.migrate import migrate


def prepare(
    dsn_owner: str, now: dt.datetime, progress: Callable[[str], None] | None = None
) -> tuple[list[str], list[str]]:
    """Names of the migrations applied and of the partitions made. A centre that lay still for weeks has none ahead."""
    applied = migrate(dsn_owner, progress=progress)
    with psycopg.connect(dsn_owner, autocommit=True) as conn:
        return applied, ensure_partitions(conn, now)
