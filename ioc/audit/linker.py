"""The linker: gives committed rows of the chained tables their place in the chain, in commit-visible order.

One holder of an advisory lock at a time, beside the sequencer and woken by the same hint, so that a long backlog (a
load, the first start after an upgrade) never delays the feed. Writers wait for nobody: they leave a key, this reads the
row. A batch is one transaction: killed inside, it is as if it had not begun.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import TupleRow, tuple_row

from ioc.audit.canonical import GENESIS, Link, row_digest, sign
from ioc.clock import Clock
from ioc.settings import Settings
from ioc.store import chain
from ioc.store.chained import BY_TABLE, taken_until

log = logging.getLogger("ioc.audit")
LOCK_KEY = 4_930_003
BATCH = 1000
POLL_S = 0.2
GATHER_S = 0.25  # between batches: many rows in one cost half of what each in its own does, and nobody waits for a link
ELECT_S, RETRY_S = 0.5, 0.5


def run(dsn: str, key: bytes, clock: Clock, stop: threading.Event) -> None:
    """Until `stop`: stand for election, and link while holding the lock. Survives a restart of the server."""
    quiet = False
    while not stop.is_set():
        try:
            with psycopg.connect(dsn, autocommit=True, row_factory=tuple_row, connect_timeout=3) as conn:
                if _elect(conn, stop):
                    log.info("chain: holds the lock")
                    quiet = False
                    _lead(conn, key, clock, stop)
        except psycopg.Error as e:
            if not quiet:
                log.warning("chain: interrupted, trying again: %s", str(e).strip().splitlines()[:1])
            quiet = True
            stop.wait(RETRY_S)


def _elect(conn: psycopg.Connection[TupleRow], stop: threading.Event) -> bool:
    while not stop.is_set():
        row = conn.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,)).fetchone()
        if row is not None and row[0]:
            return True
        stop.wait(ELECT_S)
    return False


def _lead(conn: psycopg.Connection[TupleRow], key: bytes, clock: Clock, stop: threading.Event) -> None:
    chain.settle(conn)
    conn.execute("LISTEN ioc_outbox")
    linker = Linker(key)
    while not stop.is_set():
        taken = linker.turn(conn, clock.now())
        if taken:
            stop.wait(0 if taken == BATCH else GATHER_S)
            continue
        for _ in conn.notifies(timeout=POLL_S, stop_after=1):
            pass


@dataclass
class Linker:
    """`key` signs the head. One for a settled session of the owner's."""

    key: bytes
    _shapes: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict[str, tuple[int, tuple[str, ...]]])

    def turn(self, conn: psycopg.Connection[Any], now: dt.datetime, batch: int = BATCH) -> int:
        """Link one batch of what is visible. Returns how many keys were taken."""
        with conn.cursor(row_factory=tuple_row) as cur:
            pending = cur.execute("SELECT EXISTS (SELECT FROM chain_pending)").fetchone()
        if pending is None or not pending[0]:
            return 0
        with conn.transaction():
            taken = chain.take(conn, batch)
            links = [link for link in self._links(conn, taken, now) if link is not None]
            if links:
                self._append(conn, links, now)
        return len(taken)

    def _append(self, conn: psycopg.Connection[Any], links: list[tuple[Link, int | None]], now: dt.datetime) -> None:
        seq, prev = last_link(conn)
        head = chain.head(conn)
        if not self._holds(head, seq, prev):
            signed = head.seq if head else 0
            log.error("chain: ends at %d, signed was %d: run ioc audit verify", seq, signed)
            links.insert(0, (Link(now, "broken", "", {"signed": signed, "found": seq}, None, False, (), None), None))
            seq = max(seq, signed)  # what is missing stays missing
        rows: list[dict[str, Any]] = []
        for link, shape in links:
            seq += 1
            digest = link.digest_after(prev)
            rows.append(
                {
                    "seq": seq,
                    "linked_at": link.linked_at,
                    "kind": link.kind,
                    "table": link.table,
                    "key": link.key,
                    "row_at": link.row_at,
                    "demo": link.demo,
                    "shape": shape,
                    "digest": link.digest,
                    "prev": prev,
                    "link": digest,
                }
            )
            prev = digest
        chain.add(conn, rows)
        chain.put_head(conn, chain.Head(seq, prev, sign_head(self.key, seq, prev)))

    def _holds(self, head: chain.Head | None, seq: int, link: bytes) -> bool:
        """The chain ends where the head was signed: going on would otherwise bless what was done to it."""
        if head is None:
            return seq == 0
        return (head.seq, head.link) == (seq, link) and head.mac == sign_head(self.key, seq, link)

    def _links(
        self, conn: psycopg.Connection[Any], taken: Sequence[Mapping[str, Any]], now: dt.datetime
    ) -> list[tuple[Link, int | None] | None]:
        out: list[tuple[Link, int | None] | None] = [None] * len(taken)
        reader = chain.Reader(conn)
        for table in {str(t["table_name"]) for t in taken if t["kind"] == "row"}:
            at = [i for i, t in enumerate(taken) if t["table_name"] == table and t["kind"] == "row"]
            for i, row in zip(at, reader.rows(table, [taken[i]["row_key"] for i in at]), strict=True):
                out[i] = self._row(conn, taken[i], row, now)
        for i, t in enumerate(taken):
            if t["kind"] == "drop":
                out[i] = Link(now, "drop", "", t["row_key"], None, True, (), None), None
        return out

    def _row(
        self, conn: psycopg.Connection[Any], taken: Mapping[str, Any], row: chain.Found | None, now: dt.datetime
    ) -> tuple[Link, int | None] | None:
        table, demo = str(taken["table_name"]), bool(taken["demo"])
        if row is None:
            # the demo was dropped meanwhile; anything else was removed before it could be linked, and that is told
            return None if demo else (Link(now, "lost", table, taken["row_key"], None, False, (), None), None)
        if table not in self._shapes:
            self._shapes[table] = chain.shape_of(conn, BY_TABLE[table])
        shape, columns = self._shapes[table]
        digest = row_digest(table, columns, row.record)
        return Link(now, "row", table, taken["row_key"], row.at, demo, columns, digest), shape


