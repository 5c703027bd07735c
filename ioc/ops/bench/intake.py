"""Reports from machines: 1,000 a second for a minute, with `ingest` and the database killed inside. Each exactly once.

Clients behave as sources should: they keep what was not answered and send it again. Floor: the same rows by bare
INSERT, one a transaction, on one connection.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psycopg

from ioc.ops.bench import Figure, Job, city, median, percentile
from ioc.ops.bench.rig import Rig
from ioc.store.database import dsns

RATE, SECONDS = 1000.0, 60.0
QUICK_RATE, QUICK_SECONDS = 100.0, 4.0
SOURCES, CONNECTIONS = 20, 200  # a source is held to 100 writes a second
RETRY_S, ANSWER_S, DRAIN_S = 0.25, 15.0, 60.0
KEPT_SHARE = 0.95  # of the rate asked for, over the whole time: what a kill held up must have been caught up
DEVICES = 2000
GENERATOR = "asyncio streams, one process, keep-alive connections that send again what was not answered"


@dataclass
class Tally:
    """What the clients saw: how many were answered 201, 200 (known already), and otherwise for good."""

    created: int = 0
    known: int = 0
    refused: int = 0
    retries: int = 0
    took_s: float = 0.0
    latencies: list[float] = field(default_factory=list[float])

    @property
    def answered(self) -> int:
        return self.created + self.known + self.refused


@dataclass
class Load:
    """`rate` reports a second for `seconds`; each is sent until it is answered. Ids are R0, R1, ..."""

    url: str
    tokens: Sequence[str]
    rate: float
    seconds: float
    tally: Tally = field(default_factory=Tally)
    _due: asyncio.Queue[tuple[int, float]] = field(default_factory=asyncio.Queue[tuple[int, float]])

    @property
    def total(self) -> int:
        return round(self.rate * self.seconds)

    async def run(self) -> Tally:
        begun = time.monotonic()
        workers = [asyncio.create_task(self._work(i % len(self.tokens))) for i in range(CONNECTIONS)]
        try:
            await self._fall_due(begun)
            while self.tally.answered < self.total and time.monotonic() < begun + self.seconds + DRAIN_S:
                await asyncio.sleep(0.05)
            self.tally.took_s = time.monotonic() - begun
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return self.tally

    async def _fall_due(self, begun: float) -> None:
        n = 0
        while n < self.total:
            now = time.monotonic()
            upto = min(self.total, int((now - begun) * self.rate) + 1)
            for i in range(n, upto):
                self._due.put_nowait((i, now))
            n = max(n, upto)
            await asyncio.sleep(0.005)

    async def _work(self, source: int) -> None:
        line = _Line(self.url, self.tokens[source])
        try:
            while True:
                n, since = await self._due.get()
                await self._until_answered(line, n, source)
                self.tally.latencies.append((time.monotonic() - since) * 1000)
        finally:
            line.drop()

    async def _until_answered(self, line: _Line, n: int, source: int) -> None:
        data = line.request(report(n, source))
        while True:
            status = await line.send(data)
            if status and status < 500 and status != 429:
                self.tally.created += status == 201
                self.tally.known += status == 200
                self.tally.refused += status not in (200, 201)
                return
            self.tally.retries += 1
            await asyncio.sleep(RETRY_S)


class _Line:
    """One keep-alive connection of one source."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._at = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._head = f"POST /api/v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        self._head += "Content-Type: application/json\r\nContent-Length: "
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def request(self, body: bytes) -> bytes:
        return f"{self._head}{len(body)}\r\n\r\n".encode() + body

    async def send(self, data: bytes) -> int:
        """The status of the answer; 0 where there was none."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._exchange(data)
        except (OSError, asyncio.IncompleteReadError, ValueError, IndexError, TimeoutError):
            self.drop()
            return 0

    async def _exchange(self, data: bytes) -> int:
        if self._open is None:
            self._open = await asyncio.open_connection(*self._at)
        reader, writer = self._open
        writer.write(data)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status, length = int(head.split(None, 2)[1]), int(head.partition(b"content-length:")[2].split(None, 1)[0])
        await reader.readexactly(length)
        return status

    def drop(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


_LON, _LAT = (
    np.random.default_rng(3).uniform(low + 0.05, low + size - 0.05, 4096).round(6).tolist()
    for low, size in ((city.WEST, city.WIDTH), (city.SOUTH, city.HEIGHT))
)


def report(n: int, source: int) -> bytes:
    """The body of report `n`."""
    body = {
        "source": f"bench-{source}",
        "source_id": f"R{n}",
        "title": f"测量上报 {n}",
        "category": {"scheme": "gbt30428", "code": "0505"},
        "urgency": "routine",
        "lon": _LON[n % 4096],
        "lat": _LAT[n % 4096],
        "crs": "EPSG:4490",
        "occurred_at": dt.datetime.now(dt.UTC).isoformat(),
    }
    return json.dumps(body, ensure_ascii=False).encode()


# ------------------------------------------------------------ the measurement


def run(job: Job) -> list[Figure]:
    job.generator = GENERATOR
    rate = float(job.options.get("rate", QUICK_RATE if job.quick else RATE))
    seconds = float(job.options.get("seconds", QUICK_SECONDS if job.quick else SECONDS))
    with Rig(job.composition) as rig:
        with rig.owner() as conn:
            city.load(conn, DEVICES)
        tokens = [rig.token(f"source-{i}", actions=["events:write"], source=f"bench-{i}") for i in range(SOURCES)]
        floor = median([_bare(rig, 1000 if job.quick else 3000) for _ in range(3)])
        asyncio.run(Load(rig.url, tokens, 50, 1.0).run())  # every token known, every statement planned
        _forget(rig)
        load = Load(rig.url, tokens, rate, seconds)
        before = rig.cpu_s()
        tally, downs = asyncio.run(_with_kills(rig, load, kills=bool(int(job.options.get("kills", not job.quick)))))
        after = rig.cpu_s()
        kept, doubled, fed, fed_twice, fed_s = _count(rig)
    figures = [
        Figure("reports answered", tally.answered / tally.took_s, "/s", floor, "bare INSERT, one connection",
               KEPT_SHARE * rate, "high"),
        Figure("answer p50", median(tally.latencies), "ms"),
        Figure("answer p95", percentile(tally.latencies, 0.95), "ms", note="from falling due, kills included"),
        Figure("answered 201", tally.created, ""),
        Figure("sent again", tally.retries, ""),
        Figure("refused", tally.refused, "", limit=0),
        Figure("sent and never answered", load.total - tally.answered, "", limit=0),
        Figure("answered and missing in the store", max(0, tally.answered - kept), "", limit=0),
        Figure("more rows than reports", max(0, kept - load.total), "", limit=0),
        Figure("doubled", doubled, "", limit=0),
        Figure("answered and missing in the feed", max(0, tally.answered - fed), "", limit=0),
        Figure("told twice in the feed", fed_twice, "", limit=0),
        Figure("feed caught up after the last answer", fed_s, "s"),
        *(
            Figure(f"processor of {name}", (after[name] - before[name]) * 1000 / max(1, tally.answered), "ms/report")
            for name in before
            if name in after and not (downs and name != "web")
        ),
        *(Figure(f"{what} killed to ready again", down, "s") for what, down in downs),
    ]  # fmt: skip
    job.say(f"{load.total} reports, {rate:g}/s for {seconds:g} s, {SOURCES} sources on {CONNECTIONS} connections")
    return figures


async def _with_kills(rig: Rig, load: Load, *, kills: bool) -> tuple[Tally, list[tuple[str, float]]]:
    """The load, with `ingest` killed after a third of the time and PostgreSQL after two thirds."""
    downs: list[tuple[str, float]] = []

    async def disturb() -> None:
        for share, victim in ((1 / 3, "ingest"), (1 / 3, "postgres")):
            await asyncio.sleep(load.seconds * share)
            at = time.monotonic()
            await asyncio.to_thread(rig.kill, victim)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(rig.wait_ready, 60.0)
            downs.append((victim, time.monotonic() - at))

    disturbing = asyncio.create_task(disturb()) if kills else None
    tally = await load.run()
    if disturbing is not None:
        await disturbing
    return tally, downs


def _forget(rig: Rig) -> None:
    with rig.owner() as conn:
        conn.execute("TRUNCATE event, event_history, outbox, feed, reject")


def _count(rig: Rig) -> tuple[int, int, int, int, float]:
    """Rows of events, keys with more than one row, events in the feed, those told as new twice, and seconds until the
    feed had them all."""
    begun = time.monotonic()
    with rig.owner() as conn:
        row = conn.execute("SELECT count(*) AS n, count(DISTINCT (source, source_id)) AS k FROM event").fetchone()
        assert row is not None
        fed = twice = 0
        while time.monotonic() < begun + DRAIN_S:
            found = conn.execute(
                "SELECT count(DISTINCT entity_id) AS n, count(*) - count(DISTINCT entity_id) AS twice FROM feed"
                " WHERE topic = 'event' AND op = 'new'"
            ).fetchone()
            assert found is not None
            fed, twice = found["n"], found["twice"]
            if fed >= row["n"]:
                break
            time.sleep(0.2)
    return row["n"], row["n"] - row["k"], fed, twice, time.monotonic() - begun


def _bare(rig: Rig, rows: int) -> float:
    """Rows a second of the same data into a bare table, one a transaction."""
    with psycopg.connect(dsns(rig.settings).owner, autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS bench_bare")
        conn.execute(
            "CREATE TABLE bench_bare (source text, source_id text, title text, urgency text,"
            " geom geometry(Point, 4326), occurred_at timestamptz, PRIMARY KEY (source, source_id))"
        )
        told: list[dict[str, Any]] = [json.loads(report(n, n % SOURCES)) for n in range(rows)]
        begun = time.monotonic()
        for r in told:
            conn.execute(
                "INSERT INTO bench_bare VALUES (%(source)s, %(source_id)s, %(title)s, %(urgency)s,"
                " ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(occurred_at)s)",
                r,
            )
        took = time.monotonic() - begun
        conn.execute("DROP TABLE bench_bare")
    return rows / took
