"""The event stream over a real server: what arrives, in which order, after a break, and for whom."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from ioc.clock import FixedClock
from ioc.errors import StoreUnavailable
from ioc.feed import sequencer
from ioc.feed.hub import QUEUE_CHUNKS, Client, Hub
from ioc.feed.messages import Position
from ioc.scope import SYSTEM
from ioc.store import outbox
from ioc.store.worklist import case_record
from tests.conftest import Database
from tests.http.conftest import PASSWORD, Running, serving
from tests.http.world import CITY, FAR_TOWN, NEAR, NEAR_TOWN, SECRET, World

pytestmark = pytest.mark.http
Message = tuple[str, str, dict[str, Any]]


class Stream:
    """A browser's EventSource, as far as the tests need one."""

    def __init__(self, url: str, cookies: Any, **params: str) -> None:
        self.messages: list[Message] = []
        self.status = 0
        self._stop = False
        self._thread = threading.Thread(target=self._run, args=(url, cookies, params), daemon=True)
        self._thread.start()
        self._wait(lambda: self.status != 0)

    def _run(self, url: str, cookies: Any, params: dict[str, str]) -> None:
        headers = {"Last-Event-ID": params.pop("last_event_id")} if "last_event_id" in params else {}
        try:
            with httpx.stream("GET", url + "/live", params=params, cookies=cookies, headers=headers, timeout=60) as r:
                self.status = r.status_code
                block: dict[str, str] = {}
                for line in r.iter_lines():
                    if self._stop:
                        return
                    if line:
                        name, _, value = line.partition(": ")
                        block[name] = value
                    elif block:
                        data = json.loads(block.get("data", "{}"))
                        self.messages.append((block.get("event", ""), block.get("id", ""), data))
                        block = {}
        except httpx.HTTPError:
            return
        finally:
            self.status = self.status or -1

    def _wait(self, true: Any, seconds: float = 10) -> bool:
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def of(self, event: str) -> list[Message]:
        return [m for m in self.messages if m[0] == event]

    def wait(self, event: str, count: int = 1, seconds: float = 10) -> list[Message]:
        self._wait(lambda: len(self.of(event)) >= count, seconds)
        return self.of(event)

    @property
    def ended(self) -> bool:
        return self._wait(lambda: not self._thread.is_alive(), 20)

    def stop(self) -> None:
        self._stop = True


def cookies(running: Running, login: str) -> httpx.Cookies:
    with httpx.Client(base_url=running.url) as client:
        body = {"login": login, "password": PASSWORD}
        answer = client.post("/api/v1/auth/sign-in", json=body, headers={"Origin": running.url})
        assert answer.status_code == 200
        return client.cookies


