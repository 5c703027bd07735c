"""Devices that come by themselves: registered by their model at the configured region until a file or their own
coordinates say where they stand, and what they say of themselves beside telemetry.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import h3.api.basic_int as h3
import numpy as np
from psycopg.types.json import Jsonb

from ioc import geo
from ioc.dictionaries import Entry
from ioc.errors import Reason
from ioc.fold import fold_all
from ioc.intake import fields
from ioc.intake.models import DeviceModel
from ioc.intake.reasons import Refuse, reason
from ioc.store.attributes import guarded
from ioc.store.cells import apply_cell_deltas, delta_of
from ioc.store.device_state import layer_of, reload_layers
from ioc.store.locate import locate, metre_srid, region_of_code
from ioc.store.outbox import wake
from ioc.store.pool import Conn

WAITING = "位置待定"  # attribute of a device whose place nobody has told yet
PREFIX = "tb."
MAX_ATTRIBUTES = 50
_INSERT = """
INSERT INTO device (source, external_id, kind, class, name, geom, geom_m, h3_10, region_id, interval_s, search,
                    attributes, recorded_at, updated_at)
VALUES (%(source)s, %(name)s, %(kind)s, %(class)s, %(name)s, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326),
        ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), %(srid)s::int), %(cell)s, %(region)s, %(interval)s, %(search)s,
        %(attributes)s, %(now)s, %(now)s)
ON CONFLICT (source, external_id) DO NOTHING
RETURNING device_id, class, kind, status, exceeded, h3_10, region_id, private_to, sensitivity, origin, attributes
"""
_MOVE = """
UPDATE device SET geom = ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326),
  geom_m = ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), %(srid)s::int), h3_10 = %(cell)s, region_id = %(region)s,
  x_orig = %(x_orig)s, y_orig = %(y_orig)s, crs_orig = %(crs)s, attributes = attributes - %(waiting)s,
  updated_at = %(now)s
