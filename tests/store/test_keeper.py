"""Partitions ahead and behind, retention, and what is refused when the disk runs short."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import psycopg
import pytest

from ioc.clock import FixedClock
from ioc.errors import DiskBudget
from ioc.ops import keeper_loop
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import disk, keeper
from tests.conftest import NOW, Database

pytestmark = pytest.mark.store


def test_partitions_reach_seven_days_ahead_and_are_made_once(db: Database) -> None:
    with db.owner() as conn:
        made = keeper.ensure_partitions(conn, NOW)
        assert "observation_20261010" in made
        assert keeper.ensure_partitions(conn, NOW) == []
        days = {day for table, day in keeper.partitions(conn).values() if table == "feed"}
    assert {NOW.date() + dt.timedelta(days=i) for i in range(-2, 8)} <= days


def test_a_new_partition_takes_rows_has_indexes_and_no_grants(db: Database) -> None:
    later = NOW + dt.timedelta(days=20)
    with db.owner() as conn:
        keeper.ensure_partitions(conn, later, days_back=0, days_ahead=0)
        count = "SELECT count(*) AS n FROM pg_indexes WHERE tablename = 'observation_20261023'"
        indexes = conn.execute(count).fetchone()
        ids = conn.execute("SELECT relacl::text AS acl FROM pg_class WHERE relname = 'observation_20261023'").fetchone()
    assert indexes == {"n": 2}
    assert ids is not None
    assert "ioc_app" not in (ids["acl"] or "")
    with db.store.scoped(SYSTEM) as conn:
        conn.execute("INSERT INTO observation (datastream_id, observed_at, value) VALUES (1, %s, 2)", (later,))
        conn.execute("INSERT INTO reject (source, reasons, recorded_at) VALUES ('s', '[]', %s)", (later,))
        row = conn.execute("SELECT value FROM observation").fetchone()
    assert row == {"value": 2.0}


def test_partitions_are_made_while_a_writer_holds_the_table(db: Database) -> None:
    with db.store.scoped(SYSTEM) as writer:
        writer.execute("INSERT INTO observation (datastream_id, observed_at, value) VALUES (1, %s, 2)", (NOW,))
        with db.owner() as conn:
            conn.execute("SET statement_timeout = '3s'")
            assert keeper.ensure_partitions(conn, NOW, days_ahead=9)


def test_retention_drops_old_days_only(db: Database, settings: Settings, clock: FixedClock) -> None:
    old = NOW - dt.timedelta(days=91)
    with db.owner() as conn:
        keeper.ensure_partitions(conn, old, days_back=0, days_ahead=1)
        dropped = keeper.drop_expired(conn, NOW, settings)
        left = keeper.partitions(conn)
    assert "observation_20260704" in dropped
    assert "observation_20260705" in left
    assert "feed_20260704" in dropped
    assert "feed_20260705" in dropped
    assert "device_state_log_20260704" in left


def test_retention_gives_way_to_a_reader(db: Database, settings: Settings) -> None:
    old = NOW - dt.timedelta(days=91)
    with db.owner() as conn, psycopg.connect(db.dsn_owner) as reader:
        keeper.ensure_partitions(conn, old, days_back=0, days_ahead=0)
        reader.execute("SELECT count(*) FROM observation_20260704")
        assert "observation_20260704" not in keeper.drop_expired(conn, NOW, settings)
        reader.commit()
        assert "observation_20260704" in keeper.drop_expired(conn, NOW, settings)


def test_prune_deletes_what_is_past_its_retention(db: Database, settings: Settings) -> None:
    old, young = NOW - dt.timedelta(days=1200), NOW - dt.timedelta(days=10)
    with db.owner() as conn:
        for key, at in (("old", old), ("young", young)):
            conn.execute(
                "INSERT INTO event (source, source_id, title, status, occurred_at, received_at)"
                " VALUES ('s', %s, 't', 'closed', %s, %s)",
                (key, at, at),
            )
            conn.execute("INSERT INTO audit (recorded_at, actor, action) VALUES (%s, 'a', %s)", (at, key))
        assert keeper.prune(conn, NOW, settings) == 2
        assert conn.execute("SELECT source_id FROM event").fetchall() == [{"source_id": "young"}]


@pytest.mark.parametrize(
    ("used", "free", "budget", "level"),
    [
        (10, 5000, 0, "ok"),
        (10, 1999, 0, "observations_stopped"),
        (10, 499, 0, "events_stopped"),
        (1001, 5000, 1000, "observations_stopped"),
        (1101, 5000, 1000, "events_stopped"),
        (1001, None, 1000, "observations_stopped"),
        (10, None, 0, "ok"),
    ],
)
def test_observations_stop_first_and_events_last(used: int, free: int | None, budget: int, level: str) -> None:
    state = disk.judge(used, free, budget, 2000)
    assert state.level == level
    for what, taken in (("observation", level == "ok"), ("event", level != "events_stopped")):
        if taken:
            state.require(what)
        else:
            with pytest.raises(DiskBudget):
                state.require(what)


def test_a_change_of_level_is_stored_and_told_once(db: Database, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=db.dsn_app, disk_budget_mb=1)
    with db.owner() as conn:
        for _ in range(2):
            assert keeper_loop.check_disk(conn, settings).level == "events_stopped"
        assert disk.read(conn).level == "events_stopped"
        told = conn.execute("SELECT topic, payload->>'level' AS level FROM outbox").fetchall()
    assert told == [{"topic": "source", "level": "events_stopped"}]


def test_one_keeper_at_a_time(db: Database, settings: Settings, clock: FixedClock) -> None:
    with db.owner() as one, db.owner() as two:
        two.execute("SELECT pg_advisory_lock(4930103)")
        assert keeper_loop.turn(one, settings, clock) is False
        two.execute("SELECT pg_advisory_unlock(4930103)")
        assert keeper_loop.turn(one, settings, clock) is True
