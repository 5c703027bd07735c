"""What was done in the pack's incidents before the demo was loaded: their `told`, acted by the rules of command.

An entry has `min` (minutes after the opening), `by`, and `act` with `given`, or `report` with the recipients in `to`
(drafted by its writer, approved by the next one named in `approved_by`, and sent).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_sources._demo.history import known_from
from ioc.cases.work import Actor
from ioc.clock import FixedClock
from ioc.command import life
from ioc.command.report_work import Reports
from ioc.command.work import Incidents
from ioc.scope import SENSITIVE, SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Conn, Store
from ioc.store.request_keys import RequestKey

_RIGHTS = frozenset({"case.view", life.REPORT, *(a.right for a in life.ACTS.values())})


@dataclass
class _Then(Incidents):
    """Incidents of a moment of the past: what is written was known then."""

    def _once(self, once: RequestKey | None, work: Callable[[Conn, dt.datetime], tuple[Any, str]]) -> Any:
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            known_from(conn, now)
            return work(conn, now)[0]


def tell(store: Store, settings: Settings, highlights: Path | None) -> int:
    """Returns how many entries were told. Raises what the rules of command raise."""
    entries: list[Mapping[str, Any]] = json.loads(highlights.read_text("utf-8")) if highlights is not None else []
    done = 0
    for h in entries:
        found = _opened(store, str(h["title"])) if h.get("told") else None
        if found is None:
            continue
        case_id, opened_at = found
        for entry in h["told"]:
            at = opened_at + dt.timedelta(minutes=entry["min"])
            _one(_Then(store, FixedClock(at), settings.area_buffer_m, settings.tz), case_id, entry)
            done += 1
    return done


def _opened(store: Store, title: str) -> tuple[int, dt.datetime] | None:
    with store.reading(SYSTEM) as conn:
        row = conn.execute(
            "SELECT case_id, opened_at FROM cases WHERE origin = 'demo' AND flow = 'incident' AND title = %s"
            " AND closed_at IS NULL ORDER BY case_id DESC LIMIT 1",
            (title,),
        ).fetchone()
    return (int(row["case_id"]), row["opened_at"]) if row else None


def _one(incidents: Incidents, case_id: int, entry: Mapping[str, Any]) -> None:
    actor = Actor(_everybody(f"demo.{entry['by']}"), entry["by"])
    if "act" in entry:
        version = incidents.one(actor.scope, case_id)["version"]
        incidents.act(actor, case_id, entry["act"], entry["given"], version)
        return
    reports = Reports(incidents, lambda: "")
    made = reports.draft(actor, case_id, entry["report"])["report"]["report_id"]
    approver = Actor(_everybody(f"demo.{entry['approved_by']}"), entry["approved_by"])
    for who, step, given in (
        (actor, "submit", {}),
        (approver, "approve", {}),
        (actor, "send", {"recipients": entry["to"]}),
    ):
        reports.step(who, case_id, made, step, given, None)


def _everybody(actor: str) -> Scope:
    return Scope(actor, _RIGHTS, True, departments=None, sensitivity=SENSITIVE)
