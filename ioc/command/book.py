"""What every act of command does in its one transaction: lock, check, write with history, step of the chain, feed.

The case is locked first, then what belongs to it, by everybody: two who command wait for each other and lose nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ioc.cases.work import Actor
from ioc.command import gather, life, record, telling
from ioc.command.life import Life
from ioc.command.record import Parts, iso
from ioc.errors import Conflict, NotFound
from ioc.scope import SYSTEM
from ioc.store import case_steps, cases_write, chain_links, command_rows, incidents, outbox
from ioc.store.pool import Conn

Row = Mapping[str, Any]
SEEN = ("region_id", "private_to", "sensitivity", "origin")


@dataclass
class Doing:
    """One transaction on one incident; its rows as they are at this moment of it."""

    conn: Conn
    actor: Actor
    now: dt.datetime
    zone: dt.tzinfo
    parts: Parts

    @property
    def case(self) -> Row:
        return self.parts.case

    @property
    def incident(self) -> Row:
        return self.parts.incident

    @property
    def case_id(self) -> int:
        return int(self.parts.case["case_id"])

    @property
    def who(self) -> tuple[str, str]:
        return self.actor.scope.actor, self.actor.name or self.actor.scope.actor

    @property
    def life(self) -> Life:
        return record.life_of(self.case, self.incident, self.parts.tasks, self.parts.reports)

    def again(self) -> None:
        """Read anew what was written."""
        found = incidents.read(self.conn, SYSTEM, self.case_id)
        if found is None:
            raise LookupError(self.case_id)
        self.parts = gather.one(self.conn, self.actor.scope, *found)


def begin(conn: Conn, actor: Actor, case_id: int, now: dt.datetime, zone: dt.tzinfo) -> Doing:
    """The incident locked, as the actor sees it. Raises NotFound."""
    found = incidents.lock(conn, actor.scope, case_id, now)
    if found is None:
        raise NotFound(f"突发事件 {case_id}", f"incident {case_id}")
    return Doing(conn, actor, now, zone, gather.one(conn, actor.scope, *found))


def open_only(doing: Doing) -> None:
    """Raises Conflict for an incident that is over."""
    if doing.life.over:
        raise Conflict("突发事件已终止，只能复盘", "the incident is over: only reviews")


def refuse_stale(doing: Doing, version: int | None) -> None:
    """Raises Conflict, naming who was first, where the incident has changed since `version`."""
    if version is None or version == doing.incident["version"]:
        return
    last = doing.conn.execute(
        "SELECT step, actor_name, at FROM case_step WHERE case_id = %s AND step = ANY (%s)"
        " ORDER BY version DESC LIMIT 1",
        (doing.case_id, [a.key for a in life.ACTS.values() if a.staled]),
    ).fetchone()
    context: dict[str, Any] = {"version": doing.incident["version"]}
    if last is None:
        raise Conflict("突发事件已变化，请刷新", "the incident has changed meanwhile", context)
    title = telling.title(last["step"])
    context["since"] = [{"act": last["step"], "by": last["actor_name"], "at": iso(last["at"])}]
    raise Conflict(f"{last['actor_name']} 已{title.zh}", f"{last['actor_name']} was first: {title.en}", context)


def write(doing: Doing, changes: Mapping[str, Any]) -> None:
    """New values of the incident's own row, as its next version."""
    command_rows.change(doing.conn, "incident", doing.case_id, changes, doing.actor.scope.actor, doing.now)


def step(doing: Doing, key: str, given: Mapping[str, Any], columns: Mapping[str, Any] | None = None) -> int:
    """The step of the chain, with what of the case follows from the rows as they are now. Returns its number."""
    before = doing.case
    doing.again()
    changes = {**_follows(doing, before), **(columns or {})}
    departments = doing.actor.scope.departments
    by = {"by_department": next(iter(departments))} if departments and len(departments) == 1 else {}
    closed = changes.get("closed_at") is not None
    cases_write.change_case(doing.conn, doing.case_id, changes, doing.actor.scope.actor, doing.now)
    done = {
        "step": key, "stage_before": record.stage_of(before), "stage_after": changes["stage"],
        "actor": doing.who[0], "actor_name": doing.who[1], "given": {**given, **by},
    }  # fmt: skip
    case_steps.record(doing.conn, before, done, doing.now)
    if closed:
        cases_write.events_follow(doing.conn, doing.case_id, "closed", doing.actor.scope.actor, doing.now)
    doing.again()
    _say(doing, key, done)
    return int(doing.case["version"])


