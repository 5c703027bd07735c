"""What time alone does to alarms: delays that end, devices that fall silent, shelves and receipts that run out, floods.

Everything it needs is in the store, so a restart loses nothing. One process does it at a time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from ioc.alarms import life, tell
from ioc.alarms.apply import Moved, carry_out
from ioc.alarms.bind import Bound, let_go
from ioc.alarms.phase import Change, Phase, due, elapse
from ioc.clock import Clock
from ioc.intake.alarms import AlarmJudge
from ioc.scope import SYSTEM
from ioc.store import Store, alarm_groups, alarm_silence
from ioc.store import alarm_streams as streams
from ioc.store import alarm_write as write
from ioc.store.pool import Conn
from ioc.store.retry import retried

LOCK = 4_930_187  # advisory lock of the one timer at work
SLICE, MOST = 20_000, 5_000
GRACE_S = 60.0  # after a start nothing is called silent: what queued while we were away comes in first
LEAST_REALARM = dt.timedelta(seconds=1)


@dataclass
class AlarmTimer:
    """One a process; `turn` does what is due, in short transactions."""

    store: Store
    clock: Clock
    tz: dt.tzinfo
    grace_s: float = GRACE_S
    _after: int = 0
    _version: int = -1
    _started: dt.datetime | None = None
    _judge: AlarmJudge = field(init=False)

    def __post_init__(self) -> None:
        self._judge = AlarmJudge(self.clock, self.tz)
        self._started = self.clock.now()

    def turn(self) -> int:
        """Returns the number of alarms that changed. Raises StoreUnavailable."""
        now = self.clock.now()
        jobs = (
            self._let_go,
            self._delays,
            self._heard,
            self._silence,
            self._shelves,
            self._reannounce,
            self._receipts,
            self._floods,
        )
        return sum(retried(partial(self._alone, job, now)) for job in jobs)

    def _alone(self, job: Callable[[Conn, dt.datetime], int], now: dt.datetime) -> int:
        with self.store.scoped(SYSTEM) as conn:
            row = conn.execute("SELECT pg_try_advisory_xact_lock(%s) AS mine", (LOCK,)).fetchone()
            if row is None or not row["mine"]:
                return 0
            return job(conn, now)

    # ------------------------------------------------------------ conditions

    def _let_go(self, conn: Conn, now: dt.datetime) -> int:
        """After settings or devices changed: conditions of rules that hold no more on their datastream end."""
        version = streams.version(conn)
        if version == self._version:
            return 0
        standing = streams.standing(conn, self._judge.rules)
        streams.lock_latest(conn, {k[1] for k in standing})
        moved: list[Moved] = []
        for key in sorted({k[0] for k in standing}):
            ids = [k[1] for k in standing if k[0] == key]
            rule, bound = self._judge.rules[key], self._judge.bind_one(conn, key, ids, now)
            lost = {i: s for i, s in self._judge.streams(conn, ids).items() if i not in bound}
            moved += [Moved(let_go(rule, s), Change("clear", now, None)) for s in lost.values()]
        streams.put_phases(conn, {m.bound.key: (Phase(), None) for m in moved})
        done = len(carry_out(conn, moved, now))
        self._version = version
        return done

    def _delays(self, conn: Conn, now: dt.datetime) -> int:
        """On- and off-delays that have run out without a value that said otherwise."""
        ids = streams.due_streams(conn, now, MOST)
        if not ids:
            return 0
        streams.lock_latest(conn, ids)
        found = streams.phases(conn, ids)
        moved: list[Moved] = []
        changed: dict[streams.Key, tuple[Phase, dt.datetime | None]] = {}
        for rule_key in sorted({k[0] for k in found}):
            mine = {k[1]: p for k, p in found.items() if k[0] == rule_key}
            bounds = self._judge.bind_one(conn, rule_key, mine, now)
            for stream, was in mine.items():
                bound = bounds.get(stream)
                if bound is None:  # the rule has been switched off or has lost its limit: the condition is let go
                    changed[rule_key, stream] = Phase(), None
                    continue
                phase, changes = elapse(was, now, bound.delays)
                moved += [Moved(bound, c) for c in changes]
                if phase != was or (due(phase, bound.delays) or now) > now:
                    changed[rule_key, stream] = phase, due(phase, bound.delays)
        streams.put_phases(conn, changed)
        return len(carry_out(conn, [*moved, *self._judge.compounds(conn, moved, now)], now))

    def _missing_rules(self) -> list[str]:
        return [r.key for r in self._judge.rules.values() if r.test == "missing"]

    def _silence(self, conn: Conn, now: dt.datetime) -> int:
        """Devices not heard for so many of their intervals, a slice at a time."""
        if self._started is None or (now - self._started).total_seconds() < self.grace_s:
            return 0
        rows, self._after = alarm_silence.silent(conn, self._after, SLICE, 1.0, now)
        if not rows:
            return 0
        ids = [r["datastream_id"] for r in rows]
        standing = streams.phases(conn, ids)
        moved: list[Moved] = []
        for key in self._missing_rules():
            fresh = {r["datastream_id"]: r for r in rows if (key, r["datastream_id"]) not in standing}
            for stream, bound in self._judge.bind_one(conn, key, fresh, now).items():
                since = fresh[stream]["heard_at"] + _allowed(bound)
                if since <= now:
                    moved.append(Moved(bound, Change("raise", since, None)))
        streams.put_phases(conn, {m.bound.key: (Phase("active", m.change.at), None) for m in moved})
        return len(carry_out(conn, moved, now))

    def _heard(self, conn: Conn, now: dt.datetime) -> int:
        """Silent devices that speak again, and those that were disabled meanwhile."""
        rows = alarm_silence.heard_again(conn, self._missing_rules())
        back = {(r["rule_key"], r["datastream_id"]): r for r in rows
                if r["status"] == "disabled" or (r["heard_at"] or r["since"]) > r["since"]}  # fmt: skip
        moved: list[Moved] = []
        for key in sorted({k[0] for k in back}):
            ids = [k[1] for k in back if k[0] == key]
            for stream, bound in self._judge.bind_one(conn, key, ids, now).items():
                row = back[key, stream]
                moved.append(Moved(bound, Change("clear", row["heard_at"] or row["since"], None)))
        streams.put_phases(conn, {m.bound.key: (Phase(), None) for m in moved})
        return len(carry_out(conn, moved, now))

    # ------------------------------------------------------------ what people left

    def _shelves(self, conn: Conn, now: dt.datetime) -> int:
        conn.execute("DELETE FROM alarm_hold WHERE until <= %s", (now,))
        items = write.some(conn, "a.hold = 'shelved' AND a.hold_until <= %(now)s", {"now": now})
        entries: list[write.Entry] = []
        for item in items:
            item.become(life.released(item.alarm, "shelved"))
            entries.append(write.Entry(item, "shelf_end", now))
        write.save(conn, items, entries, now)
        self._catch_up(conn, items, now)
        return len(items)

    def _catch_up(self, conn: Conn, items: Iterable[write.Item], now: dt.datetime) -> None:
        """What was raised out of sight is told now; notices that went out before are not written again."""
        entries: list[write.Entry] = []
        changed: list[write.Item] = []
        for item in items:
            bound = self._bound(conn, item, now)
            if bound is not None and item.alarm.state == "unack":
                what: tell.Told = "realarm" if item.alarm.realarms else "raise"
                entries += tell.transition(conn, item, what, bound.params, now)
                changed.append(item)
        write.remember(conn, [i for i in changed if i.changed], entries, now)

    def _reannounce(self, conn: Conn, now: dt.datetime) -> int:
        """Acknowledged, still there, and the rule wants to be heard again after a time."""
        out: list[write.Item] = []
        entries: list[write.Entry] = []
        condition = "a.state = 'acked' AND a.hold = '' AND a.acked_at < %(before)s"
        for item in write.some(conn, condition, {"before": now - LEAST_REALARM}):
            bound = self._bound(conn, item, now)
            pause = float(bound.params["realarm_s"]) if bound else 0.0
            if bound is None or not pause or item.alarm.acked_at is None:
                continue
            if item.alarm.acked_at + dt.timedelta(seconds=pause) <= now:
                item.become(life.reannounced(item.alarm, now), received_at=now)
                entries.append(write.Entry(item, "realarm", now, given={"after_s": pause}))
                out.append(item)
        write.save(conn, out, entries, now)
        self._catch_up(conn, out, now)
        return len(out)

    def _receipts(self, conn: Conn, now: dt.datetime) -> int:
        """Notices nobody has confirmed in time go to the next one."""
        items = write.some(conn, "a.notify_due <= %(now)s", {"now": now}, 500)
        entries: list[write.Entry] = []
        for item in items:
            bound = self._bound(conn, item, now)
            entries += tell.escalated(conn, item, bound.params if bound else {}, now)
        write.remember(conn, [i for i in items if i.changed], entries, now)
        return len(entries)

    def _floods(self, conn: Conn, now: dt.datetime) -> int:
        groups, joined = alarm_groups.tend(conn, now)
        write.tell(conn, [], groups, joined, set(), now)
        return len(groups)

    def _bound(self, conn: Conn, item: write.Item, now: dt.datetime) -> Bound | None:
        stream = item.row["datastream_id"]
        return self._judge.bind_one(conn, item.row["rule_key"], [stream], now).get(stream)


def _allowed(bound: Bound) -> dt.timedelta:
    return dt.timedelta(seconds=max(bound.params["intervals"] * bound.stream.interval_s, bound.params["at_least_s"]))
