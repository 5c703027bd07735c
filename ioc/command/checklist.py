"""The checklist of an incident: a plan chosen at a level, its steps done, skipped with a reason, or added.

Every change is a row with history (`entity_history`) and a step of the incident's chain (`plan`, `plan_step`), so that
timeline, replay and review carry it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.cases.work import Actor
from ioc.clock import Clock
from ioc.command import book, step_state
from ioc.command.plans import ROMAN, Plan
from ioc.errors import Conflict, Forbidden, Invalid, NotFound, Reason
from ioc.scope import SYSTEM, Scope
from ioc.store import Conn, Store, case_steps, plans, request_keys
from ioc.store.request_keys import RequestKey
from ioc.store.retry import retried

Row = Mapping[str, Any]
# Who commands chooses and adds; who works for the incident marks what is done.
CHOOSE = ("incident.command", "case.dispatch")
MARK = ("incident.command", "incident.log", "case.dispatch", "case.handle")
CHOSEN, STEP = "plan", "plan_step"  # steps of the incident's chain


@dataclass(frozen=True, slots=True)
class Added:
    """A step the plan does not have. `reason`: why it is needed."""

    what: str
    department: str = ""
    role: str = ""
    deadline_min: int | None = None
    reason: str = ""
    receipt: bool = False


@dataclass(frozen=True)
class Checklists:
    """The use-cases of one store."""

    store: Store
    clock: Clock
    zone: dt.tzinfo = dt.UTC  # of the centre, whose days decide which version is in force

    def of(self, scope: Scope, case_id: int) -> list[dict[str, Any]]:
        """Checklists in use with their steps. Raises NotFound."""
        now = self.clock.now()
        with self.store.scoped(scope) as conn:
            if case_steps.read(conn, scope, case_id, lock=False) is None:
                raise NotFound(f"突发事件 {case_id}", f"incident {case_id}")
            return listed(conn, case_id, now)

    def choose(
        self, actor: Actor, case_id: int, plan_id: int, level: int, started_at: dt.datetime | None = None,
        once: RequestKey | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """The steps of a plan at a response level become the incident's. An earlier choice of the same plan ends; what
        was done under it stays done by its words. `started_at`: deadlines count from here (default: now). `once`: the
        same request again gets the first answer.

        Raises Forbidden, NotFound, Conflict (over, the same choice), Invalid (no such level, a plan not in force).
        """
        require(actor.scope, CHOOSE)

        def work(doing: book.Doing) -> dict[str, Any]:
            conn, now, who = doing.conn, doing.now, doing.who
            plan = plans.one(conn, plan_id)
            if plan is None:
                raise NotFound(f"预案 {plan_id}", f"plan {plan_id}")
            begun = started_at or now
            _check(plan, level, begun, now, now.astimezone(self.zone).date())
            before = [c for c in plans.checklists(conn, case_id) if c["plan_code"] == plan.code]
            if any((c["plan_id"], c["level"]) == (plan_id, level) for c in before):
                raise Conflict("该级别的清单已在用", "the checklist of this level is in use")
            done = _ended(conn, before, who[0], now)
            row = plans.add_checklist(
                conn,
                {"case_id": case_id, "plan_id": plan_id, "plan_code": plan.code, "plan_version": plan.version,
                 "title": plan.title, "level": level, "started_at": begun, "chosen_by": who[0], "chosen_name": who[1],
                 "origin": doing.case["origin"], "now": now},
                who[0],
            )  # fmt: skip
            _copy(conn, row, plan, done, who, now)
            given = {"plan": plan.code, "version": plan.version, "title": plan.title, "level": level,
                     "text": f"{plan.title} {ROMAN[level]} 级"}  # fmt: skip
            book.step(doing, CHOSEN, given)
            return next(c for c in listed(conn, case_id, now) if c["checklist_id"] == row["checklist_id"])

        return self._once(actor, case_id, once, work)

    def mark(
        self, actor: Actor, case_id: int, step_id: int, state: str, version: int, *, reason: str = "",
        receipt_by: str = "", at: dt.datetime | None = None, once: RequestKey | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """A step done, skipped (with a reason) or to do again. `version`: of the step as the actor saw it.

        Raises Forbidden, NotFound, Conflict (somebody was first, the incident is over), Invalid.
        """
        require(actor.scope, MARK)

        def work(doing: book.Doing) -> dict[str, Any]:
            conn, now = doing.conn, doing.now
            step = plans.locked_step(conn, case_id, step_id)
            if step is None or step["ended_at"] is not None:
                raise NotFound(f"步骤 {step_id}", f"step {step_id}")
            if step["version"] != version:
                context = {"version": step["version"], "state": step["state"], "by": step["done_name"]}
                raise Conflict("该步骤刚被他人更改", "somebody else has just changed this step", context)
            values = step_state.after(step, state, doing.who, reason, receipt_by, now, at)
            row = plans.set_step(conn, step_id, values, doing.who[0], now)
            given = {"plan": step["plan_title"], "what": step["what"], "state": state, "late": values["late"],
                     "text": _words(step["what"], state, values["late"], reason),
                     **({"reason": reason} if reason else {}),
                     **({"receipt_by": receipt_by} if receipt_by else {})}  # fmt: skip
            book.step(doing, STEP, given)
            return step_json(row, now)

        return self._once(actor, case_id, once, work)

    def add(
        self, actor: Actor, case_id: int, checklist_id: int, added: Added, once: RequestKey | None = None
    ) -> dict[str, Any]:
        """A step beside the plan: a deviation, marked so. Raises as `mark` does."""
        require(actor.scope, CHOOSE)

        def work(doing: book.Doing) -> dict[str, Any]:
            conn, now = doing.conn, doing.now
            found = [c for c in plans.checklists(conn, case_id) if c["checklist_id"] == checklist_id]
            if not found:
                raise NotFound(f"清单 {checklist_id}", f"checklist {checklist_id}")
            last = max((s["position"] for s in plans.steps(conn, [checklist_id])), default=0)
            row = plans.add_step(
                conn,
                {"checklist_id": checklist_id, "case_id": case_id, "position": last + 1, "what": added.what,
                 "department": added.department, "role": added.role, "trigger": "",
                 "deadline_min": added.deadline_min, "due_at": step_state.due(now, added.deadline_min),
                 "receipt": added.receipt, "reason": added.reason, "added": True, "origin": doing.case["origin"],
                 "now": now},
                doing.who[0],
            )  # fmt: skip
            given = {"plan": found[0]["title"], "what": added.what, "state": "added",
                     "text": _words(added.what, "added", False, added.reason),
                     **({"reason": added.reason} if added.reason else {})}  # fmt: skip
            book.step(doing, STEP, given)
            return step_json(row, now)

        return self._once(actor, case_id, once, work)

    def _once(
        self, actor: Actor, case_id: int, once: RequestKey | None, work: Callable[[book.Doing], dict[str, Any]]
    ) -> dict[str, Any]:
        """`work` with the incident locked, in one transaction. Raises NotFound, Conflict for one that is over."""

        def turn() -> dict[str, Any]:
            now = self.clock.now()
            with self.store.scoped(SYSTEM) as conn:
                if (before := request_keys.claim(conn, once, now)) is not None:
                    return dict(before)
                doing = book.begin(conn, actor, case_id, now, self.zone)
                book.open_only(doing)
                answer = work(doing)
                request_keys.keep(conn, once, answer, str(doing.case["origin"]))
                return answer

        return retried(turn, 5)


def require(scope: Scope, rights: Sequence[str]) -> None:
    """Any of these rights. Raises Forbidden."""
    if not any(scope.can(r) for r in rights):
        listed_ = " / ".join(rights)
        raise Forbidden(f"需要权限 {listed_}", f"needs one of the rights {listed_}", {"permission": rights[0]})


_STATES = {"done": "已完成", "skipped": "未执行", "todo": "恢复待办", "added": "增加步骤"}


def _words(what: str, state: str, late: bool, reason: str) -> str:
    """The line of the timeline: 疏散周边群众 已完成（超时）."""
    return f"{what} {_STATES[state]}{'（超时）' if late else ''}{f'：{reason}' if reason else ''}"


def _check(plan: Plan, level: int, begun: dt.datetime, now: dt.datetime, day: dt.date) -> None:
    faults: list[Reason] = []
    if level not in plan.levels:
        have = "、".join(ROMAN[n] for n in sorted(plan.levels))
        faults.append(Reason("level", "bad_choice", f"该预案只有 {have} 级", f"this plan has only {have}", str(level)))
    if not plan.in_force(day):
        faults.append(Reason("plan_id", "not_in_force", "该版本已不在有效期", "this version is not in force"))
    if begun > now:
        faults.append(Reason("started_at", "future_time", "晚于当前时间", "in the future", begun.isoformat()))
    if faults:
        raise Invalid(reasons=faults)


def _ended(conn: Conn, before: Sequence[Row], actor: str, now: dt.datetime) -> dict[tuple[str, str], Row]:
    """Ends earlier choices of the plan. Returns what of them was done, by words and department."""
    done: dict[tuple[str, str], Row] = {}
    for checklist in before:
        for s in plans.steps(conn, [checklist["checklist_id"]]):
            if s["state"] == "done":
                done[(s["what"], s["department"])] = s
        plans.end_checklist(conn, checklist["checklist_id"], actor, now)
    return done


def _copy(
    conn: Conn, checklist: Row, plan: Plan, done: Mapping[tuple[str, str], Row], who: tuple[str, str], now: dt.datetime
) -> None:
    """The steps of the plan's level; what was done at another level of it already is not to be done again."""
    for i, a in enumerate(plan.levels[checklist["level"]].actions, 1):
        row = plans.add_step(
            conn,
            {"checklist_id": checklist["checklist_id"], "case_id": checklist["case_id"], "position": i, "what": a.what,
             "department": a.department, "role": a.role, "trigger": a.trigger, "deadline_min": a.deadline_min,
             "due_at": step_state.due(checklist["started_at"], a.deadline_min), "receipt": a.receipt, "reason": "",
             "added": False, "origin": checklist["origin"], "now": now},
            who[0],
        )  # fmt: skip
        before = done.get((a.what, a.department))
        if before is not None:
            names = ("state", "done_at", "done_by", "done_name", "late", "reason", "receipt_by")
            plans.set_step(conn, row["step_id"], {n: before[n] for n in names}, who[0], now)


