"""Deadlines by flow, category and stage, as a city's documents set them. Pure rules over a frozen table.

The most specific row wins: of the rows of a flow and stage, the one with the longest category that the case's category
begins with (0102 暴露垃圾 before 01 市容环境 before all). A row without stage is the total (总时限); stage and total
deadlines are two clocks and never stand in for each other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ioc.cases.calendar import Calendar
from ioc.cases.worktime import UNIT_TEXT, Unit
from ioc.errors import Reason
from ioc.i18n import Text

TOTAL = ""  # the stage of a total deadline
ALL = ""  # the category of a deadline for every case of the flow


@dataclass(frozen=True, slots=True)
class Deadline:
    """`amount` of `unit` for a flow's stage. `category` is a prefix of a category code; `document` (文号) sets it."""

    flow: str
    amount: float
    unit: Unit
    category: str = ALL
    stage: str = TOTAL
    document: str = ""
    issued: dt.date | None = None
    sample: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        return self.flow, self.category, self.stage

    @property
    def text(self) -> Text:
        unit = UNIT_TEXT[self.unit]
        return Text(f"{self.amount:g} {unit.zh}", f"{self.amount:g} {unit.en}")


@dataclass(frozen=True, slots=True)
class DeadlineTable:
    """The deadlines in force, at most one for each flow, category and stage (`conflicts` finds others)."""

    rows: tuple[Deadline, ...]
    version: str = ""

    @property
    def sample(self) -> bool:
        return any(row.sample for row in self.rows)

    def find(self, flow: str, category: str, stage: str = TOTAL) -> Deadline | None:
        """The deadline of a case in `flow` with category code `category`; None: no document sets one."""
        fitting = [r for r in self.rows if (r.flow, r.stage) == (flow, stage) and category.startswith(r.category)]
        return max(fitting, key=lambda r: len(r.category), default=None)

    def stages(self, flow: str, category: str) -> dict[str, Deadline]:
        """Deadline of every stage of `flow` that has one, by stage key; the total is not among them."""
        found = {r.stage: self.find(flow, category, r.stage) for r in self.rows if r.flow == flow and r.stage != TOTAL}
        return {stage: deadline for stage, deadline in found.items() if deadline is not None}


def conflicts(rows: Iterable[Deadline]) -> Iterator[tuple[Deadline, Reason]]:
    """Rows of one document set that cannot stand together: a key set twice, a stage longer than its total."""
    kept = tuple(rows)
    table, seen = DeadlineTable(kept), set[tuple[str, str, str]]()
    for row in kept:
        if row.key in seen:
            yield row, Reason("时限", "set_twice", "同一流程、类别、环节已有时限", "set before", row.text.zh)
        seen.add(row.key)
        total = table.find(row.flow, row.category) if row.stage != TOTAL else None
        if total is not None and total.unit == row.unit and row.amount > total.amount:
            zh, en = f"环节时限长于总时限 {total.text.zh}", f"longer than the total of {total.text.en}"
            yield row, Reason("时限", "longer_than_total", zh, en, row.text.zh)


def sample_reasons(table: DeadlineTable | None, calendar: Calendar | None, *, demo: bool) -> tuple[Reason, ...]:
    """Why a centre may not count deadlines yet: 示例 tables bind nobody, so only a centre with demo data takes them.

    Also for what is missing altogether. Empty: it may.
    """
    out: list[Reason] = []
    for field, thing, zh, en in (
        ("deadlines", table, "时限表", "deadline table"),
        ("calendar", calendar, "工作日历", "working calendar"),
    ):
        if thing is None:
            out.append(Reason(field, "not_configured", f"尚未导入{zh}", f"no {en} imported yet"))
        elif thing.sample and not demo:
            out.append(
                Reason(field, "sample", f"{zh}仍是示例，请导入本地文件", f"the {en} is a sample: import your own")
            )
    return tuple(out)
