"""A drawn area as it arrives: GeoJSON in degrees (EPSG:4490), checked."""

from __future__ import annotations

import json
from typing import Any

import shapely

from ioc import geo
from ioc.errors import Invalid, Reason
from ioc.store.locate import metre_srid
from ioc.store.pool import Conn

MOST_VERTICES = 20_000


def area_of(given: dict[str, Any] | None) -> Any:
    """The drawn area as a valid shape, or None. Raises Invalid."""
    if given is None:
        return None
    try:
        shape = shapely.from_geojson(json.dumps(given))
    except (shapely.errors.GEOSException, ValueError, TypeError):
        raise _bad("不是 GeoJSON 几何", "is no GeoJSON geometry") from None
    if shape.geom_type not in ("Polygon", "MultiPolygon") or shape.is_empty:
        raise _bad("应为 Polygon 或 MultiPolygon", "must be a Polygon or MultiPolygon")
    if shapely.get_num_coordinates(shape) > MOST_VERTICES:
        raise _bad(f"最多 {MOST_VERTICES} 个顶点", f"at most {MOST_VERTICES} vertices")
    west, south, east, north = shape.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise _bad("坐标不在经纬度范围内", "is not in degrees")
    return shape if shape.is_valid else shapely.make_valid(shape)


def _bad(zh: str, en: str) -> Invalid:
    return Invalid(reasons=[Reason("area", "bad_shape", zh, en)])


def metres_of(conn: Conn, lon: float) -> int:
    """EPSG code of the centre's metres; before it has any place, of the zone of `lon`. Raises Invalid outside them."""
    try:
        return metre_srid(conn, lon) or geo.metre_srid(lon)
    except ValueError:
        reason = Reason("lon", "out_of_range", "不在 CGCS2000 各带范围内", "lies in no zone of CGCS2000", str(lon))
        raise Invalid(reasons=[reason]) from None
