"""Cameras that see a place, and the nearest ones beside them. Two index searches, however many devices there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from ioc.scope import Scope
from ioc.store.pool import Conn
from ioc.store.where import visible

Row = Mapping[str, Any]
FURTHEST_M = 20_000  # no range on record is longer (ioc_view_range)
_COLUMNS = """d.device_id, d.name, d.kind, d.status, d.status_at, d.azimuth_deg, d.fov_deg,
  ioc_view_range(d.attributes) AS range_m, d.kind = 'eagle_eye' AS high_point, ST_X(d.geom) AS lon, ST_Y(d.geom) AS lat,
  d.geom_m <-> p.at AS distance_m, d.origin, d.address, d.sensitivity,
  coalesce((SELECT s.title FROM source s WHERE s.source_key = d.source), d.source) AS source,
  EXISTS (SELECT FROM video_node n WHERE n.device_id = d.device_id AND n.missing_since IS NULL) AS playable"""
_PLACE = "(SELECT ST_Transform(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(srid)s::int) AS at) p"

# By how far they see, each class with its own index (migration 179). `&&` is said beside the distance: behind row-level
# security nothing else asks the index of places.
_RANGES = (
    ("ioc_view_range(d.attributes) <= 300", 300),
    ("ioc_view_range(d.attributes) > 300 AND ioc_view_range(d.attributes) <= 3000", 3000),
    ("ioc_view_range(d.attributes) > 3000", FURTHEST_M),
)
_COVERING = (  # parts of this module only
    "SELECT * FROM ("  # noqa: S608
    + " UNION ALL ".join(
        "SELECT " + _COLUMNS + ", true AS covers FROM " + _PLACE + ", device d"  # noqa: S608
        " WHERE d.class = 'camera' AND d.azimuth_deg IS NOT NULL AND d.fov_deg IS NOT NULL AND " + which +
        f" AND d.geom_m && ST_Expand(p.at, {reach})"
        " AND ioc_in_view(ST_X(p.at) - ST_X(d.geom_m), ST_Y(p.at) - ST_Y(d.geom_m), d.azimuth_deg, d.fov_deg,"
        " ioc_view_range(d.attributes)) AND {seen}"
        for which, reach in _RANGES
    )
    + ") c ORDER BY (status = 'online') DESC, distance_m, device_id LIMIT %(limit)s"
)  # fmt: skip
_NEAREST = (
    "SELECT * FROM (SELECT "  # noqa: S608
    + _COLUMNS
    + ", false AS covers FROM "
    + _PLACE
    + ", device d"
    " WHERE d.class = 'camera' AND d.geom_m && ST_Expand(p.at, %(radius)s) AND {seen}"
    " ORDER BY d.geom_m <-> p.at LIMIT %(limit)s) n WHERE distance_m <= %(radius)s ORDER BY distance_m, device_id"
)


def covering(conn: Conn, scope: Scope, lon: float, lat: float, srid: int, limit: int) -> Sequence[Row]:
    """Cameras whose view cone (azimuth, angle and range on record) covers the place; online first, then near."""
    return _asked(conn, _COVERING, scope, {"lon": lon, "lat": lat, "srid": srid, "limit": limit})


def nearest(conn: Conn, scope: Scope, lon: float, lat: float, srid: int, radius_m: float, limit: int) -> Sequence[Row]:
    """The nearest cameras within the radius, whatever is known of their direction."""
    return _asked(conn, _NEAREST, scope, {"lon": lon, "lat": lat, "srid": srid, "limit": limit, "radius": radius_m})


def query(which: str, scope: Scope) -> tuple[sql.Composed, dict[str, Any]]:
    """The statement itself, so that a test may ask the planner about it."""
    seen, params = visible(scope, "d")
    text = {"covering": _COVERING, "nearest": _NEAREST}[which]
    return sql.SQL(text).format(seen=seen), params  # pyright: ignore[reportArgumentType]


def _asked(conn: Conn, text: str, scope: Scope, given: Mapping[str, Any]) -> Sequence[Row]:
    seen, params = visible(scope, "d")
    return conn.execute(sql.SQL(text).format(seen=seen), {**params, **given}).fetchall()  # pyright: ignore
