"""The 示例 tables of deadlines and working time, as publications of the demo: gone when it is dropped."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg

from ioc.cases.calendar_file import read_days, read_hours, read_markets
from ioc.cases.cells import Parsed, Value
from ioc.cases.deadline_file import category_finder, read_deadlines
from ioc.cases.deadlines import DeadlineTable
from ioc.cases.published import (
    days_publication,
    deadlines_publication,
    hours_publication,
    markets_publication,
)
from ioc.cases.samples import DAYS, DEADLINES, HOURS, MARKETS, sample_sheet
from ioc.dictionaries import shipped
from ioc.errors import DeclarationError
from ioc.flows import flows
from ioc.store import terms

ACTOR = "demo"


def publish(conn: psycopg.Connection[Any], at: dt.datetime) -> int:
    """In the caller's transaction. Returns the rows of all tables. What the place published itself stays in force."""
    finder = category_finder(shipped())
    sheets = [sample_sheet(name) for name in DEADLINES]
    tables = [_good(read_deadlines(sheet, flows(), finder)) for sheet in sheets]
    hours_sheet, days_sheet, market_sheet = (sample_sheet(name) for name in (HOURS, DAYS, MARKETS))
    hours = _good(read_hours(hours_sheet))
    made = (
        deadlines_publication(sheets, DeadlineTable(tuple(row for table in tables for row in table.rows))),
        hours_publication(hours_sheet, hours),
        days_publication(days_sheet, _good(read_days(days_sheet, hours[0]))),
        markets_publication(market_sheet, _good(read_markets(market_sheet))),
    )
    for publication in made:
        terms.publish(conn, publication, ACTOR, at)
    return sum(len(publication.rows) for publication in made)


def _good(parsed: Parsed[Value]) -> Value:
    """Raises DeclarationError: a sample with a fault is a fault of the product."""
    if parsed.value is None:
        said = parsed.reasons[0]
        raise DeclarationError(f"{said.file}: {said.reason.zh}", f"{said.file}: {said.reason.en}")
    return parsed.value
