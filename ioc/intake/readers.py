"""Files as batches of rows: CSV, Excel, GeoJSON, GeoPackage, Shapefile. Memory is that of one batch, whatever the file.

A batch is a list of records (column -> value as delivered) and, for files that carry them, geometries beside it.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol, cast
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np
import openpyxl
import pyogrio
import pyogrio.errors
import pyogrio.raw
import shapely
from numpy.typing import NDArray
from openpyxl.utils.exceptions import InvalidFileException

from ioc.errors import Invalid
from ioc.intake import sniff

BATCH = 20_000
FEATURE_MAX = 64 << 20  # characters of one GeoJSON feature; a file with a broken one is not read to its end in vain
TEXT = (".csv", ".txt", ".tsv")
EXCEL = (".xlsx", ".xlsm")
GEOJSON = (".geojson", ".json", ".geojsonl", ".ndjson")
VECTOR = (".gpkg", ".shp", ".fgb", ".gml", ".kml", ".zip")
Geometries = NDArray[np.object_]
# What the libraries below raise for a file that is not what it says it is.
UNREADABLE: tuple[type[Exception], ...] = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FieldError,
    pyogrio.errors.FeatureError,
    InvalidFileException,
    zipfile.BadZipFile,
    ElementTree.ParseError,
    OSError,
    KeyError,
    ValueError,
    csv.Error,
    sqlite3.Error,
    shapely.errors.ShapelyError,
    zlib.error,
    EOFError,
    NotImplementedError,  # a ZIP of a method nobody has
    RecursionError,  # nested beyond reason
    # what openpyxl trips over a broken part with
    AttributeError,
    IndexError,
    TypeError,
)


def unreadable(path: Path, error: Exception) -> Invalid:
    return Invalid(f"无法读取 {path.name}：{error}", f"cannot read {path.name}: {error}")


@dataclass(frozen=True)
class Rows:
    """`numbers` are what an operator finds in the file: line of a text file, row of a sheet, ordinal of a feature.

    `geometries[i]` None: the row has none. `short` names rows whose number of columns does not fit the header.
    """

    numbers: Sequence[int]
    records: Sequence[dict[str, Any]]
    geometries: Geometries | None = None
    short: frozenset[int] = frozenset()


class Reader(Protocol):
    """An opened file. `crs` is the file's own statement, None when it makes none; `total` None when not known ahead."""

    @property
    def columns(self) -> Sequence[str]: ...

    @property
    def crs(self) -> str | None: ...

    @property
    def total(self) -> int | None: ...

    @property
    def note(self) -> str: ...

    def batches(self, size: int = BATCH) -> Iterator[Rows]: ...


def open_file(path: Path, *, sheet: str = "", layer: str = "") -> Reader:
    """Raises Invalid for a file that does not exist, is of no known kind, or cannot be read, then or later."""
    ending = path.suffix.lower()
    if not path.is_file():
        raise Invalid(f"没有文件 {path}", f"no file {path}")
    try:
        if ending in TEXT:
            return _Guarded(CsvFile(path), path)
        if ending in EXCEL:
            return _Guarded(ExcelFile(path, sheet), path)
        if ending in GEOJSON:
            return _Guarded(GeoJsonFile(path), path)
        if ending in VECTOR:
            return _Guarded(VectorFile(path, layer), path)
    except UNREADABLE as e:
        raise unreadable(path, e) from e
    known = " ".join((*TEXT, *EXCEL, *GEOJSON, *VECTOR))
    raise Invalid(f"不支持的文件类型 {ending}，可用：{known}", f"unknown file type {ending}, known: {known}")


class _Guarded:
    """A file that breaks off in the middle is as unreadable as one that does at its beginning."""

    def __init__(self, inner: Reader, path: Path) -> None:
        self._inner, self._path = inner, path
        self.columns, self.crs, self.total, self.note = inner.columns, inner.crs, inner.total, inner.note

    def batches(self, size: int = BATCH) -> Iterator[Rows]:
        try:
            yield from self._inner.batches(size)
        except UNREADABLE as e:
            raise unreadable(self._path, e) from e


