"""A person's word on a detection or on a suspected event: confirmed or refuted, by name, with time and reason.

Decisions are appended, never changed; a later one corrects an earlier one and says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from ioc.cases import joining
from ioc.clock import Clock
from ioc.errors import Conflict, Invalid, NotFound
from ioc.intake.detections import make_event
from ioc.intake.reasons import reason
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Store, detections, event_change
from ioc.store.detections import Row
from ioc.store.event_change import Decision
from ioc.store.pool import Conn
from ioc.store.retry import retried
from ioc.store.where import visible

RIGHT = "detection.review"


@dataclass(frozen=True)
class Reviews:
    """The use-cases of one store."""

    store: Store
    settings: Settings
    clock: Clock

    def detection(
        self, scope: Scope, name: str, detection_id: int, decision: Decision, why: str, version: int | None
    ) -> dict[str, Any]:
        """Decide on a detection. `version`: the one the reviewer saw; None: whichever it is.

        Raises Forbidden, NotFound, Conflict (somebody was first, or it is part of a case), Invalid.
        """
        scope.require(RIGHT)
        return retried(lambda: self._detection(scope, name, detection_id, decision, why.strip(), version))

    def _detection(
        self, scope: Scope, name: str, detection_id: int, decision: Decision, why: str, version: int | None
    ) -> dict[str, Any]:
        now = self.clock.now()
        # under the system's scope for what follows from it; what the reviewer may decide on is their own predicate
        with self.store.scoped(SYSTEM) as conn:
            row = detections.one(conn, scope, detection_id, lock=True)
            if row is None:
                raise NotFound(f"检测 {detection_id}", f"detection {detection_id}")
            if row["state"] == decision:
                return _told(row)
            _refuse_stale(conn, row, version)
            _reasoned(decision, why, row["state"])
            event_id = self._event(conn, row, decision, scope, now)
            changed = detections.change(conn, detection_id, {"state": decision, "event_id": event_id}, now)
            values = _values(changed, scope, name, decision, why, now) | {"state_before": row["state"]}
            detections.add_review(conn, values)
            detections.tell(conn, changed, "change")
            return _told(changed)

    def _event(self, conn: Conn, row: Row, decision: Decision, scope: Scope, now: Any) -> int | None:
        event_id: int | None = row["event_id"]
        if event_id is not None:
            _refuse_case(conn, event_id, decision)
            _reviewed(conn, event_id, decision, scope.actor, now)
            return event_id
        if decision == "refuted":
            return None
        made = make_event(conn, row, SYSTEM, scope.actor, self.settings, now)
        if isinstance(made, list):
            raise Invalid(reasons=made)
        _reviewed(conn, made, decision, scope.actor, now)
        return made

    def event(self, scope: Scope, name: str, event_id: int, decision: Decision, why: str) -> dict[str, Any]:
        """Decide on a suspected event that did not come from video analysis. One that did is decided as its detection.

        Raises Forbidden, NotFound, Conflict, Invalid.
        """
        scope.require(RIGHT)
        return retried(lambda: self._plain_event(scope, name, event_id, decision, why.strip()))

    def _plain_event(self, scope: Scope, name: str, event_id: int, decision: Decision, why: str) -> dict[str, Any]:
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            found = conn.execute(
                "SELECT detection_id FROM detection WHERE event_id = %s ORDER BY 1 LIMIT 1", (event_id,)
            ).fetchone()
            if found is None:
                return self._decide_event(conn, scope, name, event_id, decision, why)
        done = self._detection(scope, name, found["detection_id"], decision, why, None)
        return {"event_id": event_id, "state": done["state"], "at": now.isoformat()}

    def _decide_event(
        self, conn: Conn, scope: Scope, name: str, event_id: int, decision: Decision, why: str
    ) -> dict[str, Any]:
        now = self.clock.now()
        row = _event_row(conn, scope, event_id)
        if row is None:
            raise NotFound(f"事件 {event_id}", f"event {event_id}")
        if row["reviewed"] == decision:
            return {"event_id": event_id, "state": decision, "version": row["version"]}
        if not row["suspected"] and not row["reviewed"]:
            raise Conflict("该事件不是疑似事件", "the event is not a suspected one")
        before = row["reviewed"] or "suspected"
        _reasoned(decision, why, before)
        _refuse_case(conn, event_id, decision)
        version = _reviewed(conn, event_id, decision, scope.actor, now)
        scoped = {**row, "detection_id": None}
        detections.add_review(conn, _values(scoped, scope, name, decision, why, now) | {"state_before": before})
        return {"event_id": event_id, "state": decision, "version": version}


def _reviewed(conn: Conn, event_id: int, decision: Decision, actor: str, now: Any) -> int:
    """The event's new version. What is verified joins the open case of the same thing, as a new report would have."""
    version = event_change.review(conn, event_id, decision, actor, now)
    if decision == "confirmed":
        joining.attach(conn, event_id, now)
    return version


def _event_row(conn: Conn, scope: Scope, event_id: int) -> Row | None:
    seen, params = visible(scope, "e")
    query = sql.SQL(
        "SELECT e.event_id, e.suspected, e.reviewed, e.version, e.region_id, e.private_to, e.sensitivity, e.origin"
        " FROM event e WHERE e.event_id = %(id)s AND {} FOR UPDATE"
    ).format(seen)
    return conn.execute(query, {**params, "id": event_id}).fetchone()


def _reasoned(decision: Decision, why: str, before: str) -> None:
    """Why it is none, and why an earlier decision was wrong, must be said; that it is one need not."""
    if len(why) > 500:
        raise Invalid(reasons=[reason("reason", "too_long", why, limit=500)])
    if "\x00" in why:
        raise Invalid(reasons=[reason("reason", "bad_text", why.replace("\x00", ""))])
    if not why and (decision == "refuted" or before in ("confirmed", "refuted")):
        raise Invalid(reasons=[reason("reason", "missing_field")])


def _refuse_stale(conn: Conn, row: Row, version: int | None) -> None:
    if version is None or version == row["version"]:
        return
    last = list(detections.reviews(conn, row["detection_id"]))[-1:]
    who = last[0]["actor_name"] if last else ""
    said = f"{who} 已核查" if who else "内容已更新"
    said_en = f"reviewed by {who}" if who else "it has changed"
    raise Conflict(said, said_en, {"version": row["version"], "state": row["state"]})


def _refuse_case(conn: Conn, event_id: int, decision: Decision) -> None:
    """What became a case ends there, as a false alarm with its own steps; nobody pulls the report from under it."""
    if decision != "refuted":
        return
    row = conn.execute(
        "SELECT c.number FROM event e JOIN cases c USING (case_id) WHERE e.event_id = %s AND c.closed_at IS NULL",
        (event_id,),
    ).fetchone()
    if row is not None:
        raise Conflict(
            f"已立为办件 {row['number']}，请在办件中按误报办理",
            f"is part of case {row['number']}: end it there as a false alarm",
        )


def _values(row: Row, scope: Scope, name: str, decision: Decision, why: str, now: Any) -> dict[str, Any]:
    kept = {n: row[n] for n in ("detection_id", "event_id", "region_id", "private_to", "sensitivity", "origin")}
    who = {"actor": scope.actor, "actor_name": name or scope.actor}
    return {**kept, **who, "decision": decision, "reason": why, "at": now}


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "detection_id": row["detection_id"],
        "state": row["state"],
        "event_id": row["event_id"],
        "version": row["version"],
    }
