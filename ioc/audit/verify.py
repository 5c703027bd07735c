"""The verifier: walks the chain once, in constant memory, and names every row and link that is not as it was.

It reads one snapshot, so that a running centre neither disturbs it nor is disturbed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import psycopg
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import Jsonb

from ioc.audit.canonical import GENESIS, Link, row_digest
from ioc.audit.linker import last_link, sign_cut, sign_head
from ioc.store import chain
from ioc.store.chained import CHAINED

Kind: TypeAlias = Literal[
    "changed", "removed", "inserted", "reordered", "link_changed", "link_removed", "broken", "unsigned", "anchor"
]
BATCH = 2000
NEVER = 2**62

WORDS: Mapping[Kind, tuple[str, str]] = {
    "changed": ("记录被改动", "the row was changed"),
    "removed": ("记录被删除", "the row was removed"),
    "inserted": ("记录是插入的，不在链上", "the row was put in: no link speaks of it"),
    "reordered": ("链节不在原来的位置", "the link is not where it was"),
    "link_changed": ("链节被改动", "the link was changed"),
    "link_removed": ("链节被删除", "the link was removed"),
    "broken": ("链的末端曾与签名不符", "the end of the chain was not the one that had been signed"),
    "unsigned": ("签名不是本中心的", "the signature is not this centre's"),
    "anchor": ("链上没有这个摘要", "no link of the chain has this digest"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """`table` and `key` name the row, `seq` the link; what does not apply is empty."""

    kind: Kind
    table: str = ""
    key: Any = None
    seq: int | None = None
    detail: str = ""

    @property
    def name(self) -> str:
        """`case_step 17/4`, or `link 12`."""
        if not self.table:
            return f"link {self.seq}" if self.seq is not None else self.detail
        parts: Iterable[Any] = self.key if isinstance(self.key, list) else [self.key]
        return f"{self.table} {'/'.join(map(str, parts))}"

    def as_dict(self) -> dict[str, Any]:
        zh, en = WORDS[self.kind]
        return {"kind": self.kind, "table": self.table, "key": self.key, "seq": self.seq, "detail": self.detail,
                "name": self.name, "zh": zh, "en": en}  # fmt: skip


@dataclass
class Report:
    """What was walked. `waiting`: rows not yet linked, which is no fault; `drops`: how many rows of the demo went."""

    links: int = 0
    rows: int = 0
    gone: int = 0  # lawfully, by retention or with the demo
    faults: int = 0
    waiting: int = 0
    first_seq: int = 0
    head_seq: int = 0
    head: bytes = GENESIS
    drops: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def ok(self) -> bool:
        return self.faults == 0

    def as_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "links": self.links, "rows": self.rows, "gone": self.gone, "fault_count": self.faults,
                "waiting": self.waiting, "first_seq": self.first_seq, "head_seq": self.head_seq,
                "head": self.head.hex(), "drops": self.drops}  # fmt: skip


Row: TypeAlias = Mapping[str, Any]


@dataclass
class Verifier:
    """One run over the owner's connection (no transaction open). `since`: only links made at or after it."""

    conn: psycopg.Connection[Any]
    key: bytes
    since: dt.datetime | None = None
    anchor: str = ""
    report: Report = field(default_factory=Report)
    _shapes: dict[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])
    _kept: Mapping[str, int] = field(default_factory=dict[str, int])
    _dropped: int = 0

    def run(self) -> Generator[Fault]:
        """Every fault, in the order of the chain, then the rows no link speaks of. `report` is complete afterwards."""
        with self.conn.transaction():
            self.conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            chain.settle(self.conn)
            for fault in self._all():
                self.report.faults += 1
                yield fault

    def _all(self) -> Generator[Fault]:
        start = yield from self._prepare()
        yield from self._walk(start)
        yield from self._end()
        yield from self._inserted()

    # ------------------------------------------------------------ before

    def _prepare(self) -> Generator[Fault, None, tuple[int, bytes]]:
        """Marks and signatures. Gives where the walk starts: number and digest of the link before it."""
        self._shapes = chain.shapes(self.conn)
        self.report.waiting = chain.waiting(self.conn)[0]
        self._dropped = self._last_drop()
        taken = chain.newest_cut(self.conn)
        start = (0, GENESIS)
        if taken is not None:
            start = (taken.seq, taken.link)
            if taken.mac == sign_cut(self.key, taken.seq, taken.link, taken.kept):
                self._kept = taken.kept
            else:
                yield Fault("unsigned", seq=taken.seq, detail="cut")
        if self.anchor:
            yield from self._anchored(start)
        return self._start(start)

    def _start(self, start: tuple[int, bytes]) -> tuple[int, bytes]:
        if self.since is None:
            return start
        with self.conn.cursor(row_factory=tuple_row) as cur:
            row = cur.execute(
                "SELECT seq, link FROM chain WHERE linked_at < %s ORDER BY seq DESC LIMIT 1", (self.since,)
            ).fetchone()
        return (int(row[0]), bytes(row[1])) if row else start

    def _last_drop(self) -> int:
        """Links of demo rows before this one may have lost their rows."""
        with self.conn.cursor(row_factory=tuple_row) as cur:
            waits = cur.execute("SELECT EXISTS (SELECT FROM chain_pending WHERE kind = 'drop')").fetchone()
            row = cur.execute("SELECT max(seq) FROM chain WHERE kind = 'drop'").fetchone()
        if waits and waits[0]:
            return NEVER
        return int(row[0]) if row and row[0] is not None else 0

    def _anchored(self, start: tuple[int, bytes]) -> Generator[Fault]:
        number, _, digest = self.anchor.rpartition(":")
        try:
            wanted, seq = bytes.fromhex(digest), int(number) if number else None
        except ValueError:
            wanted, seq = b"", None
        with self.conn.cursor(row_factory=tuple_row) as cur:
            rows = cur.execute("SELECT seq FROM chain WHERE link = %s", (wanted,)).fetchall()
        found = {int(r[0]) for r in rows} | ({start[0]} if wanted == start[1] else set())
        if not found or (seq is not None and seq not in found):
            yield Fault("anchor", detail=self.anchor)

    # ------------------------------------------------------------ along

    def _walk(self, start: tuple[int, bytes]) -> Generator[Fault]:
        at, prev = start
        self.report.first_seq = at + 1
        self.report.head_seq, self.report.head = start
        order = _Order(at, prev)
        with self.conn.cursor(name="ioc_chain_walk", row_factory=dict_row) as cur:
            cur.execute("SELECT * FROM chain WHERE seq > %s ORDER BY seq", (at,))
            while batch := cur.fetchmany(BATCH):
                yield from self._batch(batch, order)

    def _batch(self, batch: Sequence[Row], order: _Order) -> Generator[Fault]:
        found = self._rows(batch)
        for row, now in zip(batch, found, strict=True):
            link = self._link(row)
            whole = link.digest_after(bytes(row["prev"])) == bytes(row["link"])
            yield from order.step(row, whole)
            self.report.links += 1
            self.report.head_seq, self.report.head = int(row["seq"]), bytes(row["link"])
            if link.kind == "drop":
                self.report.drops.append({"seq": row["seq"], "at": link.linked_at.isoformat(), "rows": link.key})
            elif link.kind == "broken":
                yield Fault("broken", seq=row["seq"], detail=str(link.key))
            elif whole:
                yield from self._compare(row, link, now)

    def _link(self, row: Row) -> Link:
        digest = None if row["digest"] is None else bytes(row["digest"])
        columns = self._shapes.get(row["shape"] or 0, ())
        return Link(row["linked_at"], row["kind"], row["table_name"], row["row_key"], row["row_at"], row["demo"],
                    columns, digest)  # fmt: skip

    def _rows(self, batch: Sequence[Row]) -> list[chain.Found | None]:
        reader = chain.Reader(self.conn)
        out: list[chain.Found | None] = [None] * len(batch)
        for table in {str(r["table_name"]) for r in batch if r["kind"] == "row"}:
            at = [i for i, r in enumerate(batch) if r["table_name"] == table and r["kind"] == "row"]
            for i, found in zip(at, reader.rows(table, [batch[i]["row_key"] for i in at]), strict=True):
                out[i] = found
        return out

    def _compare(self, row: Row, link: Link, now: chain.Found | None) -> Generator[Fault]:
        same = now is not None and row_digest(link.table, link.columns, now.record) == link.digest
        if same:
            self.report.rows += 1
            return
        ended = link.demo and int(row["seq"]) < self._dropped  # its key may have been given again since
        aged = link.row_at is not None and link.row_at.timestamp() < self._kept.get(link.table, 0)
        if ended or (now is None and aged):
            self.report.gone += 1
            return
        yield Fault("removed" if now is None else "changed", link.table, link.key, row["seq"])

    # ------------------------------------------------------------ after

    def _end(self) -> Generator[Fault]:
        """The chain must end where its head was signed."""
        head = chain.head(self.conn)
        seq, link = last_link(self.conn)
        if head is None:
            if seq:
                yield Fault("unsigned", seq=seq, detail="head")
            return
        if head.mac != sign_head(self.key, head.seq, head.link):
            yield Fault("unsigned", seq=head.seq, detail="head")
        elif head.seq > seq:
            for missing in range(seq + 1, head.seq + 1):
                yield Fault("link_removed", seq=missing)
        elif (head.seq, head.link) != (seq, link):
            yield Fault("link_changed", seq=head.seq, detail="head")

    def _inserted(self) -> Generator[Fault]:
        # chain and table are both read whole: without figures about the chain the planner would go row by row
        self.conn.execute("SET LOCAL enable_nestloop = off")
        for table in CHAINED:
            with self.conn.cursor(name=f"ioc_unlinked_{table.table}", row_factory=tuple_row) as cur:
                cur.execute(chain.unlinked(self.conn, table, self._dropped))
                while rows := cur.fetchmany(BATCH):
                    for key, at in rows:
                        old = at is not None and at.timestamp() < self._kept.get(table.table, 0)
                        early = self.since is not None and at is not None and at < self.since
                        if not old and not early and not (self._dropped and self._linked_before(table.table, key)):
                            yield Fault("inserted", table.table, key)

    def _linked_before(self, table: str, key: Any) -> bool:
        """A demo row that was written while the demo went, and stayed: its link is there and speaks of it as it is."""
        with self.conn.cursor(row_factory=tuple_row) as cur:
            links = cur.execute(
                "SELECT digest, shape FROM chain WHERE kind = 'row' AND demo AND table_name = %s AND row_key = %s",
                (table, Jsonb(key)),
            ).fetchall()
        if not links:
            return False
        now = chain.Reader(self.conn).rows(table, [key])[0]
        return now is not None and any(
            digest is not None and row_digest(table, self._shapes.get(shape, ()), now.record) == bytes(digest)
            for digest, shape in links
        )


