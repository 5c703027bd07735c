"""Where an incident lies and what it is: a place in any declared datum, and a type of the dictionary in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h3.api.basic_int as h3
import numpy as np

from ioc import geo
from ioc.cases.dispatch import owner_cell
from ioc.errors import Invalid, Reason
from ioc.flows import flows
from ioc.scope import Scope
from ioc.store import incidents
from ioc.store.locate import locate, metre_srid
from ioc.store.pool import Conn

SCHEME = "gbt35561"


def placed(conn: Conn, scope: Scope, place: Mapping[str, Any], buffer_m: float) -> dict[str, Any]:
    """Columns of a place given as {lon, lat, crs}. Raises Invalid for what is none of this centre or of the scope."""
    try:
        crs = geo.parse_crs(str(place["crs"]))
        x, y = np.array([float(place["lon"])]), np.array([float(place["lat"])])
        lon, lat = (float(v[0]) for v in geo.to_wgs84(x, y, crs))
    except (ValueError, TypeError, KeyError) as e:
        raise _bad("bad_place", "坐标或坐标系有误", "bad coordinates or CRS", str(dict(place))[:120]) from e
    if not (np.isfinite(lon) and np.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):
        raise _bad("bad_place", "坐标无法换算", "the coordinates cannot be converted", str(dict(place))[:120])
    return at(conn, scope, lon, lat, buffer_m)


def at(conn: Conn, scope: Scope, lon: float, lat: float, buffer_m: float) -> dict[str, Any]:
    """The same for degrees as they are stored."""
    found = locate(conn, lon, lat, buffer_m)
    said = f"{lon:.6f}, {lat:.6f}"
    if not found.inside:
        raise _bad("out_of_area", "位置在本中心范围之外", "the place is outside this centre's area", said)
    if not scope.sees(found.region_id):
        raise _bad("out_of_scope", "位置在本人权限区划之外", "the place is outside your regions", said)
    srid = metre_srid(conn, lon) or geo.metre_srid(lon)
    x_m, y_m = geo.to_metres(np.array([lon]), np.array([lat]), srid)
    cell = owner_cell(flows()["incident"], found.grid_cells)
    return {
        "lon": lon, "lat": lat, "x_m": float(x_m[0]), "y_m": float(y_m[0]), "srid": srid,
        "region_id": found.region_id, "grid_cell_id": cell["grid_cell_id"] if cell else None,
        "h3_10": h3.latlng_to_cell(lat, lon, 10),
    }  # fmt: skip


def type_of(conn: Conn, code: str) -> tuple[str, str]:
    """(scheme, code) of a type given by code or by its Chinese word. Raises Invalid for what is in no table."""
    for row in incidents.types(conn):
        if code in (row["code"], row["zh"]):
            return SCHEME, str(row["code"])
    raise Invalid(reasons=[Reason("type", "unknown_type", "没有此事件类型", "no such type", code[:20])])


def _bad(code: str, zh: str, en: str, said: str) -> Invalid:
    return Invalid(reasons=[Reason("place", code, zh, en, said)])
