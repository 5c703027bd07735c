"""The hub: one connection reads the feed, every record is written once, bounded queues carry it to every screen.

Clients are grouped by (scope class, region): what a group may see is decided once a record, not once a screen. A screen
that cannot keep up is told to fetch its snapshot again (`resync`); nothing is ever left out silently.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import DictRow, class_row, dict_row

from ioc.clock import Clock
from ioc.feed import messages
from ioc.feed.messages import FeedRow, Position
from ioc.feed.versions import FeedVersions
from ioc.scope import Scope

log = logging.getLogger("ioc.feed")

QUEUE_CHUNKS = 256  # a chunk is what one turn of the hub gave a client; at 20 events/s more than 10 s
QUEUE_BYTES = 4 * 1024 * 1024
MEMORY_ROWS = 5000  # newest feed rows kept for clients that come back; further behind: resync
BEAT_S, FALLBACK_S, RETRY_S = 5.0, 1.0, 0.25
READ_ROWS = 1000
SILENT_AFTER_S = 3.0  # the sequencer beats every second

_READ = """
SELECT feed_no, recorded_at, topic, op, entity_id, region_id, private_to, sensitivity, permission, origin, payload
FROM feed WHERE feed_no > %s ORDER BY feed_no LIMIT %s
"""


@dataclass(eq=False)
class Client:
    """One open stream. `start`: rows up to it are already with the client."""

    start: int
    chunks: deque[bytes] = field(default_factory=deque[bytes])
    size: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    closing: str = ""
    resyncs: int = 0

    def push(self, chunk: bytes, at: Position) -> None:
        """Queue one chunk; an overflow drops the queue and leaves one `resync` in its place."""
        if len(self.chunks) >= QUEUE_CHUNKS or self.size + len(chunk) > QUEUE_BYTES:
            self.restart(at, "slow")
        else:
            self.chunks.append(chunk)
            self.size += len(chunk)
        self.ready.set()

    def restart(self, at: Position, reason: str) -> None:
        self.chunks.clear()
        chunk = messages.resync(at, reason)
        self.chunks.append(chunk)
        self.size = len(chunk)
        self.start = at.no
        self.resyncs += 1
        self.ready.set()

    def close(self, reason: str) -> None:
        self.closing = reason
        self.ready.set()

    async def take(self) -> bytes:
        """Everything queued, as one write. b"" when the stream is to end."""
        while not self.chunks and not self.closing:
            self.ready.clear()
            await self.ready.wait()
        out = b"".join(self.chunks)
        self.chunks.clear()
        self.size = 0
        return out


@dataclass(eq=False)
class Group:
    """Clients that see the same rows. `region_ids` None: no drill-down."""

    scope: Scope
    region_ids: frozenset[int] | None
    clients: set[Client] = field(default_factory=set[Client])


class Hub:
    """Lives on the event loop of one process. `run()` is its task; `subscribe()` gives a client's stream."""

    def __init__(self, dsn: str, clock: Clock, versions: FeedVersions | None = None) -> None:
        self._dsn = dsn
        self._clock = clock
        self.versions = versions or FeedVersions()
        self.at = Position("", 0)
        self.connected = False
        self.lag_ms: int | None = None
        self.sent = 0
        self._looked = float("-inf")
        self._silent = False
        self._groups: dict[tuple[str, str], Group] = {}
        self._memory: deque[FeedRow] = deque(maxlen=MEMORY_ROWS)
        self._first = asyncio.Event()

    @property
    def clients(self) -> int:
        return sum(len(g.clients) for g in self._groups.values())

    # ------------------------------------------------------------ reading the feed

    async def run(self) -> None:
        """Until cancelled. A lost server is met again within a second; what was missed is then sent in order."""
        beating = asyncio.create_task(self._beats())
        quiet = False
        try:
            while True:
                try:
                    async with await psycopg.AsyncConnection[DictRow].connect(
                        self._dsn, autocommit=True, row_factory=dict_row, connect_timeout=3
                    ) as conn:
                        await conn.execute("LISTEN ioc_feed")
                        while True:
                            await self._begin(conn)
                            quiet = False
                            await self._follow(conn)
                except (psycopg.Error, OSError) as e:
                    if not quiet:
                        log.warning("feed: database away, trying again: %s", str(e).strip().splitlines()[:1])
                    quiet = True
                    if self.connected:
                        self.connected = False
                        self._tell_all(self._beat())
                    await asyncio.sleep(RETRY_S)
        finally:
            beating.cancel()

    async def _begin(self, conn: psycopg.AsyncConnection[DictRow]) -> None:
        cur = await conn.execute("SELECT epoch, last_no FROM feed_state")
        state = await cur.fetchone()
        if state is None:
            raise psycopg.DataError("feed_state is empty")
        epoch, last_no = str(state["epoch"]), int(state["last_no"])
        same = self.at.epoch == epoch and self.at.no <= last_no
        if not same:
            known = bool(self.at.epoch)
            await self._remember(conn, epoch, last_no)
            if known:
                self._resync_all("epoch")
        self.connected = True
        self._first.set()
        self._tell_all(self._beat())

    async def _remember(self, conn: psycopg.AsyncConnection[DictRow], epoch: str, last_no: int) -> None:
        """Take the feed's newest rows into memory, so that screens which come back are served without a query."""
        self._memory.clear()
        rows = await self._read(conn, last_no - MEMORY_ROWS, MEMORY_ROWS)
        self._memory.extend(r for r in rows if r.feed_no <= last_no)
        self.at = Position(epoch, last_no)
        self.versions.restart(epoch, last_no)

    async def _follow(self, conn: psycopg.AsyncConnection[DictRow]) -> None:
        """Send new rows as they come. Returns when the feed began anew (a restored database)."""
        while await self._same_feed(conn):
            rows = await self._read(conn, self.at.no, READ_ROWS)
            if rows:
                self._spread(rows)
                if len(rows) == READ_ROWS:
                    continue
            async for _ in conn.notifies(timeout=FALLBACK_S, stop_after=1):
                pass

    async def _same_feed(self, conn: psycopg.AsyncConnection[DictRow]) -> bool:
        """Also takes the sequencer's pulse. Asks at most once a turn of the fallback clock."""
        now = asyncio.get_running_loop().time()
        if now - self._looked < FALLBACK_S:
            return True
        self._looked = now
        cur = await conn.execute("SELECT epoch, last_no, beat_at FROM feed_state")
        state = await cur.fetchone()
        if state is None or state["epoch"] != self.at.epoch or state["last_no"] < self.at.no:
            return False
        silent = (self._clock.now() - state["beat_at"]).total_seconds() if state["beat_at"] else None
        if silent is None or silent > SILENT_AFTER_S:
            self.lag_ms = None if silent is None else int(silent * 1000)
            self._silent = True
        elif self._silent or self.lag_ms is None:
            self.lag_ms, self._silent = 0, False
        return True

    async def _read(self, conn: psycopg.AsyncConnection[DictRow], after: int, limit: int) -> list[FeedRow]:
        async with conn.cursor(row_factory=class_row(FeedRow)) as cur:
            await cur.execute(_READ, (after, limit))
            return await cur.fetchall()

    # ------------------------------------------------------------ fan-out

    def _spread(self, rows: Sequence[FeedRow]) -> None:
        if [r.feed_no for r in rows] != list(range(self.at.no + 1, self.at.no + 1 + len(rows))):
            # Rows dropped by retention while this process was away, or a restored database.
            self.at = Position(self.at.epoch, rows[-1].feed_no)
            self._memory.clear()
            self.versions.restart(self.at.epoch, self.at.no)
            self._resync_all("gap")
            return
        now = self._clock.now()
        for row in rows:
            self._memory.append(row)
            self.versions.heard(row.topic, row.feed_no, row.payload)
        self.at = Position(self.at.epoch, rows[-1].feed_no)
        self.lag_ms = max(0, int((now - rows[-1].recorded_at).total_seconds() * 1000))
        written: dict[tuple[int, str], bytes] = {}
        for group in self._groups.values():
            self._send(group, [(r.feed_no, b) for r in rows if (b := self._written(group, r, written))])

    def _written(self, group: Group, row: FeedRow, written: dict[tuple[int, str], bytes]) -> bytes:
        """The row as this group gets it, b"" when it does not. Serialised once for all groups that get the same."""
        if not messages.permitted(group.scope, row) or not messages.in_region(group.region_ids, row):
            return b""
        payload = messages.trimmed(group.scope, row)
        if payload is None:
            return b""
        key = (row.feed_no, "" if payload is row.payload else group.scope.class_key)
        found = written.get(key)
        if found is None:
            found = written[key] = messages.change(self.at.epoch, row, payload)
        return found

    def _send(self, group: Group, chunks: Sequence[tuple[int, bytes]]) -> None:
        if not chunks or not group.clients:
            return
        whole = b"".join(b for _, b in chunks)
        first = chunks[0][0]
        for client in group.clients:
            if client.start < first:
                client.push(whole, self.at)
            elif rest := b"".join(b for no, b in chunks if no > client.start):
                client.push(rest, self.at)
        self.sent += len(chunks) * len(group.clients)

    def _beat(self) -> bytes:
        return messages.beat(self.at, self._clock.now(), self.lag_ms, "ok" if self.connected else "down")

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._tell_all(self._beat())

    def _tell_all(self, chunk: bytes) -> None:
        for client in self._everybody():
            client.push(chunk, self.at)

    def _resync_all(self, reason: str) -> None:
        for client in self._everybody():
            client.restart(self.at, reason)

    def _everybody(self) -> Iterable[Client]:
        return [c for g in self._groups.values() for c in g.clients]

    # ------------------------------------------------------------ clients

    async def subscribe(
        self, scope: Scope, region: str, region_ids: frozenset[int] | None, last: Position | None
    ) -> tuple[Client, Group]:
        """A new stream, already holding `hello` and what was missed since `last`. End it with `leave`."""
        if not self.at.epoch:
            try:
                await asyncio.wait_for(self._first.wait(), 2.0)
            except TimeoutError:
                log.info("feed: a screen came before the database")
        group = self._groups.setdefault((scope.class_key, region), Group(scope, region_ids))
        group.region_ids = region_ids
        client = Client(self.at.no)
        self._greet(client, group, last)
        group.clients.add(client)
        return client, group

    def _greet(self, client: Client, group: Group, last: Position | None) -> None:
        now = self._clock.now()
        oldest = self._memory[0].feed_no if self._memory else self.at.no + 1
        if last is None or not self.at.epoch:
            client.push(messages.hello(self.at, self.at, now), self.at)
            if not self.connected:
                client.push(self._beat(), self.at)
            return
        if last.epoch != self.at.epoch or last.no + 1 < oldest:
            client.push(messages.hello(self.at, self.at, now), self.at)
            client.push(messages.resync(self.at, "epoch" if last.epoch != self.at.epoch else "gap"), self.at)
            return
        client.start = max(last.no, self.at.no)
        client.push(messages.hello(last, self.at, now), self.at)
        written: dict[tuple[int, str], bytes] = {}
        missed = [b for r in self._memory if r.feed_no > last.no and (b := self._written(group, r, written))]
        if missed:
            client.push(b"".join(missed), self.at)
        client.push(self._beat(), self.at)

    def leave(self, client: Client, group: Group) -> None:
        group.clients.discard(client)
        if not group.clients:
            self._groups = {k: g for k, g in self._groups.items() if g is not group}

    async def stream(self, client: Client, group: Group) -> AsyncGenerator[bytes]:
        try:
            while chunk := await client.take():
                yield chunk
        finally:
            self.leave(client, group)

    def close(self) -> None:
        """End every stream, so that a server that is told to stop does not wait for its screens."""
        for client in self._everybody():
            client.close("stopping")

    def stats(self) -> dict[str, Any]:
        return {
            "epoch": self.at.epoch,
            "last_no": self.at.no,
            "connected": self.connected,
            "lag_ms": self.lag_ms,
            "clients": self.clients,
            "groups": len(self._groups),
            "sent": self.sent,
        }
