"""Events and cases of some regions with every version of them, for playing back what was known when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, LiteralString

from psycopg import sql

from ioc.flows import flows
from ioc.scope import Scope
from ioc.store.detail_parts import both
from ioc.store.pool import Conn
from ioc.store.where import visible
from ioc.villages.playback import State, Step, Thing, settled

Row = Mapping[str, Any]
MOST = 400  # things of one playback; a busy town is played in shorter periods


def things(
    conn: Conn, scope: Scope, ids: Sequence[int] | None, since: dt.datetime, until: dt.datetime, most: int = MOST
) -> tuple[list[Thing], bool]:
    """(what was open at some time in the period, newest first; whether there is more).

    An event that is part of a case is played as that case. History is the asker's to see where the thing is.
    """
    found: list[Thing] = []
    more = False
    for kind, right, query in _ASKED:
        if not scope.can(right):
            continue
        rows = _select(conn, scope, query, ids, since, until, most + 1)
        more = more or len(rows) > most
        found += _with_steps(conn, kind, rows[:most])
    found.sort(key=lambda t: -t.steps[0].at_ms)
    return found[:most], more or len(found) > most


_EVENTS: LiteralString = """
SELECT x.event_id AS id, x.title, ST_X(x.geom) AS lon, ST_Y(x.geom) AS lat, x.urgency, x.status,
       x.occurred_at AS began, x.updated_at, x.suspected FROM event x
WHERE x.case_id IS NULL AND x.occurred_at < %(until)s AND (x.occurred_at >= %(since)s OR x.updated_at >= %(since)s
      OR x.status = 'open')
  AND {inside} AND {seen} ORDER BY x.occurred_at DESC, x.event_id DESC LIMIT %(most)s
"""
_CASES: LiteralString = """
SELECT x.case_id AS id, x.title, ST_X(x.geom) AS lon, ST_Y(x.geom) AS lat, x.urgency, x.stage, x.flow, x.ended,
       x.stages, x.opened_at AS began, x.closed_at, x.updated_at FROM cases x
WHERE x.opened_at < %(until)s AND (x.closed_at IS NULL OR x.closed_at >= %(since)s)
  AND {inside} AND {seen} ORDER BY x.opened_at DESC, x.case_id DESC LIMIT %(most)s
"""
_ASKED: tuple[tuple[str, str, LiteralString], ...] = (
    ("case", "case.view", _CASES),
    ("event", "event.view", _EVENTS),
)
_HISTORY: Mapping[str, LiteralString] = {
    "event": "SELECT event_id AS id, recorded_at, record FROM event_history WHERE event_id = ANY (%s)"
    " ORDER BY event_id, version",
    "case": "SELECT case_id AS id, recorded_at, record FROM case_history WHERE case_id = ANY (%s)"
    " ORDER BY case_id, version",
}


def _select(
    conn: Conn, scope: Scope, query: LiteralString, ids: Sequence[int] | None, since: dt.datetime,
    until: dt.datetime, most: int,
) -> Sequence[Row]:  # fmt: skip
    seen, params = visible(scope, "x")
    inside = sql.SQL("true" if ids is None else "x.region_id = ANY (%(ids)s)")
    given = {"ids": list(ids or ()), "since": since, "until": until, "most": most}
    return conn.execute(sql.SQL(query).format(inside=inside, seen=seen), {**params, **given}).fetchall()


def _with_steps(conn: Conn, kind: str, rows: Sequence[Row]) -> list[Thing]:
    versions: dict[int, list[Row]] = {}
    if rows:
        for v in conn.execute(_HISTORY[kind], ([r["id"] for r in rows],)):
            versions.setdefault(v["id"], []).append(v)
    make = case_steps if kind == "case" else event_steps
    out: list[Thing] = []
    for r in rows:
        steps = settled(make(r, versions.get(r["id"], [])))
        out.append(Thing(f"{kind}:{r['id']}", r["title"], r["lon"], r["lat"], steps))
    return out


def event_steps(row: Row, versions: Sequence[Row]) -> list[Step]:
    """One a version. A history that was cut by its retention, or filled by an import, begins with the row itself."""
    steps = [
        _event_step(v["recorded_at"], str(v["record"].get("status", row["status"])),
                    str(v["record"].get("urgency", row["urgency"])), bool(v["record"].get("suspected")))
        for v in versions
    ]  # fmt: skip
    return steps or [_event_step(row["began"], str(row["status"]), str(row["urgency"]), bool(row["suspected"]))]


def _event_step(at: dt.datetime, status: str, urgency: str, suspected: bool) -> Step:
    state: State = "void" if status == "void" else "closed" if status == "closed" else "open"
    word = "village.play.suspected" if suspected and state == "open" else f"village.play.{state}"
    return Step(_ms(at), state, urgency, both(word))


def case_steps(row: Row, versions: Sequence[Row]) -> list[Step]:
    """One a version, and one for each stage the case says it has entered (an imported case has its stages, no more)."""
    steps: list[Step] = []
    for v in versions:
        record: Row = v["record"]
        stage, urgency = str(record.get("stage", row["stage"])), str(record.get("urgency", row["urgency"]))
        over, ended = bool(record.get("closed_at")), str(record.get("ended") or "")
        steps.append(_case_step(v["recorded_at"], row, stage, over, ended, urgency))
    entered = [s for s in row["stages"] or () if s.get("entered_at")]
    if len(versions) <= 1 and entered:
        # recorded once, when it was imported: its stages tell how it came there, and that one version how it is now
        closed = flows()[row["flow"]].closed if row["flow"] in flows() else ""
        told = [
            _case_step(dt.datetime.fromisoformat(s["entered_at"]), row, str(s["stage"]), s["stage"] == closed, "",
                       str(row["urgency"]))
            for s in entered
        ]  # fmt: skip
        last = max(s.at_ms for s in told)
        return told + [replace(s, at_ms=max(s.at_ms, last + 1)) for s in steps]
    over = row["closed_at"] is not None
    return steps or [_case_step(row["began"], row, str(row["stage"]), over, "", str(row["urgency"]))]


def _case_step(at: dt.datetime, row: Row, stage: str, over: bool, ended: str, urgency: str) -> Step:
    flow = flows().get(row["flow"])
    word = dict(flow.stages).get(stage) if flow else None
    label = {"zh": word.zh, "en": word.en} if word else {"zh": stage, "en": stage}
    state: State = "void" if ended else "closed" if over else "open"
    return Step(_ms(at), state, urgency, label)


def _ms(at: dt.datetime) -> int:
    return round(at.timestamp() * 1000)
