"""Cells of a hand-written table: what a row holds, and every reason why it does not. Nothing is guessed.

A parser goes through all rows and collects; only a file without any reason gives a value.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ioc.cases.sheets import Sheet, plain
from ioc.errors import Reason

Value = TypeVar("Value")
WHOLE = 0  # the row number of a reason that concerns the file and not one row
REMARKS = ("备注", "说明", "序号")
_DATE = re.compile(r"^(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?$|^(\d{4})(\d{2})(\d{2})$")
_TIME = re.compile(r"^(\d{1,2}):(\d{2})(?::00)?$")


@dataclass(frozen=True, slots=True)
class RowReason:
    """`row` as an operator counts it in `file` (the header has a number too); 0: the file as a whole."""

    file: str
    row: int
    reason: Reason

    def as_dict(self) -> dict[str, Any]:
        return {"file": self.file, "row": self.row, **self.reason.as_dict()}


@dataclass(frozen=True, slots=True)
class Parsed(Generic[Value]):
    """`value` is None when there is any reason: a table is taken whole or not at all."""

    value: Value | None
    reasons: tuple[RowReason, ...] = ()


@dataclass
class Reasons:
    """What is found in one file. `columns`: known column -> other spellings of it."""

    sheet: Sheet
    columns: Mapping[str, Sequence[str]]
    found: list[RowReason] = field(default_factory=list[RowReason])
    missing: set[str] = field(default_factory=set[str])  # columns the file lacks: said once, not again in every row

    def add(self, row: int, reason: Reason) -> None:
        self.found.append(RowReason(self.sheet.name, row, reason))

    def rows(self, *required: str) -> list[Row]:
        """The rows by known column names. Unknown and missing columns are reasons: a misspelt one must not be lost."""
        known = {other: name for name, others in self.columns.items() for other in (name, *others)}
        for column in self.sheet.columns:
            if column and column not in known and column not in REMARKS:
                names = "、".join(self.columns)
                self.add(WHOLE, Reason(column, "unknown_column", f"没有这一列，可用：{names}", f"known: {names}"))
        have = {known.get(column) for column in self.sheet.columns}
        for column in required:
            if column not in have:
                self.missing.add(column)
                self.add(WHOLE, Reason(column, "missing_column", "缺少这一列", "this column is missing"))
        if not self.sheet.rows:
            self.add(WHOLE, Reason("file", "no_rows", "文件没有数据行", "the file has no rows"))
        for number in sorted(self.sheet.wrong_width):
            self.add(number, Reason("file", "short_row", "列数与表头不符", "more cells than the header has"))
        return [
            Row(self, number, {known.get(k, k): plain(v) for k, v in cells.items()})
            for number, cells in self.sheet.rows
        ]


@dataclass
class Row:
    """One row; its readers return None and leave a reason when a cell is not what it must be."""

    reasons: Reasons
    number: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        return self.cells.get(column, "")

    def refuse(self, column: str, code: str, zh: str, en: str) -> None:
        self.reasons.add(self.number, Reason(column, code, zh, en, self.text(column)[:200]))

    def required(self, column: str) -> str | None:
        if not self.text(column) and column not in self.reasons.missing:
            self.refuse(column, "missing_field", "必填项为空", "required")
        return self.text(column) or None

    def choice(self, column: str, choices: Mapping[str, Value]) -> Value | None:
        """The value of a required word."""
        word = self.required(column)
        if word is None:
            return None
        found = choices.get(word.replace(" ", ""))
        if found is None:
            zh = "、".join(w for w in choices if not w.isascii()) or "、".join(choices)
            en = ", ".join(w for w in choices if w.isascii()) or zh
            self.refuse(column, "bad_choice", f"应为 {zh} 之一", f"must be one of {en}")
        return found

    def choice_of(self, column: str, choices: Mapping[str, Value], blank: Value) -> Value | None:
        """The value of a word, `blank` where the cell is empty."""
        return self.choice(column, choices) if self.text(column) else blank

    def number_between(self, column: str, low: float, high: float) -> float | None:
        """A required number within bounds; a % behind it is read over."""
        word = self.required(column)
        if word is None:
            return None
        try:
            value = float(word.removesuffix("%"))
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            zh, en = f"应为 {low:g} 到 {high:g} 的数字", f"must be a number from {low:g} to {high:g}"
            self.refuse(column, "bad_number", zh, en)
            return None
        return value

    def date(self, column: str) -> dt.date | None:
        """The date of a required cell."""
        word = self.required(column)
        found = parse_date(word) if word else None
        if word and found is None:
            self.refuse(column, "bad_date", "不是有效的日期，例：2026-10-01", "not a date, for example 2026-10-01")
        return found

    def minute(self, column: str) -> int | None:
        """Minutes from midnight of a required time of day; 24:00 is the end of the day."""
        word = self.required(column)
        found = _TIME.match(word) if word else None
        minutes = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else -1
        if word and not 0 <= minutes <= 1440:
            self.refuse(column, "bad_time", "不是有效的时刻，例：08:30", "not a time of day, for example 08:30")
        return minutes if 0 <= minutes <= 1440 else None


def parse_date(word: str) -> dt.date | None:
    """2026-10-01, 2026/10/1, 2026.10.1, 20261001 or 2026年10月1日; None for anything else."""
    found = _DATE.match(plain(word))
    if not found:
        return None
    try:
        year, month, day = (int(part) for part in found.groups() if part)
        return dt.date(year, month, day)
    except ValueError:
        return None
