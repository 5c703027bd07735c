"""Reports of one thing become one case: looking for it, and joining a report to it. The caller's transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.cases import duplicates as rules
from ioc.fold import fold_all
from ioc.scope import SYSTEM, Scope
from ioc.store import case_steps, cases_write, dispatch, merges
from ioc.store.merges import Joined, Probe
from ioc.store.pool import Conn

Row = Mapping[str, Any]
ACTOR, NAME = "system:join", "自动归并"


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate with its score. `row` is that of `ioc.store.merges`."""

    row: Row
    score: rules.Score
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        row = self.row
        case = "case_id" in row
        distance = row["distance_m"]
        return {
            "key": f"case:{row['case_id']}" if case else f"event:{row['event_id']}",
            **({"case_id": row["case_id"]} if case else {"event_id": row["event_id"]}),
            "number": row["number"] if case else row["source_id"],
            "title": row["title"],
            "address": row["address"],
            "at": (row["opened_at"] if case else row["occurred_at"]).isoformat(),
            "distance_m": None if distance is None else round(distance, 1),
            "score": round(self.score.total, 3),
            "parts": self.score.parts,
            "verdict": self.verdict,
        }


def probe_of_case(conn: Conn, case_id: int) -> Probe | None:
    row = conn.execute(
        "SELECT c.*, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat FROM cases c WHERE case_id = %s", (case_id,)
    ).fetchone()
    if row is None:
        return None
    at = min(_times(row), default=row["opened_at"].timestamp())
    moment = dt.datetime.fromtimestamp(at, dt.UTC)
    return Probe(row["lon"], row["lat"], moment, row["category_scheme"], row["category_code"], row["title"],
                 row["address"], row["origin"], case_id=case_id)  # fmt: skip


def probe_of_event(row: Row) -> Probe:
    """`row` has `lon` and `lat` (`case_steps.read_event`)."""
    return Probe(row["lon"], row["lat"], row["occurred_at"], row["category_scheme"], row["category_code"],
                 row["title"], row["address"], row["origin"], event_id=row["event_id"])  # fmt: skip


def cases_like(conn: Conn, scope: Scope, probe: Probe) -> list[Found]:
    """Open cases that may be the same, likeliest first."""
    table = dispatch.limits(conn)
    limits = table.find(probe.category)
    rows = merges.cases_near(conn, scope, probe, limits.radius_m, limits.hours)
    return _judged(probe, rows, limits)


def events_like(conn: Conn, scope: Scope, probe: Probe) -> list[Found]:
    """Open reports that are part of no case and may be the same, likeliest first."""
    limits = dispatch.limits(conn).find(probe.category)
    return _judged(probe, merges.events_near(conn, scope, probe, limits.radius_m, limits.hours), limits)


def _judged(probe: Probe, rows: Sequence[Row], limits: rules.Limits) -> list[Found]:
    found: list[Found] = []
    for row in rows:
        hours = rules.nearest_hours(probe.at.timestamp(), _times(row))
        category = (row["category_scheme"], row["category_code"])
        score = rules.score(
            (probe.scheme, probe.category), category, row["distance_m"], hours, float(row["text"] or 0.0), limits
        )
        verdict = rules.verdict(score, limits)
        if verdict:
            found.append(Found(row, score, verdict))
    return sorted(found, key=lambda f: (-f.score.total, f.row.get("case_id") or f.row.get("event_id") or 0))


def _times(row: Row) -> list[float]:
    """Moments a case or report speaks of: when each of its sources saw it."""
    if "occurred_at" in row:
        return [row["occurred_at"].timestamp()]
    told: list[float] = []
    for source in row["sources"] or ():
        try:
            told.append(dt.datetime.fromisoformat(str(source.get("at"))).timestamp())
        except ValueError:  # imported as words
            continue
    return told or [row["opened_at"].timestamp()]


def alike(a: Row, b: Row) -> bool:
    """Seen by the same people: joining must not show one department what belongs to another, nor mix demo with real."""
    return all((a[n] or None) == (b[n] or None) for n in ("private_to", "sensitivity", "origin"))


# ------------------------------------------------------------ joining


