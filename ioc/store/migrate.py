"""Numbered, idempotent migrations. A changed file is applied again; two starters take turns by an advisory lock."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ioc.errors import ConfigError
from ioc.store import chained, dictionaries, routing
from ioc.store.yielding import yielding

FOLDER = Path(__file__).parent / "migrations"
GRANTS = Path(__file__).parent / "grants.sql"
RECORDS = Path(__file__).parent / "records.sql"
_LOCK = 4_930_101
_NAME = re.compile(r"^(\d{3})_([a-z0-9_]+)\.sql$")

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migration (
  number     int PRIMARY KEY,
  name       text NOT NULL,
  checksum   text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: bytes

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql).hexdigest()


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """All files of `folder` by number. Raises ConfigError for a bad name or a number used twice."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        if not match:
            raise ConfigError(f"迁移文件名有误：{path.name}", f"bad migration file name: {path.name}")
        number = int(match[1])
        if number in found:
            raise ConfigError(f"迁移编号重复：{path.name}", f"migration number used twice: {path.name}")
        found[number] = Migration(number, match[2], path.read_bytes())
    return [found[n] for n in sorted(found)]


def pending(conn: psycopg.Connection[Any], folder: Path = FOLDER) -> list[Migration]:
    """What is not applied yet, or was changed since."""
    with conn.cursor(row_factory=tuple_row) as cur:
        ledger = cur.execute("SELECT to_regclass('public.schema_migration')").fetchone()
        done: dict[int, str] = {}
        if ledger and ledger[0]:
            done = dict(cur.execute("SELECT number, checksum FROM schema_migration").fetchall())
    return [m for m in migrations(folder) if done.get(m.number) != m.checksum]


def migrate(dsn_owner: str, folder: Path = FOLDER, progress: Callable[[str], None] | None = None) -> list[str]:
    """Applies what is pending, each file in one transaction, then the grants. Returns the names applied.

    Beside a running system: each transaction gives way to who writes, and comes again (`yielding`).
    """
    applied: list[str] = []
    shipped = folder == FOLDER
    with psycopg.connect(dsn_owner, autocommit=True, application_name="ioc-migrate") as conn:
        conn.execute("SET client_min_messages = warning")
        conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        conn.execute(_LEDGER)
        for migration in pending(conn, folder):
            if progress:
                progress(f"{migration.number:03d}_{migration.name}")
            _apply(conn, migration)
            applied.append(f"{migration.number:03d}_{migration.name}")
        if shipped:
            routing.install(conn)
            yielding(conn, lambda: _finish(conn), "ioc db migrate")
        conn.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    return applied


def _apply(conn: psycopg.Connection[Any], migration: Migration) -> None:
    name = f"{migration.number:03d}_{migration.name}"

    def work() -> None:
        conn.execute(migration.sql)
        conn.execute(
            "INSERT INTO schema_migration (number, name, checksum) VALUES (%s, %s, %s)"
            " ON CONFLICT (number) DO UPDATE"
            " SET name = excluded.name, checksum = excluded.checksum, applied_at = now()",
            (migration.number, migration.name, migration.checksum),
        )

    try:
        yielding(conn, work, name)
    except psycopg.Error as e:
        raise ConfigError(f"迁移 {name} 失败：{e}", f"migration {name} failed: {e}", {"migration": name}) from e


def _finish(conn: psycopg.Connection[Any]) -> None:
    """Shipped code tables, chain, records, grants, the owner's right to act as the app, defaults behind a pooler."""
    dictionaries.load(conn)
    chained.install(conn)
    conn.execute("SELECT ioc_past_build()")  # before the records of history, which leave its column out
    conn.execute(RECORDS.read_bytes())
    conn.execute(GRANTS.read_bytes())
    conn.execute(
        "DO $$ BEGIN"
        " IF NOT pg_has_role(current_user, 'ioc_app', 'MEMBER') THEN"
        " EXECUTE 'GRANT ioc_app TO CURRENT_USER'; END IF;"
        " IF NOT pg_has_role(current_user, 'ioc_readonly', 'MEMBER') THEN"
        " EXECUTE 'GRANT ioc_readonly TO CURRENT_USER'; END IF;"
        " EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());"
        " EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_custom_plan', current_database());"
        " EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), 'UTC'); END $$"
    )
