"""The sequencer on a real server: nothing lost, nothing doubled, no gap, whatever order writers commit in."""

from __future__ import annotations

import random
import threading
import time

import psycopg
import pytest

from ioc.clock import FixedClock, SystemClock
from ioc.feed import sequencer
from ioc.scope import SYSTEM
from ioc.store import outbox
from tests.conftest import Database

pytestmark = pytest.mark.store


def put(conn: psycopg.Connection, entity: str, topic: str = "event") -> None:
    outbox.put(conn, topic=topic, op="new", entity_id=entity, payload={"n": entity})


def numbered(db: Database) -> list[tuple[int, str]]:
    with db.owner() as conn:
        rows = conn.execute("SELECT feed_no, entity_id FROM feed ORDER BY feed_no").fetchall()
    return [(r["feed_no"], r["entity_id"]) for r in rows]


def wait_for(count: int, db: Database, seconds: float = 10) -> list[tuple[int, str]]:
    deadline = time.monotonic() + seconds
    while True:
        found = numbered(db)
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


@pytest.fixture
def running(db: Database, clock: FixedClock):
    stop = threading.Event()
    thread = sequencer.start(db.dsn_owner, clock, stop)
    yield
    stop.set()
    thread.join(5)


def test_concurrent_writers_with_random_commit_order_lose_nothing(db: Database, running: None) -> None:
    """Eight writers hold their transactions open for random times, so that commits overtake the ids they were given."""
    seen: list[int] = []
    reading = threading.Event()

    def reader() -> None:
        """A cursor `feed_no > last`, as every hub uses it, while rows are being numbered."""
        last = 0
        with psycopg.connect(db.dsn_app, autocommit=True) as conn:
            while not reading.is_set() or last < 400:
                for (no,) in conn.execute("SELECT feed_no FROM feed WHERE feed_no > %s ORDER BY feed_no", (last,)):
                    seen.append(no)
                    last = no
                time.sleep(0.002)
                if reading.wait(0) and time.monotonic() > deadline:
                    return

    def writer(number: int) -> None:
        chance = random.Random(number)
        for turn in range(50):
            with db.store.scoped(SYSTEM) as conn:
                put(conn, f"{number}-{turn}")
                time.sleep(chance.random() * 0.01)
                if chance.random() < 0.7:
                    outbox.wake(conn)

    deadline = time.monotonic() + 30
    watching = threading.Thread(target=reader)
    watching.start()
    writers = [threading.Thread(target=writer, args=(n,)) for n in range(8)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    reading.set()
    watching.join(15)
    found = wait_for(400, db)
    assert [no for no, _ in found] == list(range(1, 401))
    assert len({entity for _, entity in found}) == 400
    assert seen == list(range(1, 401)), "the reader passed one by"


def test_a_long_transaction_elsewhere_does_not_freeze_the_feed(db: Database, running: None) -> None:
    with psycopg.connect(db.dsn_owner) as lazy:
        lazy.execute("INSERT INTO setting (key, value) VALUES ('lazy', '1')")  # an open write, as a bulk import has
        put(lazy, "late")
        with db.store.scoped(SYSTEM) as conn:
            put(conn, "quick")
            outbox.wake(conn)
        assert [e for _, e in wait_for(1, db, 2)] == ["quick"]
        lazy.commit()
    assert [e for _, e in wait_for(2, db, 2)] == ["quick", "late"], "a late commit gets a late number"


def test_from_commit_to_number_in_milliseconds(db: Database, running: None) -> None:
    wait_for(0, db, 0.5)
    took: list[float] = []
    with psycopg.connect(db.dsn_app, autocommit=True) as listening:
        listening.execute("LISTEN ioc_feed")
        for turn in range(30):
            with db.store.scoped(SYSTEM) as conn:
                put(conn, str(turn))
                outbox.wake(conn)
            start = time.monotonic()
            assert list(listening.notifies(timeout=2, stop_after=1)), "no hint came"
            took.append(time.monotonic() - start)
    assert sorted(took)[15] < 0.05


def test_a_writer_that_forgets_to_notify_is_met(db: Database, running: None) -> None:
    time.sleep(0.3)
    with db.store.scoped(SYSTEM) as conn:
        put(conn, "silent")
    assert len(wait_for(1, db, 1.0)) == 1


def test_only_one_leads_and_the_next_takes_over(db: Database, clock: FixedClock) -> None:
    stops = [threading.Event(), threading.Event()]
    threads = [sequencer.start(db.dsn_owner, clock, s) for s in stops]
    try:
        time.sleep(0.5)
        with db.owner() as conn:
            held = conn.execute(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = %s AND database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())",
                (sequencer.LOCK_KEY,),
            ).fetchall()
            assert len(held) == 1
            conn.execute("SELECT pg_terminate_backend(%s)", (held[0]["pid"],))
        with db.store.scoped(SYSTEM) as conn:
            put(conn, "after the kill")
            outbox.wake(conn)
        assert len(wait_for(1, db, 5)) == 1
    finally:
        for stop in stops:
            stop.set()
        for thread in threads:
            thread.join(5)


def test_a_missing_partition_is_made(db: Database, clock: FixedClock) -> None:
    clock.advance(400 * 86_400)
    with db.store.scoped(SYSTEM) as conn:
        put(conn, "far")
    with db.owner() as conn:
        assert sequencer.number_pending(conn, clock.now()) == 1
    assert numbered(db) == [(1, "far")]


def test_a_batch_is_numbered_in_the_order_it_was_written(db: Database, clock: FixedClock) -> None:
    with db.store.scoped(SYSTEM) as conn:
        for n in range(25):
            put(conn, str(n))
    with db.owner() as conn:
        assert sequencer.number_pending(conn, clock.now(), batch=10) == 10
        assert sequencer.number_pending(conn, clock.now(), batch=10) == 10
        assert sequencer.number_pending(conn, clock.now(), batch=10) == 5
        assert sequencer.number_pending(conn, clock.now(), batch=10) == 0
        assert conn.execute("SELECT last_no FROM feed_state").fetchone()["last_no"] == 25
    assert numbered(db) == [(n + 1, str(n)) for n in range(25)]


def test_the_heartbeat_is_written(db: Database) -> None:
    stop = threading.Event()
    thread = sequencer.start(db.dsn_owner, SystemClock(), stop)
    deadline = time.monotonic() + 5
    beat = None
    while beat is None and time.monotonic() < deadline:
        time.sleep(0.05)
        with db.owner() as conn:
            beat = conn.execute("SELECT beat_at FROM feed_state").fetchone()["beat_at"]
    stop.set()
    thread.join(5)
    assert beat is not None
    assert not thread.is_alive()
