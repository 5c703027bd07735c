"""Elevations: grids as compressed blocks, read by windows; sheets of one grid are read as one."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioc.store.pool import Conn

Floats = NDArray[np.float32]
BLOCK = 256
EMPTY = np.iinfo(np.int32).min  # no data; everything else is millimetres
_ALIGNED = 0.01  # of a cell: origins of sheets of one grid differ by whole cells


@dataclass(frozen=True, slots=True)
class Terrain:
    """A grid in force. `x0, y0`: west and north edge in its system; `dx, dy` of a cell, in its units."""

    terrain_id: int
    source: str
    name: str
    crs: str
    datum: str
    width: int
    height: int
    x0: float
    y0: float
    dx: float
    dy: float
    block: int
    digest: str
    as_of: dt.datetime
    origin: str


def pack(rows: Floats) -> bytes:
    """A block of elevations in metres (NaN: none) as it is stored."""
    out = np.full(rows.shape, EMPTY, dtype="<i4")
    known = np.isfinite(rows)
    out[known] = np.rint(rows[known].astype(np.float64) * 1000).astype("<i4")
    return zlib.compress(out.tobytes(), 6)


def unpack(data: bytes, height: int, width: int) -> Floats:
    raw = np.frombuffer(zlib.decompress(data), dtype="<i4").reshape(height, width)
    return np.where(raw == EMPTY, np.nan, raw / 1000.0).astype(np.float32)


# ---------------------------------------------------------------- writing


def same(conn: Conn, source: str, name: str, digest: str) -> bool:
    row = conn.execute(
        "SELECT 1 FROM terrain WHERE source = %s AND name = %s AND digest = %s AND retired_at IS NULL",
        (source, name, digest),
    ).fetchone()
    return row is not None


def begin(conn: Conn, values: Mapping[str, Any], now: dt.datetime) -> tuple[int, bool]:
    """A new edition, and whether it replaces one: (terrain_id, replaced). `values`: the columns; `wkb` the bounds."""
    gone = conn.execute(
        "UPDATE terrain SET retired_at = %s WHERE source = %s AND name = %s AND retired_at IS NULL",
        (now, values["source"], values["name"]),
    ).rowcount
    row = conn.execute(
        """
        INSERT INTO terrain (source, name, crs, datum, width, height, x0, y0, dx, dy, block, valid, digest, as_of,
                             bounds, origin, recorded_at)
        VALUES (%(source)s, %(name)s, %(crs)s, %(datum)s, %(width)s, %(height)s, %(x0)s, %(y0)s, %(dx)s, %(dy)s,
                %(block)s, 0, %(digest)s, %(as_of)s, ST_SetSRID(ST_GeomFromWKB(%(wkb)s), 4326), %(origin)s, %(now)s)
        RETURNING terrain_id
        """,
        {**values, "now": now},
    ).fetchone()
    assert row is not None
    return int(row["terrain_id"]), gone > 0


def put(conn: Conn, terrain_id: int, origin: str, blocks: Iterable[tuple[int, int, Floats]]) -> tuple[int, Any, Any]:
    """Blocks (row, column, elevations). Returns cells with an elevation, the lowest and the highest."""
    valid, low, high = 0, np.inf, -np.inf
    for row, col, cells in blocks:
        known = np.isfinite(cells)
        if not known.any():
            continue
        valid += int(known.sum())
        low, high = min(low, float(cells[known].min())), max(high, float(cells[known].max()))
        conn.execute(
            "INSERT INTO terrain_block (terrain_id, row, col, data, origin) VALUES (%s, %s, %s, %s, %s)",
            (terrain_id, row, col, pack(cells), origin),
        )
    conn.execute(
        "UPDATE terrain SET valid = %s, low_m = %s, high_m = %s WHERE terrain_id = %s",
        (valid, low if valid else None, high if valid else None, terrain_id),
    )
    return valid, low, high


# ---------------------------------------------------------------- reading

_COVERING = """
SELECT terrain_id, source, name, crs, datum, width, height, x0, y0, dx, dy, block, digest, as_of, origin FROM terrain
WHERE recorded_at <= %(at)s AND (retired_at IS NULL OR retired_at > %(at)s)
  AND ST_Covers(bounds, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326))