def publish_when_up(db: Database, world: World) -> None:
    """As every writer does it: again, when the connection was just cut."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return publish(db, world, world.near, "990101001000")
        except StoreUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def publish(db: Database, world: World, side: dict[str, int], region: str, **more: Any) -> None:
    with db.store.scoped(SYSTEM) as conn:
        record = case_record(conn, side["case"])
        fields = {"topic": "case", "op": "change", "entity_id": side["case"], "permission": "case.view"} | more
        outbox.put(conn, region_id=world.regions[region], payload=record, **fields)
        outbox.wake(conn)


@contextmanager
def streams(running: Running, *logins: str, **params: str) -> Iterator[list[Stream]]:
    opened = [Stream(running.url, cookies(running, login), **params) for login in logins]
    for s in opened:
        assert s.status == 200
        s.wait("hello")
    yield opened
    for s in opened:
        s.stop()


def test_no_stream_without_an_asker(running: Running) -> None:
    assert httpx.get(running.url + "/live").status_code == 401
    wrong = {"Authorization": "Bearer ioc_wrong"}
    assert httpx.get(running.url + "/live", headers=wrong).status_code == 401


def test_a_change_reaches_those_who_may_see_it(running: Running, sequencing: Any, db: Database, world: World) -> None:
    with streams(running, "chief", "town") as (chief, town):
        publish(db, world, world.far, "990201001000")
        publish(db, world, world.near, "990101001000")
        assert [m[2]["key"] for m in chief.wait("change", 2)] == [
            f"case:{world.far['case']}",
            f"case:{world.near['case']}",
        ]
        assert [m[2]["key"] for m in town.wait("change", 1)] == [f"case:{world.near['case']}"]
        assert SECRET not in json.dumps(town.messages, ensure_ascii=False)
        _, id_, data = chief.of("change")[1]
        assert id_ == f"{chief.of('hello')[0][2]['epoch']}-{data['no']}"
        assert data["record"]["stage_text"] == {"zh": "受理", "en": "Accepted"}


def test_region_filter_and_what_has_no_region(running: Running, sequencing: Any, db: Database, world: World) -> None:
    with streams(running, "chief", region=NEAR) as (near,):
        publish(db, world, world.far, "990201001000")
        with db.store.scoped(SYSTEM) as conn:
            outbox.put(conn, topic="source", op="change", entity_id="sensors", payload={"state": "late"})
            outbox.wake(conn)
        publish(db, world, world.near, "990101001000")
        assert [m[2]["topic"] for m in near.wait("change", 2)] == ["source", "case"]
    assert Stream(running.url, cookies(running, "town"), region=FAR_TOWN).status == 404


def test_rights_sensitivity_and_share_scope_hold_in_the_stream(
    running: Running, sequencing: Any, db: Database, world: World
) -> None:
    with streams(running, "town") as (town,):
        village = "990101001000"
        publish(db, world, world.near, village, entity_id="1", permission="reject.view")
        publish(db, world, world.near, village, entity_id="2", sensitivity=2)
        with db.store.scoped(SYSTEM) as conn:
            mine, theirs = world.regions[NEAR_TOWN], world.regions[FAR_TOWN]
            for ids in ([theirs], [mine, theirs]):
                payload = {"codes": ["aqi"], "region_ids": ids}
                outbox.put(conn, topic="indicator", op="change", entity_id="aqi", payload=payload)
            outbox.wake(conn)
        publish(db, world, world.near, village, entity_id="last")
        found = town.wait("change", 2)
        assert [m[2]["topic"] for m in found] == ["indicator", "case"]
        assert found[0][2]["record"]["region_ids"] == [mine]


def test_a_client_that_comes_back_gets_what_it_missed_once(
    running: Running, sequencing: Any, db: Database, world: World
) -> None:
    with streams(running, "chief") as (first,):
        for _ in range(3):
            publish(db, world, world.near, "990101001000")
        seen = first.wait("change", 3)
    with streams(running, "chief", last_event_id=seen[0][1]) as (again,):
        publish(db, world, world.near, "990101001000")
        numbers = [m[2]["no"] for m in again.wait("change", 3)]
        assert numbers == [seen[1][2]["no"], seen[2][2]["no"], seen[2][2]["no"] + 1]
        assert again.of("resync") == []


@pytest.mark.parametrize("last", ["otherepoch-1", "EPOCH-0"])
def test_a_gap_or_another_epoch_asks_for_the_snapshot(
    running: Running, sequencing: Any, db: Database, world: World, last: str
) -> None:
    publish(db, world, world.near, "990101001000")
    with streams(running, "chief") as (first,):
        hello = first.of("hello")[0][2]
        # The oldest rows have been dropped by retention: a client from before them cannot be served by the feed.
        running.application.state.hub._memory.clear()
    last = last.replace("EPOCH", hello["epoch"])
    with streams(running, "chief", last=last) as (back,):
        assert len(back.wait("resync", 1)) == 1
        publish(db, world, world.near, "990101001000")
        assert len(back.wait("change", 1)) == 1, "the stream goes on after the resync"


def test_a_new_process_serves_resumes_from_the_feed_table(
    application: Any, sequencing: Any, db: Database, world: World
) -> None:
    with serving(application) as one, streams(one, "chief") as (first,):
        for _ in range(3):
            publish(db, world, world.near, "990101001000")
        seen = first.wait("change", 3)
    state = application.state
    state.hub.__init__(db.store.dsn, state.deps.clock, state.deps.versions)  # as after a restart: nothing remembered
    with serving(application) as two, streams(two, "chief", last=seen[0][1]) as (again,):
        assert [m[1] for m in again.wait("change", 2)] == [seen[1][1], seen[2][1]]


def test_signed_out_streams_end(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ioc.feed.endpoint.WATCH_S", 0.2)
    with serving(running.application) as fresh:
        mine = cookies(fresh, "town")
        stream = Stream(fresh.url, mine)
        stream.wait("hello")
        answer = httpx.post(fresh.url + "/api/v1/auth/sign-out", json={}, cookies=mine, headers={"Origin": fresh.url})
        assert answer.status_code == 200
        assert stream.wait("resync")[0][2]["reason"] == "signed_out"
        assert stream.ended


def test_the_feed_survives_a_killed_connection_and_a_killed_sequencer(
    running: Running, db: Database, world: World, clock: FixedClock
) -> None:
    stop = threading.Event()
    thread = sequencer.start(db.dsn_owner, clock, stop)
    with streams(running, "chief") as (chief,):
        publish(db, world, world.near, "990101001000")
        assert chief.wait("change", 1)
        with db.owner() as conn:
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                         " AND datname = current_database()")  # fmt: skip
        began = time.monotonic()
        publish_when_up(db, world)
        assert len(chief.wait("change", 2, 6)) == 2
        assert time.monotonic() - began < 6, "back within seconds, also on a busy machine"
        assert any(m[2]["store"] == "down" for m in chief.of("beat"))
        assert chief.of("beat")[-1][2]["store"] == "ok"
        stop.set()
        thread.join(5)
        publish_when_up(db, world)
        assert len(chief.wait("change", 3, 0.5)) == 2, "nobody numbers"
        again = threading.Event()
        next_one = sequencer.start(db.dsn_owner, clock, again)
        assert len(chief.wait("change", 3, 5)) == 3
        again.set()
        next_one.join(5)
        assert [m[2]["no"] for m in chief.of("change")] == [1, 2, 3]


def test_a_slow_client_is_told_never_skipped() -> None:
    """Queue overflow: everything queued gives way to one resync, and what comes later follows it."""
    client, at = Client(0), Position("e", 7)
    for n in range(QUEUE_CHUNKS):
        client.push(f"{n}".encode(), at)
    assert client.resyncs == 0
    client.push(b"one too many", Position("e", 8))
    client.push(b"after", Position("e", 9))

    async def take() -> bytes:
        return await client.take()

    got = asyncio.run(take())
    assert got.count(b"event: resync") == 1
    assert b"id: e-8" in got
    assert got.endswith(b"after")
    assert client.size == 0


def test_snapshot_and_stream_join_without_a_hole(running: Running, sequencing: Any, db: Database, world: World) -> None:
    mine = cookies(running, "town")
    publish(db, world, world.near, "990101001000")
    with streams(running, "town") as (first,):
        publish(db, world, world.near, "990101001000")
        first.wait("change", 1)
        snapshot = httpx.get(running.url + "/api/v1/live/snapshot", cookies=mine)
        body = snapshot.json()
        assert {r["key"] for r in body["rows"]} == {f"case:{world.near[k]}" for k in ("case", "incident")} | {
            f"event:{world.near['event']}"
        }
        assert body["rows"][0]["key"] == f"case:{world.near['incident']}", "incidents come first"
        assert body["feed"]["last_no"] == first.of("change")[-1][2]["no"]
        tag = {"If-None-Match": snapshot.headers["ETag"]}
        assert httpx.get(running.url + "/api/v1/live/snapshot", cookies=mine, headers=tag).status_code == 304
    city = httpx.get(running.url + f"/api/v1/live/snapshot?region={CITY}", cookies=cookies(running, "chief"))
    assert (len(city.json()["rows"]), city.json()["total"], city.json()["next"]) == (6, 6, None)


def test_the_list_page_by_page_under_the_scope_of_the_asker(running: Running, world: World) -> None:
    def page(who: str, query: str) -> httpx.Response:
        return httpx.get(running.url + f"/api/v1/live/rows?{query}", cookies=cookies(running, who))

    first = page("chief", f"region={CITY}&limit=4").json()
    rest = page("chief", f"region={CITY}&limit=4&after={first['next']}").json()
    keys = [r["key"] for r in [*first["rows"], *rest["rows"]]]
    whole = httpx.get(running.url + f"/api/v1/live/snapshot?region={CITY}", cookies=cookies(running, "chief"))
    assert keys == [r["key"] for r in whole.json()["rows"]]
    assert (first["total"], rest["total"], rest["next"]) == (6, 6, None)
    mine = page("town", f"after={first['next']}").json()
    assert {r["key"] for r in mine["rows"]} < {f"{k.replace('incident', 'case')}:{v}" for k, v in world.near.items()}
    assert mine["total"] == 3
    assert page("chief", "limit=2001").status_code == 422
    assert page("chief", "after=1;2").status_code == 422
    assert page("town", "region=nowhere").status_code == 404


def test_hub_starts_while_the_database_is_away(clock: FixedClock) -> None:
    async def go() -> bytes:
        hub = Hub("host=/nonexistent dbname=none connect_timeout=1", clock)
        task = asyncio.create_task(hub.run())
        client, _ = await hub.subscribe(SYSTEM, "", None, None)
        got = await client.take()
        task.cancel()
        return got

    got = asyncio.run(go())
    assert b"event: hello" in got
    assert b'"store":"down"' in got
