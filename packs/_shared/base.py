"""The offline base map of a pack: hand-traced control points (`base.json`), smoothed, beside derived roads and streets.

All of it is a sketch (示意). Only the outlines of land and neighbours are real.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from ioc.place import BaseFeature, BaseRole
from packs._shared import boundaries
from packs._shared.plane import Plane, Points, Warp, meander, smooth
from packs._shared.tree import Tree

# About 200 m: neighbours are drawn as a quiet background.
_OUTSIDE_STEP_DEG = 0.002
_STREET_KM = 0.42


def seed_of(text: str) -> int:
    """A number from a name that is the same in every process (unlike `hash`)."""
    return zlib.crc32(text.encode())


def load_base(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def drawn(base: Mapping[str, Any], plane: Plane) -> Iterator[BaseFeature]:
    """Features of `base.json`: lines, ponds, place names."""
    for item in base["lines"]:
        amplitude, wavelength = item.get("bend", (0.0, 10.0))
        km = meander(smooth(plane.to_km(np.array(item["at"]))), seed_of(item["id"]), amplitude, wavelength)
        line = shapely.simplify(shapely.LineString(km), 0.02)
        yield _feature(item["role"], item["id"], line, plane, item)
    bend = Warp(11, ((0.5, 2.4), (0.2, 0.9)))
    for item in base["ponds"]:
        disc = shapely.Point(plane.to_km(np.array([item["at"]]))[0]).buffer(item["radius_km"] * 0.75, 32)
        lake = shapely.simplify(shapely.transform(disc, bend), 0.02).buffer(0)
        yield _feature("water", item["id"], lake, plane, {"class": "reservoir", "min_zoom": 10})
    for item in base["places"]:
        yield _feature("place", item["id"], shapely.Point(plane.to_km(np.array([item["at"]]))[0]), plane, item)


def bays(base: Mapping[str, Any], plane: Plane) -> BaseGeometry:
    """Sea arms (km) that the administrative outline closes over: drawn as sea, and nothing is placed in them."""
    rings = [smooth(plane.to_km(np.array([*item["at"], item["at"][0]])), 6) for item in base["areas"]]
    return shapely.union_all([shapely.Polygon(ring).buffer(0) for ring in rings])


def grounds(base: Mapping[str, Any], land: BaseGeometry, bay: BaseGeometry) -> Iterator[BaseFeature]:
    """Sea (the frame), neighbours' land, and the place itself without its sea arms, in degrees."""
    frame = base["frame"]
    yield BaseFeature("sea", "sea", "", "", shapely.to_wkb(shapely.box(*frame)))
    for code, name, shape in boundaries.around(*frame):
        rest = shapely.difference(shapely.simplify(shape, _OUTSIDE_STEP_DEG), land)
        # the simplified neighbour leaves hair-thin slivers along the real border: opened away
        rest = shapely.buffer(shapely.buffer(rest, -0.0015, quad_segs=2), 0.0015, quad_segs=2)
        if not rest.is_empty:
            yield BaseFeature("outside", code, name, "", shapely.to_wkb(shapely.set_precision(rest, 1e-5)))
    yield BaseFeature(
        "land", "land", "", "", shapely.to_wkb(shapely.set_precision(shapely.difference(land, bay), 1e-6))
    )


def derived_roads(
    tree: Tree, plane: Plane, towns: Mapping[str, float], land: BaseGeometry, dry: BaseGeometry
) -> Iterator[BaseFeature]:
    """Roads between seats, village roads, and streets in the denser towns. `towns`: code to weight; km outlines."""
    yield from _town_roads(tree, plane, list(towns), dry)
    for town in towns:
        yield from _village_roads(tree, plane, town, dry)
    for town, weight in towns.items():
        if weight >= 40:
            yield from _streets(tree, plane, town, weight, shapely.intersection(land, dry))


