"""Weather (气象): the nearest fresh observations of stations, and the warnings that hold at the place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from ioc import geo
from ioc.command import weather
from ioc.command.asking import Ask, Found
from ioc.command.weather import Value
from ioc.declare import Panel
from ioc.freshness import freshness
from ioc.i18n import Text
from ioc.store import dictionaries, stations
from ioc.store.pool import Conn

PANEL = Panel(
    key="weather",
    title=Text("气象", "Weather"),
    helped_by=("stations",),
    order=50,
)
REACH_M = 30_000  # how far weather of a station still says something here; shown with each value
_SHOWN = 5
_INTERVAL = dt.timedelta(minutes=10)


def find(conn: Conn, ask: Ask) -> Found:
    warned = _warnings(conn, ask)
    reach = max(REACH_M, ask.radius_m)
    x, y = geo.to_metres(np.array([ask.lon]), np.array([ask.lat]), ask.srid)
    xy = (float(x[0]), float(y[0]))
    properties = (*weather.PROPERTIES, "water_level", "water_depth")
    rows = stations.near(conn, ask.scope, xy, ask.srid, reach, stations.KINDS, properties, ask.now)
    if not rows and not stations.count(conn):
        return Found({"warnings": warned}, missing=("stations",))
    values = [v for r in rows if (v := _value(r)) is not None]
    best = weather.nearest((v for v in values if v.property in weather.PROPERTIES), ask.now)
    data: dict[str, Any] = {
        "values": {p: best[p].as_json(ask.now) for p in weather.PROPERTIES if p in best},
        "titles": _titles(conn, ask.now, {v.property for v in values}),
        "stations": _stations(rows, values, ask.now),
        "water": _water(rows, values, ask.now),
        "warnings": warned,
        "reach_m": reach,
    }
    told = list(best.values())
    notes = _notes(values, best, ask.now, reach)
    empty = not told and not data["water"]
    as_of = min((v.observed_at for v in told), default=max((v.observed_at for v in values), default=None))
    source = "、".join(sorted({v.station for v in told})[:3])
    interval = dt.timedelta(seconds=max((v.interval_s for v in told), default=_INTERVAL.total_seconds()))
    demo = any(v.origin == "demo" for v in told) or any(w["origin"] == "demo" for w in warned)
    return Found(data, empty, as_of, source, interval, notes, "demo" if demo else "real")


def _value(row: Mapping[str, Any]) -> Value | None:
    """None: never observed, missing, or bad (quality 2 and 3)."""
    if row["observed_at"] is None or row["value"] is None or row["quality"] >= 2:
        return None
    return Value(
        row["name"], row["device_id"], row["distance_m"], row["property"], row["value"], row["unit"],
        row["observed_at"], row["interval_s"], row["quality"] == 1, row["origin"],
    )  # fmt: skip


def _titles(conn: Conn, now: dt.datetime, properties: set[str]) -> dict[str, Any]:
    words = dictionaries.current(conn, now.date()).get("property", {})
    return {p: {"zh": words[p].zh, "en": words[p].en} for p in sorted(properties) if p in words}


def _stations(rows: Sequence[Mapping[str, Any]], values: Sequence[Value], now: dt.datetime) -> list[dict[str, Any]]:
    """The nearest stations, fresh or not, each with all it last said."""
    out: list[dict[str, Any]] = []
    for row in {r["device_id"]: r for r in reversed(rows)}.values():
        own = [v for v in values if v.station_id == row["device_id"]]
        newest = max((v.observed_at for v in own), default=None)
        interval = dt.timedelta(seconds=row["interval_s"] or _INTERVAL.total_seconds())
        attributes = row["attributes"]
        out.append({
            "device_id": row["device_id"], "number": row["external_id"], "name": row["name"], "kind": row["kind"],
            "lon": row["lon"], "lat": row["lat"], "distance_m": round(row["distance_m"]),
            "elevation_m": attributes.get("elevation_m"), "datum": attributes.get("datum"),
            "as_of": newest.isoformat() if newest else None,
            "age_s": max(0, round((now - newest).total_seconds())) if newest else None,
            "state": freshness(newest, interval, now),
            "values": [v.as_json(now) for v in own],
        })  # fmt: skip
    return sorted(out, key=lambda s: (s["distance_m"], s["device_id"]))[:_SHOWN]


def _water(rows: Sequence[Mapping[str, Any]], values: Sequence[Value], now: dt.datetime) -> list[dict[str, Any]]:
    """Fresh water levels with the station's own characteristic levels, nearest first."""
    by_id = {r["device_id"]: r for r in rows}
    out: list[dict[str, Any]] = []
    for v in values:
        if v.property not in ("water_level", "water_depth") or v.state(now) not in weather.FRESH:
            continue
        own = by_id[v.station_id]["attributes"]
        levels = {k: own[k] for k in ("warning_level", "guarantee_level", "flood_limit_level") if k in own}
        above = {f"above_{k}": round(v.value - float(x), 2) for k, x in levels.items()}
        out.append(v.as_json(now) | levels | above | {"datum": own.get("datum")})
    return out[:_SHOWN]


