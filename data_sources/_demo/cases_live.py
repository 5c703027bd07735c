"""Cases of the running simulation: opened from reports, carried from stage to stage, closed mostly in time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np

from data_sources._demo import casework, text
from data_sources._demo.casework import Setting, Work, step
from data_sources._demo.stories import FLOWS, INCIDENTS, FlowStory
from data_sources._demo.work import City
from ioc.fold import fold_all
from ioc.geo import to_metres
from ioc.intake.context import SourceContext
from ioc.scope import SYSTEM
from ioc.store import cases_write
from ioc.store.pool import Conn

_FLOWS = {f.key: f for f in (*FLOWS, INCIDENTS)}
_STORIES = {(f.key, story.title): story for f in FLOWS for story in f.stories}
# Seconds a report is looked at before it can be accepted as a case, and the most accepted in one turn.
_LOOK_S, _ACCEPTED = 20.0, 200
# Of how many nearest deadlines the next case to move is drawn, and the most moved in one turn.
_DRAWN, _MOST = 40, 40


class CaseLife:
    """The writer of demo cases: row, history and feed record in one short transaction each.

    What waits to be accepted is read from the store, so that a restart forgets nothing. `queue`: so many routine
    reports, the newest, stay unaccepted.
    """

    def __init__(self, context: SourceContext, city: City, setting: Setting, queue: int) -> None:
        self._context, self._city, self._setting, self._queue = context, city, setting, queue
        self._rng = np.random.default_rng([setting.seed, int(context.clock.now().timestamp()), 9])
        self._village = {int(r): v for v, r in enumerate(city.frame.region_ids)}

    def advance(self, now: dt.datetime, arrivals: float) -> None:
        """Open what has waited long enough, and move as many cases as arrive: the number of open ones stays level.

        `arrivals`: reports expected since the last turn.
        """
        with self._context.store.scoped(SYSTEM) as conn:
            ready = self._ready(conn, now)
        for event_id in ready:
            if self._context.stop.is_set():
                return
            with self._context.store.scoped(SYSTEM) as conn:
                self._open(conn, event_id, now)
        moves = min(int(self._rng.poisson(arrivals * 5.0)), _MOST)
        for _ in range(moves):
            if self._context.stop.is_set():
                return
            with self._context.store.scoped(SYSTEM) as conn:
                self._move(conn, now)

    def _ready(self, conn: Conn, now: dt.datetime) -> list[int]:
        """Reports to accept now, oldest first: the urgent ones, and of the others all but the newest."""
        rows = conn.execute(
            """
            SELECT event_id FROM (
              SELECT event_id, occurred_at, urgency,
                     row_number() OVER (PARTITION BY urgency = 'routine' ORDER BY occurred_at DESC, event_id DESC) AS n
              FROM event WHERE status = 'open' AND case_id IS NULL AND incident_level IS NULL AND origin = 'demo') e
            WHERE occurred_at <= %s AND (urgency <> 'routine' OR n > %s) ORDER BY occurred_at, event_id LIMIT %s
            """,
            (now - dt.timedelta(seconds=_LOOK_S), self._queue, _ACCEPTED),
        ).fetchall()
        return [r["event_id"] for r in rows]

    def _accepted(self, row: Mapping[str, Any], now: dt.datetime) -> tuple[Work, FlowStory]:
        """The case made of a report: its flow follows from who reported what, its clock starts now."""
        key = "hotline" if row["category_scheme"] == "12345" else "grid"
        if key == "grid" and (key, row["title"]) not in _STORIES:
            key = "urban"
        f = _FLOWS[key]
        story = _STORIES.get((key, row["title"]), f.stories[0])
        v = self._village.get(row["region_id"], 0)
        w = Work(
            key, row["title"], row["category_scheme"], row["category_code"], story.icon, row["urgency"], row["lon"],
            row["lat"], v, row["address"], row["source"], _reporter(self._setting, f, row["source"]),
            casework.department(self._setting, story, v), row["occurred_at"].timestamp(), now.timestamp(),
        )  # fmt: skip
        w.officer = text.name(self._rng)
        casework.allow(self._setting, w, story)
        return w, f

    def _open(self, conn: Conn, event_id: int, now: dt.datetime) -> None:
        found = conn.execute(
            "SELECT region_id, grid_cell_ids, h3_10, title, category_scheme, category_code, urgency, address, source,"
            " occurred_at, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM event"
            " WHERE event_id = %s AND origin = 'demo' AND case_id IS NULL AND geom IS NOT NULL FOR UPDATE",
            (event_id,),
        ).fetchone()
        if found is None:
            return  # dropped or taken up meanwhile
        w, f = self._accepted(found, now)
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
        cases_write.link_event(conn, event_id, case_id, "demo", now)

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
            WHERE closed_at IS NULL AND origin = 'demo' AND terms IS NULL AND updated_at < %s
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
            cases_write.events_follow(conn, row["case_id"], "closed", "demo", now)


def _reporter(s: Setting, f: FlowStory, source: str) -> str:
    """How the reporter is called, from the system the report came through."""
    return next((words for key, words, _ in f.reporters if s.systems.report(key) == source), f.reporters[0][1])


def _time(epoch: float | None) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch or 0.0, dt.UTC)


def _iso(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
