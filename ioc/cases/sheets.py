"""A small table file as numbered rows of text: CSV (UTF-8, UTF-16, GB18030 which holds GBK) or an Excel sheet.

For the tables a city writes by hand: read whole, from bytes. Lines whose first cell begins with `#` are remarks; those
of the form `# 文号：国办发明电〔2025〕7号` are `notes`, and a remark that says 示例 marks the file as a sample.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from xml.etree import ElementTree

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from ioc.errors import Invalid, Reason

# A deadline table has hundreds of rows; what is larger is another file. Rows count too: a workbook is compressed.
MOST_BYTES, MOST_ROWS = 8 << 20, 20_000
SAMPLE = "示例"
_NOTE = re.compile(r"^#\s*([^：:]{1,12})[：:]\s*(.*)$")
# What openpyxl and the libraries below it raise for a file that is broken somewhere inside.
_BROKEN = (InvalidFileException, zipfile.BadZipFile, zlib.error, ElementTree.ParseError, OSError, KeyError, ValueError,
           EOFError, NotImplementedError, RecursionError, AttributeError, IndexError, TypeError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """`rows`: (row number as an operator counts it, column -> text). `wrong_width`: rows longer than the header."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    notes: Mapping[str, str]
    sample: bool = False
    wrong_width: frozenset[int] = frozenset()


def plain(text: str) -> str:
    """Full-width digits, letters and colons made half-width; outer blanks dropped."""
    return unicodedata.normalize("NFKC", text).strip()


def read_sheet(name: str, content: bytes) -> Sheet:
    """The sheet in `content`; `name` decides between Excel and text. Raises Invalid for what is no such file."""
    if len(content) > MOST_BYTES:
        raise _unreadable(name, "too_large", "文件过大", "the file is too large")
    if name.lower().endswith((".xlsx", ".xlsm")):
        return _sheet(name, _excel(name, content))
    if name.lower().endswith((".csv", ".txt", ".tsv")):
        return _sheet(name, _text(name, content))
    raise _unreadable(name, "bad_file", "应为 .csv 或 .xlsx 文件", "must be a .csv or .xlsx file")


def _unreadable(name: str, code: str, zh: str, en: str) -> Invalid:
    return Invalid(name, name, reasons=[Reason("file", code, zh, en, name)])


def _text(name: str, content: bytes) -> list[tuple[int, list[str]]]:
    text = _decoded(name, content)
    head = next((line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", '"#'))), "")
    delimiter = max(",;\t", key=head.count)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        return [(lines.line_num, cells) for cells in lines]
    except csv.Error as e:
        raise _unreadable(name, "bad_csv", f"不是有效的 CSV：{e}", f"not valid CSV: {e}") from e


def _decoded(name: str, content: bytes) -> str:
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _unreadable(name, "bad_encoding", "文字编码有误", "the text encoding is broken")


def _excel(name: str, content: bytes) -> list[tuple[int, list[str]]]:
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        lines = book.worksheets[0].iter_rows(values_only=True)
        # a formatted sheet can have a million empty rows: they are passed over, not kept
        full = (line for line in enumerate(lines, 1) if any(value is not None for value in line[1]))
        kept = [(number, [_cell(value) for value in cells]) for number, cells in islice(full, MOST_ROWS + 1)]
    except _BROKEN as e:
        raise _unreadable(name, "bad_file", "无法读取 Excel 文件", "cannot read the Excel file") from e
    if len(kept) > MOST_ROWS:
        raise _unreadable(name, "too_large", f"超过 {MOST_ROWS} 行", f"more than {MOST_ROWS} rows")
    return kept


def _cell(value: object) -> str:
    """A cell as one would type it: whole numbers without point, dates and times as ISO."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime) and value.time() == dt.time.min:
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _sheet(name: str, lines: Iterable[tuple[int, list[str]]]) -> Sheet:
    columns, rows, notes, sample = (), list[tuple[int, dict[str, str]]](), dict[str, str](), False
    wrong: set[int] = set()
    for number, cells in lines:
        cells = [cell.strip() for cell in cells]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if cells[0].startswith("#"):
            remark = " ".join(cells)
            sample = sample or SAMPLE in remark
            if found := _NOTE.match(remark):
                notes[found[1].strip()] = found[2].strip()
        elif not columns:
            columns = tuple(plain(cell) for cell in cells)
        else:
            if len(cells) > len(columns):
                wrong.add(number)
            padded = [*cells, *[""] * (len(columns) - len(cells))]
            rows.append((number, dict(zip(columns, padded, strict=False))))
    return Sheet(name, columns, tuple(rows), notes, sample, frozenset(wrong))
