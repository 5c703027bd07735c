"""`ioc import terrain FILE`: elevations from a GeoTIFF or an ESRI ASCII grid, read and stored block row by block row.

The horizontal system and the vertical datum must be said: an elevation without its datum floods the wrong street.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.errors
import shapely
from rasterio.windows import Window

from ioc import geo
from ioc.errors import Invalid
from ioc.intake import fields, geometry
from ioc.intake.datasets import Given
from ioc.intake.datasets._areas import day, declared, unit_of_work
from ioc.intake.reasons import reason
from ioc.intake.report import ImportReport
from ioc.intake.stewards import book
from ioc.store import Store, editions, terrain
from ioc.store.editions import Edition
from ioc.store.terrain import BLOCK, Floats

DATASET = "terrain"
ENDINGS = (".tif", ".tiff", ".asc")
# Nothing on land is lower or higher; what is, is a mark for "no data" that the file does not declare.
LOWEST_M, HIGHEST_M = -500.0, 9000.0
_EDGE = 32  # points along an edge of the grid: its outline in degrees follows the curve of its system


def bring_in(store: Store, given: Given) -> ImportReport:
    """Raises Invalid for a file that is no such grid, without a day, a system or a datum. `read` counts blocks."""
    began, now = given.clock.monotonic(), given.clock.now()
    if given.file.suffix.lower() not in ENDINGS:
        known = " ".join(ENDINGS)
        raise Invalid(f"不支持的文件类型，可用：{known}", f"unknown file type, known: {known}")
    as_of = day(given)
    lacking = [n for n, v in (("crs", given.crs), ("datum", given.datum), ("as_of", as_of)) if not v]
    if lacking or as_of is None:
        raise Invalid(reasons=[reason(n, "missing_field") for n in lacking])
    crs = declared(given.crs)
    if crs in geo.OFFSET:
        raise Invalid(reasons=[reason("crs", "bad_grid", crs, why="偏移坐标系 / an offset datum")])
    report = ImportReport(DATASET, given.source, given.file.name, crs, given.dry_run)
    try:
        with rasterio.open(given.file) as grid:
            _write(store, given, report, grid, crs, as_of, now)
    except rasterio.errors.RasterioIOError as e:
        raise Invalid(f"无法读取 {given.file.name}：{e}", f"cannot read {given.file.name}: {e}") from e
    report.seconds = given.clock.monotonic() - began
    return report


def _write(
    store: Store, given: Given, report: ImportReport, grid: Any, crs: str, as_of: dt.datetime, now: dt.datetime
) -> None:
    values = _head(given, grid, crs, as_of)
    with unit_of_work(store, given.dry_run) as conn:
        if terrain.same(conn, given.source, values["name"], values["digest"]):
            report.read = report.unchanged = 1
        else:
            terrain_id, replaced = terrain.begin(conn, values, now)
            valid, low, high = terrain.put(conn, terrain_id, given.origin, blocks(grid, given))
            if not valid:
                raise Invalid(reasons=[reason("file", "bad_grid", given.file.name, why="没有数据 / no data in it")])
            report.read = 1
            report.stored, report.updated = (0, 1) if replaced else (1, 0)
            report.note = f"{valid} 格 cells, {low:.1f} ～ {high:.1f} m, {given.datum}"
        if given.dry_run:
            return
        book(conn, report, [], given.actor, given.origin, now)
        have = terrain.summary(conn)
        detail = {"cells": int(have["cells"]), "datum": given.datum}
        origin = "demo" if given.origin == "demo" else "real"
        edition = Edition(
            DATASET, given.source, have["oldest"], int(have["sheets"]), 0, report.file, report.batch_id, detail, origin
        )  # fmt: skip
        editions.publish(conn, edition, given.actor, now)


def _head(given: Given, grid: Any, crs: str, as_of: dt.datetime) -> dict[str, Any]:
    own = grid.crs.to_wkt() if grid.crs else None
    geometry.require_crs(own, crs, given.file.name)
    t = grid.transform
    if grid.count < 1 or t.b or t.d or t.a <= 0 or t.e >= 0:
        raise Invalid(reasons=[reason("file", "bad_grid", given.file.name, why="不是正北向 / is not north up")])
    outline = outline_of(t.c, t.f, t.a, -t.e, grid.width, grid.height, crs)
    return {
        "source": given.source, "name": given.file.stem, "crs": crs, "datum": given.datum, "width": grid.width,
        "height": grid.height, "x0": t.c, "y0": t.f, "dx": t.a, "dy": -t.e, "block": BLOCK, "as_of": as_of,
        "digest": _digest(given.file, crs, given.datum, as_of), "wkb": shapely.to_wkb(outline), "origin": given.origin,
    }  # fmt: skip


def outline_of(x0: float, y0: float, dx: float, dy: float, width: int, height: int, crs: str) -> shapely.Polygon:
    """The grid's outline in degrees. Raises Invalid for a place that its system cannot have."""
    x1, y1 = x0 + dx * width, y0 - dy * height
    for x, y in ((x0, y0), (x1, y1)):
        wrong = fields.coordinates_fit(x, y, crs)
        if wrong:
            raise Invalid(reasons=[reason("crs", wrong, f"{x}, {y}", crs=crs, low=-90, high=90)])
    ring = shapely.segmentize(shapely.box(x0, y1, x1, y0), max(x1 - x0, y0 - y1) / _EDGE)
    out = shapely.transform(ring, lambda xy: np.column_stack(geo.to_wgs84(xy[:, 0], xy[:, 1], crs)))
    assert isinstance(out, shapely.Polygon)
    return out


def blocks(grid: Any, given: Given) -> Iterator[tuple[int, int, Floats]]:
    """Blocks of `BLOCK` x `BLOCK` cells, one strip of rows in memory at a time; NaN where the file has no data."""
    for row in range(-(-grid.height // BLOCK)):
        high = min(BLOCK, grid.height - row * BLOCK)
        read = grid.read(1, window=strip_of(grid.width, row * BLOCK, high), masked=True)
        strip = np.ma.filled(read.astype(np.float32), np.nan)
        known = strip[np.isfinite(strip)]
        if known.size and (known.min() < LOWEST_M or known.max() > HIGHEST_M):
            what = float(known.min() if known.min() < LOWEST_M else known.max())
            why = f"高程 {what:g} m，可能是未声明的无数据值 / an elevation of {what:g} m, no data that is not declared?"
            raise Invalid(reasons=[reason("file", "bad_grid", what, why=why)])
        for col in range(-(-grid.width // BLOCK)):
            yield row, col, strip[:, col * BLOCK : (col + 1) * BLOCK]
        given.progress(min((row + 1) * BLOCK, grid.height), grid.height)


def strip_of(width: int, row: int, rows: int) -> Any:
    """Whole rows of a grid, as the library names a part of it."""
    return Window.from_slices((row, row + rows), (0, width))  # pyright: ignore[reportUnknownMemberType]


def _digest(file: Path, *more: object) -> str:
    hashed = hashlib.blake2b(repr(more).encode(), digest_size=16)
    with file.open("rb") as f:
        while chunk := f.read(1 << 20):
            hashed.update(chunk)
    return hashed.hexdigest()