ORDER BY ST_Area(bounds) / (width::float8 * height), as_of DESC, terrain_id DESC LIMIT 1
"""
# The one asked for last: what it knows stands over what its neighbours do.
_SHEETS = """
SELECT terrain_id, source, name, crs, datum, width, height, x0, y0, dx, dy, block, digest, as_of, origin FROM terrain
WHERE recorded_at <= %(at)s AND (retired_at IS NULL OR retired_at > %(at)s) AND (crs, datum) = (%(crs)s, %(datum)s)
  AND abs(dx / %(dx)s - 1) < 1e-9 AND abs(dy / %(dy)s - 1) < 1e-9
ORDER BY terrain_id = %(own)s, as_of, terrain_id
"""


def covering(conn: Conn, lon: float, lat: float, at: dt.datetime) -> Terrain | None:
    """The finest grid over a place, then the newest; as known at `at`."""
    row = conn.execute(_COVERING, {"lon": lon, "lat": lat, "at": at}).fetchone()
    return None if row is None else Terrain(**row)


def sheets(conn: Conn, of: Terrain, at: dt.datetime) -> list[tuple[Terrain, int, int]]:
    """`of` and the sheets of its grid: same system, datum and cells. With each, its first row and column on `of`."""
    values = {"at": at, "crs": of.crs, "datum": of.datum, "dx": of.dx, "dy": of.dy, "own": of.terrain_id}
    rows = conn.execute(_SHEETS, values).fetchall()
    out: list[tuple[Terrain, int, int]] = []
    for t in (Terrain(**r) for r in rows):
        col, row = (t.x0 - of.x0) / of.dx, (of.y0 - t.y0) / of.dy
        if abs(col - round(col)) < _ALIGNED and abs(row - round(row)) < _ALIGNED:
            out.append((t, round(row), round(col)))
    return out


def window(
    conn: Conn, found: Sequence[tuple[Terrain, int, int]], row0: int, col0: int, height: int, width: int
) -> Floats:
    """Elevations of a window on the first grid's cells (rows southwards); NaN where no sheet has any."""
    out = np.full((height, width), np.nan, dtype=np.float32)
    for t, row, col in found:
        top, left = row0 - row, col0 - col  # the window on the sheet's own cells
        rows = conn.execute(
            "SELECT row, col, data FROM terrain_block WHERE terrain_id = %s AND row BETWEEN %s AND %s"
            " AND col BETWEEN %s AND %s",
            (t.terrain_id, top // t.block, (top + height - 1) // t.block, left // t.block,
             (left + width - 1) // t.block),
        )  # fmt: skip
        for r in rows:
            _lay(out, t, r["row"], r["col"], bytes(r["data"]), top, left)
    return out


def _lay(out: Floats, t: Terrain, row: int, col: int, data: bytes, top: int, left: int) -> None:
    """One block into the window; what a later sheet knows stands over what an earlier one does."""
    y, x = row * t.block, col * t.block
    cells = unpack(data, min(t.block, t.height - y), min(t.block, t.width - x))
    y0, x0 = max(y, top), max(x, left)
    y1, x1 = min(y + cells.shape[0], top + out.shape[0]), min(x + cells.shape[1], left + out.shape[1])
    if y0 >= y1 or x0 >= x1:
        return
    part = cells[y0 - y : y1 - y, x0 - x : x1 - x]
    target = out[y0 - top : y1 - top, x0 - left : x1 - left]
    known = np.isfinite(part)
    target[known] = part[known]


def summary(conn: Conn) -> Mapping[str, Any]:
    """(sheets, cells with an elevation, oldest day) of what is in force."""
    row = conn.execute(
        "SELECT count(*) AS sheets, coalesce(sum(valid), 0)::bigint AS cells, min(as_of) AS oldest FROM terrain"
        " WHERE retired_at IS NULL"
    ).fetchone()
    return row or {"sheets": 0, "cells": 0, "oldest": None}
