"""One list of records behind a number: its columns, its table and the conditions of the number."""

from __future__ import annotations

from dataclasses import dataclass, field

from psycopg import sql

Column = tuple[str, str, str]  # key, zh, en
NAME: Column = ("name", "名称", "Name")
REGION: Column = ("region", "所在区划", "Region")
COUNTED: Column = ("counted", "计入分子", "Counted")
ALL = sql.SQL("TRUE")


@dataclass(frozen=True, slots=True)
class Listing:
    """One list. `table` is FROM with alias; `where` the indicator's own condition; `counted` the numerator's.

    `inside`: what lies in the asked regions (`%(ids)s`), for a table that has no `region_id` of its own and whose
    rows are kept apart by row-level security alone.
    """

    columns: tuple[Column, ...]
    select: sql.Composable
    table: sql.Composable
    alias: str
    where: sql.Composable
    order: sql.Composable
    permission: str
    counted: sql.Composable = field(default_factory=lambda: ALL)
    inside: sql.Composable | None = None


_REGION_NAME = sql.SQL("(SELECT r.name FROM region r WHERE r.region_id = {}.region_id) AS region")


def region_name(alias: str) -> sql.Composed:
    """The region of a row, by name."""
    return _REGION_NAME.format(sql.Identifier(alias))
