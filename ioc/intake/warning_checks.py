"""Judging official warnings (EMG-13): 命中, 空报, and 漏报, what no warning went before; at the desk or by file.

The word on a warning may be said again; the newest is in force and all of them stay. An exercise and a warning that
another one replaced are not judged.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from ioc.clock import Clock
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.scope import SYSTEM, Scope
from ioc.store import Store, warning_checks
from ioc.store.pool import Conn
from ioc.store.regions import Regions
from ioc.store.retry import retried

RIGHT = "incident.confirm"
DESK = "desk"
AHEAD = dt.timedelta(minutes=10)  # how far the clock of who writes may be ahead
Outcome = Literal["hit", "false", "miss", "void"]
Applied = Literal["stored", "updated", "unchanged"]
WORDS: dict[str, tuple[str, ...]] = {
    "hit": ("命中", "正确", "准确", "hit"),
    "false": ("空报", "误报", "false", "false alarm"),
    "miss": ("漏报", "miss", "missed"),
    "void": ("撤销", "作废", "void"),
}


@dataclass(frozen=True, slots=True)
class Word:
    """What is said: of a warning, or of a miss with its kind, its regions and a number of its own."""

    outcome: Outcome
    occurred_at: dt.datetime | None = None
    evidence: str = ""
    kind: str = ""
    region_ids: tuple[int, ...] = ()
    source: str = DESK
    number: str = ""


def faults(word: Word, now: dt.datetime) -> list[Reason]:
    """Why a word cannot stand."""
    out: list[Reason] = []
    if word.outcome in ("hit", "miss") and word.occurred_at is None:
        out.append(Reason("occurred_at", "missing_field", "命中与漏报须填发生时间", "required for a hit or a miss"))
    if word.occurred_at is not None and word.occurred_at > now + AHEAD:
        out.append(Reason("occurred_at", "future_time", "发生时间在未来", "lies in the future"))
    if word.outcome == "miss" and not word.kind.strip():
        out.append(Reason("kind", "missing_field", "漏报须填灾种", "required for a miss"))
    return out


@dataclass(frozen=True, slots=True)
class Checks:
    """The use-case of one store."""

    store: Store
    clock: Clock

    def judge(self, scope: Scope, warning_id: int, word: Word, by: str) -> dict[str, Any]:
        """The word on a warning. Raises Forbidden, NotFound (also outside the scope), Invalid, Conflict."""
        scope.require(RIGHT)
        now = self.clock.now()
        self._fit(word, ("hit", "false", "void"))
        with self.store.reading(scope) as conn:
            seen = warning_checks.warning(conn, warning_id)
        if seen is None:
            raise NotFound(f"预警 {warning_id}", f"warning {warning_id}")

        def work() -> Applied:
            with self.store.scoped(SYSTEM) as conn:
                done = apply(conn, warning_checks.warning(conn, warning_id), word, by, now)
                if done != "unchanged":
                    warning_checks.publish(conn, by, now)
                return done

        return {"warning_id": warning_id, "outcome": word.outcome, "state": retried(work)}

    def miss(self, scope: Scope, word: Word, region: str, by: str) -> dict[str, Any]:
        """What happened without a warning. Raises Forbidden, NotFound for a region outside the scope, Invalid."""
        scope.require(RIGHT)
        now = self.clock.now()
        self._fit(word, ("miss", "void"))
        ids = Regions.of(self.store).ids(scope, region) if region else None
        if region and not ids:
            raise NotFound(f"区划 {region}", f"region {region}")
        if not region and not scope.whole:
            raise Invalid(reasons=[Reason("region", "missing_field", "必填", "required")])
        own = Regions.of(self.store)
        at = (own.find(scope, region).region_id,) if region else ()
        number = word.number or f"M-{now:%Y%m%d}-{uuid.uuid4().hex[:8]}"
        said = Word(word.outcome, word.occurred_at, word.evidence, word.kind, at, word.source, number)

        def work() -> Applied:
            with self.store.scoped(SYSTEM) as conn:
                done = apply(conn, None, said, by, now)
                if done != "unchanged":
                    warning_checks.publish(conn, by, now)
                return done

        return {"number": number, "outcome": word.outcome, "state": retried(work)}

    def _fit(self, word: Word, allowed: tuple[str, ...]) -> None:
        reasons = faults(word, self.clock.now())
        if word.outcome not in allowed:
            names = ", ".join(allowed)
            reasons.append(Reason("outcome", "bad_choice", f"应为 {names}", f"one of {names}", word.outcome))
        if reasons:
            raise Invalid(reasons=reasons)


def apply(conn: Conn, warning: Any, word: Word, by: str, now: dt.datetime, origin: str = "") -> Applied:
    """In the caller's transaction under the system's scope. `warning` None: a miss. Raises Conflict."""
    if warning is not None and warning["exercise"]:
        raise Conflict("演练预警不检验", "an exercise is not judged")
    if warning is not None and warning["status"] == "replaced":
        raise Conflict("该预警已被更新，请检验最后一条", "this warning was replaced: judge the last one")
    if warning is not None and warning["onset_at"] > now:
        raise Conflict("预警尚未生效", "the warning is not in force yet")
    source, number = (warning["source"], warning["source_id"]) if warning else (word.source, word.number)
    warning_id = None if warning is None else int(warning["warning_id"])
    last = warning_checks.newest(conn, warning_id, source, number)
    values = {
        "source": source, "external_id": number, "warning_id": warning_id, "outcome": word.outcome, "kind": word.kind,
        "region_ids": list(warning["region_ids"]) if warning else list(word.region_ids),
        "occurred_at": word.occurred_at, "evidence": word.evidence, "actor": by,
        "origin": origin or (warning["origin"] if warning else "real"),
    }  # fmt: skip
    same = ("outcome", "kind", "region_ids", "occurred_at", "evidence")
    if last is not None and all(last[k] == values[k] for k in same):
        return "unchanged"
    if last is None and word.outcome == "void":
        return "unchanged"
    warning_checks.put(conn, values, now)
    return "updated" if last else "stored"