def attach_many(conn: Conn, event_ids: Sequence[int], now: dt.datetime) -> dict[int, int]:
    """`attach` for a batch of new reports: {event: case} of those that joined one.

    One statement finds the few that have an open case near them at all, and locks those cases in one order, so that
    batches of several processes wait for each other and do not block.
    """
    if not event_ids:
        return {}
    table = dispatch.limits(conn)
    joined = ((e, attach(conn, e, now)) for e in merges.with_cases_near(conn, event_ids, table.reach_m, table.reach_h))
    return {event_id: case_id for event_id, case_id in joined if case_id is not None}


def attach(conn: Conn, event_id: int, now: dt.datetime) -> int | None:
    """A new report joins the open case it certainly belongs to. Returns that case's id, None where there is none.

    Never what is only suspected: it is verified first (VID-06). The report's own scope decides nothing: its source is
    kept with the case whoever may see it, so only cases the same people see are looked at.
    """
    event = case_steps.read_event(conn, SYSTEM, event_id)
    if event is None or event["suspected"] or event["status"] != "open" or event["case_id"] is not None:
        return None
    for found in cases_like(conn, SYSTEM, probe_of_event(event)):
        if found.verdict != "certain" or not alike(event, found.row):
            continue
        case = case_steps.read(conn, SYSTEM, found.row["case_id"], lock=True)
        if case is not None and case["closed_at"] is None and not case["ended"]:
            join_event(conn, case, event, (ACTOR, NAME), now, found)
            return int(case["case_id"])
    return None


def gather(conn: Conn, case: Row, now: dt.datetime) -> Row:
    """A new case takes up the reports of the same thing that came before it. Returns the case after it."""
    probe = probe_of_case(conn, case["case_id"])
    for found in events_like(conn, SYSTEM, probe) if probe else ():
        if found.verdict != "certain" or found.row["suspected"] or not alike(case, found.row):
            continue
        event = case_steps.read_event(conn, SYSTEM, found.row["event_id"])
        if event is not None and event["case_id"] is None and event["status"] == "open":
            case = join_event(conn, case, event, (ACTOR, NAME), now, found)
    return case


def join_event(
    conn: Conn, case: Row, event: Row, who: tuple[str, str], now: dt.datetime, found: Found | None = None
) -> Row:
    """The report becomes one more source of the case (locked). Deadlines stay those of the case."""
    source = {"source": event["source"], "source_id": event["source_id"], "text": event["title"],
              "at": event["occurred_at"].isoformat()}  # fmt: skip
    cases_write.link_event(conn, event["event_id"], case["case_id"], who[0], now)
    merges.record(
        conn,
        Joined(
            case["case_id"], "event", event["event_id"], "manual" if found is None else "auto",
            {"events": [event["event_id"]], "sources": [source]}, found.score.total if found else None,
            found.score.parts if found else None, who[0], who[1], case["origin"],
        ),
        now,
    )  # fmt: skip
    sources = [*(case["sources"] or ()), source]
    changes = {"sources": sources, "search": words(conn, case, sources)}
    return step(conn, case, "join", changes, {"other": f"{event['source']} {event['source_id']}"}, who, now)


def words(conn: Conn, case: Row, sources: Sequence[Mapping[str, Any]]) -> str:
    """What the case is found by: its own words, every external number, and the numbers of the cases merged into it."""
    numbers = [str(m["number"]) for m in merges.standing(conn, case["case_id"]) if m["kind"] == "case" and m["number"]]
    ids = [str(s["source_id"]) for s in sources if s.get("source_id")]
    parts = (case["title"], *ids, case["number"], *numbers, case["address"])
    return fold_all(*dict.fromkeys(p for p in parts if p))


def step(
    conn: Conn,
    case: Row,
    key: str,
    changes: Mapping[str, Any],
    given: Mapping[str, Any],
    who: tuple[str, str],
    now: dt.datetime,
) -> Row:
    """A change beside the flow (归并, 合并, 升级), kept as a step in the case's history. Returns the case after it."""
    cases_write.change_case(conn, case["case_id"], changes, who[0], now)
    done = {
        "step": key, "stage_before": case["stage"], "stage_after": case["stage"], "actor": who[0],
        "actor_name": who[1], "given": dict(given),
    }  # fmt: skip
    case_steps.record(conn, case, done, now)
    after = case_steps.read(conn, SYSTEM, case["case_id"], lock=False)
    if after is None:
        raise LookupError(case["case_id"])
    return after
