"""Migrations: all apply, twice; the grants and partitions they leave behind."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql

from ioc.errors import ConfigError
from ioc.scope import NOBODY, SYSTEM
from ioc.settings import Settings
from ioc.store import Store
from ioc.store.cluster import PrivateCluster
from ioc.store.database import as_uri, dsns
from ioc.store.keeper import ensure_partitions
from ioc.store.migrate import migrate, migrations, pending
from ioc.store.yielding import yielding
from tests.conftest import NOW, Database

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


def test_a_migration_beside_live_work_gives_way_and_comes_again(db: Database) -> None:
    """A writer has `event` and asks for `cases`, the migration has `cases` and asks for `event`: neither is lost."""
    with db.owner() as conn:
        conn.execute("UPDATE ioc_was.tracked SET shape = 'other' WHERE name IN ('cases', 'event')")
    waits = "SELECT 1 FROM pg_locks WHERE relation = 'event'::regclass AND NOT granted"
    ends = time.monotonic() + 60
    with ThreadPoolExecutor(1) as pool, db.owner() as writer, db.owner() as watch:
        with writer.transaction():
            writer.execute("LOCK event IN ROW EXCLUSIVE MODE")
            migrating = pool.submit(migrate, db.dsn_owner)
            while not watch.execute(waits).fetchone():
                assert time.monotonic() < ends, "the migration never asked for the table"
            writer.execute("LOCK cases IN ROW EXCLUSIVE MODE")
        assert migrating.result(60) == []
        rows = watch.execute("SELECT shape FROM ioc_was.tracked WHERE name IN ('cases', 'event')").fetchall()
    assert "other" not in {r["shape"] for r in rows}


def test_who_holds_a_table_too_long_is_named(db: Database) -> None:
    waited: list[float] = []
    with db.owner() as holder, psycopg.connect(db.dsn_owner, autocommit=True) as conn:
        with holder.transaction():
            holder.execute("LOCK supervision IN ACCESS SHARE MODE")
            with pytest.raises(ConfigError, match=str(holder.info.backend_pid)):
                yielding(conn, lambda: void(conn.execute("LOCK supervision")), "x", 2, waited.append)
        yielding(conn, lambda: void(conn.execute("LOCK supervision")), "x", 1)
    assert len(waited) == 1


def void(_: object) -> None:
    """What a statement returns is not asked for."""


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
            app.execute(sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(parts[0])))


def test_history_is_append_only_for_the_app_and_secrets_are_hidden(db: Database) -> None:
    with psycopg.connect(db.dsn_app, autocommit=True) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("DELETE FROM event_history")
    with psycopg.connect(db.dsn_readonly, autocommit=True) as ro, pytest.raises(psycopg.errors.InsufficientPrivilege):
        ro.execute("SELECT * FROM account")


def test_an_outside_database_whose_owner_is_no_superuser(cluster: PrivateCluster) -> None:
    """PostGIS was installed by its administrator; the rest the owner does itself, and row-level security holds."""
    with psycopg.connect(cluster.dsn(database="postgres"), autocommit=True) as conn:
        conn.execute("DROP DATABASE IF EXISTS outside")
        # the roles of the other databases of this cluster are there already and are lent to the new owner
        conn.execute("CREATE ROLE plain LOGIN CREATEROLE")
        conn.execute("GRANT ioc_app, ioc_readonly TO plain WITH ADMIN OPTION")
        conn.execute("CREATE DATABASE outside OWNER plain")
    with psycopg.connect(cluster.dsn(database="outside"), autocommit=True) as conn:
        conn.execute("CREATE EXTENSION postgis")
        conn.execute("GRANT ALL ON SCHEMA public TO plain")
    dsn = cluster.dsn("plain", "outside")
    try:
        assert len(migrate(dsn)) == len(migrations())
        with psycopg.connect(dsn, autocommit=True) as conn:
            ensure_partitions(conn, NOW)
            conn.execute("INSERT INTO region (region_id, code, name, kind) VALUES (1, '1', 'A', 'town')")
            conn.execute(
                "INSERT INTO event (source, source_id, title, occurred_at, received_at, region_id)"
                " VALUES ('s', '1', 't', %s, %s, 1)",
                (NOW, NOW),
            )
            assert conn.execute("SELECT count(*) FROM event").fetchone() == (1,)
        store = Store(dsn, size=1)
        for scope, seen in ((SYSTEM, 1), (NOBODY, 0)):
            with store.scoped(scope) as unit:
                assert unit.execute("SELECT count(*) AS n FROM event").fetchone() == {"n": seen}
        store.close()
        found = dsns(Settings(database_url=dsn))
        with psycopg.connect(as_uri(found.readonly)) as conn:
            assert conn.execute("SELECT current_user::text, count(*) FROM event").fetchone() == ("ioc_readonly", 1)
    finally:
        with psycopg.connect(cluster.dsn(database="postgres"), autocommit=True) as conn:
            conn.execute("DROP DATABASE outside WITH (FORCE)")
            conn.execute("DROP ROLE plain")
