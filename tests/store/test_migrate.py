"""Migrations: all apply, twice; the grants and partitions they leave behind."""

from __future__ import annotations

import psycopg
import pytest

from ioc.errors import ConfigError
from ioc.store.migrate import migrate, migrations, pending
from tests.conftest import Database

pytestmark = pytest.mark.store


def test_all_migrations_are_applied_and_none_is_pending(db: Database) -> None:
    with db.owner() as conn:
        assert pending(conn) == []
        rows = conn.execute("SELECT count(*) AS n FROM schema_migration").fetchone()
    assert rows == {"n": len(migrations())}
    assert migrate(db.dsn_owner) == []


def test_every_migration_can_be_run_again(db: Database) -> None:
    with db.owner() as conn:
        conn.execute("UPDATE schema_migration SET checksum = 'changed'")
    assert len(migrate(db.dsn_owner)) == len(migrations())


def test_a_broken_migration_is_named_and_leaves_nothing(db: Database, tmp_path) -> None:
    (tmp_path / "900_broken.sql").write_text("CREATE TABLE half (a int); SELECT nonsense;")
    with pytest.raises(ConfigError, match="900_broken"):
        migrate(db.dsn_owner, tmp_path)
    with db.owner() as conn:
        assert conn.execute("SELECT to_regclass('half') AS t").fetchone() == {"t": None}


def test_partitions_cannot_be_read_past_the_policies(db: Database) -> None:
    with db.owner() as conn:
        parts = [
            r["relname"] for r in conn.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
        ]
    assert len(parts) > 20
    with psycopg.connect(db.dsn_app, autocommit=True) as app, psycopg.connect(db.dsn_readonly, autocommit=True) as ro:
        for conn in (app, ro):
            readable = conn.execute(
                "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND has_table_privilege(oid, 'SELECT')", (parts,)
            ).fetchall()
            assert readable == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(f"SELECT 1 FROM {parts[0]}")


def test_history_is_append_only_for_the_app_and_secrets_are_hidden(db: Database) -> None:
    with psycopg.connect(db.dsn_app, autocommit=True) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("DELETE FROM event_history")
    with psycopg.connect(db.dsn_readonly, autocommit=True) as ro, pytest.raises(psycopg.errors.InsufficientPrivilege):
        ro.execute("SELECT * FROM account")
