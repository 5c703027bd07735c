"""Deadlines applied to cases: when one is opened, at every step, and again when a table or a calendar is published.

A case that came with deadlines of its own (imports, the demo, incidents) keeps them: `terms` is NULL. A step here moves
those only by what was decided here: by as long as its clock stood, and by an extension that was granted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from ioc.cases import terms as rules
from ioc.cases import worktime
from ioc.cases.flow import Taken
from ioc.cases.published import Rules, category_of, current
from ioc.cases.terms import Computed, Terms
from ioc.declare import Flow
from ioc.errors import Conflict
from ioc.flows import flows
from ioc.store.case_steps import Row, last_of
from ioc.store.pool import Conn

OWN = ("due_at", "total_due_at")


def opening(conn: Conn, values: Mapping[str, Any], now: dt.datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Columns of a case that is opened now from `values`; none when it brings deadlines or its flow has no steps."""
    if not worked(values["flow"]) or any(values.get(name) is not None for name in OWN):
        return {}
    return columns(Terms.begin(now), current(conn, zone), values, now)


def stepping(
    conn: Conn, row: Row, taken: Taken, changes: Mapping[str, Any], now: dt.datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """What a step changes in the deadlines of `row`. `changes`: what else it changes, its stages among it.

    Raises Conflict where a granted extension of a deadline from outside cannot be computed.
    """
    word = taken.step.clock
    if not word:
        return {}
    request, asked = taken.before.request, {**row, "stage": taken.after.stage}
    if not applies(row):
        return _own(conn, row, word, request, now, zone)
    found = Terms.of(row["terms"]) if row["terms"] is not None else adopted(row)
    out = columns(acted(found, word, request, taken.before.stage != taken.after.stage, now), current(conn, zone),
                  asked, now, changes.get("stages", row["stages"]))  # fmt: skip
    if word == "end":
        due = out["total_due_at"]
        # what ended without being closed is neither on time nor late
        out["on_time"] = None if taken.after.ended or due is None else now <= due
    return out


def applies(row: Row) -> bool:
    """Whether the published terms are those of this case."""
    return row["terms"] is not None or (worked(row["flow"]) and all(row[name] is None for name in OWN))


def worked(flow: str) -> bool:
    """Whether cases of the flow are worked on here."""
    found = flows().get(flow)
    return found is not None and bool(found.steps)


def adopted(row: Row) -> Terms:
    """The clocks of a case that came without deadlines: from when it was opened, its stage from when it was entered."""
    found = Terms.begin(row["opened_at"])
    entered = next((_moment(s["entered_at"]) for s in reversed(row["stages"] or ()) if s.get("entered_at")), None)
    if entered:
        found = found.enter(entered)
    return found.act("pause", row["updated_at"]) if row["clock_stopped"] else found


def columns(terms: Terms, by: Rules, row: Mapping[str, Any], now: dt.datetime, stages: Any = None) -> dict[str, Any]:
    """The deadline columns of a case with these clocks, in the stage and category of `row`."""
    flow = flows()[row["flow"]]
    category = category_of(flow.key, row["category_scheme"], row["category_code"])
    found = rules.compute(terms, by.table, by.calendar, (flow.key, category, stage_key(flow, row["stage"])), now)
    return {
        "terms": {**terms.as_dict(), "by": _ground(found)},
        "terms_rev": by.revision,
        "due_at": found.due_at,
        "total_due_at": found.total.at if found.total else None,
        "due_label": found.label,
        "due_unpublished": list(found.unpublished),
        "stages": _entered(row.get("stages") if stages is None else stages, found.due_at),
    }


def acted(terms: Terms, word: str, request: Mapping[str, Any], moved: bool, now: dt.datetime) -> Terms:
    """The clocks after a step. `request`: what an extension was asked with."""
    match word:
        case "again":
            return Terms.begin(now)
        case "stop":
            return terms.act("pause", now)
        case "go":
            return terms.act("resume", now)
        case "extend":
            return terms.extend(now, request["amount"], request["unit"])
        case _:
            return terms.enter(now) if moved else terms


def stage_key(flow: Flow, stage: str) -> str:
    """The stage's key. One that is closing has no term: what is left is whether the whole was kept."""
    found = next((key for key, word in flow.stages if stage in (key, word.zh)), "")
    return "" if found == flow.closed else found


# ------------------------------------------------------------ parts


def _moment(word: Any) -> dt.datetime | None:
    """A time as it was delivered with a stage; None where it says no moment."""
    try:
        found = dt.datetime.fromisoformat(str(word))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _ground(found: Computed) -> dict[str, Any]:
    """What the deadlines rest on, for people to read."""
    out: dict[str, Any] = {"missing": found.missing} if found.missing else {}
    for name, term in (("stage", found.stage), ("total", found.whole)):
        if term is not None:
            issued = term.issued.isoformat() if term.issued else ""
            out[name] = {"amount": term.amount, "unit": term.unit, "document": term.document, "issued": issued}
    return out


def _entered(stages: Any, due_at: dt.datetime | None) -> list[dict[str, Any]]:
    """The stages passed through; the one the case is in carries its deadline, those before keep theirs."""
    kept: list[dict[str, Any]] = [dict(s) for s in stages or ()]
    if kept:
        kept[-1].pop("due_at", None)
        if due_at is not None:
            kept[-1]["due_at"] = due_at.isoformat()
    return kept


def _own(
    conn: Conn, row: Row, word: str, request: Mapping[str, Any], now: dt.datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """Deadlines that came from outside, moved by what was decided here."""
    given = {name: row[name] for name in OWN if row[name] is not None}
    if word == "go":
        stopped = last_of(conn, row["case_id"], [s.key for s in flows()[row["flow"]].steps if s.clock == "stop"])
        if stopped is None:
            return {}
        return {name: due + (now - stopped) for name, due in given.items() if due > stopped}
    if word == "extend":
        amount, unit = request["amount"], request["unit"]
        if unit == "emergency_hours":  # runs by the wall clock: needs no calendar
            return {name: due + dt.timedelta(hours=amount) for name, due in given.items()}
        calendar = current(conn, zone).calendar
        if calendar is None:
            raise Conflict(
                "尚未导入工作日历，只能按自然时延期", "no working calendar yet: only running hours can be granted"
            )
        return {name: worktime.due(calendar, due, amount, unit).at for name, due in given.items()}
    return {}
