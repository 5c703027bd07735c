"""pgRouting: installed where it can be, asked for before it is used, named where it is missing."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ioc.i18n import Text

log = logging.getLogger(__name__)
STATEMENT = "CREATE EXTENSION pgrouting;"
LEAST = (3, 0)
MISSING = Text(
    f"数据库没有 pgRouting，无法计算道路行程时间；请管理员安装后执行 {STATEMENT}",
    f"the database has no pgRouting, so there are no road travel times; an administrator installs it and runs"
    f" {STATEMENT}",
)


def install(conn: psycopg.Connection[Any]) -> bool:
    """Makes the extension where this user may and the server has it. False, and nothing changed, where not."""
    if version(conn):
        return True
    try:
        with conn.transaction():
            conn.execute("CREATE EXTENSION IF NOT EXISTS pgrouting")
    except psycopg.Error as e:
        # an outside database whose owner is no superuser, or a server without the package: `ioc doctor` tells
        log.warning("pgRouting is not installed: %s", str(e).splitlines()[0])
        return False
    return True


def version(conn: psycopg.Connection[Any]) -> str:
    """Of the extension in this database; "" for none."""
    with conn.cursor(row_factory=tuple_row) as cur:
        row = cur.execute("SELECT extversion FROM pg_extension WHERE extname = 'pgrouting'").fetchone()
    return str(row[0]) if row else ""
