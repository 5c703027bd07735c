"""Fixtures of the whole suite: a private cluster per session, a cloned database per test, a clock that stands still.

A missing server is a failure, never a skip.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from ioc.clock import FixedClock
from ioc.settings import Settings
from ioc.store import Store
from ioc.store.cluster import PrivateCluster
from ioc.store.keeper import ensure_partitions
from ioc.store.migrate import migrate

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
# Nothing in a test outlives it, so nothing needs to reach the disk.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "autovacuum": "off",
    "max_connections": "100",
}
_numbers = itertools.count(1)

for _name in [n for n in os.environ if n.startswith("IOC_") and n != "IOC_CHROMIUM"]:
    del os.environ[_name]


@dataclass
class Database:
    """One test's database."""

    name: str
    dsn_owner: str
    dsn_app: str
    dsn_readonly: str
    stores: list[Store] = field(default_factory=list[Store])

    @property
    def store(self) -> Store:
        if not self.stores:
            self.stores.append(Store(self.dsn_app, size=8))
        return self.stores[0]

    @contextmanager
    def owner(self) -> Iterator[psycopg.Connection[DictRow]]:
        """The owner's own connection in autocommit; it stands above row-level security."""
        with psycopg.connect(self.dsn_owner, autocommit=True, row_factory=dict_row) as conn:
            yield conn

    def close(self) -> None:
        for store in self.stores:
            store.close()


MEMORY = Path("/dev/shm")
MEMORY_FREE = 4 * 2**30  # two workers' clusters with a few cloned databases each, and room beside them


def public_folder(prefix: str, *, in_memory: bool = False) -> Path:
    """A temporary folder the system user `postgres` can enter (pytest's own are private to the user who runs it).

    `in_memory`: on a file system in memory where there is a large one: to clone a database is to make a thousand files,
    which takes a disk's file system seven times as long.
    """
    roomy = in_memory and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_FREE
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if roomy else None))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[PrivateCluster]:
    root = public_folder("ioc-test-", in_memory=True)
    server = PrivateCluster(root, FAST)
    try:
        server.start()
        with psycopg.connect(server.dsn(database="postgres"), autocommit=True) as conn:
            conn.execute("CREATE DATABASE template_ioc")
        migrate(server.dsn(database="template_ioc"))
        with psycopg.connect(server.dsn(database="template_ioc"), autocommit=True) as conn:
            ensure_partitions(conn, NOW, days_back=3, days_ahead=3)
        yield server
    finally:
        server.stop()
        shutil.rmtree(root, ignore_errors=True)


def clone(cluster: PrivateCluster, template: str = "template_ioc") -> Database:
    name = f"t{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(cluster.dsn(database="postgres"), autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    dsns = (cluster.dsn(role, name) for role in ("ioc", "ioc_app", "ioc_readonly"))
    return Database(name, *dsns)


def drop(cluster: PrivateCluster, database: Database) -> None:
    database.close()
    with psycopg.connect(cluster.dsn(database="postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database.name)))


@pytest.fixture
def db(cluster: PrivateCluster) -> Iterator[Database]:
    database = clone(cluster)
    yield database
    drop(cluster, database)


@pytest.fixture
def clock() -> FixedClock:
    """2026-10-03 14:32:08 in the centre's zone (Asia/Shanghai)."""
    return FixedClock(NOW)


@pytest.fixture
def settings(db: Database, tmp_path: Path) -> Settings:
    values: dict[str, Any] = {
        "data_dir": tmp_path / "data",
        "database_url": db.dsn_app,
        "database_owner_url": db.dsn_owner,
        "mqtt_url": "none",
    }
    return Settings(**values)
