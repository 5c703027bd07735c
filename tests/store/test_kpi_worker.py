"""Several ingest processes, one KPI worker: the lock, its hand-over, and a database that goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import MappingProxyType

import psycopg
import pytest

from ioc.clock import SystemClock
from ioc.declare import Indicator
from ioc.kpi import worker
from ioc.kpi.active import active_indicators, recorded_pack
from ioc.registry import Registry, discover
from ioc.settings import Settings
from ioc.store import Store
from tests.conftest import Database

pytestmark = pytest.mark.store
FOUND = {k: v for k, v in discover("ioc.indicators", "INDICATOR").items() if isinstance(v, Indicator)}
REGISTRY = Registry(indicators=MappingProxyType(FOUND))


def _until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def _runs(db: Database) -> int:
    with db.owner() as conn:
        row = conn.execute("SELECT coalesce(sum(runs), 0)::int AS n FROM indicator_run").fetchone()
    return int(row["n"]) if row else 0


@pytest.fixture
def town(db: Database) -> None:
    with db.owner() as conn:
        conn.execute("INSERT INTO region (code, name, kind) VALUES ('990101000000', '镇', 'town')")
        conn.execute("SELECT ioc_rebuild_region_closure()")


def _start(db: Database, settings: Settings) -> tuple[threading.Event, threading.Thread, Store]:
    stop, store = threading.Event(), Store(db.dsn_app, size=4)
    thread = threading.Thread(target=worker.run, args=(store, REGISTRY, SystemClock(), settings, stop), daemon=True)
    thread.start()
    return stop, thread, store


def test_one_computes_and_another_takes_over(db: Database, settings: Settings, town: None) -> None:
    first = _start(db, settings)
    assert _until(lambda: _runs(db) == len(FOUND))
    second = _start(db, settings)
    time.sleep(2.5)
    assert _runs(db) == len(FOUND)  # the second stands by: nothing was computed twice
    with db.owner() as conn:
        held = conn.execute(
            "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", (worker.LOCK,)
        )
        assert held.fetchone() == {"n": 1}
    for stop, thread, store in (first,):
        stop.set()
        thread.join(10)
        store.close()
        assert not thread.is_alive()
    assert _until(lambda: _runs(db) == 2 * len(FOUND))
    second[0].set()
    second[1].join(10)
    second[2].close()


def test_it_comes_back_after_its_connections_are_cut(db: Database, settings: Settings, town: None) -> None:
    stop, thread, store = _start(db, settings)
    assert _until(lambda: _runs(db) == len(FOUND))
    with psycopg.connect(db.dsn_owner, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
    assert _until(lambda: _runs(db) > len(FOUND))
    stop.set()
    thread.join(10)
    store.close()
    assert not thread.is_alive()


def test_a_pack_brings_its_own_indicators(db: Database, settings: Settings) -> None:
    packs = dict(discover("packs", "PACK"))
    registry = Registry(indicators=REGISTRY.indicators, packs=MappingProxyType(packs))  # type: ignore[arg-type]
    with_own = next(k for k, p in registry.packs.items() if p.indicators)
    assert recorded_pack(db.store, settings) == ""
    with db.owner() as conn:
        conn.execute("INSERT INTO setting (key, value) VALUES ('pack', to_jsonb(%s::text))", (with_own,))
    assert recorded_pack(db.store, settings) == with_own
    codes = [i.code for i in active_indicators(registry, with_own)]
    assert set(codes) == set(FOUND) | {i.code for i in registry.packs[with_own].indicators}
    assert {i.code for i in active_indicators(registry, "")} == set(FOUND)
