"""The deadline table and the working calendar in force, as the rules take them; a file as a publication."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from ioc.cases.calendar import Calendar, Market, Span, Week
from ioc.cases.calendar_file import MAKEUP, Days, Hours, document_of, issued_of
from ioc.cases.deadline_file import FLOW_SCHEMES
from ioc.cases.deadlines import Deadline, DeadlineTable
from ioc.cases.sheets import SAMPLE, Sheet
from ioc.i18n import Text
from ioc.store import terms
from ioc.store.terms import Force, Publication

CALENDAR_KEY, CALENDAR_TITLE = "centre", Text("工作日历", "Working calendar")
MOST_KEPT = 8
_kept: dict[tuple[int, str], Rules] = {}
_lock = Lock()


@dataclass(frozen=True, slots=True)
class Rules:
    """What deadlines are computed with. None: not published. `revision` stands for this very set of publications."""

    revision: int
    table: DeadlineTable | None = None
    calendar: Calendar | None = None


def current(conn: psycopg.Connection[Any], zone: ZoneInfo) -> Rules:
    """What is in force in this transaction. Publications never change, so that a set of them is read once a process."""
    force = terms.in_force(conn)
    key = (force.revision, zone.key)
    found = _kept.get(key)
    if found is None:
        found = Rules(force.revision, table_of(conn, force), calendar_of(conn, force, zone))
        with _lock:
            while len(_kept) >= MOST_KEPT:
                _kept.pop(next(iter(_kept)))
            _kept[key] = found
    return found


def table_of(conn: psycopg.Connection[Any], force: Force) -> DeadlineTable | None:
    samples = {row["publication_id"] for row in force.of("deadlines").values() if row["origin"] == "demo"}
    rows = terms.rows_in_force(conn, force, "deadlines")
    names = ("flow", "amount", "unit", "category", "stage", "document", "issued")
    found = tuple(Deadline(**{n: r[n] for n in names}, sample=r["publication_id"] in samples) for r in rows)
    return DeadlineTable(found) if found else None


def calendar_of(conn: psycopg.Connection[Any], force: Force, zone: ZoneInfo) -> Calendar | None:
    """Without working hours there is no calendar. Years without a notice of their own are not published."""
    week, makeup = hours_of(conn, force)
    if not any(week):
        return None
    days = _days(conn, force)
    parts = [row for part in ("hours", "days", "markets") for row in force.of(part).values()]
    return Calendar(
        key=CALENDAR_KEY,
        title=CALENDAR_TITLE,
        zone=zone,
        week=week,
        holidays={r["day"]: r["name"] for r in days if not r["works"]},
        makeup={r["day"]: r["name"] for r in days if r["works"]},
        makeup_hours=makeup,
        markets=tuple(_market(r) for r in terms.rows_in_force(conn, force, "markets")),
        years=frozenset(int(year) for year in force.of("days")),
        document=force.of("hours")["hours"]["document"],
        sample=any(r["origin"] == "demo" for r in parts),
    )


def _days(conn: psycopg.Connection[Any], force: Force) -> list[terms.Row]:
    """Days in force. What a place says of a day goes before what a sample of another year says of it."""
    found = terms.rows_in_force(conn, force, "days")
    samples = {row["publication_id"] for row in force.of("days").values() if row["origin"] == "demo"}
    own = {r["day"] for r in found if r["publication_id"] not in samples}
    return [r for r in found if r["publication_id"] not in samples or r["day"] not in own]


def hours_of(conn: psycopg.Connection[Any], force: Force) -> Hours:
    """Working hours in force; all empty when there are none."""
    spans: list[list[Span]] = [[] for _ in range(MAKEUP + 1)]
    for r in terms.rows_in_force(conn, force, "hours"):
        spans[r["place"]].append((r["from_min"], r["to_min"]))
    ordered: Week = tuple(tuple(sorted(s)) for s in spans)
    return ordered[:MAKEUP], ordered[MAKEUP]


def _market(row: terms.Row) -> Market:
    duty = ((row["duty_from"], row["duty_to"]),) if row["duty_from"] is not None else ()
    return Market(row["name"], row["every"], row["since"], frozenset(row["days"]), duty)


def category_of(flow: str, scheme: str, code: str) -> str:
    """The category a case is looked up by: a code of another table than its flow's could mean something else there."""
    return code if scheme in FLOW_SCHEMES.get(flow, (scheme,)) else ""


# ------------------------------------------------------------ from files


def deadlines_publication(sheets: Sequence[Sheet], table: DeadlineTable) -> Publication:
    names = ("flow", "category", "stage", "amount", "unit", "document", "issued")
    rows = [{n: getattr(r, n) for n in names} for r in table.rows]
    documents = sorted({r.document for r in table.rows})
    issued = max((r.issued for r in table.rows if r.issued), default=None)
    return Publication(
        "deadlines",
        tuple(sorted({r.flow for r in table.rows})),
        rows,
        version=table.version,
        document="、".join(documents)[:500],
        issued=issued,
        file_name="、".join(s.name for s in sheets),
        sample=table.sample,
    )


def hours_publication(sheet: Sheet, hours: Hours) -> Publication:
    week, makeup = hours
    rows = [{"place": i, "from_min": a, "to_min": b} for i, spans in enumerate((*week, makeup)) for a, b in spans]
    return _calendar_publication("hours", ("hours",), sheet, rows)


def days_publication(sheet: Sheet, days: Days) -> Publication:
    def kind(found: Iterable[tuple[dt.date, str]], works: bool) -> list[terms.Row]:
        return [{"year": str(days.notice[day]), "day": day, "works": works, "name": name} for day, name in found]

    rows = [*kind(days.holidays.items(), False), *kind(days.makeup.items(), True)]
    return _calendar_publication("days", tuple(sorted(map(str, days.years))), sheet, rows)


def markets_publication(sheet: Sheet, markets: Sequence[Market]) -> Publication:
    rows = [
        {
            "place": i,
            "name": m.name,
            "every": m.every,
            "since": m.since,
            "days": sorted(m.days),
            "duty_from": m.duty[0][0] if m.duty else None,
            "duty_to": m.duty[0][1] if m.duty else None,
        }
        for i, m in enumerate(markets)
    ]
    return _calendar_publication("markets", ("markets",), sheet, rows)


def _calendar_publication(
    part: terms.Part, covers: tuple[str, ...], sheet: Sheet, rows: Sequence[terms.Row]
) -> Publication:
    document = document_of(sheet)
    sample = sheet.sample or SAMPLE in document
    return Publication(part, covers, rows, sheet.notes.get("版本", ""), document, issued_of(sheet), sheet.name, sample)