def _notes(values: Sequence[Value], best: Mapping[str, Value], now: dt.datetime, reach_m: float) -> tuple[Text, ...]:
    notes: list[Text] = []
    km = f"{reach_m / 1000:g}"
    if not best:
        zh, en = f"{km} 公里内没有新鲜的观测", f"no fresh observation within {km} km"
        late = min(values, key=lambda v: (v.distance_m, -v.observed_at.timestamp()), default=None)
        if late is not None:
            hours = (now - late.observed_at).total_seconds() / 3600
            zh += f"；最近的 {late.station} 在 {late.distance_m / 1000:.1f} 公里，{hours:.1f} 小时前"
            en += f"; the nearest, {late.station} at {late.distance_m / 1000:.1f} km, spoke {hours:.1f} h ago"
        notes.append(Text(zh, en))
    speed, direction = best.get("wind_speed"), best.get("wind_direction")
    if speed and direction and speed.station_id != direction.station_id:
        notes.append(Text("风速与风向来自不同的站", "wind speed and direction are of different stations"))
    return tuple(notes)


def _warnings(conn: Conn, ask: Ask) -> list[dict[str, Any]]:
    place = shapely.Point(ask.lon, ask.lat)
    rows = stations.warnings(conn, place if ask.area is None else shapely.union(place, ask.area), ask.now)
    before = weather.chains(rows)
    shown = {r["warning_id"] for r in rows if r["here"]}
    out: list[dict[str, Any]] = []
    for row in rows:
        if not row["here"] or row["replaced_by"] in shown:  # a later one of its line is told, with this one behind it
            continue
        state = _state(row, ask.now)
        line = before[row["warning_id"]]
        out.append({
            "warning_id": row["warning_id"], "zh": row["kind"], "en": row["kind_en"] or row["kind"],
            "colour": row["colour"], "state": state, "headline": row["headline"], "area": row["area"],
            "headline_en": row["headline_en"], "sender": row["sender"], "exercise": row["exercise"],
            "instruction": row["instruction"], "onset_at": _iso(row["onset_at"]),
            "expires_at": _iso(row["expires_at"]), "ended_at": _iso(row["ended_at"]), "origin": row["origin"],
            "change": weather.change(row["colour"], line[0]["colour"]) if line else "new",
            "before": [{"warning_id": b["warning_id"], "colour": b["colour"], "onset_at": _iso(b["onset_at"]),
                        "ended_at": _iso(b["ended_at"])} for b in line],
        })  # fmt: skip
    rank = {"in_force": 0, "ahead": 1}
    heavy = {c: -i for i, c in enumerate(weather.COLOURS)}
    return sorted(out, key=lambda w: (rank.get(w["state"], 2), heavy.get(w["colour"], 1), w["onset_at"]))


def _state(row: Mapping[str, Any], now: dt.datetime) -> str:
    """in_force, ahead, cancelled, replaced or expired."""
    if row["status"] != "active":
        return str(row["status"])
    if row["expires_at"] is not None and row["expires_at"] <= now:
        return "expired"
    return "ahead" if row["onset_at"] > now else "in_force"


def _iso(at: dt.datetime | None) -> str | None:
    return None if at is None else at.isoformat()