class CsvFile:
    """UTF-8, UTF-16 or GB18030 text with a header line. Line numbers count the header as 1."""

    crs: str | None = None
    total: int | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoding = sniff.text_encoding(path)
        with self._open() as f:
            header = f.readline()
        self._delimiter = sniff.delimiter(header)
        with self._open() as f:
            names = next(csv.reader(f, delimiter=self._delimiter), [])
        self.columns = [n.strip() for n in names]
        self.note = f"{self._encoding}, {self._delimiter!r}"

    def _open(self) -> IO[str]:
        return io.open(self._path, encoding=self._encoding, newline="")  # noqa: UP020 - typed as text

    def batches(self, size: int = BATCH) -> Iterator[Rows]:
        columns, width = self.columns, len(self.columns)
        with self._open() as f:
            lines = csv.reader(f, delimiter=self._delimiter)
            next(lines, None)
            while True:
                numbers: list[int] = []
                records: list[dict[str, Any]] = []
                short: set[int] = set()
                for cells in lines:
                    if not cells or not any(cells):
                        continue
                    if (len(cells) != width and any(c.strip() for c in cells[width:])) or len(cells) < width:
                        short.add(lines.line_num)
                    numbers.append(lines.line_num)
                    records.append(dict(zip(columns, cells, strict=False)))
                    if len(records) >= size:
                        break
                if not records:
                    return
                yield Rows(numbers, records, short=frozenset(short))


class ExcelFile:
    """A sheet of a workbook, streamed. The first sheet unless one is named."""

    crs: str | None = None

    def __init__(self, path: Path, sheet: str = "") -> None:
        self._book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        self._sheet = self._book[sheet] if sheet else self._book.worksheets[0]
        first = next(self._sheet.iter_rows(min_row=1, max_row=1, values_only=True), ())
        self.columns = [str(c).strip() if c is not None else "" for c in first]
        self.total: int | None = (self._sheet.max_row or 1) - 1
        self.note = self._sheet.title

    def batches(self, size: int = BATCH) -> Iterator[Rows]:
        lines = enumerate(self._sheet.iter_rows(min_row=2, values_only=True), 2)
        while chunk := list(islice(lines, size)):
            full = [(n, cells) for n, cells in chunk if any(c is not None for c in cells)]
            records = [{k: v for k, v in zip(self.columns, cells, strict=False) if k} for _, cells in full]
            yield Rows([n for n, _ in full], records)


class GeoJsonFile:
    """A FeatureCollection, or one feature a line, parsed as it is read: GDAL would hold the whole file."""

    total: int | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoding = sniff.text_encoding(path)
        self.crs = self._own_crs()
        self.note = self._encoding
        names: dict[str, None] = {}
        for feature in islice(self._features(), 200):
            names |= dict.fromkeys(feature.get("properties") or {})
        self.columns: Sequence[str] = list(names)

    def _own_crs(self) -> str | None:
        """The `crs` member of GeoJSON 2008. Without one the file says nothing that must agree with the declaration."""
        with self._path.open(encoding=self._encoding) as f:
            head = f.read(1 << 16)
        at = head.find('"crs"')
        if at < 0 or (head.find('"features"') >= 0 and at > head.find('"features"')):
            return None
        value, _ = json.JSONDecoder().raw_decode(head, head.index(":", at) + 1 + _blanks(head, head.index(":", at) + 1))
        told = cast("dict[str, Any]", value).get("properties") if isinstance(value, dict) else None
        return str(cast("dict[str, Any]", told).get("name") or "") or None if isinstance(told, dict) else None

    def _features(self) -> Iterator[dict[str, Any]]:
        decoder = json.JSONDecoder()
        with self._path.open(encoding=self._encoding) as f:
            buffer = f.read(1 << 20)
            at = buffer.find('"features"')
            # a collection starts at its array; line-delimited features start at once
            place = buffer.index("[", at) + 1 if at >= 0 else 0
            while True:
                place += _blanks(buffer, place, ",\x1e")
                if place < len(buffer) and buffer[place] == "]":
                    return
                try:
                    item, end = decoder.raw_decode(buffer, place)
                except ValueError:
                    more = f.read(1 << 20) if len(buffer) - place < FEATURE_MAX else ""
                    if not more:
                        if buffer[place:].strip(" \t\r\n]},"):
                            raise
                        return
                    buffer, place = buffer[place:] + more, 0
                    continue
                place = end
                feature = cast("dict[str, Any]", item) if isinstance(item, dict) else None
                if feature is None or not isinstance(feature.get("properties") or {}, dict):
                    raise ValueError("a feature that is no object")
                yield feature

    def batches(self, size: int = BATCH) -> Iterator[Rows]:
        number = 0
        features = self._features()
        while chunk := list(islice(features, size)):
            shapes = np.empty(len(chunk), dtype=object)
            records: list[dict[str, Any]] = []
            for i, feature in enumerate(chunk):
                shapes[i] = _shape(feature.get("geometry"))
                own = {"id": feature["id"]} if "id" in feature else {}
                records.append({**own, **cast("dict[str, Any]", feature.get("properties") or {})})
            yield Rows(range(number + 1, number + len(chunk) + 1), records, shapes)
            number += len(chunk)