WHERE device_id = %(id)s
RETURNING device_id, class, kind, status, exceeded, h3_10, region_id, private_to, sensitivity, origin, attributes
"""
_HISTORY = """
INSERT INTO entity_history (entity, entity_id, recorded_at, op, actor, origin, record)
SELECT 'device', d.device_id::text, %(at)s, %(op)s, %(actor)s, d.origin, ioc_record(d)
FROM device d WHERE d.device_id = %(id)s
"""


def register(
    conn: Conn, source: str, name: str, model: DeviceModel, kind: Entry, area: str, now: dt.datetime
) -> Reason | None:
    """A new device of `model` inside the region `area`; None when it is there now, whoever made it."""
    region = region_of_code(conn, area)
    middle = conn.execute(
        "SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM (SELECT coalesce(center, ST_PointOnSurface(geom)) AS p FROM region"
        " WHERE region_id = %s) c WHERE p IS NOT NULL",
        (region,),
    ).fetchone()
    if region is None or middle is None:
        return reason("area", "unknown_region", area)
    row = conn.execute(
        _INSERT,
        {
            **_place(conn, middle["lon"], middle["lat"]),
            "source": source,
            "name": name,
            "kind": kind.code,
            "class": str(kind.attributes.get("class", "other")),
            "region": region,
            "interval": model.interval_s or int(kind.attributes.get("interval_s", 300)),
            "search": fold_all(name),
            "attributes": Jsonb({"model": model.name, WAITING: "是"}),
            "now": now,
        },
    ).fetchone()
    if row is not None:
        apply_cell_deltas(conn, [delta_of(row)])
        reload_layers(conn, [layer_of(row["class"])], "devices", 1, row["origin"])
        wake(conn)
    return None


def _place(conn: Conn, lon: float, lat: float) -> dict[str, Any]:
    out: dict[str, Any] = {"lon": lon, "lat": lat, "cell": h3.latlng_to_cell(lat, lon, 10)}
    srid = metre_srid(conn, lon)
    if srid is None:
        return {**out, "srid": None, "x": None, "y": None}
    x, y = geo.to_metres(np.array([lon]), np.array([lat]), srid)
    return {**out, "srid": srid, "x": float(x[0]), "y": float(y[0])}


def describe(
    conn: Conn, device_id: int, given: Mapping[str, Any], crs: str, buffer_m: int, source: str, now: dt.datetime
) -> list[Reason]:
    """Keep what a device says of itself under names that cannot be mistaken for the city's own (`tb.`).

    Plain values only; what opens a device or names a person is not kept. `latitude` and `longitude` move a device whose
    place nobody has told, if their system is configured. Returns what is wrong with them.
    """
    plain = {f"{PREFIX}{_shown(k[:100])}": _shown(v) for k, v in given.items() if not guarded(k) and _scalar(v)}
    kept = dict(list(plain.items())[:MAX_ATTRIBUTES])
    row = conn.execute(
        "SELECT device_id, class, kind, status, exceeded, h3_10, region_id, private_to, sensitivity, origin, attributes"
        " FROM device WHERE device_id = %s FOR UPDATE",
        (device_id,),
    ).fetchone()
    if row is None:
        return []
    was = row["attributes"] or {}
    moves = WAITING in was and bool(crs) and "latitude" in given and "longitude" in given
    at = _where(conn, given, crs, buffer_m) if moves else None
    if isinstance(at, Reason):
        return [at]
    if at is None and all(was.get(k) == v for k, v in kept.items()):
        return []
    _history(conn, device_id, source, now, first=True)
    if kept:
        conn.execute(
            "UPDATE device SET attributes = attributes || %s, updated_at = %s WHERE device_id = %s",
            (Jsonb(kept), now, device_id),
        )
    if at is not None:
        after = conn.execute(_MOVE, {**at, "id": device_id, "now": now, "waiting": WAITING}).fetchone()
        assert after is not None
        conn.execute("UPDATE datastream SET region_id = %s WHERE device_id = %s", (after["region_id"], device_id))
        apply_cell_deltas(conn, [delta_of(row, -1), delta_of(after)])
        reload_layers(conn, [layer_of(after["class"])], "devices", 1, after["origin"])
        wake(conn)
    _history(conn, device_id, source, now)
    return []


def _where(conn: Conn, given: Mapping[str, Any], crs: str, buffer_m: int) -> dict[str, Any] | Reason:
    x, y = given["longitude"], given["latitude"]
    try:
        system = fields.crs(crs)
        lon_, lat_ = fields.number(x), fields.number(y)
    except Refuse as e:
        return e.of("longitude", f"{x}, {y}")
    wrong = fields.coordinates_fit(lon_, lat_, system)
    if wrong:
        return reason("longitude", wrong, f"{x}, {y}", crs=system, low=-90, high=90)
    lon, lat = (float(v[0]) for v in geo.to_wgs84(np.array([lon_]), np.array([lat_]), system))
    found = locate(conn, lon, lat, buffer_m)
    if not found.inside:
        return reason("longitude", "out_of_area", f"{x}, {y}", buffer=buffer_m)
    return {**_place(conn, lon, lat), "region": found.region_id, "x_orig": lon_, "y_orig": lat_, "crs": system}


def _scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) and (not isinstance(value, float) or np.isfinite(value).item())


def _shown(value: Any) -> Any:
    return value[:200].replace("\x00", "") if isinstance(value, str) else value


def _history(conn: Conn, device_id: int, source: str, now: dt.datetime, *, first: bool = False) -> None:
    """As with files: the row as it was goes into the history before its first change."""
    params = {"id": device_id, "actor": source, "at": now, "op": "new" if first else "change"}
    known = conn.execute(
        "SELECT FROM entity_history WHERE entity = 'device' AND entity_id = %s LIMIT 1", (str(device_id),)
    ).fetchone()
    if not first or known is None:
        conn.execute(_HISTORY, params)