def refresh(doing: Doing) -> bool:
    """What of the case follows from its rows, put right without a step (other terms were published). Whether it was."""
    found = _follows(doing, doing.case)
    changes = {n: found[n] for n in ("due_at", "due_label") if found[n] != doing.case[n]}
    if not changes or doing.life.over:
        return False
    cases_write.change_case(doing.conn, doing.case_id, changes, doing.actor.scope.actor, doing.now)
    return True


def say(doing: Doing, topic: str, entity_id: str | int, payload: Mapping[str, Any], op: Any = "change") -> None:
    """A record of the feed for everybody who sees the incident."""
    outbox.put(
        doing.conn, topic=topic, op=op, entity_id=entity_id, permission="case.view", payload=payload,
        **{n: doing.case[n] for n in SEEN},
    )  # fmt: skip


def header(doing: Doing) -> dict[str, Any]:
    """The record as the actor gets it."""
    return record.header(doing.parts, doing.actor.scope, doing.now)


def entry(row: Row, case_id: int) -> dict[str, Any]:
    """A step as an entry of the timeline. `row`: of `case_step`."""
    given: Mapping[str, Any] = row["given"] or {}
    title, done = telling.title(row["step"]), telling.line(row["step"], given)
    photos = [{"attachment_id": int(k), "sm3": v} for k, v in (given.get("attachments") or {}).items()]
    return {
        "key": f"timeline:{case_id}/{row['version']}", "case": f"case:{case_id}", "no": row["version"],
        "step": row["step"], "title": {"zh": title.zh, "en": title.en}, "zh": done.zh, "en": done.en,
        "at": iso(row["at"]),
        "happened_at": given.get("happened_at") or given.get("done_at"), "by": row["actor_name"],
        "department": given.get("by_department", ""), "text": telling.said(given),
        "matters": telling.matters(row["step"], given), "refers": given.get("refers"), "corrected_by": None,
        "photos": photos, "stage": row["stage_after"],
        **{n: given.get(n) for n in ("task_id", "mark_id", "report_id", "area_notice_id")},
        "given": {k: v for k, v in given.items() if k != "attachments"},
    }  # fmt: skip


def marked(conn: Conn, case_id: int, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries with their place in the chain (已存证), None while the linker has not come to them."""
    found = chain_links.links(conn, "case_step", [[case_id, e["no"]] for e in entries])
    return [{**e, "chain": found.get((case_id, e["no"]))} for e in entries]


# ------------------------------------------------------------ parts


def _follows(doing: Doing, before: Row) -> dict[str, Any]:
    """Columns of the case, so that lists, the map and 待我处理 say what the incident's own rows do."""
    incident, parts, now = doing.incident, doing.parts, doing.now
    state = doing.life
    said = incident["confirmed"] or incident["proposed"]
    owed = record.owed_of(parts, state)
    chief = record.current(parts.posts, "chief", now) or record.current(parts.posts, "field", now)
    response = incident["response"]
    scope = str((response or {}).get("scope") or "")
    submitted = any(r["state"] == "submitted" for r in parts.reports)
    asked = "response" if incident["response_asked"] else "level" if incident["proposed"] else ""
    return {
        "stage": state.stage if state.over else record.stage_of(before),
        "incident_level": said["level"] if said else None,
        "level_state": "confirmed" if incident["confirmed"] else "initial" if said else "",
        "level_by": said["by"] if said else "",
        "response": f"{scope} {life.ROMAN[response['level']]} 级响应".strip() if response else "",
        "asked": "" if state.over else asked or ("report" if submitted else ""),
        "officer": chief["person"] if chief else before["officer"],
        "due_at": owed.at if owed else None,
        "due_label": {"first": "首报", "follow": "续报", "final": "终报"}[owed.kind] if owed else "",
    }


def _say(doing: Doing, key: str, done: Mapping[str, Any]) -> None:
    row = {**done, "version": doing.case["version"], "at": doing.now}
    told = entry(row, doing.case_id)
    say(doing, "timeline", told["key"].removeprefix("timeline:"), {**told, "chain": None}, "new")
    # what the asker may do is nobody else's: each screen asks under its own scope
    shown = record.header(doing.parts, replace(SYSTEM, permissions=frozenset()), doing.now)
    say(doing, "incident", doing.case_id, {k: v for k, v in shown.items() if k not in ("may", "elapsed_s", "as_of")})
    outbox.wake(doing.conn)
