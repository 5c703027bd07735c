"""What imports of polygons share: the file opened and its columns recognised, shapes checked and turned to degrees."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from ioc import geo
from ioc.errors import Invalid
from ioc.intake import fields, geometry
from ioc.intake.area import Area
from ioc.intake.columns import recognise
from ioc.intake.datasets import Given
from ioc.intake.event_input import Reader
from ioc.intake.readers import Reader as File
from ioc.intake.readers import Rows, open_file
from ioc.intake.reasons import Refuse, reason
from ioc.intake.report import SHOWN, ImportReport
from ioc.scope import SYSTEM
from ioc.store import Store, area, disk
from ioc.store.epochs import Settled
from ioc.store.locate import metre_srid
from ioc.store.pool import Conn
from ioc.store.rejects import RAW_LIMIT, Rejected

BATCH = 5000
Values = dict[str, Any]


class DryRun(Exception):
    """Ends the transaction without a trace."""


@dataclass
class Opened:
    """A file with its columns: `found` column -> field. `crs` "" where nothing of it needs one."""

    file: File
    found: Mapping[str, str]
    crs: str
    report: ImportReport
    rejected: list[Rejected] = field(default_factory=list[Rejected])


@dataclass
class Row:
    """One record: its number in the file, its fields, its shape as delivered (None: none), reasons against it."""

    number: int
    reader: Reader
    record: Mapping[str, Any]
    shape: Any = None
    values: Values | None = None


def open_given(given: Given, kind: str, columns: Mapping[str, str], required: Sequence[str]) -> Opened:
    """Raises Invalid for a file that cannot be read, a wrong or missing system, columns nobody can do without."""
    file = open_file(given.file, sheet=given.sheet, layer=given.file_layer)
    found = recognise(file.columns, columns, given.mapping)
    lacking = [n for n in required if n not in found.values()]
    if lacking:
        listed = "、".join(c for c in file.columns if c)
        raise Invalid(
            f"没有识别出列 {'、'.join(lacking)}；文件的列：{listed}；可用 --map 字段=列名 指定",
            f"columns not recognised: {', '.join(lacking)}; the file has: {listed}; use --map field=COLUMN",
            reasons=[reason(n, "missing_field") for n in lacking],
        )
    crs = declared(given.crs) if given.crs else ""
    if crs:
        geometry.require_crs(file.crs, crs, given.file.name)
    report = ImportReport(kind, given.source, given.file.name, crs, given.dry_run, note=file.note)
    report.columns = {v: k for k, v in found.items()}
    report.extra = [c for c in file.columns if c and c not in found]
    return Opened(file, found, crs, report)


def declared(crs: str) -> str:
    try:
        return fields.crs(crs)
    except Refuse as e:
        raise Invalid(reasons=[e.of("crs", crs)]) from None


def batches(opened: Opened, progress: Callable[[int, int | None], None]) -> Iterator[list[Row]]:
    """Raises Invalid at the first shape of a file without a declared system: there is no default on purpose."""
    for batch in opened.file.batches(BATCH):
        rows = [_row(batch, i, opened) for i in range(len(batch.records))]
        opened.report.read += len(rows)
        yield rows
        progress(opened.report.read, opened.file.total)


def _row(batch: Rows, i: int, opened: Opened) -> Row:
    record = batch.records[i]
    reader = Reader({f: record.get(c) for c, f in opened.found.items()})
    if batch.numbers[i] in batch.short:
        reader.refuse("row", "short_row")
    shape = None if batch.geometries is None else batch.geometries[i]
    if shape is None and not fields.blank(reader.record.get("wkt")):
        shape = _from_wkt(str(reader.record["wkt"]))
    if shape is not None and not opened.crs:
        raise Invalid(reasons=[reason("crs", "missing_field")])
    return Row(batch.numbers[i], reader, record, shape)


def _from_wkt(text: str) -> Any:
    try:
        return shapely.from_geojson(text) if text.lstrip().startswith("{") else shapely.from_wkt(text)
    except shapely.errors.GEOSException:
        return "bad"


def to_degrees(rows: Sequence[Row], crs: str) -> None:
    """Delivered polygons to stored coordinates; what is wrong with one becomes its reason."""
    for row, fault in zip(rows, geometry.faults([r.shape for r in rows], ["polygon"], crs), strict=True):
        if fault is not None:
            row.reader.reasons.append(fault)
    good = [r for r in rows if not r.reader.reasons]
    if good:
        shapes = np.array([r.shape for r in good], dtype=object)
        for row, shape in zip(good, geometry.transform(shapes, crs), strict=True):
            row.shape = shape


def to_metres(shapes: Any, srid: int) -> Any:
    """Shapes in degrees to metres of the zone `srid`, vertex by vertex."""
    return shapely.transform(shapes, lambda xy: np.column_stack(geo.to_metres(xy[:, 0], xy[:, 1], srid)))


@dataclass
class Ground:
    """The centre's regions and its metre grid; the grid is chosen by the first shape where there are no regions."""

    area: Area
    srid: int

    @classmethod
    def of(cls, conn: Conn, first: Any, buffer_m: float) -> Ground:
        srid = metre_srid(conn, float(shapely.centroid(first).x))
        if srid is None:
            raise Invalid(reasons=[reason("geometry", "out_of_area", buffer=buffer_m)])
        return cls(Area(area.regions(conn), srid, buffer_m), srid)

    def place(self, rows: Sequence[Row]) -> None:
        """Region of each row (of a point inside it), outlines in degrees and metres; out of the area is a reason."""
        good = [r for r in rows if not r.reader.reasons and r.values is not None]
        if not good:
            return
        shapes = np.array([r.shape for r in good], dtype=object)
        points = shapely.get_coordinates(shapely.point_on_surface(shapes))
        regions = self.area.locate(points[:, 0], points[:, 1])
        near = self.area.within_buffer(points[:, 0], points[:, 1])
        metres = to_metres(shapes, self.srid)
        for i, row in enumerate(good):
            assert row.values is not None
            if not regions[i] and not near[i]:
                row.reader.refuse("geometry", "out_of_area", "", buffer=f"{self.area.buffer_m:g}")
                continue
            row.values.setdefault("region_id", int(regions[i]) or None)
            row.values |= {"wkb": shapely.to_wkb(row.shape), "wkb_m": shapely.to_wkb(metres[i]), "n": row.number}