# ------------------------------------------------------------ JSON


def listed(conn: Conn, case_id: int, now: dt.datetime) -> list[dict[str, Any]]:
    """Checklists in use with steps and sums; times ISO 8601."""
    rows = plans.checklists(conn, case_id)
    every = plans.steps(conn, [r["checklist_id"] for r in rows])
    return [checklist_json(r, [s for s in every if s["checklist_id"] == r["checklist_id"]], now) for r in rows]


def checklist_json(row: Row, steps: Sequence[Row], now: dt.datetime) -> dict[str, Any]:
    shown = [step_json(s, now) for s in steps]
    return {
        "checklist_id": row["checklist_id"], "plan_id": row["plan_id"], "code": row["plan_code"],
        "version": row["plan_version"], "title": row["title"], "level": row["level"], "roman": ROMAN[row["level"]],
        "started_at": row["started_at"].isoformat(), "chosen_by": row["chosen_name"] or row["chosen_by"],
        "steps": shown, "total": len(shown), "done": sum(s["state"] == "done" for s in shown),
        "late": sum(s["late"] for s in shown), "deviations": sum(s["deviation"] for s in shown),
    }  # fmt: skip


def step_json(row: Row, now: dt.datetime) -> dict[str, Any]:
    """`late` as it stands at `now`; `remaining_s` to the deadline of what is still to do."""
    due_at, done_at = row["due_at"], row["done_at"]
    open_ = row["state"] == "todo"
    return {
        "step_id": row["step_id"], "position": row["position"], "what": row["what"], "department": row["department"],
        "role": row["role"], "trigger": row["trigger"], "deadline_min": row["deadline_min"],
        "due_at": due_at.isoformat() if due_at else None, "receipt": row["receipt"], "state": row["state"],
        "done_at": done_at.isoformat() if done_at else None, "done_by": row["done_name"] or row["done_by"],
        "receipt_by": row["receipt_by"], "late": step_state.late(row["state"], done_at, due_at, now),
        "remaining_s": round((due_at - now).total_seconds()) if open_ and due_at else None,
        "reason": row["reason"], "added": row["added"], "deviation": row["added"] or row["state"] == "skipped",
        "version": row["version"],
    }  # fmt: skip
