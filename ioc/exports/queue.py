"""The work list as it was filtered: what is open, mine, overdue, or was closed today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ioc import views
from ioc.cases.expected import expected_of
from ioc.clock import local_day
from ioc.exports.base import Ask, Listing, Place, Row, moment, nature
from ioc.flows import flows
from ioc.store import worklist_export as store
from ioc.store.worklist import mine_keys

PORTION = 500
COLUMNS = ("number", "external", "flow", "title", "urgency", "level", "stage", "department", "officer", "place",
           "region", "opened", "due", "due_state", "source", "lon", "lat", "closed", "nature")  # fmt: skip


def queue(place: Place, ask: Ask, limit: int) -> Listing:
    """Raises Invalid for filters the list does not have."""
    query = views.checked({k: v for k, v in ask.query.items() if k in ("show", "urgency", "flow", "sort")})
    show = query.get("show", "all")
    with place.store.scoped(ask.scope) as conn:
        mine: Sequence[str] = ()
        if show == "mine":
            mine = mine_keys(conn, ask.scope, ask.region_ids, expected_of(ask.scope, ask.name), limit)
        wanted = store.Wanted(
            show=show, now=ask.now, day=local_day(ask.now, place.zone),
            urgency=_parts(query, "urgency"), flow=_parts(query, "flow"), newest=query.get("sort") == "new",
            region_ids=ask.region_ids, mine=tuple(mine),
        )  # fmt: skip
        found = store.ids(conn, ask.scope, wanted, limit)
    return Listing(
        total=len(found),
        demo=any(r["origin"] == "demo" for r in found),
        filters=_filters(query, show, ask),
        columns=[ask.word(f"export.c.{c}") for c in COLUMNS],
        rows=lambda: _rows(place, ask, found),
    )


def hotline(place: Place, ask: Ask, limit: int) -> Listing:
    """The same of 12345 orders alone."""
    asked = {**ask.query, "flow": "hotline"}
    return queue(place, Ask(ask.scope, ask.name, ask.login, ask.lang, asked, ask.region_ids, ask.now), limit)


def _parts(query: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(p for p in query.get(name, "").split(",") if p)


def _filters(query: Mapping[str, str], show: str, ask: Ask) -> list[tuple[str, str]]:
    out = [(ask.word("export.f.show"), ask.word(f"export.show.{show}"))]
    if urgencies := _parts(query, "urgency"):
        out.append((ask.word("export.c.urgency"), ", ".join(ask.word(f"screens.urgency.{u}") for u in urgencies)))
    if chosen := _parts(query, "flow"):
        out.append((ask.word("export.c.flow"), ", ".join(flows()[f].title(ask.lang) for f in chosen)))
    sort = "screens.flt.sort_new" if query.get("sort") == "new" else "screens.flt.sort"
    return [*out, (ask.word("export.f.order"), ask.word(sort))]


def _rows(place: Place, ask: Ask, found: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """In portions of a short transaction each: a slow reader holds neither a connection nor old rows."""
    for start in range(0, len(found), PORTION):
        with place.store.scoped(ask.scope) as conn:
            read = store.portion(conn, found[start : start + PORTION])
        for record, row in read:
            yield _row(record, row, ask)


def _row(record: Mapping[str, Any], row: Mapping[str, Any], ask: Ask) -> Row:
    level = record["level"]
    provisional = ask.word("export.provisional") if record["provisional"] else ""
    sources: Sequence[Mapping[str, Any]] = row.get("sources") or ()
    outside = [str(s.get("source_id") or "") for s in sources] or [str(row.get("source_id") or "")]
    return (
        record["number"],
        " ".join(n for n in dict.fromkeys(outside) if n and n != record["number"]),
        ask.text(record["flow_text"]),
        record["title"],
        ask.word(f"screens.urgency.{record['urgency']}"),
        f"{'ⅠⅡⅢⅣ'[level - 1]} {provisional}".strip() if level else "",
        ask.text(record["stage_text"]),
        str(row.get("department") or ""),
        str(row.get("officer") or ""),
        record["place"],
        str(record["region_code"] or ""),
        moment(record["opened_at"]),
        moment(record["due_at"]),
        _due(record, row, ask),
        record["source_text"],
        record["lon"],
        record["lat"],
        row.get("closed_at"),
        nature(record["origin"], ask),
    )


def _due(record: Mapping[str, Any], row: Mapping[str, Any], ask: Ask) -> str:
    """超时, 未超时, stopped, or what is to be known of the deadline."""
    due = moment(record["due_at"])
    label = ask.text(record["due_label"])
    if record["closed"] or due is None:
        return label
    if record["due_kind"] == "date":
        return ask.word("export.due.stopped")
    late = ask.word("export.due.late" if due < ask.now else "export.due.running")
    return f"{late} {label}".strip()
