"""Whether a drawn polygon can be a fence: finite, simple, neither a speck nor a province. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import shapely

from ioc.errors import Reason

# What a hand draws: a school's yard is 1,000 m², the largest county of Guangdong 5,000 km².
LEAST_M2, MOST_M2 = 100.0, 5e9
MOST_POINTS = 500
_DEGREE_M = 111_320.0
Ring = tuple[tuple[float, float], ...]  # lon, lat in degrees, closed


def ring(given: Any) -> tuple[Ring | None, list[Reason]]:
    """The closed ring of `[[lon, lat], ...]` (closed or open), or why it cannot be a fence, vertex by vertex."""
    if not isinstance(given, list):
        return None, [_reason("points", "bad_shape", "应为顶点列表 [[经度, 纬度], …]", "must be [[lon, lat], ...]")]
    points: list[tuple[float, float]] = []
    reasons: list[Reason] = []
    items = cast("list[Any]", given)
    if len(items) > MOST_POINTS + 1:
        zh, en = f"最多 {MOST_POINTS} 个顶点", f"at most {MOST_POINTS} vertices"
        return None, [_reason("points", "too_many", zh, en, str(len(items)))]
    for n, item in enumerate(items, start=1):
        point = _point(item)
        if point is None:
            text = str(item)[:60]
            reasons.append(_reason(f"points.{n}", "bad_place", "不是有效的经纬度", "no longitude and latitude", text))
        elif not points or point != points[-1]:
            points.append(point)
    if reasons:
        return None, reasons
    if len(points) > 1 and points[0] == points[-1]:
        points.pop()
    if len(set(points)) < 3:
        return None, [_reason("points", "too_few", "至少 3 个不同的顶点", "at least 3 different vertices")]
    return _checked((*points, points[0]))


def _checked(closed: Ring) -> tuple[Ring | None, list[Reason]]:
    polygon = shapely.Polygon(closed)
    if not polygon.is_valid:
        where = shapely.is_valid_reason(polygon)
        return None, [
            _reason("points", "not_simple", "边界自相交或重叠", "its border crosses or touches itself", where)
        ]
    area = area_m2(closed)
    if not LEAST_M2 <= area <= MOST_M2:
        zh, en = "面积应在 100 m² 到 5000 km² 之间", "its area must be 100 m² to 5,000 km²"
        return None, [_reason("points", "bad_area", zh, en, f"{area:.0f} m²")]
    return closed, []


def area_m2(closed: Ring) -> float:
    """Area on a sphere, near enough for a limit."""
    middle = sum(lat for _, lat in closed[:-1]) / (len(closed) - 1)
    return float(shapely.Polygon(closed).area) * _DEGREE_M**2 * math.cos(math.radians(middle))


def _point(item: Any) -> tuple[float, float] | None:
    if not isinstance(item, list | tuple):
        return None
    pair = cast("Sequence[Any]", item)
    if len(pair) != 2 or any(isinstance(v, bool) or not isinstance(v, int | float) for v in pair):
        return None
    lon, lat = float(pair[0]), float(pair[1])
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 85):
        return None
    return round(lon, 7), round(lat, 7)


def _reason(field: str, code: str, zh: str, en: str, value: str = "") -> Reason:
    return Reason(field, code, zh, en, value)
