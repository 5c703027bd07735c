"""A list as a file. Pure: a head, column names and rows to CSV or Excel, a cell never a formula.

CSV is UTF-8 with a byte order mark, because spreadsheet programs take it for the local code page without one, and ends
in CR LF (RFC 4180). Excel files keep long numbers (order and region codes) as text, which a program that opens a CSV
may not.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import openpyxl
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

Cell = str | int | float | dt.datetime | None
FORMATS = {"csv": "text/csv; charset=utf-8",
           "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}  # fmt: skip
BOM = "\ufeff"
# What a spreadsheet program may take for the beginning of a formula (OWASP, CSV injection); the wide forms too, which
# East Asian editions read as the narrow ones.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
CELL_MAX = 32_767  # characters an Excel cell holds
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """What the file says of itself before its columns: (name, value) lines, and the columns."""

    lines: Sequence[tuple[str, str]]
    columns: Sequence[str]


def safe(text: str) -> str:
    """A text no spreadsheet program computes: an apostrophe before what could begin a formula, also after blanks."""
    kept = ILLEGAL_CHARACTERS_RE.sub("", text)[: CELL_MAX - 1]
    return f"'{kept}" if kept.startswith(_FORMULA) or kept.lstrip().startswith(_FORMULA) else kept


def shown(cell: Cell, zone: ZoneInfo) -> str | int | float:
    """A cell as it is written: numbers stay numbers, times are local with seconds, texts are safe."""
    if cell is None:
        return ""
    if isinstance(cell, dt.datetime):
        return cell.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    return safe(cell) if isinstance(cell, str) else cell


def lines(
    head: Head, rows: Iterable[Sequence[Cell]], tail: Iterable[Sequence[Cell]], zone: ZoneInfo
) -> Iterator[list[str | int | float]]:
    """Every line of the file: head, an empty line, columns, rows, and what `tail` says when all rows are written."""
    for name, value in head.lines:
        yield [safe(name), safe(value)]
    yield []
    yield [safe(c) for c in head.columns]
    for row in rows:
        yield [shown(c, zone) for c in row]
    for row in tail:
        yield [shown(c, zone) for c in row]


def as_csv(found: Iterable[Sequence[str | int | float]]) -> Iterator[bytes]:
    """Pieces of the file as they are made."""
    buffer = io.StringIO()
    write = csv.writer(buffer, lineterminator="\r\n").writerow
    buffer.write(BOM)
    for line in found:
        write(line)
        if buffer.tell() >= _CHUNK:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def as_xlsx(found: Iterable[Sequence[str | int | float]], title: str) -> Iterator[bytes]:
    """The workbook: written row by row to a file that has no name, then sent in pieces."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    for line in found:
        sheet.append(list(line))
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while piece := file.read(_CHUNK):
            yield piece