@dataclass
class _Order:
    """Where the walk is: numbers without a gap, each link after the one it names.

    Two that changed places are both named, those around them are not.
    """

    seq: int
    prev: bytes
    _whole: bool = True
    _open: set[bytes] = field(default_factory=set[bytes])  # ends nobody has gone on from
    _want: set[bytes] = field(default_factory=set[bytes])  # links somebody names that have not come

    def step(self, row: Row, whole: bool) -> Generator[Fault]:
        seq, prev, link = int(row["seq"]), bytes(row["prev"]), bytes(row["link"])
        for missing in range(self.seq + 1, seq):
            yield Fault("link_removed", seq=missing)
        gap = seq > self.seq + 1
        if not whole:
            yield Fault("link_changed", row["table_name"], row["row_key"], seq)
            self.prev = link
        elif prev == self.prev or gap or not self._whole:  # a link that was changed itself says nothing of the next
            self.prev = link
        elif prev in self._open and link in self._want:
            self._open.discard(prev)
            self._want.discard(link)
            yield Fault("reordered", row["table_name"], row["row_key"], seq)
        else:
            self._open.add(self.prev)
            self._want.add(prev)
            yield Fault("reordered", row["table_name"], row["row_key"], seq)
            self.prev = link
        self.seq, self._whole = seq, whole
