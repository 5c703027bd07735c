"""A seeded road network for the city of `ioc.ops.bench.city`: arterials over all of it, a street grid in each town.

Written as a GeoPackage and brought in by `ioc import roads` like anybody's file, so that the builder is measured too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely
from numpy.typing import NDArray

from ioc.ops.bench import city

ARTERIALS = (50, 42)  # columns, rows over the whole city, 2.5 km apart
STREET_M = 120.0
_DEGREE_M = 111_320.0
FIELDS = ("编号", "名称", "道路等级", "单行", "限速", "桥梁")


@dataclass(frozen=True)
class Roads:
    """Ways as columns of a file: EPSG:4490 lines and their attributes."""

    lines: NDArray[np.object_]
    columns: Sequence[Sequence[Any]]


def network(edges: int, seed: int = 7) -> Roads:
    """Ways that make at least `edges` stretches when cut at their crossings; one seed, one network.

    A tenth of the streets are one-way in alternating directions; every eighth arterial is an expressway on bridges,
    joined to the others at its ends and every fifth crossing only.
    """
    rng = np.random.default_rng(seed)
    ways: list[tuple[Any, ...]] = []
    lines: list[NDArray[np.float64]] = []

    def add(xy: NDArray[np.float64], cls: str, oneway: str = "否", speed: int = 0, bridge: str = "否") -> None:
        ways.append((f"R{len(ways):06d}", f"{cls}{len(ways)}", cls, oneway, speed, bridge))
        lines.append(xy)

    _arterials(rng, add)
    columns, rows = ARTERIALS
    need = edges - 2 * columns * rows
    side = max(2, int(np.ceil(np.sqrt(max(0, need) / 2 / (city.COLUMNS * city.ROWS) * 1.06))) + 1)
    for town in range(city.COLUMNS * city.ROWS):
        _streets(rng, town, side, add)
    made = np.array([shapely.LineString(xy) for xy in lines], dtype=object)
    return Roads(made, list(zip(*ways, strict=True)))


def _arterials(rng: np.random.Generator, add: Any) -> None:
    columns, rows = ARTERIALS
    x = city.WEST + city.WIDTH * (np.arange(columns) + 0.5) / columns
    y = city.SOUTH + city.HEIGHT * (np.arange(rows) + 0.5) / rows
    grid = np.stack(np.meshgrid(x, y), axis=-1) + rng.normal(0, 0.0015, (rows, columns, 2))
    for lines, count in ((grid, rows), (grid.transpose(1, 0, 2), columns)):
        for i in range(count):
            express = i % 8 == 4
            step = 5 if express else 10
            for start in range(0, lines.shape[1] - 1, step):
                piece = lines[i, start : start + step + 1]
                if express:
                    add(piece, "一级公路", speed=80, bridge="是")
                else:
                    add(piece, "主干路" if i % 2 else "次干路", speed=60 if i % 2 else 40)


def _streets(rng: np.random.Generator, town: int, side: int, add: Any) -> None:
    lon, lat = city.town_centre(town)
    step_y = STREET_M / _DEGREE_M
    step_x = step_y / np.cos(np.radians(lat))
    place = np.arange(side) - (side - 1) / 2
    grid = np.stack(np.meshgrid(lon + place * step_x, lat + place * step_y), axis=-1)
    grid = grid + rng.normal(0, step_y / 12, grid.shape)
    for lines in (grid, grid.transpose(1, 0, 2)):
        for i in range(side):
            oneway = ("是", "反向")[i // 10 % 2] if i % 10 == 5 else "否"
            ends = rng.normal(0, step_y / 4, (2, 2))
            add(np.vstack([lines[i, 0] - ends[0], lines[i], lines[i, -1] + ends[1]]), "支路" if i % 4 == 0 else "街巷",
                oneway)  # fmt: skip


def write(path: Path, edges: int, seed: int = 7) -> Path:
    """The network as a GeoPackage in EPSG:4490 at `path`."""
    roads = network(edges, seed)
    columns = [np.array(c, dtype=np.int32 if name == "限速" else object) for name, c in zip(FIELDS, roads.columns,
                                                                                          strict=True)]  # fmt: skip
    pyogrio.raw.write(
        str(path), shapely.to_wkb(roads.lines), columns, list(FIELDS), layer="roads", driver="GPKG",
        geometry_type="LineString", crs="EPSG:4490",
    )  # fmt: skip
    return path