def last_link(conn: psycopg.Connection[Any]) -> tuple[int, bytes]:
    """Where the chain ends: its last link, or where it was cut, or its beginning."""
    found = chain.newest(conn)
    if found is not None:
        return found
    taken = chain.newest_cut(conn)
    return (taken.seq, taken.link) if taken else (0, GENESIS)


def sign_head(key: bytes, seq: int, link: bytes) -> bytes:
    return sign(key, "head", seq, link.hex())


def sign_cut(key: bytes, seq: int, link: bytes, kept: Mapping[str, int]) -> bytes:
    return sign(key, "cut", seq, link.hex(), dict(kept))


def cut(conn: psycopg.Connection[Any], now: dt.datetime, settings: Settings) -> int:
    """Before retention takes rows: sign which it may take, and let go of the start of the chain that held no others.

    Once a day in effect; the owner's connection. Returns how many links went.
    """
    until = taken_until(now, settings)
    before = chain.newest_cut(conn)
    kept = {t: int(at.timestamp()) for t, at in until.items()}
    if before is not None:
        kept = {t: max(at, before.kept.get(t, at)) for t, at in kept.items()}
        if kept == dict(before.kept):
            return 0
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (chain.WRITER,))
        limits = {t: dt.datetime.fromtimestamp(at, dt.UTC) for t, at in kept.items()}
        seq, link = chain.aged_until(conn, limits, now) or ((before.seq, before.link) if before else (0, GENESIS))
        mac = sign_cut(settings.audit_key, seq, link, kept)
        chain.put_cut(conn, chain.Cut(seq, link, kept, mac, now))
        return chain.forget(conn, seq)
