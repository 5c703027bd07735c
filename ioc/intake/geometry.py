"""Geometries of a file: to stored coordinates, checked, with a reason for each that cannot be stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from ioc import geo
from ioc.errors import Invalid, Reason
from ioc.intake import fields
from ioc.intake.reasons import reason

Objects = NDArray[np.object_]
FAMILY = {"Point": "point", "MultiPoint": "point", "LineString": "line", "MultiLineString": "line"} | {
    "LinearRing": "line",
    "Polygon": "polygon",
    "MultiPolygon": "polygon",
}


def family(shape: Any) -> str:
    """point, line, polygon; "" for a collection of several."""
    return FAMILY.get(shape.geom_type, "")


def require_crs(own: str | None, declared: str, file: str) -> None:
    """Refuse a file whose own statement differs from the declaration, naming both.

    CGCS2000 and WGS 84 agree to centimetres but are two declarations; who means the other one says so.
    """
    if own is None or _same_crs(own, declared):
        return
    name = crs_name(own)
    raise Invalid(
        f"{file} 自带坐标系 {name}，声明的是 {declared}；请改用 --crs，或导出为不带坐标系的文件",
        f"{file} says it is in {name}, declared was {declared}; change --crs, or export the file without a system",
        {"file_crs": name, "declared": declared},
        reasons=[reason("crs", "crs_disagrees", name, crs=declared)],
    )


def crs_name(own: str) -> str:
    try:
        crs = CRS.from_user_input(own)
    except CRSError:
        return own[:100]
    code = crs.to_epsg(min_confidence=25)
    return f"EPSG:{code}" if code else str(crs.name)


def _same_crs(own: str, declared: str) -> bool:
    if own.strip().upper() == declared:
        return True
    if declared in geo.OFFSET:
        return False
    try:
        mine, theirs = CRS.from_user_input(declared), CRS.from_user_input(own)
    except CRSError:
        return False
    # OGC:CRS84 is WGS 84 with the axes in the order of GeoJSON
    if own.upper().endswith("CRS84"):
        return declared == "EPSG:4326"
    return theirs.to_epsg(min_confidence=25) == mine.to_epsg() or theirs.equals(mine, ignore_axis_order=True)


def transform(shapes: Objects, declared: str) -> Objects:
    """Declared coordinates to stored `lon, lat`, without heights."""
    flat = shapely.force_2d(shapes)
    if declared in geo.GEOGRAPHIC:
        return flat
    return shapely.transform(flat, lambda xy: np.column_stack(geo.to_wgs84(xy[:, 0], xy[:, 1], declared)))


def faults(shapes: Sequence[Any], want: Sequence[str], declared: str) -> list[Reason | None]:
    """What is wrong with each geometry as delivered: form, emptiness, coordinates, validity. None: nothing."""
    out: list[Reason | None] = [_form(s, want) for s in shapes]
    good = [i for i, fault in enumerate(out) if fault is None]
    if not good:
        return out
    kept = np.array([shapes[i] for i in good], dtype=object)
    bounds = shapely.bounds(kept)
    for i, (west, south, east, north) in zip(good, bounds.tolist(), strict=True):
        wrong = fields.coordinates_fit(west, south, declared) or fields.coordinates_fit(east, north, declared)
        if wrong:
            out[i] = reason("geometry", wrong, f"{west}, {south}", crs=declared, low=-90, high=90)
    for i, valid, shape in zip(good, shapely.is_valid(kept).tolist(), kept, strict=True):
        if not valid and out[i] is None:
            where = str(shapely.is_valid_reason(shape))
            code = "self_intersection" if "intersection" in where.lower() else "invalid_geometry"
            out[i] = reason("geometry", code, "", where=where)
    return out


def _form(shape: Any, want: Sequence[str]) -> Reason | None:
    if shape is None:
        return reason("geometry", "missing_geometry")
    if isinstance(shape, str):
        return reason("geometry", "bad_geometry")
    if shape.is_empty:
        return reason("geometry", "empty_geometry")
    if family(shape) not in want:
        return reason("geometry", "wrong_geometry", shape.geom_type, got=shape.geom_type, want="、".join(want))
    if not np.isfinite(shapely.bounds(shape)).all():
        return reason("geometry", "bad_number")
    return None


def single_point(shape: Any) -> tuple[float, float] | None:
    """x, y of a point, or of a multi-point that is one point."""
    if shape.geom_type == "MultiPoint":
        if len(shape.geoms) != 1:
            return None
        shape = shape.geoms[0]
    return (float(shape.x), float(shape.y)) if shape.geom_type == "Point" else None


def to_lon(x: float, y: float, declared: str) -> float:
    lon, _ = geo.to_wgs84(np.array([x]), np.array([y]), declared)
    return float(lon[0])