def _blanks(text: str, at: int, also: str = "") -> int:
    end = at
    while end < len(text) and (text[end].isspace() or text[end] in also):
        end += 1
    return end - at


def _shape(geometry: Any) -> Any:
    """A shapely geometry; None for none; the text "bad" for one that cannot be read."""
    if geometry is None:
        return None
    try:
        return shapely.from_geojson(json.dumps(geometry))
    except (shapely.errors.GEOSException, TypeError, ValueError):
        return "bad"


class VectorFile:
    """What GDAL reads. A GeoPackage goes by ranges of feature ids: skipping rows would read it again for each batch."""

    def __init__(self, path: Path, layer: str = "") -> None:
        self._path = str(path) if path.suffix.lower() != ".zip" else f"/vsizip/{path}"
        self._layer = layer or None
        self._encoding = sniff.dbf_encoding(path) if path.suffix.lower() == ".shp" else None
        info: Mapping[str, Any] = pyogrio.read_info(self._path, layer=self._layer, encoding=self._encoding)
        self.columns: Sequence[str] = [str(c) for c in info["fields"]]
        self.crs: str | None = str(info["crs"]) if info["crs"] else None
        self.total: int | None = int(info["features"]) if int(info["features"]) >= 0 else None
        self.note = self._encoding or str(info["driver"])
        self._fid = str(info.get("fid_column") or "")
        self._gpkg = path if path.suffix.lower() == ".gpkg" and self._fid else None
        self._name = str(info.get("layer_name") or "")

    def batches(self, size: int = BATCH) -> Iterator[Rows]:
        number = 0
        for options in self._ranges(size):
            meta, _, shapes, columns = pyogrio.raw.read(
                self._path, layer=self._layer, encoding=self._encoding, datetime_as_string=True, **options
            )
            count = len(shapes) if shapes is not None else len(columns[0]) if columns else 0
            if not count:
                if self._gpkg is None:
                    return
                continue
            names = [str(n) for n in meta["fields"]]
            lists = [_plain(c) for c in columns]
            records = [dict(zip(names, cells, strict=True)) for cells in zip(*lists, strict=True)] if lists else []
            made = None if shapes is None else _from_wkb(shapes)
            yield Rows(range(number + 1, number + count + 1), records or [{} for _ in range(count)], made)
            number += count
            if self._gpkg is None and count < size:
                return

    def _ranges(self, size: int) -> Iterator[dict[str, Any]]:
        if self._gpkg is None:
            start = 0
            while True:
                yield {"skip_features": start, "max_features": size}
                start += size
        # by the ids that are there: they may be codes with wide gaps between them
        name, fid = _quoted(self._name), _quoted(self._fid)
        inner = ("SELECT", fid, "AS f FROM", name, "WHERE", fid, "> ? ORDER BY 1 LIMIT ?")
        query = " ".join(("SELECT min(f), max(f) FROM (", *inner, ")"))
        after = -(1 << 63)
        while True:
            with contextlib.closing(sqlite3.connect(f"file:{quote(str(self._gpkg))}?mode=ro", uri=True)) as db:
                low, high = db.execute(query, (after, size)).fetchone()
            if low is None:
                return
            yield {"where": " ".join((fid, ">=", str(int(low)), "AND", fid, "<=", str(int(high))))}
            after = int(high)


def _quoted(name: str) -> str:
    """A name of the file's own schema as SQLite and GDAL read it."""
    return '"' + name.replace('"', '""') + '"'


def _plain(column: NDArray[Any]) -> list[Any]:
    """Python values; GDAL's NaN for a missing number becomes None."""
    if column.dtype.kind == "f":
        return [None if v != v else v for v in column.tolist()]
    return cast("list[Any]", column.tolist())


def _from_wkb(shapes: Any) -> Geometries:
    try:
        return cast(Geometries, shapely.from_wkb(shapes))
    except shapely.errors.GEOSException:
        out = np.empty(len(shapes), dtype=object)
        for i, one in enumerate(shapes):
            try:
                out[i] = None if one is None else shapely.from_wkb(one)
            except shapely.errors.GEOSException:
                out[i] = "bad"
        return out
