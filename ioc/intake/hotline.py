"""12345 orders: checked, reported as events, callers sealed, cases opened, and what changed told to who works on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ioc.cases.work import Actor, Cases
from ioc.clock import Clock
from ioc.errors import Conflict, Invalid, Reason
from ioc.intake import hotline_order as orders
from ioc.intake.event_input import check_event
from ioc.intake.events import EventResult, Report, submit_events
from ioc.intake.fields import TimeRules
from ioc.intake.hotline_order import Mapped, Order
from ioc.intake.vocabulary import Vocabulary
from ioc.scope import SENSITIVE, SYSTEM, Scope
from ioc.sealing import Ring, ring
from ioc.settings import Settings
from ioc.store import Store, callers, case_steps, cases_write, dictionaries, notices, sources
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.retry import retried
from ioc.store.sealed import hold

CHANNEL = "hotline"
# A change of one of these is told in the case's timeline, and to who has the case.
TOLD = ("退单次数", "延期次数", "重复", "保密", "已撤单", "办理时限", "承办单位", "满意度", "是否解决")


@dataclass(frozen=True, slots=True)
class OrderResult:
    """`state`: created, updated, unchanged or rejected. `case_number` is ours, `number` theirs."""

    number: str
    state: str
    event_id: int | None = None
    case_id: int | None = None
    case_number: str = ""
    reasons: Sequence[Reason] = field(default_factory=list[Reason])

    def as_dict(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "state": self.state,
            "event_id": self.event_id,
            "case_id": self.case_id,
            "case_number": self.case_number,
            "reasons": [r.as_dict() for r in self.reasons],
        }


def caller_ring(settings: Settings) -> Ring:
    return ring(settings, "caller")


def seal_caller(
    store: Store,
    settings: Settings,
    source: str,
    number: str,
    event_id: int,
    private: Mapping[str, str],
    now: datetime,
    origin: str = "real",
) -> None:
    """Who reported `number` of `source`, sealed beside its event; again is the same row. Raises ConfigError."""
    with store.scoped(SYSTEM) as conn:
        hold(conn)
        seal = caller_ring(settings).newest()
        sealed = seal.seal(private, f"{source}\n{number}")
        callers.put(conn, source, number, event_id, sealed, seal.key_id, origin, now)


def mapping(settings: Settings) -> Mapped:
    """Raises ConfigError."""
    return orders.load(settings.root / Path(settings.hotline_file).expanduser())


@dataclass(frozen=True)
class Hotline:
    """The way in of one installation. `source`: whose numbers these are, which is where our steps go back to."""

    store: Store
    settings: Settings
    clock: Clock
    mapped: Mapped

    def submit(
        self, scope: Scope, records: Sequence[Mapping[str, Any]], source: str = "", origin: str = "real"
    ) -> list[OrderResult]:
        """One result a record, in order; each is taken or refused by itself. The same again changes nothing.

        Raises StoreUnavailable, DiskBudget: then nothing of these is lost by sending them again.
        """
        named = source or self.mapped.source
        checked = self._checked(records, named)
        good = [(i, o) for i, o in enumerate(checked) if isinstance(o, Order)]
        if any(o.private for _, o in good):
            _ = (
                caller_ring(self.settings).newest().key_id
            )  # before anything is stored: nothing is kept that cannot be sealed
        self._refuse(records, checked, named, origin)
        # orders are the platform's own, confidential ones too: their place must be its, their level may be any
        writer = replace(scope, sensitivity=SENSITIVE)
        reports = [Report(o.event, writer, scope.actor, origin, named, CHANNEL) for _, o in good]
        found = submit_events(self.store, reports, self.clock, self.settings) if reports else []
        out = [OrderResult(_number(r, self.mapped), "rejected", reasons=o if isinstance(o, list) else [])
               for r, o in zip(records, checked, strict=True)]  # fmt: skip
        for (i, order), result in zip(good, found, strict=True):
            if isinstance(result, Conflict):  # of an idempotency key, which orders have none of
                raise result
            if isinstance(result, Invalid):
                out[i] = OrderResult(order.number, "rejected", reasons=list(result.reasons))
            else:
                out[i] = self._taken(scope, order, result, named, origin)
        return out

    def check(self, records: Sequence[Mapping[str, Any]], source: str = "") -> list[Order | list[Reason]]:
        """What `submit` would say of each, without the store's word on places."""
        words, rules = self._words(), self._rules()
        out: list[Order | list[Reason]] = []
        for found in self._checked(records, source or self.mapped.source):
            draft = check_event(found.event, words, rules) if isinstance(found, Order) else found
            out.append(draft if isinstance(draft, list) else found)
        return out

    # ------------------------------------------------------------ parts

    def _checked(self, records: Sequence[Mapping[str, Any]], source: str) -> list[Order | list[Reason]]:
        words, rules = self._words(), self._rules()
        with self.store.reading(SYSTEM) as conn:
            root = conn.execute("SELECT code FROM region WHERE parent_id IS NULL ORDER BY region_id LIMIT 1").fetchone()
        code = str(root["code"]) if root else ""
        return [orders.check(r, self.mapped, words, rules, source, code) for r in records]

    def _words(self) -> Vocabulary:
        with self.store.reading(SYSTEM) as conn:
            return Vocabulary(dictionaries.current(conn, self.clock.now().astimezone(self.settings.tz).date()))

    def _rules(self) -> TimeRules:
        past = timedelta(days=self.settings.retention_history_days)
        future = timedelta(seconds=self.settings.future_tolerance_s)
        return TimeRules(self.clock.now(), self.settings.tz, future, past)

    def _refuse(
        self, records: Sequence[Mapping[str, Any]], checked: Sequence[Order | list[Reason]], source: str, origin: str
    ) -> None:
        refused = [
            Rejected(_number(r, self.mapped), o, orders.redacted(r, self.mapped))
            for r, o in zip(records, checked, strict=True)
            if isinstance(o, list)
        ]
        if not refused:
            return
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            store_rejects(conn, source, refused, now, origin=origin)
            count = sources.Arrival(received=len(refused), rejected=len(refused))
            for key in sorted({source, CHANNEL}):
                sources.arrived(conn, key, count, now)

    def _taken(self, scope: Scope, order: Order, result: EventResult, source: str, origin: str) -> OrderResult:
        """Each part can be done again: who dies in between is told nothing, sends again, and finds the rest missing."""
        now = self.clock.now()
        if order.private:
            seal_caller(self.store, self.settings, source, order.number, result.event_id, order.private, now, origin)
        with self.store.reading(SYSTEM) as conn:
            row = callers.case_of_event(conn, result.event_id)
        case_id = row["case_id"] if row else None
        if case_id is None and self.mapped.open_case and not order.finished and row and row["status"] == "open":
            case_id = self._open(scope, result.event_id)
        number = ""
        if case_id is not None:
            number = retried(lambda: self._carry(scope, int(case_id), order))
        return OrderResult(order.number, result.state, result.event_id, case_id, number)

    def _open(self, scope: Scope, event_id: int) -> int | None:
        cases = Cases(self.store, self.clock, self.settings.area_buffer_m, self.settings.tz)
        actor = Actor(replace(SYSTEM, actor=scope.actor), "12345")
        try:
            return int(cases.open(actor, event_id, "hotline")["case_id"])
        except Conflict:  # somebody was faster: the same order twice at once, or an officer
            with self.store.reading(SYSTEM) as conn:
                row = callers.case_of_event(conn, event_id)
            return row["case_id"] if row else None

    def _carry(self, scope: Scope, case_id: int, order: Order) -> str:
        """The order's fields onto its case; a change that matters becomes a remark in the timeline and a notice."""
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            row = case_steps.read(conn, SYSTEM, case_id, lock=True)
            if row is None:
                return ""
            kept: Mapping[str, Any] = row["attributes"].get("12345", {})
            before: Mapping[str, Any] = kept.get(order.number, {})
            changes = _changes(row, order, kept, before)
            if not changes:
                return str(row["number"])
            said = _said(before, order.attributes) if before else ""
            cases_write.change_case(conn, case_id, changes, scope.actor, now)
            if said:
                self._tell(conn, scope, row, order, said)
        return str(row["number"])

    def _tell(self, conn: Conn, scope: Scope, row: Mapping[str, Any], order: Order, said: str) -> None:
        now = self.clock.now()
        words = f"12345 工单 {order.number}：{said}"
        step = {"step": "note", "stage_before": row["stage"], "stage_after": row["stage"], "actor": scope.actor,
                "actor_name": "12345", "given": {"text": words}}  # fmt: skip
        case_steps.record(conn, row, step, now)
        if not row["department"] or row["closed_at"] is not None:
            return
        notices.put(
            conn,
            notices.Notice(
                key=f"hotline:{row['case_id']}:{row['version'] + 1}",
                kind="case.changed",
                to_kind="department",
                to_ref=row["department"],
                title=f"12345 工单有变化：{row['title']}"[:200],
                title_en=f"12345 order changed: {row['title']}"[:200],
                body=words,
                about=f"case:{row['case_id']}",
                priority="high" if "已撤单" in said else "medium",
                region_id=row["region_id"],
                private_to=row["private_to"],
                sensitivity=max(row["sensitivity"], 2 if order.confidential else 0),
                origin=row["origin"],
            ),
            now,
        )


