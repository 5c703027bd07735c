"""Roads of a file as lines in the centre's metres: batch by batch, rejects with reasons, far ones left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ioc import geo
from ioc.command.roads.topology import Shapes
from ioc.command.roads.turns import Turn
from ioc.command.roads.ways import Way
from ioc.dictionaries import Dictionary
from ioc.intake import geometry
from ioc.intake.datasets import _road_fields
from ioc.intake.readers import Rows
from ioc.intake.reasons import reason
from ioc.store.rejects import Rejected

_POINT_M = 0.001  # shorter is no line
KEPT_RAW = 2000  # characters of a rejected record


@dataclass
class Lines:
    """What a file gave. `lines` are chunks of LineStrings in metres of `srid`; `refs` only for OpenStreetMap.

    `originals[w]`: WKB as delivered and the record of way w; line j is of way `way_of[j]` (a multi-line is several).
    `area`: in metres; what lies wholly outside is left out and counted. None takes all.
    """

    srid: int
    area: Any = None
    ways: list[Way] = field(default_factory=list[Way])
    lines: list[Shapes] = field(default_factory=list[Shapes])
    way_of: list[int] = field(default_factory=list[int])
    refs: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    originals: list[tuple[bytes, str]] = field(default_factory=list[tuple[bytes, str]])
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    ignored: Counter[str] = field(default_factory=Counter[str])
    turns: list[Turn] = field(default_factory=list[Turn])
    unturned: Counter[str] = field(default_factory=Counter[str])  # restrictions that cannot be applied, by why
    read: int = 0
    outside: int = 0

    @property
    def shapes(self) -> Shapes:
        return np.concatenate([np.empty(0, dtype=object), *self.lines])

    def metres(self, degrees: Shapes) -> Shapes:
        return shapely.transform(degrees, lambda xy: np.column_stack(geo.to_metres(xy[:, 0], xy[:, 1], self.srid)))

    def inside(self, lines: Shapes) -> NDArray[np.bool_]:
        if self.area is None:
            return np.ones(len(lines), dtype=bool)
        return np.asarray(shapely.intersects(self.area, lines), dtype=bool)

    def add(self, way: Way, original: bytes, record: str, parts: Shapes) -> None:
        self.ways.append(way)
        self.originals.append((original, record))
        self.way_of += [len(self.ways) - 1] * len(parts)
        self.lines.append(parts)


def take_rows(
    out: Lines, batches: Iterator[Rows], found: Mapping[str, str], crs: str, tables: Mapping[str, Dictionary],
    progress: Callable[[int], None],
) -> None:  # fmt: skip
    """Rows of a department's file in the declared system `crs`."""
    for batch in batches:
        _take_batch(out, batch, found, crs, tables)
        progress(out.read)


def _take_batch(
    out: Lines, batch: Rows, found: Mapping[str, str], crs: str, tables: Mapping[str, Dictionary]
) -> None:  # fmt: skip
    classes, vehicles = tables["road_class"], tables["road_vehicle"]
    shapes = list(batch.geometries) if batch.geometries is not None else [None] * len(batch.records)
    good: list[tuple[int, Way, list[str]]] = []
    faults = geometry.faults(shapes, ("line",), crs)
    for i, (number, record, fault) in enumerate(zip(batch.numbers, batch.records, faults, strict=True)):
        own = {f: record.get(c) for c, f in found.items()}
        way, reasons, ignored = _road_fields.way(own, number, classes, vehicles, lenient=False)
        # a road that crosses itself is a road
        against = [*reasons, *([fault] if fault and fault.code != "self_intersection" else [])]
        if against:
            out.rejected.append(Rejected(str(number), against, _raw(record)))
        else:
            good.append((i, way, ignored))
    flat = np.array([shapely.force_2d(shapes[i]) for i, _, _ in good], dtype=object)
    parts, owner = shapely.get_parts(flat, return_index=True) if len(flat) else (flat, np.empty(0, np.int64))
    metres = shapely.remove_repeated_points(out.metres(geometry.transform(parts, crs)), _POINT_M)
    long, inside = shapely.length(metres) > _POINT_M, out.inside(metres)
    bounds = np.searchsorted(owner, np.arange(len(good) + 1))
    for j, (i, way, ignored) in enumerate(good):
        mine = slice(bounds[j], bounds[j + 1])
        if not long[mine].any():
            why = [reason("geometry", "empty_geometry")]
            out.rejected.append(Rejected(str(batch.numbers[i]), why, _raw(batch.records[i])))
        elif not inside[mine].any():
            out.outside += 1
        else:
            out.ignored.update(ignored)
            out.add(way, shapely.to_wkb(flat[j]), _raw(batch.records[i]), metres[mine][long[mine]])
    out.read = len(out.ways) + len(out.rejected)


def _raw(record: Mapping[str, Any]) -> str:
    return json.dumps({k: v for k, v in record.items() if v is not None}, ensure_ascii=False, default=str)[:KEPT_RAW]


def reasons_of(rejected: list[Rejected]) -> Counter[tuple[str, str]]:
    return Counter((x.field, x.code) for r in rejected for x in r.reasons)
