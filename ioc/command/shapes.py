"""Shapes people draw, as GeoJSON in degrees (EPSG:4490): checked, made valid, without heights. Pure."""

from __future__ import annotations

import json
from typing import Any

import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from ioc.errors import Invalid, Reason

MOST_VERTICES = 5000
DRAWN = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
_AREAS = ("Polygon", "MultiPolygon")


def area(field: str, given: Any) -> MultiPolygon:
    """A polygon or several. Raises Invalid."""
    shape = drawn(field, given)
    if shape.geom_type not in _AREAS:
        raise _bad(field, "应为 Polygon 或 MultiPolygon", "must be a Polygon or MultiPolygon")
    valid = shape if shape.is_valid else shapely.make_valid(shape)
    parts = [p for p in shapely.get_parts(valid) if isinstance(p, Polygon) and not p.is_empty]
    nested = [p for g in shapely.get_parts(valid) if isinstance(g, MultiPolygon) for p in g.geoms]
    if not parts and not nested:
        raise _bad(field, "面积为零", "has no area")
    return MultiPolygon([*parts, *nested])


def drawn(field: str, given: Any) -> BaseGeometry:
    """Any one of `DRAWN`. Raises Invalid."""
    try:
        shape = shapely.from_geojson(json.dumps(given))
    except (shapely.errors.GEOSException, ValueError, TypeError, AttributeError):
        raise _bad(field, "不是 GeoJSON 几何", "is no GeoJSON geometry") from None
    if shape.geom_type not in DRAWN or shape.is_empty:
        raise _bad(field, "应为点、线或面", "must be a point, a line or an area")
    if shapely.get_num_coordinates(shape) > MOST_VERTICES:
        raise _bad(field, f"最多 {MOST_VERTICES} 个顶点", f"at most {MOST_VERTICES} vertices")
    west, south, east, north = shape.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):  # also what is no number
        raise _bad(field, "坐标不在经纬度范围内", "is not in degrees")
    return shapely.force_2d(shape)


def text(shape: BaseGeometry) -> str:
    """GeoJSON text, as the store takes it."""
    return str(shapely.to_geojson(shape))


def _bad(field: str, zh: str, en: str) -> Invalid:
    return Invalid(reasons=[Reason(field, "bad_shape", zh, en)])
