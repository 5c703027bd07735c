"""Coordinates: declared systems, China's offset datums, the local metre grid, and H3 arithmetic.

All functions take and return `lon, lat` in degrees (that order) unless a name says otherwise: float64 arrays or floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

Crs = Literal["EPSG:4326", "EPSG:4490", "EPSG:4546", "GCJ-02", "BD-09"]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# CGCS2000 agrees with WGS 84 to centimetres, so both are stored as 4326 without a shift.
GEOGRAPHIC = ("EPSG:4326", "EPSG:4490")
OFFSET = ("GCJ-02", "BD-09")

# Krasovsky 1940 ellipsoid, the constants of the published GCJ-02 offset.
_A, _EE = 6378245.0, 0.00669342162296594323


def parse_crs(text: str) -> str:
    """A declared system in its canonical spelling. Raises ValueError when it is not one the product accepts.

    Accepted: GCJ-02, BD-09, and any EPSG geographic CGCS2000/WGS 84 code or CGCS2000 Gauss-Kruger zone (4491-4554).
    """
    t = text.strip().upper().replace("_", "-").replace(" ", "")
    if t in ("GCJ-02", "GCJ02"):
        return "GCJ-02"
    if t in ("BD-09", "BD09", "BD-09LL", "BD09LL"):
        return "BD-09"
    if t in ("WGS84", "WGS-84"):
        return "EPSG:4326"
    if t == "CGCS2000":
        return "EPSG:4490"
    if t.startswith("EPSG:") and t[5:].isdigit():
        code = int(t[5:])
        if code in (4326, 4490) or 4491 <= code <= 4554:
            return f"EPSG:{code}"
    raise ValueError(text)


def _offset(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    x, y = lon - 105.0, lat - 35.0
    s, sin, p = np.sqrt(np.abs(x)), np.sin, np.pi
    common = (20 * sin(6 * x * p) + 20 * sin(2 * x * p)) * 2 / 3
    dlat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * s + common
    dlat += (20 * sin(y * p) + 40 * sin(y / 3 * p)) * 2 / 3 + (160 * sin(y / 12 * p) + 320 * sin(y * p / 30)) * 2 / 3
    dlon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * s + common
    dlon += (20 * sin(x * p) + 40 * sin(x / 3 * p)) * 2 / 3 + (150 * sin(x / 12 * p) + 300 * sin(x / 30 * p)) * 2 / 3
    r = np.radians(lat)
    m = 1 - _EE * sin(r) ** 2
    q = np.sqrt(m)
    return dlon * 180 / (_A / q * np.cos(r) * p), dlat * 180 / ((_A * (1 - _EE)) / (m * q) * p)


def wgs_to_gcj(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """WGS 84 to GCJ-02 (the public offset polynomial)."""
    dx, dy = _offset(lon, lat)
    return lon + dx, lat + dy


def gcj_to_wgs(lon: FloatArray, lat: FloatArray, rounds: int = 4) -> tuple[FloatArray, FloatArray]:
    """GCJ-02 to WGS 84 by fixed-point iteration; four rounds agree with the forward offset to 1e-7 m."""
    x, y = lon, lat
    for _ in range(rounds):
        dx, dy = _offset(x, y)
        x, y = lon - dx, lat - dy
    return x, y


def gcj_to_bd(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """GCJ-02 to BD-09 (the published formula)."""
    z = np.hypot(lon, lat) + 2e-5 * np.sin(lat * np.pi * 3000 / 180)
    t = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * np.pi * 3000 / 180)
    return z * np.cos(t) + 0.0065, z * np.sin(t) + 0.006


def bd_to_gcj(lon: FloatArray, lat: FloatArray, rounds: int = 4) -> tuple[FloatArray, FloatArray]:
    """BD-09 to GCJ-02, the published inverse refined against the forward formula."""
    x, y = lon - 0.0065, lat - 0.006
    for _ in range(rounds):
        fx, fy = gcj_to_bd(x, y)
        x, y = x + lon - fx, y + lat - fy
    return x, y


@lru_cache(maxsize=32)
def _to_geographic(crs: str) -> Transformer:
    return Transformer.from_crs(crs, "EPSG:4490", always_xy=True)


@lru_cache(maxsize=32)
def _from_geographic(crs: str) -> Transformer:
    return Transformer.from_crs("EPSG:4490", crs, always_xy=True)


def to_wgs84(x: FloatArray, y: FloatArray, crs: str) -> tuple[FloatArray, FloatArray]:
    """Declared coordinates to stored `lon, lat`. For projected systems `x` is easting and `y` northing, in metres."""
    if crs in GEOGRAPHIC:
        return x, y
    if crs == "GCJ-02":
        return gcj_to_wgs(x, y)
    if crs == "BD-09":
        gx, gy = bd_to_gcj(x, y)
        return gcj_to_wgs(gx, gy)
    lon, lat = _to_geographic(crs).transform(x, y)
    return np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)


def metre_srid(lon: float) -> int:
    """EPSG code of the CGCS2000 3-degree Gauss-Kruger zone (by central meridian, no zone prefix) that holds `lon`.

    EPSG:4534 has central meridian 75E, EPSG:4554 135E, one code per three degrees. The zone follows from the
    region's longitude; it is never hard-coded. Raises ValueError outside 73.5-136.5.
    """
    zone = round(lon / 3.0)
    code = 4534 + (zone - 25)
    if not 4534 <= code <= 4554:
        raise ValueError(f"longitude {lon} lies outside the CGCS2000 3-degree zones")
    return code


def to_metres(lon: FloatArray, lat: FloatArray, srid: int) -> tuple[FloatArray, FloatArray]:
    """`lon, lat` to easting, northing in metres of the CGCS2000 zone `srid`."""
    x, y = _from_geographic(f"EPSG:{srid}").transform(lon, lat)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def h3_parent(cells: IntArray, res: int) -> IntArray:
    """Parents at `res` of an array of H3 cells, by bit arithmetic on the 64-bit index.

    H3 index layout (h3geo.org, "H3 index bit layout"): resolution in bits 52-55, then 3 bits a digit, 7 = unused.
    """
    out = (cells & ~np.int64(0xF << 52)) | (np.int64(res) << np.int64(52))
    fill = np.int64((1 << (3 * (15 - res))) - 1)
    return out | fill


@dataclass(frozen=True, slots=True)
class Bbox:
    """`west, south, east, north` in degrees."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, text: str) -> Bbox:
        """`"w,s,e,n"`; raises ValueError when it is not four finite numbers in order and range."""
        parts = [float(p) for p in text.split(",")]
        if len(parts) != 4 or not all(np.isfinite(parts)):
            raise ValueError(text)
        w, s, e, n = parts
        if not (-180 <= w < e <= 180 and -90 <= s < n <= 90):
            raise ValueError(text)
        return cls(w, s, e, n)


# Mainland bounds with a margin; used only to recognise swapped or absurd coordinates with a clear reason.
CHINA = Bbox(73.0, 3.0, 136.0, 54.0)


def looks_swapped(lon: float, lat: float) -> bool:
    """True when the pair lies outside China as given but inside it the other way round."""
    inside = CHINA.west <= lon <= CHINA.east and CHINA.south <= lat <= CHINA.north
    other = CHINA.west <= lat <= CHINA.east and CHINA.south <= lon <= CHINA.north
    return other and not inside
