"""Binding forces to an incident and telling what they do: row, history, feed record and the incident's timeline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ioc.cases.work import Actor
from ioc.clock import Clock
from ioc.command import book, force_state
from ioc.command.checklist import require
from ioc.errors import Conflict, NotFound
from ioc.scope import SYSTEM
from ioc.store import Conn, Store, request_keys, resources
from ioc.store.request_keys import RequestKey
from ioc.store.retry import retried

RIGHTS = ("incident.command", "resource.write")
STEP = "force"  # of the incident's chain


@dataclass(frozen=True)
class Forces:
    """The use-cases of one store."""

    store: Store
    clock: Clock
    zone: dt.tzinfo = dt.UTC

    def set_state(
        self, actor: Actor, resource_id: int, status: str, case_id: int | None = None, version: int | None = None,
        note: str = "", once: RequestKey | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """`version`: the one the actor saw; None: whatever it is now. The same state again changes nothing; `once`: the
        same request again gets the first answer.

        Raises Forbidden, NotFound (also outside the scope), Invalid, Conflict (not possible, or somebody was first).
        """
        require(actor.scope, RIGHTS)

        def turn() -> dict[str, Any]:
            now = self.clock.now()
            with self.store.scoped(SYSTEM) as conn:
                if (before := request_keys.claim(conn, once, now)) is not None:
                    return dict(before)
                row = self._set(conn, now, actor, resource_id, status, case_id, version, note)
                request_keys.keep(conn, once, as_json(row), str(row["origin"]))
                return as_json(row)

        return retried(turn, 5)

    def _set(
        self, conn: Conn, now: dt.datetime, actor: Actor, resource_id: int, status: str, case_id: int | None,
        version: int | None, note: str,
    ) -> Mapping[str, Any]:  # fmt: skip
        seen = resources.peek(conn, actor.scope, resource_id)
        if seen is None:
            raise NotFound(f"应急资源 {resource_id}", f"resource {resource_id}")
        # incidents before resources, and those in the order of their numbers: no two writers wait for each other
        ids: list[int] = sorted({int(i) for i in (seen["case_id"], case_id) if i is not None})
        doings = {i: self._incident(conn, actor, i, now, asked=i == case_id) for i in ids}
        row = resources.locked(conn, actor.scope, resource_id)
        if row is None or row["case_id"] != seen["case_id"]:
            raise Conflict("状态刚被他人更改", "somebody else has just changed it")
        if version is not None and version != row["version"]:
            context = {"version": row["version"]}
            raise Conflict("状态刚被他人更改", "somebody else has just changed it", context)
        to, goal = force_state.after(row["status"], row["case_id"], status, case_id)
        if (to, goal) == (row["status"], row["case_id"]):
            return row
        changed = resources.set_state(conn, resource_id, to, goal, actor.scope.actor, now)
        for i, doing in doings.items():
            if doing is not None and i in (row["case_id"], goal):
                book.step(doing, STEP, _given(row, changed, i, note))
        return changed

    def _incident(self, conn: Conn, actor: Actor, case_id: int, now: dt.datetime, *, asked: bool) -> book.Doing | None:
        """The incident, locked. One that is asked for must be the actor's to see, and open; one that is left is told
        whoever sends its forces away, unless it is over."""
        if asked:
            doing = book.begin(conn, actor, case_id, now, self.zone)
            book.open_only(doing)
            return doing
        system = Actor(replace(SYSTEM, actor=actor.scope.actor), actor.name)
        try:
            doing = book.begin(conn, system, case_id, now, self.zone)
        except NotFound:
            return None
        return None if doing.life.over else doing


def release_all(conn: Conn, case_id: int, actor: str, now: dt.datetime) -> list[int]:
    """Everything bound to an incident is available again: in the transaction that ends it. Returns their ids."""
    freed = resources.bound_to(conn, case_id)
    for resource_id in freed:
        if resources.locked(conn, SYSTEM, resource_id) is not None:
            resources.set_state(conn, resource_id, "available", None, actor, now)
    return freed


def _given(before: Mapping[str, Any], row: Mapping[str, Any], case_id: int, note: str) -> dict[str, Any]:
    """What the chain keeps: the resource, from which state to which, and whether it left this incident."""
    left = row["case_id"] != case_id
    zh = force_state.WORDS[str(row["status"])][0]
    said = f"{row['name']} {'调离' if left and row['case_id'] is not None else zh}"
    return {
        "resource": f"resource:{row['resource_id']}", "name": row["name"], "from": before["status"],
        "to": row["status"], "left": left, "text": f"{said}（{note}）" if note else said,
    }  # fmt: skip


def as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    at = row["status_at"]
    return {"key": f"resource:{row['resource_id']}", "resource_id": row["resource_id"], "name": row["name"],
            "status": row["status"], "case_id": row["case_id"], "version": row["version"],
            "status_at": at.isoformat() if at else None}  # fmt: skip