def _changes(
    row: Mapping[str, Any], order: Order, kept: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """New columns of the case. Merged cases keep the fields of each of their orders, by its number."""
    out: dict[str, Any] = {}
    if dict(before) != dict(order.attributes):
        own = {"attributes": {**row["attributes"], "12345": {**kept, order.number: dict(order.attributes)}}}
        out |= own
        if row["source_id"] == order.number:  # the case's own order is shown with it
            plain = {k: v for k, v in row["attributes"].items() if k not in before}
            out["attributes"] = {**plain, **order.attributes, "12345": own["attributes"]["12345"]}
    if order.confidential and row["sensitivity"] < SENSITIVE:
        out["sensitivity"] = SENSITIVE
    elif before.get("保密") and not order.confidential and not _others_confidential(kept, order.number):
        out["sensitivity"] = 0
    if order.due_at is not None and row["total_due_at"] is None and row["closed_at"] is None:
        out["total_due_at"] = order.due_at
        if row["due_at"] is None:
            out["due_at"] = order.due_at
    return out


def _others_confidential(kept: Mapping[str, Any], number: str) -> bool:
    return any(o.get("保密") for n, o in kept.items() if n != number)


def _said(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """退单次数 0 → 1；重复 否 → 是."""

    def word(value: Any, other: Any) -> str:
        if isinstance(value, bool) or isinstance(other, bool):
            return "是" if value else "否"
        if value is None:
            return "0" if isinstance(other, int) else "无"
        return str(value)

    parts: list[str] = []
    for name in TOLD:
        old, new = before.get(name), after.get(name)
        if old != new:
            parts.append(f"{name} {word(old, new)} → {word(new, old)}")
    return "；".join(parts)


def _number(record: Mapping[str, Any], mapped: Mapped) -> str:
    return str(orders.renamed(record, mapped).get("number", ""))[:200].replace("\x00", "")