def _town_roads(tree: Tree, plane: Plane, towns: Sequence[str], dry: BaseGeometry) -> Iterator[BaseFeature]:
    """Gabriel graph of the seats: joined when no third seat lies in the circle over the pair."""
    at = np.array([tree.centres[t] for t in towns])
    for i in range(len(at)):
        for j in range(i):
            middle, radius2 = (at[i] + at[j]) / 2, ((at[i] - at[j]) ** 2).sum() / 4
            near = ((at - middle) ** 2).sum(axis=1) < radius2 - 1e-9
            straight = shapely.LineString([at[i], at[j]])
            if near.any() or shapely.intersection(straight, dry).length < 0.96 * straight.length:
                continue
            yield _road(f"t{towns[i][:9]}-{towns[j][:9]}", at[[i, j]], plane, "county", 9, 0.5, 5.0)


def _village_roads(tree: Tree, plane: Plane, town: str, dry: BaseGeometry) -> Iterator[BaseFeature]:
    """Minimum spanning tree of a town's seat and villages (Prim)."""
    codes = [n.code for n in tree.villages[town]]
    at = np.array([tree.centres[town], *(tree.centres[c] for c in codes)])
    distance = np.hypot(*(at[:, None, :] - at[None, :, :]).transpose(2, 0, 1))
    joined, rest = [0], list(range(1, len(at)))
    while rest:
        table = distance[np.ix_(joined, rest)]
        a, b = np.unravel_index(int(table.argmin()), table.shape)
        i, j = joined[a], rest[b]
        joined.append(rest.pop(b))
        line = shapely.LineString(at[[i, j]])
        if shapely.intersection(line, dry).length > 0.97 * line.length:
            yield _road(f"v{codes[j - 1]}", at[[i, j]], plane, "village", 12, 0.18, 1.8)


def _streets(tree: Tree, plane: Plane, town: str, weight: float, area: BaseGeometry) -> Iterator[BaseFeature]:
    """A bent street grid around the seat; heavier towns get a wider one."""
    rng = np.random.default_rng([seed_of(town), 5])
    centre, radius = np.array(tree.centres[town]), 0.16 * np.sqrt(weight) + 0.1
    bend = Warp(seed_of(town), ((0.12, 2.6), (0.03, 0.8)))
    town_area = shapely.intersection(shapely.Point(centre).buffer(radius), area)
    angle = rng.uniform(0, np.pi / 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    n = 0
    for axis in (0, 1):
        at = -radius + _STREET_KM / 2
        while at < radius:
            run = np.linspace(-radius, radius, 24)
            line = np.stack([run, np.full(24, at)] if axis == 0 else [np.full(24, at), run], axis=1)
            street = shapely.intersection(shapely.LineString(bend(line @ turn.T + centre)), town_area)
            for part in shapely.get_parts(street):
                if part.length > 0.3:
                    n += 1
                    yield _feature(
                        "road", f"s{town[:9]}-{n}", part.simplify(0.01), plane, {"class": "street", "min_zoom": 13}
                    )
            at += _STREET_KM * rng.uniform(0.7, 1.3)


def _road(
    id_: str, ends: Points, plane: Plane, kind: str, min_zoom: int, amplitude: float, wavelength: float
) -> BaseFeature:
    length = float(np.hypot(*(ends[1] - ends[0])))
    line = np.linspace(ends[0], ends[1], max(4, int(length)))
    km = meander(line, seed_of(id_), min(amplitude, length * 0.06), min(wavelength, max(length, 0.5)))
    return _feature(
        "road", id_, shapely.simplify(shapely.LineString(km), 0.03), plane, {"class": kind, "min_zoom": min_zoom}
    )


def _feature(role: BaseRole, id_: str, km: BaseGeometry, plane: Plane, item: Mapping[str, Any]) -> BaseFeature:
    attributes = {k: item[k] for k in ("class", "rank", "min_zoom") if k in item}
    geom = shapely.to_wkb(shapely.set_precision(plane.shape_deg(km), 1e-5))
    return BaseFeature(role, id_, item.get("name", ""), item.get("name_en", ""), geom, attributes)
