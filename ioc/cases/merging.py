"""Merging by hand and taking it back; what may be the same as a case or as a report being typed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import psycopg

from ioc.cases import joining
from ioc.cases.work import Actor, Cases
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.scope import SYSTEM
from ioc.store import case_steps, merges
from ioc.store.merges import Joined, Probe
from ioc.store.pool import Conn
from ioc.store.retry import retried

Row = Mapping[str, Any]
SHOWN = 10
# Who may say that two things are one.
RIGHT = "case.dispatch"


def like_case(cases: Cases, actor: Actor, case_id: int) -> dict[str, Any]:
    """Open cases and reports that may be the same as a case, and what has been joined to it. Raises NotFound."""
    with cases.store.scoped(actor.scope) as conn:
        row = case_steps.read(conn, actor.scope, case_id, lock=False)
        probe = joining.probe_of_case(conn, case_id) if row is not None else None
        if row is None or probe is None:
            raise NotFound(f"办件 {case_id}", f"case {case_id}")
        joined = [_joined(m) for m in merges.standing(conn, case_id)]
        open_ = row["closed_at"] is None and not row["ended"]
        found = joining.cases_like(conn, actor.scope, probe) if open_ else []
        if open_ and actor.scope.can("event.view"):
            found += joining.events_like(conn, actor.scope, probe)
    found.sort(key=lambda f: -f.score.total)
    return {"case_id": case_id, "joined": joined, "candidates": [f.as_dict() for f in found[:SHOWN]]}


def like_report(cases: Cases, actor: Actor, probe: Probe) -> list[dict[str, Any]]:
    """The same for a report that is being typed."""
    with cases.store.scoped(actor.scope) as conn:
        found = joining.cases_like(conn, actor.scope, probe)
        if actor.scope.can("event.view"):
            found += joining.events_like(conn, actor.scope, probe)
    found.sort(key=lambda f: -f.score.total)
    return [f.as_dict() for f in found[:SHOWN]]


def merge(cases: Cases, actor: Actor, case_id: int, kind: str, other_id: int, text: str = "") -> dict[str, Any]:
    """`other_id` (an event or a case) becomes part of `case_id`, whose number and deadlines stay.

    Raises Forbidden, NotFound, Conflict (over already, part of another case, not seen by the same people), Invalid.
    """
    actor.scope.require(RIGHT)
    if (kind, other_id) == ("case", case_id):
        raise Invalid(reasons=[Reason("case_id", "itself", "不能与自身合并", "is the case itself", str(case_id))])
    who, now = (actor.scope.actor, actor.name), cases.clock.now()

    def work() -> dict[str, Any]:
        # Under the system's scope, because numbers and histories of both move together; the predicate is the actor's.
        with cases.store.scoped(SYSTEM) as conn:
            ids = [case_id, other_id] if kind == "case" else [case_id]
            rows = merges.lock(conn, actor.scope, ids)
            case = _open(rows.get(case_id), case_id)
            if kind == "event":
                after = _join(conn, actor, case, other_id, who, now)
            else:
                after = _merge(conn, case, _open(rows.get(other_id), other_id), text, who, now)
            return {**cases.told(after), "sources": after["sources"]}

    try:
        return retried(work)
    except psycopg.errors.UniqueViolation as e:
        raise Conflict("已并入其他办件", "is part of a case already") from e


def _open(row: Row | None, case_id: int) -> Row:
    if row is None:
        raise NotFound(f"办件 {case_id}", f"case {case_id}")
    if row["flow"] == "incident":
        raise Conflict("突发事件不作合并", "incidents are not merged")
    if row["closed_at"] is not None or row["ended"]:
        raise Conflict(f"办件 {row['number']} 已结束", f"case {row['number']} is over")
    return row


def _join(conn: Conn, actor: Actor, case: Row, event_id: int, who: tuple[str, str], now: dt.datetime) -> Row:
    event = case_steps.read_event(conn, actor.scope, event_id)
    if event is None:
        raise NotFound(f"事件 {event_id}", f"event {event_id}")
    if event["case_id"] is not None:
        raise Conflict(f"已属办件 #{event['case_id']}", f"is part of case #{event['case_id']}")
    if event["status"] != "open":
        raise Conflict("事件已关闭", "the report is closed")
    _same_people(case, event)
    return joining.join_event(conn, case, event, who, now)


def _same_people(a: Row, b: Row) -> None:
    if not joining.alike(a, b):
        zh, en = "可见范围或数据性质不同，不能合并", "not seen by the same people, or demo and real"
        raise Conflict(zh, en)


def _merge(conn: Conn, case: Row, other: Row, text: str, who: tuple[str, str], now: dt.datetime) -> Row:
    _same_people(case, other)
    events = merges.events_of(conn, other["case_id"])
    moved: dict[str, list[Any]] = {"events": events, "sources": list(other["sources"] or ())}
    merges.move_events(conn, events, other["case_id"], case["case_id"], who[0], now)
    merges.record(
        conn,
        Joined(case["case_id"], "case", other["case_id"], "manual", moved, actor=who[0], name=who[1],
               origin=case["origin"]),
        now,
    )  # fmt: skip
    said = {"text": text} if text else {}
    end = {"ended": "merged", "closed_at": now, "merged_into": case["case_id"], "on_time": None, "clock_stopped": True}
    joining.step(conn, other, "merged", end, {"other": case["number"], **said}, who, now)
    sources = [*(case["sources"] or ()), *moved["sources"]]
    changes = {"sources": sources, "search": joining.words(conn, case, sources)}
    return joining.step(conn, case, "merge", changes, {"other": other["number"], **said}, who, now)


def unmerge(cases: Cases, actor: Actor, case_id: int, kind: str, other_id: int, text: str = "") -> dict[str, Any]:
    """Takes a joining back: the report is open again by itself, or the case goes on where it was, with its own events.

    Raises Forbidden, NotFound, Conflict where it is not joined to this case.
    """
    actor.scope.require(RIGHT)
    who, now = (actor.scope.actor, actor.name), cases.clock.now()

    def work() -> dict[str, Any]:
        with cases.store.scoped(SYSTEM) as conn:
            ids = [case_id, other_id] if kind == "case" else [case_id]
            rows = merges.lock(conn, actor.scope, ids)
            case = rows.get(case_id)
            if case is None:
                raise NotFound(f"办件 {case_id}", f"case {case_id}")
            found = [m for m in merges.standing(conn, case_id) if (m["kind"], m["other_id"]) == (kind, other_id)]
            if not found or (kind == "case" and other_id not in rows):
                raise Conflict("没有并入本办件", "is not part of this case")
            after = _take_back(conn, case, found[0], rows.get(other_id), text, who, now)
            return {**cases.told(after), "sources": after["sources"]}

    return retried(work)


def _take_back(
    conn: Conn, case: Row, joined: Row, other: Row | None, text: str, who: tuple[str, str], now: dt.datetime
) -> Row:
    moved: Mapping[str, Any] = joined["moved"]
    said = {"text": text} if text else {}
    to = None if other is None else other["case_id"]
    merges.move_events(conn, moved["events"], case["case_id"], to, who[0], now, reopen=True)
    merges.undo(conn, joined["merge_id"], who[1] or who[0], now)
    if other is not None:
        back = {"ended": "", "closed_at": None, "merged_into": None, "clock_stopped": bool(other["hold"])}
        joining.step(conn, other, "unmerged", back, {"other": case["number"], **said}, who, now)
    sources = _without(case["sources"] or (), moved["sources"])
    changes = {"sources": sources, "search": joining.words(conn, case, sources)}
    key, name = ("unmerge", joined["number"]) if other is not None else ("unjoin", joined["source_id"])
    return joining.step(conn, case, key, changes, {"other": str(name or joined["other_id"]), **said}, who, now)


def _without(sources: Any, gone: Any) -> list[Any]:
    """Each source that goes is taken out once, the last of its kind: the case may have had the same itself."""
    left = list(sources)
    for source in gone:
        for i in range(len(left) - 1, -1, -1):
            if left[i] == source:
                del left[i]
                break
    return left


def _joined(row: Row) -> dict[str, Any]:
    return {
        "kind": row["kind"], "other_id": row["other_id"], "number": row["number"] or row["source_id"],
        "how": row["how"], "score": row["score"], "by": row["by_name"] or row["by_actor"],
        "at": row["at"].isoformat(),
    }  # fmt: skip
