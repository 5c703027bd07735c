"""现场视频: cameras whose view covers the place, then the nearest; high points marked; the best four for live tiles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.command.asking import Ask, Found
from ioc.declare import Panel
from ioc.i18n import Text
from ioc.scope import SENSITIVE
from ioc.store import drones, editions, eyes
from ioc.store.pool import Conn

MOST, BEST = 24, 4
NEAR_M = 1000.0  # EMG-08: within 1 km of the place by distance
PANEL = Panel(
    key="eyes",
    title=Text("现场视频", "Eyes on the place"),
    helped_by=("cameras", "drones"),
    permission="device.view",
    order=30,
)
_NO_COVER = Text("已登记朝向、视角与距离的摄像机均未覆盖此处，按距离排列",
                 "no camera with direction, angle and range on record covers the place; by distance")  # fmt: skip
_FLAT = Text(
    "可视范围按登记的朝向、视角与距离计算，未计遮挡",
    "views by recorded direction, angle and range; obstacles not counted",
)
_NO_DRONES = Text("无人机位置未接入", "no drone tells its position")


def find(conn: Conn, ask: Ask) -> Found:
    """`cameras`: at most 24, those that cover the place first. `best`: ids for four tiles. `drones`: near, with age."""
    covering = eyes.covering(conn, ask.scope, ask.lon, ask.lat, ask.srid, MOST)
    seen = {r["device_id"] for r in covering}
    near = eyes.nearest(conn, ask.scope, ask.lon, ask.lat, ask.srid, max(NEAR_M, ask.radius_m), 2 * MOST)
    rows = [*covering, *(r for r in near if r["device_id"] not in seen)][:MOST]
    flying = drones.near(conn, ask.scope, ask.lon, ask.lat, ask.srid, max(NEAR_M, ask.radius_m), ask.now)
    cameras = [_camera(r, ask.now) for r in rows]
    notes = (*((_FLAT,) if covering else (_NO_COVER,) if cameras else ()), *(() if flying else (_NO_DRONES,)))
    data: dict[str, Any] = {
        "cameras": cameras,
        "covering": len(covering),
        "within_1km": sum(c["distance_m"] <= NEAR_M for c in cameras),
        "best": best(cameras),
        "drones": list(flying),
        "case_id": ask.case_id,
        "unit": "m",
    }
    if not cameras and not editions.registered(conn, ("cameras",)):
        return Found(data, notes=notes, missing=("cameras",))
    told = [r["status_at"] for r in rows if r["status_at"] is not None]
    origin = "demo" if any(r["origin"] == "demo" for r in rows) else "real"
    source = "、".join(sorted({str(r["source"]) for r in rows})[:3])
    return Found(data, empty=not cameras and not flying, as_of=max(told, default=None), notes=notes,
                 source=source, interval=dt.timedelta(minutes=5), origin=origin)  # fmt: skip


def best(cameras: Sequence[Mapping[str, Any]]) -> list[int]:
    """Four for live tiles: what can be played and is online, covering ones before others, in their order."""
    fit = [c for c in cameras if c["playable"] and c["status"] == "online" and not c["masked"]]
    ranked = sorted(fit, key=lambda c: not c["covers"])
    return [int(c["device_id"]) for c in ranked[:BEST]]


def _camera(row: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    """A camera for the list and the map. `cone` None: not all of direction, angle and range are on record."""
    at: dt.datetime | None = row["status_at"]
    whole = None not in (row["azimuth_deg"], row["fov_deg"], row["range_m"])
    cone = {"azimuth_deg": row["azimuth_deg"], "fov_deg": row["fov_deg"], "range_m": row["range_m"]} if whole else None
    keep = ("device_id", "name", "kind", "status", "lon", "lat", "covers", "high_point", "playable", "address")
    return {
        **{k: row[k] for k in keep},
        "distance_m": round(float(row["distance_m"]), 1),
        "cone": cone,
        "masked": int(row["sensitivity"]) >= SENSITIVE,
        "status_at": at.isoformat() if at else None,
        "status_age_s": round((now - at).total_seconds()) if at else None,
    }
