"""The outbound part of `ioc ingest`: plans what is new, and one thread a channel sends, so that none waits for another.

At least once: a delivery is leased in one transaction, sent outside of any, and recorded in a third. Who dies in
between leaves a lease that ends; the next holder sends it again under the same key.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import structlog

from ioc.accounts.phones import phone_of
from ioc.clock import Clock
from ioc.errors import ConfigError, IocError
from ioc.outbound import config, plan, template
from ioc.outbound.config import Channel, Outbound
from ioc.outbound.rules import Circuit, advance, backoff_s
from ioc.outbound.send import WHOLE_S, Outcome, Sender, reachable
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Conn, Store, deliveries, sources
from ioc.store.retry import retried

log = structlog.get_logger(__name__)

PLAN_EVERY_S = 1.0
IDLE_S = 1.0
LOOK_EVERY_S = 300.0  # at a far end nothing was sent to
BATCH = 200
Row = Mapping[str, Any]


def source_key(channel: str) -> str:
    """Of the channel on the data page."""
    return f"out-{channel}"


def _with_phone(conn: Conn, outbound: Outbound, notice: Row) -> Row:
    """A notice to an account carries the number of its holder, as that to a person without one does."""
    if notice["to_kind"] != "account" or notice["phone"] or outbound.phones is None:
        return notice
    try:
        return {**notice, "phone": phone_of(conn, outbound.phones, notice["to_ref"])}
    except ConfigError as e:
        log.warning("the number of an account cannot be opened: %s", e.message("en"))
        return notice


class Planner:
    """Turns new notices and steps into deliveries, each once, whoever else does the same at the same time."""

    def __init__(self, store: Store, outbound: Outbound, clock: Clock, tz: dt.tzinfo) -> None:
        self._store, self._outbound, self._clock, self._tz = store, outbound, clock, tz

    def turn(self) -> int:
        """Deliveries made."""
        return retried(self._notices) + retried(self._steps)

    def _notices(self) -> int:
        now, made = self._clock.now(), 0
        with self._store.scoped(SYSTEM) as conn:
            rows = [_with_phone(conn, self._outbound, r) for r in deliveries.unrouted(conn, BATCH)]
            for row in rows:
                for delivery in plan.of_notice(self._outbound, row, now, self._tz):
                    made += deliveries.put(conn, delivery, now) is not None
            deliveries.routed(conn, [r["notice_id"] for r in rows], now)
        return made

    def _steps(self) -> int:
        backs = self._outbound.file.writeback
        if not backs:
            return 0
        now, made = self._clock.now(), 0
        wanted = sorted({s for b in backs for s in b.steps})
        with self._store.scoped(SYSTEM) as conn:
            since = deliveries.cursor(conn, "case_step", now)
            rows = deliveries.steps_since(conn, since - deliveries.OVERLAP, wanted, [b.source for b in backs])
            began = deliveries.cursor(conn, "case_step_from", now)  # steps before the first look are history
            for row in rows:
                if row["recorded_at"] >= began:
                    for delivery in plan.of_step(self._outbound, row, now):
                        made += deliveries.put(conn, delivery, now) is not None
            seen = rows[-1]["recorded_at"] + deliveries.OVERLAP if len(rows) == deliveries.STEPS_LIMIT else now
            deliveries.move_cursor(conn, "case_step", min(seen, now))
        return made


class Lane:
    """One channel: claims, sends, records, and asks for states. One a thread."""

    def __init__(
        self, store: Store, outbound: Outbound, channel: Channel, clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self._store, self._outbound, self.channel, self._clock, self._chance = store, outbound, channel, clock, chance
        self._sender = Sender(outbound, channel, clock)
        self._who = uuid.uuid4().hex
        # a login and a second one may come before the message itself
        self._lease_s = 4 * (channel.timeout_s + WHOLE_S) + 60
        self._looked = float("-inf")

    def close(self) -> None:
        self._sender.close()

    def register(self) -> None:
        with self._store.scoped(SYSTEM) as conn:
            key = source_key(self.channel.key)
            sources.ensure(conn, key, kind="outbound", title=self.channel.title, classes=["outbound"],
                           interval_s=round(LOOK_EVERY_S * 2), heartbeat=True)  # fmt: skip

    def turn(self) -> bool:
        """One delivery or one question. False: nothing is due, or the channel rests."""
        now = self._clock.now()
        with self._store.scoped(SYSTEM) as conn:
            if self._circuit(conn).resting(now):
                return False
            row = deliveries.claim(conn, self.channel.key, self._who, now, self._lease_s)
            notice = deliveries.notice_of(conn, row["notice_id"]) if row and row["notice_id"] else None
            notice = notice and _with_phone(conn, self._outbound, notice)
        if row is not None:
            self._record(row, self._send(row, notice))
            return True
        return self._poll() or self._look()

    def _circuit(self, conn: Conn) -> Circuit:
        row = deliveries.circuit(conn, self.channel.key)
        return Circuit(row["failures"], row["open_until"]) if row else Circuit()

    def _send(self, row: Row, notice: Row | None) -> Outcome:
        if row["origin"] != "real":
            return Outcome("refused", "", "演示数据不发送", "demo rows are not sent")
        if row["notice_id"] is None:
            return self._sender.send(row["payload"], row["key"])
        if notice is None:
            return Outcome("refused", "", "通知已删除", "the notice is gone")
        values = plan.notice_values(self._outbound, self.channel, notice)
        if self.channel.address and not values["address"]:
            return Outcome("refused", "", "没有联系方式", "no address is known")
        return self._sender.send(values, row["key"])

    def _record(self, row: Row, out: Outcome) -> None:
        retried(lambda: self._settle(row, out))

    def _settle(self, row: Row, out: Outcome) -> None:
        now, key, number = self._clock.now(), self.channel.key, row["delivery_id"]
        with self._store.scoped(SYSTEM) as conn:
            if out.far_id:
                deliveries.take_turn(conn, key, out.far_id)
            state, due, poll = self._next(row, out, now)
            kept = deliveries.settle(conn, number, self._who, now, state=state, due_at=due, far_id=out.far_id,
                                     poll_at=poll, zh=out.zh, en=out.en)  # fmt: skip
            what = state if state != "waiting" else "retry"
            if kept is not None:
                deliveries.tried(conn, number, what, out.en or out.far_id, now)
            if kept is not None and out.far_id:
                self._early(conn, out.far_id, now)
            self._health(conn, out, now)

    def _next(self, row: Row, out: Outcome, now: dt.datetime) -> tuple[str, dt.datetime | None, dt.datetime | None]:
        """State, next try, next question."""
        if out.kind == "accepted":
            status = self.channel.status
            asked = status is not None and bool(out.far_id)
            return "submitted", None, now + dt.timedelta(seconds=status.every_s) if status and asked else None
        if out.kind == "refused" or row["tries"] >= self.channel.most_tries:
            return "dead", None, None
        wait_s = max(backoff_s(row["tries"], self._chance()), out.wait_s)
        return "waiting", now + dt.timedelta(seconds=wait_s), None

    def _early(self, conn: Conn, far_id: str, now: dt.datetime) -> None:
        """Receipts that were faster than our record."""
        for receipt in deliveries.receipts(conn, self.channel.key, far_id):
            for row in deliveries.of_far_id(conn, self.channel.key, far_id):
                after = advance(row["state"], receipt["state"])
                if after is not None:
                    deliveries.told(conn, row, after, receipt["detail"], receipt["at"], now)

    def _health(self, conn: Conn, out: Outcome, now: dt.datetime) -> None:
        key = self.channel.key
        was = self._circuit(conn)
        after = was.after(out.kind != "later", now)
        if after != was:
            deliveries.keep_circuit(conn, key, after.failures, after.open_until, now)
        if out.kind == "later":
            sources.failed(conn, source_key(key), "outbound", out.zh, out.en, now)
        else:
            sent = sources.Arrival(received=1, stored=int(out.kind == "accepted"), as_of=now,
                                   rejected=int(out.kind == "refused"))  # fmt: skip
            sources.arrived(conn, source_key(key), sent, now)
        self._looked = self._clock.monotonic()

    # ------------------------------------------------------------ states that are asked for

    def _poll(self) -> bool:
        status, now = self.channel.status, self._clock.now()
        if status is None:
            return False
        with self._store.scoped(SYSTEM) as conn:
            row = deliveries.claim_poll(conn, self.channel.key, now, status.every_s)
        if row is None:
            return False
        out = self._sender.ask(row["far_id"], row["key"])
        meaning = status.meaning(template.find(out.body, status.state)) if out.kind == "accepted" else None
        over = now - row["submitted_at"] > dt.timedelta(seconds=status.until_s)
        with self._store.scoped(SYSTEM) as conn:
            if meaning is not None:
                receive(conn, self.channel.key, row["far_id"], "", meaning, "", now, now)
            if over or meaning in ("read", "dead") or (meaning == "delivered" and not status.read):
                deliveries.stop_poll(conn, row["delivery_id"])
            if out.kind != "accepted":
                self._health(conn, Outcome("later", "", out.zh, out.en), now)
        return True

    def _look(self) -> bool:
        """A sign of life of a far end nothing was sent to for a while."""
        if self._clock.monotonic() - self._looked < LOOK_EVERY_S:
            return False
        self._looked = self._clock.monotonic()
        out, now = reachable(self.channel), self._clock.now()
        with self._store.scoped(SYSTEM) as conn:
            if out.kind == "accepted" and not self._circuit(conn).failures:
                sources.seen(conn, source_key(self.channel.key), now)
            elif out.kind != "accepted":
                sources.failed(conn, source_key(self.channel.key), "outbound", out.zh, out.en, now)
        return False


def receive(
    conn: Conn, channel: str, far_id: str, key: str, state: Any, detail: str, at: dt.datetime, now: dt.datetime
) -> bool:
    """A far end's word on one message, by its id or by our key. False: no message of ours is known by it (yet)."""
    if far_id:
        deliveries.take_turn(conn, channel, far_id)
        deliveries.keep_receipt(conn, channel, far_id, state, detail, at, now)
    found = list(deliveries.of_far_id(conn, channel, far_id)) if far_id else []
    if key and (one := deliveries.of_key(conn, channel, key)) is not None:
        found = [one]
    for row in found:
        after = advance(row["state"], state)
        if after is not None:
            deliveries.told(conn, row, after, detail, at, now)
    return bool(found)


