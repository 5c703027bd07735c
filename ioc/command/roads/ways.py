"""One way of a file as the network takes it, and how fast each vehicle drives it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ioc.command.roads import EMERGENCY, MOTOR, VEHICLES
from ioc.dictionaries import Dictionary
from ioc.errors import Invalid

FALLBACK = "unclassified"  # what a way without a known class is driven as
LEAST_KMH = 3.0


@dataclass(frozen=True, slots=True)
class Way:
    """Attributes of one way. `oneway` 1 along, -1 against, 0 both. `denied` and `allowed`: vehicles named by the file.

    `speed_kmh`, `width_m`, `max_height_m`, `max_weight_t` None where the file says nothing.
    """

    external_id: str
    cls: str = ""
    name: str = ""
    oneway: int = 0
    speed_kmh: float | None = None
    lanes: int | None = None
    width_m: float | None = None
    max_height_m: float | None = None
    max_weight_t: float | None = None
    bridge: bool = False
    tunnel: bool = False
    level: int = 0
    denied: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RoadClass:
    """`design_kmh`: speed where no limit is given; `share`: what of it is driven on the average of a journey."""

    design_kmh: float
    share: float
    vehicles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Greatest speed, and the clear height, width and load a road must have; 0: no such demand."""

    top_kmh: float
    height_m: float = 0
    width_m: float = 0
    weight_t: float = 0


@dataclass(frozen=True)
class Speeds:
    """The dictionaries `road_class` and `road_vehicle`, with what the installation put in their place."""

    classes: Mapping[str, RoadClass]
    vehicles: Mapping[str, Vehicle]

    @classmethod
    def of(cls, tables: Mapping[str, Dictionary], given: Mapping[str, Any] | None = None) -> Speeds:
        """Raises Invalid for an override that names nothing or is no number."""
        more = given or {}
        try:
            classes = {
                e.code: _road_class({**e.attributes, **_part(more, "road_class", e.code)})
                for e in tables["road_class"].values()
            }
            vehicles = {
                e.code: _vehicle({**e.attributes, **_part(more, "road_vehicle", e.code)})
                for e in tables["road_vehicle"].values()
            }
        except (TypeError, ValueError, KeyError) as e:
            raise Invalid(f"道路速度表有误：{e}", f"the table of road speeds is wrong: {e}") from e
        unknown = [k for t, have in (("road_class", classes), ("road_vehicle", vehicles)) for k in more.get(t, {})
                   if k not in have]  # fmt: skip
        if unknown:
            raise Invalid(f"道路速度表中没有：{', '.join(unknown)}", f"no such class or vehicle: {', '.join(unknown)}")
        return cls(classes, {v: vehicles[v] for v in VEHICLES})

    def mps(self, way: Way) -> tuple[float, ...]:
        """Metres a second of each of `VEHICLES`; 0 where it may not or cannot pass.

        v = min(top of the vehicle, (limit or design speed) x share of the class); on foot always the walking speed.
        """
        road = self.classes.get(way.cls) or self.classes[FALLBACK]
        kmh = max(LEAST_KMH, (way.speed_kmh or road.design_kmh) * road.share)
        out: list[float] = []
        for name in VEHICLES:
            vehicle = self.vehicles[name]
            if not self.passes(way, name, road, vehicle):
                out.append(0.0)
            else:
                out.append((vehicle.top_kmh if name == "foot" else min(vehicle.top_kmh, kmh)) / 3.6)
        return tuple(out)

    @staticmethod
    def passes(way: Way, name: str, road: RoadClass, vehicle: Vehicle) -> bool:
        """Named permissions win over the class; sizes win over everything."""
        if name in way.denied or (name not in way.allowed and name not in road.vehicles):
            return False
        return not (
            (way.max_height_m is not None and way.max_height_m < vehicle.height_m)
            or (way.width_m is not None and way.width_m < vehicle.width_m)
            or (way.max_weight_t is not None and way.max_weight_t < vehicle.weight_t)
        )


def overrides(path: Path) -> Mapping[str, Any]:
    """`{"road_class": {"primary": {"share": 0.6}}, "road_vehicle": {...}}`; {} without the file. Raises Invalid."""
    if not path.is_file():
        return {}
    try:
        body = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as e:
        raise Invalid(f"无法读取 {path.name}：{e}", f"cannot read {path.name}: {e}") from e
    tables = ("road_class", "road_vehicle")
    if not isinstance(body, dict) or any(k not in tables or not isinstance(v, dict) for k, v in body.items()):
        raise Invalid(f"{path.name} 应含 {'、'.join(tables)}", f"{path.name} must hold {' and '.join(tables)}")
    return cast("Mapping[str, Any]", body)


def _part(given: Mapping[str, Any], table: str, code: str) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", given.get(table, {}).get(code, {}))


def _road_class(a: Mapping[str, Any]) -> RoadClass:
    design, share = float(a["design_kmh"]), float(a["share"])
    if not (1 <= design <= 200 and 0.05 <= share <= 1.5):
        raise ValueError(f"design_kmh {design}, share {share}")
    vehicles = frozenset(map(str, a["vehicles"]))
    if not vehicles <= set(VEHICLES):
        raise ValueError(f"vehicles {sorted(vehicles)}")
    return RoadClass(design, share, vehicles)


def _vehicle(a: Mapping[str, Any]) -> Vehicle:
    top = float(a["top_kmh"])
    if not 1 <= top <= 200:
        raise ValueError(f"top_kmh {top}")
    return Vehicle(top, *(float(a.get(n, 0)) for n in ("height_m", "width_m", "weight_t")))


__all__ = ["EMERGENCY", "FALLBACK", "MOTOR", "RoadClass", "Speeds", "Vehicle", "Way", "overrides"]
