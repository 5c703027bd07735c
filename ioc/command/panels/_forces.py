"""What the panels of forces, hospitals and shelters share: resources around a place with their way to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.command import around, by_road, force_state, travel
from ioc.command.asking import Ask
from ioc.command.travel import Stop, Trip
from ioc.freshness import freshness
from ioc.i18n import Text
from ioc.scope import INTERNAL
from ioc.store import dictionaries, resources
from ioc.store.pool import Conn
from ioc.store.tiles import forces

Row = Mapping[str, Any]
POSITION = forces.INTERVAL
# Roads are asked for so many of the nearest by line; the rest is counted and estimated.
ROUTED = 150
# Where fewer than these stand within the radius, the nearest from farther away are listed, too: help is never "none".
LEAST, FAR_M = 5, 200_000.0


def gather(conn: Conn, ask: Ask, kinds: Sequence[str]) -> tuple[list[Row], dict[int, Trip], tuple[Text, ...]]:
    """Resources of `kinds` within the radius or the area, soonest first, their trips, and notes on how measured.

    Where there are hardly any, the nearest of the centre follow them (`within` tells them apart).
    """
    place = (ask.lon, ask.lat)
    rows = resources.around(conn, ask.scope, place, ask.srid, ask.radius_m, ask.area_wkb, kinds, ask.now)
    farther: tuple[Text, ...] = ()
    if len(rows) < LEAST and ask.area_wkb is None:
        near, km = len(rows), f"{ask.radius_m / 1000:g} km"
        rows = resources.around(conn, ask.scope, place, ask.srid, FAR_M, None, kinds, ask.now)[:LEAST]
        if len(rows) > near:
            zh, en = f"{km} 内 {near} 处，另列最近的 {len(rows) - near} 处", f"{near} within {km}; the nearest follow"
            farther = (Text(zh, en),)
    words = dictionaries.current(conn, ask.now.date()).get("vehicle_class", {})
    speeds = {code: float(e.attributes["line_kmh"]) for code, e in words.items() if "line_kmh" in e.attributes}
    stops = [Stop(r["resource_id"], r["lon"], r["lat"], r["distance_m"], vehicle_of(r)) for r in rows]
    trips, notes = travel.trips(conn, ask, stops[:ROUTED], speeds, by_road.road_times(conn))
    trips |= {s.id: travel.by_line(s, speeds) for s in stops[ROUTED:]}
    ordered = sorted(rows, key=lambda r: (*travel.order(trips[r["resource_id"]]), r["resource_id"]))
    return ordered, trips, (*farther, *notes, *by_road.missing(conn))


def vehicle_of(row: Row) -> str:
    """Its own class; without one, what its kind usually goes by. Speeds of 'line_kmh' are planning values (自拟)."""
    own = str(row["vehicle_class"])
    return own or {"fire_station": "fire_engine", "hospital": "ambulance", "boat": "boat", "police": "police_car",
                   "warehouse": "truck", "equipment": "truck"}.get(str(row["kind"]), "car")  # fmt: skip


def word(row: Row) -> dict[str, Any]:
    icon = (row["of_kind"] or {}).get("icon", "shield")
    return {"zh": row["zh"] or row["kind"], "en": row["en"] or row["kind"], "icon": icon}


def item(row: Row, trip: Trip, ask: Ask) -> dict[str, Any]:
    """One resource as a panel lists it; times ISO 8601, ages and travel in seconds."""
    reached = None if trip.seconds is None else ask.now + dt.timedelta(seconds=trip.seconds)
    out: dict[str, Any] = {
        "key": f"resource:{row['resource_id']}",
        "resource_id": row["resource_id"],
        "name": row["name"],
        "kind": {"code": row["kind"], **word(row)},
        "lon": row["lon"],
        "lat": row["lat"],
        "distance_m": round(row["distance_m"]),
        "inside": row["inside"],
        "travel": {"seconds": trip.seconds, "metres": trip.metres, "by": trip.by, "state": trip.state,
                   "snap_m": trip.snap_m,
                   "arrives_at": reached.isoformat() if reached else None},
        "status": status(row),
        "address": row["address"],
        "department": row["owner_department"],
        "source": row["source"],
        "version": row["version"],
    }  # fmt: skip
    if ask.scope.sensitivity >= INTERNAL:
        out["contact"] = row["contact"]
    return out


def status(row: Row) -> dict[str, Any]:
    """What it does and for whom. An incident the asker may not see is named by nothing but that it is another's."""
    code = str(row["status"])
    zh, en = force_state.WORDS.get(code, (code, code))
    case = None
    if row["case_id"] is not None:
        number, title = row["case_number"], row["case_title"]
        case = {"case_id": row["case_id"], "number": number, "title": title} if number else {"case_id": None}
    at = row["status_at"]
    return {"code": code, "zh": zh, "en": en, "since": at.isoformat() if at else None, "case": case,
            "free": force_state.known(code) == "available"}  # fmt: skip


def position(row: Row, now: dt.datetime) -> dict[str, Any]:
    """Where this place comes from: a tracker with its age and state, or the register."""
    at = row["position_at"]
    if at is None:
        kept = row["observed_at"] or row["updated_at"]
        return {"from": "register", "at": kept.isoformat(), "age_s": round((now - kept).total_seconds()), "state": None}
    return {"from": "tracker", "at": at.isoformat(), "age_s": max(0, round((now - at).total_seconds())),
            "state": freshness(at, POSITION, now), "speed_kmh": row["speed_kmh"], "heading_deg": row["heading_deg"],
            "accuracy_m": row["accuracy_m"]}  # fmt: skip


def within(rows: Sequence[Row], ask: Ask) -> list[Row]:
    """Without those that are listed because there are hardly any."""
    return [r for r in rows if r["inside"] or r["distance_m"] <= ask.radius_m]


def counted(rows: Sequence[Row], ask: Ask, column: str = "") -> dict[str, Any]:
    """Counts by ring, by kind and inside the area (EMG-02)."""
    rows = within(rows, ask)
    near = [r for r in rows if r["distance_m"] <= ask.radius_m]
    inside = [r for r in rows if r["inside"]]
    return {
        "radius_m": ask.radius_m,
        "total": len(rows),
        "rings": around.rings(near, ask.radius_m, column),
        "inside": around.summed(inside, column) if ask.area is not None else None,
        "by_kind": around.by_kind(rows, word, column),
    }


def origin(rows: Sequence[Row]) -> str:
    return "demo" if any(r["origin"] == "demo" for r in rows) else "real"