# ---------------------------------------------------------------- threads


def run(settings: Settings, store: Store, clock: Clock, stop: threading.Event) -> None:
    """Until `stop`. A changed file is read again; a bad one is told of, and what was read before goes on."""
    path = config.path_of(settings)
    while not stop.is_set():
        stamp = _stamp(path)
        outbound = config.load(settings)  # a bad file at start: told by the log, tried again by the keeper of threads
        changed = threading.Event()
        threads = _start(settings, store, outbound, clock, changed)
        while not stop.wait(PLAN_EVERY_S):
            if _stamp(path) != stamp and _readable(settings):
                log.info("outbound configuration changed")
                break
        changed.set()
        for thread in threads:
            thread.join(WHOLE_S)


def _start(
    settings: Settings, store: Store, outbound: Outbound, clock: Clock, stop: threading.Event
) -> list[threading.Thread]:
    with store.scoped(SYSTEM) as conn:
        deliveries.only(conn, [source_key(k) for k in outbound.channels], clock.now())
    if not outbound.channels:
        return []
    planner = Planner(store, outbound, clock, settings.tz)
    jobs: list[tuple[str, Callable[[], object]]] = [("plan", planner.turn)]
    lanes = [Lane(store, outbound, channel, clock) for channel in outbound.channels.values()]
    for lane in lanes:
        jobs.append((lane.channel.key, lane.turn))
    threads = [threading.Thread(target=_loop, args=(n, j, stop), name=f"outbound-{n}", daemon=True) for n, j in jobs]
    for lane in lanes:
        lane.register()
    for thread in threads:
        thread.start()
    return threads


def _loop(name: str, work: Callable[[], object], stop: threading.Event) -> None:
    """Turn after turn; one fault is logged, repeats are not, and so is the recovery."""
    well = True
    while not stop.is_set():
        busy: object = False
        try:
            busy = work()
            if not well:
                log.info("recovered", outbound=name)
            well = True
        except (IocError, psycopg.Error) as e:
            if well:
                log.warning("failed", outbound=name, error=type(e).__name__)
            well = False
        except Exception:  # a fault of ours in one lane must not end it
            if well:
                log.exception("failed", outbound=name)
            well = False
        if not busy:
            stop.wait(IDLE_S)


def _stamp(path: Any) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _readable(settings: Settings) -> bool:
    try:
        config.load(settings)
    except ConfigError as e:
        log.error("outbound configuration not taken", error=str(e))
        return False
    return True