def digest(values: Mapping[str, Any], names: Sequence[str]) -> str:
    """What two deliveries of one thing are compared by: its columns and its outline."""
    told = json.dumps([values[n] for n in names], ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.blake2b(told.encode() + bytes(values["wkb"]), digest_size=16).hexdigest()


def taken(opened: Opened, rows: Sequence[Row]) -> list[Values]:
    """Rows without reasons; the others are kept as rejects."""
    good: list[Values] = []
    for row in rows:
        if row.reader.reasons or row.values is None:
            refuse(opened, row.number, row.reader.reasons, row.record)
        else:
            good.append(row.values)
    return good


def refuse(opened: Opened, number: int, reasons: Sequence[Any], record: Mapping[str, Any] | None = None) -> None:
    raw = fields.mask_phone(json.dumps(record or {}, ensure_ascii=False, default=str)[:RAW_LIMIT])
    opened.rejected.append(Rejected(str(number), list(reasons), raw))
    opened.report.reasons.update((x.field, x.code) for x in reasons)


def balance(opened: Opened, settled: Settled, same: int) -> None:
    report = opened.report
    report.stored, report.updated, report.unchanged = settled.stored, settled.updated, settled.unchanged + same
    report.rejected = len(opened.rejected)
    report.shown = opened.rejected[:SHOWN]
    if settled.retired:
        gone = f"不再列出 {settled.retired} / no longer listed: {settled.retired}"
        report.note = "; ".join(p for p in (report.note, gone) if p)


@contextlib.contextmanager
def unit_of_work(store: Store, dry_run: bool) -> Generator[Conn]:
    """One transaction of the system; a dry run leaves no trace of it."""
    with contextlib.suppress(DryRun), store.scoped(SYSTEM) as conn:
        disk.read(conn).require("event")
        yield conn
        if dry_run:
            raise DryRun


def day(given: Given) -> dt.datetime | None:
    """`--as-of` as the beginning of that day in the centre's zone, UTC."""
    if given.as_of is None:
        return None
    return dt.datetime.combine(given.as_of, dt.time.min, tzinfo=given.settings.tz).astimezone(dt.UTC)
