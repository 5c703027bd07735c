"""Words and choices of weather: force, points of the compass, the nearest fresh value of each property. Pure."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.freshness import Freshness, freshness
from ioc.i18n import Text

# Lower end of each force from 1 on, m/s at 10 m (GB/T 28591-2012, table 1: force 0 up to 0.2, force 12 from 32.7,
# force 17 up to 61.2).
_FORCES = (0.3, 1.6, 3.4, 5.5, 8.0, 10.8, 13.9, 17.2, 20.8, 24.5, 28.5, 32.7, 37.0, 41.5, 46.2, 51.0, 56.1)
_BEYOND = 61.3  # above force 17
# Sixteen points, clockwise from north (GB/T 35227-2017).
_POINTS = (
    ("北", "N"), ("北东北", "NNE"), ("东北", "NE"), ("东东北", "ENE"), ("东", "E"), ("东东南", "ESE"), ("东南", "SE"),
    ("南东南", "SSE"), ("南", "S"), ("南西南", "SSW"), ("西南", "SW"), ("西西南", "WSW"), ("西", "W"),
    ("西西北", "WNW"), ("西北", "NW"), ("北西北", "NNW"),
)  # fmt: skip
PROPERTIES = (
    "wind_speed",
    "wind_direction",
    "temperature",
    "humidity",
    "rain_1h",
    "rain_24h",
    "visibility",
    "pressure",
)
# A station with both halves of the wind is preferred to nearer ones with one: so far, or twice as far as the nearest.
PAIR_M = 5000.0
FRESH: frozenset[Freshness] = frozenset({"live", "late"})
COLOURS = ("white", "blue", "yellow", "orange", "red")


def beaufort(speed_ms: float) -> int:
    """Force 0 to 17 of a mean wind speed in m/s; 18 stands for beyond 17. Speeds are told to 0.1 m/s, as measured."""
    told = math.floor(speed_ms * 10 + 0.5) / 10
    return 18 if told >= _BEYOND else bisect_right(_FORCES, told)


def force_words(force: int) -> Text:
    return Text("17 级以上", "above force 17") if force > 17 else Text(f"{force} 级", f"force {force}")


def point(degrees: float) -> Text:
    """The point of the compass of a direction in degrees from north, clockwise."""
    return Text(*_POINTS[round((degrees % 360) / 22.5) % 16])


def blows_to(from_deg: float) -> float:
    """Where a wind from `from_deg` blows to, 0 <= degrees < 360: the way its arrow points."""
    return (from_deg + 180) % 360


@dataclass(frozen=True, slots=True)
class Value:
    """One property of one station, as last observed."""

    station: str
    station_id: int
    distance_m: float
    property: str
    value: float
    unit: str
    observed_at: dt.datetime
    interval_s: float
    suspect: bool = False
    origin: str = "real"

    def state(self, now: dt.datetime) -> Freshness:
        return freshness(self.observed_at, dt.timedelta(seconds=self.interval_s), now)

    def as_json(self, now: dt.datetime) -> dict[str, Any]:
        state = self.state(now)
        out: dict[str, Any] = {
            "property": self.property, "value": self.value, "unit": self.unit, "station": self.station,
            "station_id": self.station_id, "distance_m": round(self.distance_m),
            "observed_at": self.observed_at.isoformat(),
            "age_s": max(0, round((now - self.observed_at).total_seconds())), "state": state,
            "fresh": state in FRESH, "suspect": self.suspect,
        }  # fmt: skip
        return out | _meaning(self.property, self.value)


def _meaning(prop: str, value: float) -> dict[str, Any]:
    if prop == "wind_speed":
        force = beaufort(value)
        return {"force": force, "force_zh": force_words(force).zh, "force_en": force_words(force).en}
    if prop == "wind_direction":
        to = blows_to(value)
        here, there = point(value), point(to)
        return {
            "from_deg": value % 360, "to_deg": to, "from_zh": f"{here.zh}风", "from_en": here.en,
            "to_zh": f"吹向{there.zh}", "to_en": f"blows to {there.en}",
        }  # fmt: skip
    return {}


def nearest(values: Iterable[Value], now: dt.datetime) -> dict[str, Value]:
    """Of each property the nearest fresh value; both halves of the wind of one station where one near has both."""
    fresh = sorted((v for v in values if v.state(now) in FRESH), key=lambda v: (v.distance_m, v.station_id))
    out: dict[str, Value] = {}
    for v in fresh:
        out.setdefault(v.property, v)
    pair = _wind(fresh)
    return out | pair


def _wind(fresh: Sequence[Value]) -> dict[str, Value]:
    directions = {v.station_id: v for v in fresh if v.property == "wind_direction"}
    speeds = [v for v in fresh if v.property == "wind_speed"]
    both = next((v for v in speeds if v.station_id in directions), None)
    if both is None or both.distance_m > max(PAIR_M, 2 * speeds[0].distance_m):
        return {}
    return {"wind_speed": both, "wind_direction": directions[both.station_id]}


def change(now_colour: str, before: str) -> str:
    """up, down or same, from one warning to what it became; a colour nobody knows is no change."""
    if now_colour not in COLOURS or before not in COLOURS:
        return "same"
    a, b = COLOURS.index(now_colour), COLOURS.index(before)
    return "up" if a > b else "down" if a < b else "same"


def chains(rows: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    """Predecessors of each warning, the newest first: rows with `warning_id`, `replaced_by`, `ended_at`."""
    before: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["replaced_by"] is not None:
            before.setdefault(int(row["replaced_by"]), []).append(row)

    def of(warning_id: int, seen: frozenset[int]) -> list[Mapping[str, Any]]:
        out: list[Mapping[str, Any]] = []
        for row in sorted(before.get(warning_id, ()), key=lambda r: r["onset_at"], reverse=True):
            if row["warning_id"] not in seen:
                out += [row, *of(int(row["warning_id"]), seen | {int(row["warning_id"])})]
        return out

    return {int(r["warning_id"]): of(int(r["warning_id"]), frozenset({int(r["warning_id"])})) for r in rows}
