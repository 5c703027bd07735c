"""Reads from the event loop: everybody's own rows on shared connections, nobody waits for ever, no thread starves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ioc.errors import StoreUnavailable
from ioc.scope import SYSTEM, Scope
from ioc.store import Store
from ioc.store.loop import LoopReader
from tests.conftest import Database

pytestmark = pytest.mark.store
WHO = b"SELECT convert_to(current_setting('ioc.regions') || current_user, 'UTF8'), %(n)s::int8"


@pytest.fixture
def store(db: Database) -> Iterator[Store]:
    found = Store(db.dsn_app, size=3)
    yield found
    found.close()


def warm(store: Store, count: int) -> None:
    """So many connections are open and idle, carrying nobody's scope."""
    held = [store.reading(SYSTEM) for _ in range(count)]
    for one in held:
        one.__enter__()
    for one in held:
        one.__exit__(None, None, None)


def region(n: int) -> Scope:
    return Scope(f"r{n}", region_ids=frozenset({n}), sensitivity=1)


def test_many_askers_on_few_connections_each_get_their_own(store: Store) -> None:
    warm(store, 3)

    async def ask(reader: LoopReader, n: int) -> None:
        row = await reader.first_row(region(n % 7), "generic" if n % 2 else "custom", WHO, {"n": n})
        assert row is not None
        assert row == (f"{{{n % 7}}}ioc_app".encode(), n.to_bytes(8, "big"))

    async def go() -> None:
        reader = LoopReader(store)
        await asyncio.gather(*(ask(reader, n) for n in range(200)))

    asyncio.run(go())
    with store.reading(region(5)) as conn:
        assert conn.execute("SELECT current_setting('ioc.regions') AS r").fetchone() == {"r": "{5}"}


def test_without_a_connection_at_hand_a_thread_is_asked(store: Store, db: Database) -> None:
    async def go(reader: LoopReader) -> Any:
        return await reader.first_row(SYSTEM, "custom", WHO, {"n": 1})

    assert asyncio.run(go(LoopReader(store))) is None, "opening one would take time"
    with store.reading(SYSTEM), store.reading(SYSTEM), store.reading(SYSTEM):
        assert asyncio.run(go(LoopReader(store))) is None, "all are held by threads"
    assert asyncio.run(go(LoopReader(store))) is not None
    pooled = Store(db.dsn_app, size=2, transaction_pooler=True)
    assert asyncio.run(go(LoopReader(pooled))) is None, "behind a pooler nothing stays set"
    pooled.close()


def test_a_large_question_is_sent_whole(store: Store) -> None:
    warm(store, 1)
    ids = list(range(400_000))

    async def go() -> Any:
        return await LoopReader(store).first_row(
            SYSTEM, "custom", b"SELECT cardinality(%(ids)s::int[])::int8", {"ids": ids}
        )

    assert asyncio.run(go()) == (len(ids).to_bytes(8, "big"),)


def test_an_error_leaves_the_connection_usable(store: Store) -> None:
    warm(store, 1)

    async def go() -> None:
        reader = LoopReader(store)
        for _ in range(2):
            with pytest.raises(psycopg.errors.DivisionByZero):
                await reader.first_row(SYSTEM, "custom", b"SELECT 1 / %(n)s::int", {"n": 0})
            with pytest.raises(psycopg.errors.UndefinedTable):
                await reader.first_row(SYSTEM, "custom", b"SELECT * FROM nothing", {})
        assert await reader.first_row(SYSTEM, "custom", b"SELECT 1 WHERE %(no)s::boolean", {"no": False}) == ()

    asyncio.run(go())


def test_a_server_that_goes_away_in_the_middle_is_told_to_all_and_met_again(store: Store, db: Database) -> None:
    warm(store, 1)

    async def go() -> list[Any]:
        reader = LoopReader(store)
        slow = b"SELECT pg_sleep(20)::text, %(n)s::int8"
        asked = [asyncio.ensure_future(reader.first_row(SYSTEM, "custom", slow, {"n": n})) for n in range(4)]
        await asyncio.sleep(0.3)

        def end() -> None:
            with db.owner() as owner:
                owner.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%'"
                    " AND pid <> pg_backend_pid()"
                )

        await asyncio.to_thread(end)
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)

    found = asyncio.run(go())
    assert isinstance(found[0], StoreUnavailable)
    assert found[1:] == [None] * 3, "those that waited for this connection ask from threads"
    with store.reading(SYSTEM) as conn:
        assert conn.execute("SELECT 1 AS n").fetchone() == {"n": 1}


def test_who_leaves_takes_nothing_along(store: Store) -> None:
    """A cancelled question closes its connection; a cancelled place in the queue hands on."""
    warm(store, 1)

    async def go() -> None:
        reader = LoopReader(store)
        first = asyncio.ensure_future(reader.first_row(SYSTEM, "custom", b"SELECT pg_sleep(0.3)::text", {}))
        await asyncio.sleep(0.05)
        second = asyncio.ensure_future(reader.first_row(SYSTEM, "custom", WHO, {"n": 2}))
        third = asyncio.ensure_future(reader.first_row(SYSTEM, "custom", WHO, {"n": 3}))
        await asyncio.sleep(0.05)
        second.cancel()
        assert await asyncio.wait_for(third, 5) is not None
        assert await first is not None
        running = asyncio.ensure_future(reader.first_row(SYSTEM, "custom", b"SELECT pg_sleep(5)::text", {}))
        behind = asyncio.ensure_future(reader.first_row(SYSTEM, "custom", WHO, {"n": 4}))
        await asyncio.sleep(0.1)
        running.cancel()
        assert await asyncio.wait_for(behind, 5) is None

    asyncio.run(go())
    warm(store, 3)  # every slot is free again


def test_threads_get_their_turn_under_a_stream_of_askers(db: Database) -> None:
    store = Store(db.dsn_app, size=1, wait_s=3)
    warm(store, 1)
    got = threading.Event()

    def thread() -> None:
        with store.reading(SYSTEM):
            got.set()

    async def go() -> None:
        reader = LoopReader(store)

        async def keep_asking() -> None:
            while not got.is_set():
                await reader.first_row(SYSTEM, "custom", b"SELECT pg_sleep(0.01)::text", {})
                await asyncio.sleep(0)

        askers = [asyncio.ensure_future(keep_asking()) for _ in range(4)]
        await asyncio.sleep(0.1)
        waiting = threading.Thread(target=thread)
        waiting.start()
        await asyncio.wait_for(asyncio.gather(*askers), 5)
        waiting.join()

    asyncio.run(go())
    assert got.is_set()
    store.close()
