"""From INSERT to every open screen: 200 clients in three scope classes, 20 events a second; and across kills.

Floor: a bare LISTEN on the same database, fed by the same INSERT with a NOTIFY.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from ioc.ops.bench import Figure, Job, city, interleaved, median, percentile
from ioc.ops.bench.clients import SSE_GENERATOR, SseClient
from ioc.ops.bench.rig import Rig
from ioc.store import outbox
from ioc.store.database import dsns

P95_MS, RECOVERY_S = 300.0, 10.0
CLIENTS, RATE, SECONDS = 200, 20.0, 10.0
KILL_AFTER_S, KILL_ROUND_S, DRAIN_S, READY_S = 3.0, 16.0, 12.0, 60.0
HELD_UP_S = 0.5  # later than this an event counts as held up by the kill
DEVICES = 2000  # a city to stand in; the stream does not depend on it


@dataclass
class Sent:
    """One committed event: when its INSERT began, and where it lies."""

    key: str
    begun: float
    region_id: int


@dataclass
class Reception:
    """What one client got: key -> arrival times."""

    region_ids: frozenset[int] | None  # None: the whole centre
    got: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def take(self, data: str, at: float) -> None:
        key = str(json.loads(data).get("key", ""))
        if key.startswith("event:"):
            self.got.setdefault(key, []).append(at)

    def expects(self, sent: Sequence[Sent]) -> list[Sent]:
        return [s for s in sent if self.region_ids is None or s.region_id in self.region_ids]


@dataclass
class Tally:
    """Latencies of everything expected, what never came, and what came more than once."""

    latencies: list[float] = field(default_factory=list[float])
    missing: int = 0
    doubled: int = 0
    resyncs: int = 0
    down_s: float = 0.0  # from the kill until the product says it is ready
    caught_up_s: float = 0.0  # from then until the last client has the last event that was held up


class Writer:
    """Writes events as the product does: row, history and outbox record in one transaction, then one NOTIFY."""

    def __init__(self, dsn: str, towns: Sequence[int], notify: bool = False) -> None:
        self.dsn, self.towns, self.notify = dsn, towns, notify
        self._number = time.time_ns() // 1_000_000 * 1000
        self._conn: psycopg.Connection[Any] | None = None

    def one(self) -> Sent:
        """Until it is committed: a server that dies is met again, and what it had committed is not written twice."""
        self._number += 1
        begun = time.monotonic()
        while True:
            try:
                return self._write(begun)
            except psycopg.OperationalError:
                self._conn = None
                time.sleep(0.1)

    def _write(self, begun: float) -> Sent:
        if self._conn is None:
            self._conn = psycopg.connect(self.dsn, autocommit=True, connect_timeout=2)
        region, source_id = self.towns[self._number % len(self.towns)], str(self._number)
        with self._conn.transaction():
            row = self._conn.execute(_EVENT, {"id": source_id, "region": region}).fetchone()
            if row is None:  # the commit had gone through when the connection broke
                row = self._conn.execute(
                    "SELECT event_id FROM event WHERE source = 'bench' AND source_id = %s", (source_id,)
                ).fetchone()
                assert row is not None
                return Sent(f"event:{row[0]}", begun, region)
            key = f"event:{row[0]}"
            record = {**_RECORD, "key": key, "id": row[0], "region_id": region}
            self._conn.execute(_HISTORY, {"id": row[0], "region": region, "record": Jsonb(record)})
            outbox.put(
                self._conn, topic="event", op="new", entity_id=row[0], region_id=region, permission="event.view",
                origin="demo", payload=record,
            )  # fmt: skip
            if self.notify:
                self._conn.execute("SELECT pg_notify('ioc_bench', %s)", (key,))
            outbox.wake(self._conn)
        return Sent(key, begun, region)

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()


_EVENT = """
INSERT INTO event (source, source_id, title, occurred_at, received_at, region_id, origin)
VALUES ('bench', %(id)s, '测量事件', clock_timestamp(), clock_timestamp(), %(region)s, 'demo')
ON CONFLICT DO NOTHING RETURNING event_id"""
_HISTORY = """
INSERT INTO event_history (event_id, version, op, actor, region_id, origin, record)
VALUES (%(id)s, 1, 'new', 'bench', %(region)s, 'demo', %(record)s)"""
_RECORD = {
    "type": "event", "title": "测量事件", "place": "第一县 第三镇 某村 7 号网格", "urgency": "routine", "level": None,
    "stage_text": {"zh": "上报", "en": "Reported"}, "stage_index": 1, "stage_count": 6, "due_kind": "none",
    "icon": "pin", "lon": 111.98, "lat": 21.86, "source": "bench", "origin": "demo", "version": 1,
}  # fmt: skip


def run(job: Job) -> list[Figure]:
    job.generator = SSE_GENERATOR
    clients, seconds = (12, 3.0) if job.quick else (CLIENTS, SECONDS)
    with Rig(job.composition) as rig:
        with rig.owner() as conn:
            city.load(conn, DEVICES)
        bench = _Live(rig, clients, float(job.options.get("rate", RATE)))
        samples: list[Tally] = []
        floors: list[float] = []

        def live() -> float:
            samples.append(asyncio.run(bench.steady(seconds)))
            return percentile(samples[-1].latencies, 0.95)

        def bare() -> float:
            floors.extend(found := asyncio.run(bench.bare(seconds)))
            return percentile(found, 0.95)

        p95, floor = interleaved(job.rounds, live, bare)
        victims = () if job.quick and not job.options.get("kills") else ("web", "postgres")
        kills = [(v, asyncio.run(bench.across(v))) for v in victims]
    name = "bare LISTEN p95"
    figures = [
        Figure("insert to client p95", median(p95), "ms", median(floor), name, P95_MS, samples=tuple(p95)),
        Figure(
            "insert to client p50", median([median(t.latencies) for t in samples]), "ms", median(floors), "bare p50"
        ),
        Figure("missing", sum(t.missing for t in samples), "", limit=0),
        Figure("doubled", sum(t.doubled for t in samples), "", limit=0),
    ]
    for what, tally in kills:
        figures += [
            Figure(f"{what} killed to ready again", tally.down_s, "s", limit=RECOVERY_S),
            Figure(f"{what} ready to all caught up", tally.caught_up_s, "s", limit=RECOVERY_S),
            Figure(f"missing across kill of {what}", tally.missing, "", limit=0),
            Figure(f"doubled across kill of {what}", tally.doubled, "", limit=0),
            Figure(f"resyncs across kill of {what}", tally.resyncs, "", note="a resync makes the screen fetch again"),
        ]
    job.say(
        f"{clients} clients in 3 scope classes (city, county, town), {bench.rate:g} events/s, {seconds:g} s a round"
    )
    return figures


class _Live:
    """A centre with its clients and its writer."""

    def __init__(self, rig: Rig, clients: int, rate: float) -> None:
        self.rig, self.clients, self.rate = rig, clients, rate
        with rig.owner() as conn:
            rows = conn.execute("SELECT region_id, code, kind FROM region").fetchall()
            self.towns = [r["region_id"] for r in rows if r["kind"] == "town"]
            county = next(r for r in rows if r["kind"] == "county")
            town = next(r for r in rows if r["kind"] == "town")
            below = conn.execute(
                "SELECT descendant_id AS id FROM region_closure WHERE ancestor_id = %s", (county["region_id"],)
            ).fetchall()
        self.classes: list[tuple[str, frozenset[int] | None]] = [
            (rig.token("whole"), None),
            (rig.token("county", [county["code"]]), frozenset(r["id"] for r in below)),
            (rig.token("town", [town["code"]]), frozenset({town["region_id"]})),
        ]

    async def steady(self, seconds: float) -> Tally:
        sent, receptions, clients = await self._round(seconds, None)
        return _tally(sent, receptions, clients)

    async def across(self, victim: str) -> Tally:
        """The same stream while a process is killed; everything committed must still come, and once."""
        times: list[float] = []

        async def kill() -> None:
            await asyncio.sleep(KILL_AFTER_S)
            times.append(time.monotonic())
            await asyncio.to_thread(self.rig.kill, victim)
            await asyncio.sleep(0.5)  # the dead process must not be asked for its last answer
            await asyncio.to_thread(self.rig.wait_ready, READY_S)
            times.append(time.monotonic())

        sent, receptions, clients = await self._round(KILL_ROUND_S, kill)
        return _tally(sent, receptions, clients, times[0], times[1])

    async def _round(self, seconds: float, disturb: Any) -> tuple[list[Sent], list[Reception], list[SseClient]]:
        receptions: list[Reception] = []
        clients: list[SseClient] = []
        for i in range(self.clients):
            token, region_ids = self.classes[i % len(self.classes)]
            receptions.append(Reception(region_ids))
            clients.append(SseClient(f"{self.rig.url}/live", token, receptions[-1].take))
        tasks = [asyncio.create_task(c.run()) for c in clients]
        try:
            await asyncio.wait_for(asyncio.gather(*(c.ready.wait() for c in clients)), 60)
            disturbing = asyncio.create_task(disturb()) if disturb else None
            sent = await asyncio.to_thread(self._write, seconds, False)
            if disturbing:
                await disturbing
            await self._drain(sent, receptions)
        finally:
            await _cancel(tasks)
        return sent, receptions, clients

    async def _drain(self, sent: Sequence[Sent], receptions: Sequence[Reception]) -> None:
        end = time.monotonic() + DRAIN_S
        while time.monotonic() < end:
            if all(s.key in r.got for r in receptions for s in r.expects(sent)):
                return
            await asyncio.sleep(0.2)

    def _write(self, seconds: float, notify: bool) -> list[Sent]:
        writer = Writer(self._dsn(), self.towns, notify)
        out: list[Sent] = []
        begun = time.monotonic()
        try:
            while (due := begun + len(out) / self.rate) < begun + seconds:
                time.sleep(max(0.0, due - time.monotonic()))
                out.append(writer.one())
        finally:
            writer.close()
        return out

    def _dsn(self) -> str:
        return dsns(self.rig.settings).owner

    async def bare(self, seconds: float) -> list[float]:
        """Floor: one connection that listens to the same INSERTs."""
        got: dict[str, float] = {}

        async def listen(started: asyncio.Event) -> None:
            async with await psycopg.AsyncConnection.connect(self._dsn(), autocommit=True) as conn:
                await conn.execute("LISTEN ioc_bench")
                started.set()
                async for note in conn.notifies():
                    got[note.payload] = time.monotonic()

        started = asyncio.Event()
        task = asyncio.create_task(listen(started))
        try:
            await started.wait()
            sent = await asyncio.to_thread(self._write, seconds, True)
            await asyncio.sleep(0.5)
        finally:
            await _cancel([task])
        return [(got[s.key] - s.begun) * 1000 for s in sent if s.key in got]


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _tally(
    sent: Sequence[Sent],
    receptions: Sequence[Reception],
    clients: Sequence[SseClient],
    killed: float = 0.0,
    ready: float = 0.0,
) -> Tally:
    out = Tally(resyncs=sum(c.resyncs for c in clients), down_s=ready - killed)
    for reception in receptions:
        for event in reception.expects(sent):
            times = reception.got.get(event.key, [])
            out.missing += not times
            out.doubled += len(times) > 1
            if times:
                out.latencies.append((times[0] - event.begun) * 1000)
        late = [t for event in reception.expects(sent) if (t := _late(event, reception, killed)) is not None]
        out.caught_up_s = max([out.caught_up_s, *(t - (ready - killed) for t in late)])
    return out


def _late(event: Sent, reception: Reception, killed: float) -> float | None:
    """Seconds from the kill to the arrival of an event that the kill held up; infinite when it never came."""
    if not killed or event.begun < killed - 1.0:
        return None
    times = reception.got.get(event.key)
    if not times:
        return float("inf")
    return times[0] - killed if times[0] - event.begun > HELD_UP_S else None
