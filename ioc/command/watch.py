"""What is late in command: orders past their time, reports that are owed. A turn of `ioc ingest`; told once each.

A report's term is the case's own (`due_at`), so the centre's escalation rules (`ioc.cases.escalating`) reach it too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

from ioc.cases.work import Actor
from ioc.clock import Clock
from ioc.command import book, orders, tell
from ioc.command.ordering import task_json
from ioc.scope import SYSTEM, Scope
from ioc.store import Store, command_rows, tasks
from ioc.store.retry import retried

EVERY_S = 10.0
SLICE = 200
WATCH = Actor(replace(SYSTEM, actor="watch"), "值守提醒")


def turn(store: Store, clock: Clock, zone: ZoneInfo) -> int:
    """How many were told of for the first time."""
    now = clock.now()
    with store.reading(SYSTEM) as conn:
        late = [(int(r["task_id"]), int(r["case_id"])) for r in tasks.late(conn, now, SLICE)]
        owed = [int(r["case_id"]) for r in tasks.reports_late(conn, now, SLICE)]
    told = sum(retried(lambda t=task_id, c=case_id: _late(store, clock, zone, t, c)) for task_id, case_id in late)
    return told + sum(retried(lambda c=case_id: _owed(store, clock, c)) for case_id in owed)


def worker(store: Store, clock: Clock, zone: ZoneInfo) -> Callable[[], object]:
    return lambda: turn(store, clock, zone)


def _late(store: Store, clock: Clock, zone: ZoneInfo, task_id: int, case_id: int) -> int:
    """Who gave the order and who has it hear that it is late; every screen shows it."""
    now = clock.now()
    with store.scoped(SYSTEM) as conn:
        doing = book.begin(conn, WATCH, case_id, now, zone)
        row = command_rows.read(conn, "task", task_id, lock=True)
        if row is None or row["late_told"] or not orders.late(row["state"], row["due_at"], None, now):
            return 0
        if row["state"] not in orders.OPEN:
            return 0
        after = command_rows.change(conn, "task", task_id, {"late_told": True}, "watch", now)
        tell.task(doing, after, "late", "任务超时", "Order late")
        login = str(row["issued_by"]).rpartition(":")[2]
        words = f"任务超时：{row['to_name']} {row['what']}", f"Order late: {row['to_name']} {row['what']}"
        tell.put(conn, doing.case, f"task:{task_id}:late", "incident.task_late", ("account", login), words, "", now,
                 about=f"task:{task_id}")  # fmt: skip
        shown = task_json(after, now, Scope("feed"), mine=False, commands=False)
        book.say(doing, "task", task_id, {k: v for k, v in shown.items() if k != "may"})
        return 1


def _owed(store: Store, clock: Clock, case_id: int) -> int:
    """The duty officers and the chief hear that a report is owed, once for each time it is."""
    now = clock.now()
    with store.scoped(SYSTEM) as conn:
        case = conn.execute("SELECT * FROM cases WHERE case_id = %s FOR UPDATE", (case_id,)).fetchone()
        if case is None or case["closed_at"] is not None or case["due_at"] is None or case["due_at"] >= now:
            return 0
        label = case["due_label"] or "报告"
        words = f"{label}超时：{case['title']}", f"Report overdue: {case['title']}"
        part = f"report_late:{case['due_at'].isoformat()}"
        for role in ("officer", "chief"):
            tell.put(conn, case, f"{part}:{role}", "incident.report_late", ("role", role), words, case["number"], now)
        return 1
