"""The 督办 list: who was asked what about a case and until when; answered by who has it, closed by who asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.cases.dispatch import POOL
from ioc.cases.work import Actor, Cases
from ioc.errors import Conflict, Forbidden, NotFound
from ioc.flows import flows, stage_index
from ioc.scope import SYSTEM, Scope
from ioc.store import notices, supervision
from ioc.store.notices import Notice

Row = Mapping[str, Any]
LEADS = ("case.supervise", "case.instruct")


def listed(
    cases: Cases, scope: Scope, state: str, region_ids: Sequence[int] | None = None, case_id: int | None = None,
    limit: int = 200,
) -> dict[str, Any]:  # fmt: skip
    """Entries the asker sees, those due first. `state`: one of `ioc.store.supervision.STATES`."""
    now = cases.clock.now()
    with cases.store.scoped(scope) as conn:
        rows = supervision.listed(
            conn, scope, state=state, now=now, region_ids=region_ids, case_id=case_id, limit=limit
        )
    return {"total": rows[0]["total"] if rows else 0, "entries": [told(r, now) for r in rows]}


def answer(cases: Cases, actor: Actor, supervision_id: int, text: str) -> dict[str, Any]:
    """Raises NotFound, Forbidden for who does not have it, Conflict where it is closed."""
    now = cases.clock.now()
    with cases.store.scoped(SYSTEM) as conn:
        row = _found(supervision.read(conn, actor.scope, supervision_id), supervision_id)
        if not _has(row, actor):
            raise Forbidden("只能由承办部门或承办人答复", "only by who has it")
        if row["state"] == "closed":
            raise Conflict("督办已办结", "is closed already")
        after = supervision.answer(conn, row, text, actor.scope.actor, actor.name, now)
        notice = Notice(
            f"supervision:{supervision_id}:answered:{after['version']}", "supervision.answered", "account",
            _login(str(row["by_actor"])), f"督办已答复：{row['title']}", f"Answered: {row['title']}", text, text,
            f"case:{row['case_id']}", "medium",
            region_id=row["region_id"], private_to=row["private_to"], sensitivity=row["sensitivity"],
            origin=row["origin"],
        )  # fmt: skip
        notices.put(conn, notice, now)
        return told({**row, **after}, now)


def close(cases: Cases, actor: Actor, supervision_id: int) -> dict[str, Any]:
    """Raises NotFound, Forbidden, Conflict where it is closed."""
    return _decide(cases, actor, supervision_id, end=True)


def send_back(cases: Cases, actor: Actor, supervision_id: int) -> dict[str, Any]:
    """The answer was not enough. Raises NotFound, Forbidden, Conflict where there is none."""
    return _decide(cases, actor, supervision_id, end=False)


def _decide(cases: Cases, actor: Actor, supervision_id: int, *, end: bool) -> dict[str, Any]:
    now = cases.clock.now()
    with cases.store.scoped(SYSTEM) as conn:
        row = _found(supervision.read(conn, actor.scope, supervision_id), supervision_id)
        if not any(actor.scope.can(right) for right in LEADS):
            raise Forbidden(f"需要权限 {LEADS[0]}", f"needs the right {LEADS[0]}")
        if row["state"] == "closed" or (not end and row["state"] != "answered"):
            raise Conflict("督办已办结" if end else "没有待审的答复", "is closed, or has no answer to decide about")
        who = (actor.scope.actor, actor.name)
        after = supervision.close(conn, row, *who, now) if end else supervision.reopen(conn, row, who[0], now)
        return told({**row, **after}, now)


def _found(row: Row | None, supervision_id: int) -> Row:
    if row is None:
        raise NotFound(f"督办 {supervision_id}", f"entry {supervision_id}")
    return row


def _has(row: Row, actor: Actor) -> bool:
    """Its owner by name or department; who leads may answer for them."""
    scope = actor.scope
    if scope.can("case.approve"):
        return True
    if not scope.can("case.handle"):
        return False
    mine = scope.departments or frozenset()
    return bool(actor.name and actor.name in (row["owner_person"], row["officer"])) or bool(
        {row["owner_department"], row["department"]} & mine
    )


def _login(actor: str) -> str:
    """The login in `user:login`, as accounts name themselves."""
    return actor.rpartition(":")[2]


def told(row: Row, now: dt.datetime) -> dict[str, Any]:
    """An entry as lists and answers give it."""
    flow = flows().get(row["flow"])
    word = flow.stages[stage_index(flow, row["stage"])][1] if flow else None
    until: dt.datetime | None = row["until"]

    def iso(value: dt.datetime | None) -> str | None:
        return None if value is None else value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")

    return {
        "supervision_id": row["supervision_id"], "kind": row["kind"], "what": row["what"], "state": row["state"],
        "case": {"key": f"case:{row['case_id']}", "case_id": row["case_id"], "number": row["number"],
                 "title": row["title"], "urgency": row["urgency"], "closed": row["case_closed_at"] is not None,
                 "stage": {"zh": word.zh, "en": word.en} if word else {"zh": row["stage"], "en": row["stage"]}},
        "by": row["by_name"] or row["by_actor"], "made_at": iso(row["made_at"]),
        "owner": {"department": row["owner_department"] or "", "person": row["owner_person"]},
        "until": iso(until),
        "overdue": row["state"] == "open" and until is not None and until < now,
        "answer": row["answer"], "answered_by": row["answered_by"], "answered_at": iso(row["answered_at"]),
        "closed_by": row["closed_by"], "closed_at": iso(row["closed_at"]),
    }  # fmt: skip


def waiting(row: Row) -> dict[str, Any]:
    """A case of the manual pool, with why it is there."""
    zh, en = POOL.get(row["pool"], (row["pool"], row["pool"]))
    names = ("case_id", "number", "flow", "stage", "title", "urgency", "address", "category_code", "region")
    return {
        "key": f"case:{row['case_id']}",
        **{n: row[n] for n in names},
        "region_name": row["region_name"],
        "opened_at": row["opened_at"].astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "why": {"code": row["pool"], "zh": zh, "en": en},
    }
