"""The 督办 list: who was asked what about a case, until when, and how it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ioc.cases.supervising import told
from ioc.errors import Invalid, Reason
from ioc.exports.base import Ask, Listing, Place, Row, moment, nature
from ioc.store import supervision as store

COLUMNS = ("kind", "what", "number", "title", "urgency", "stage", "department", "person", "by", "made", "until",
           "state", "answer", "answered_by", "answered", "closed_by", "closed", "nature")  # fmt: skip


def supervision(place: Place, ask: Ask, limit: int) -> Listing:
    """`state` as the list has it; usually what is not closed. Raises Invalid."""
    state = ask.query.get("state") or "active"
    if state not in store.STATES:
        names = ", ".join(store.STATES)
        raise Invalid(reasons=[Reason("state", "bad_choice", f"应为 {names}", f"one of {names}", state[:80])])
    with place.store.scoped(ask.scope) as conn:
        rows = store.listed(conn, ask.scope, state=state, now=ask.now, region_ids=ask.region_ids, limit=limit)
    found = [(told(r, ask.now), r) for r in rows]
    return Listing(
        total=len(found),
        demo=any(r["origin"] == "demo" for r in rows),
        filters=[(ask.word("export.f.show"), ask.word(f"export.sv.{state}"))],
        columns=[ask.word(f"export.s.{c}") for c in COLUMNS],
        rows=lambda: _rows(found, ask),
    )


def _rows(found: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], ask: Ask) -> Iterator[Row]:
    for entry, row in found:
        case = entry["case"]
        yield (
            ask.word(f"screens.sv.{entry['kind']}"),
            entry["what"],
            case["number"],
            case["title"],
            ask.word(f"screens.urgency.{case['urgency']}"),
            ask.text(case["stage"]),
            entry["owner"]["department"],
            entry["owner"]["person"],
            entry["by"],
            moment(entry["made_at"]),
            moment(entry["until"]),
            ask.word("screens.sv.overdue" if entry["overdue"] else f"screens.sv.{entry['state']}"),
            entry["answer"],
            entry["answered_by"],
            moment(entry["answered_at"]),
            entry["closed_by"],
            moment(entry["closed_at"]),
            nature(row["origin"], ask),
        )
