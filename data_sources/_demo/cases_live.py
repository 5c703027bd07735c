"""Cases of the running simulation: opened from reports, carried from stage to stage, closed mostly in time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_sources._demo.casework import Setting, Work, step
from data_sources._demo.stories import FLOWS, INCIDENTS
from data_sources._demo.work import City
from ioc.fold import fold_all
from ioc.geo import to_metres
from ioc.intake.context import SourceContext
from ioc.scope import SYSTEM
from ioc.store import cases_write
from ioc.store.pool import Conn

_FLOWS = {f.key: f for f in (*FLOWS, INCIDENTS)}
# Seconds a report waits before it is accepted as a case.
_WAIT_S = (12.0, 45.0)
# Of how many nearest deadlines the next case to move is drawn, and the most moved in one turn.
_DRAWN, _MOST = 40, 40


@dataclass(frozen=True, slots=True)
class Waiting:
    event_id: int
    work: Work
    at: dt.datetime


class CaseLife:
    """The writer of demo cases: row, history and feed record in one short transaction each."""

    def __init__(self, context: SourceContext, city: City, setting: Setting) -> None:
        self._context, self._city, self._setting = context, city, setting
        self._rng = np.random.default_rng([setting.seed, int(context.clock.now().timestamp()), 9])
        self._waiting: list[Waiting] = []

    def expect(self, event_id: int, work: Work, now: dt.datetime) -> None:
        self._waiting.append(Waiting(event_id, work, now + dt.timedelta(seconds=float(self._rng.uniform(*_WAIT_S)))))

    def advance(self, now: dt.datetime, arrivals: float) -> None:
        """Open what has waited long enough, and move as many cases as arrive: the number of open ones stays level.

        `arrivals`: reports expected since the last turn.
        """
        ready = [w for w in self._waiting if w.at <= now]
        self._waiting = [w for w in self._waiting if w.at > now]
        for item in ready:
            if self._context.stop.is_set():
                return
            with self._context.store.scoped(SYSTEM) as conn:
                self._open(conn, item, now)
        moves = min(int(self._rng.poisson(arrivals * 5.0)), _MOST)
        for _ in range(moves):
            if self._context.stop.is_set():
                return
            with self._context.store.scoped(SYSTEM) as conn:
                self._move(conn, now)

    def _open(self, conn: Conn, item: Waiting, now: dt.datetime) -> None:
        found = conn.execute(
            "SELECT region_id, grid_cell_ids, h3_10 FROM event WHERE event_id = %s AND origin = 'demo' FOR UPDATE",
            (item.event_id,),
        ).fetchone()
        if found is None:
            return  # dropped meanwhile
        w, f = item.work, _FLOWS[item.work.flow]
        at = now.timestamp()
        step(w, f, 0, w.opened)
        number = self._number(conn, f.prefix, f.digits, f.key == "hotline", now)
        x, y = to_metres(np.array([w.lon]), np.array([w.lat]), self._city.frame.srid)
        values: dict[str, Any] = {
            "number": number,
            "source": w.source,
            "source_id": number,
            "flow": w.flow,
            "stage": w.stage,
            "title": w.title,
            "category_scheme": w.scheme,
            "category_code": w.code,
            "urgency": w.urgency,
            "address": w.address,
            "lon": w.lon,
            "lat": w.lat,
            "x_m": float(x[0]),
            "y_m": float(y[0]),
            "srid": self._city.frame.srid,
            "h3_10": found["h3_10"],
            "region_id": found["region_id"],
            "grid_cell_id": next(iter(found["grid_cell_ids"]), None),
            "department": w.department,
            "officer": w.officer,
            "opened_at": _time(w.opened),
            "due_at": _time(w.due),
            "total_due_at": _time(w.total_due),
            "clock_stopped": (w.total_due or at) - at > 20 * 3600,
            "stages": w.stages,
            "sources": [
                {"source": w.source, "source_id": number, "text": w.source_text, "at": _time(w.occurred).isoformat()}
            ],
            "search": fold_all(w.title, number, self._city.frame.ground.folded[w.village], w.address, w.officer),
            "attributes": {"icon": w.icon} if w.icon else {},
            "origin": "demo",
        }
        if values["clock_stopped"]:
            values["due_at"] = values["total_due_at"]
        case_id = cases_write.open_case(conn, values, "demo", now)
        cases_write.link_event(conn, item.event_id, case_id, "demo", now)

    def _number(self, conn: Conn, prefix: str, digits: int, plain: bool, now: dt.datetime) -> str:
        """The next number of the local day; one writer at a time."""
        head = f"{prefix}{now.astimezone(self._context.settings.tz):%Y%m%d}" + ("" if plain else "-")
        conn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (head,))
        row = conn.execute(
            "SELECT max(right(number, %s)::bigint) AS last FROM cases WHERE number ~ ('^' || %s || '[0-9]+$')",
            (digits, head),
        ).fetchone()
        return f"{head}{int(row['last'] or 0) + 1 if row else 1:0{digits}d}"

    def _move(self, conn: Conn, now: dt.datetime) -> None:
        rows = conn.execute(
            """
            SELECT case_id, flow, stage, stages, opened_at, responded_at, total_due_at, officer FROM cases
            WHERE closed_at IS NULL AND origin = 'demo' AND updated_at < %s
            ORDER BY total_due_at LIMIT %s
            """,
            (now - dt.timedelta(seconds=20), _DRAWN),
        ).fetchall()
        if not rows:
            return
        row = rows[int(self._rng.integers(0, len(rows)))]
        held = conn.execute(
            "SELECT 1 FROM cases WHERE case_id = %s AND closed_at IS NULL FOR UPDATE SKIP LOCKED", (row["case_id"],)
        ).fetchone()
        if held is not None:
            self._next_stage(conn, row, now)

    def _next_stage(self, conn: Conn, row: Mapping[str, Any], now: dt.datetime) -> None:
        f = _FLOWS[row["flow"]]
        k = f.stages.index(row["stage"]) + 1 if row["stage"] in f.stages else len(f.stages) - 1
        last = k >= len(f.stages) - 1
        k = min(k, len(f.stages) - 1)
        total, opened = row["total_due_at"] or now, row["opened_at"]
        due = opened + (total - opened) * min(1.0, (k + 1.4) / (len(f.stages) - 1))
        entry = {"stage": f.stages[k], "entered_at": _iso(now), "due_at": _iso(due), "by": row["officer"] or "值班员"}
        changes: dict[str, Any] = {
            "stage": f.stages[k],
            "stages": [*row["stages"], entry],
            "due_at": max(due, min(total, now + dt.timedelta(minutes=10))),
        }
        if row["responded_at"] is None:
            changes["responded_at"] = now
        if last:
            changes |= {"closed_at": now, "on_time": now <= total, "clock_stopped": False, "due_at": total}
            if row["flow"] == "hotline":
                changes["satisfaction"] = int(self._rng.choice([5, 4, 3, 2], p=[0.72, 0.2, 0.06, 0.02]))
        cases_write.change_case(conn, row["case_id"], changes, "demo", now)
        if last:
            cases_write.close_events(conn, row["case_id"], "demo", now)


def _time(epoch: float | None) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch or 0.0, dt.UTC)


def _iso(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
