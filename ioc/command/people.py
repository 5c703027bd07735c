"""How many people are inside areas: shares of units, the layer in force, and what is said of it. Pure.

Areal weighting: the people of a unit are taken to be spread evenly over it (Goodchild and Lam 1980); with buildings,
over the floor area lived in (dasymetric: Wright 1936). One layer (source and level) answers all areas of a question,
so that a ring never holds fewer people than the ring inside it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# A layer covers as well as the best one when it covers at least this share of what that covers: sea and rivers are in
# no layer, and outlines of two sources differ along their edges.
AS_GOOD = 0.98
# Below this share of an area with data the number is said to be partial.
WHOLE = 0.995
# A unit whose parts add up to this share of it is inside; areas are cut into pieces, and sums of pieces are not exact.
WHOLLY = 1 - 1e-9
LEVELS: Mapping[str, tuple[str, str]] = {
    "building": ("楼栋", "buildings"),
    "grid": ("网格", "grid cells"),
    "block": ("普查小区", "census blocks"),
    "village": ("村（社区）", "villages"),
    "town": ("镇街", "towns"),
    "county": ("县区", "counties"),
    "city": ("全市", "the city"),
    "area": ("分区", "areas"),
}


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of a layer and how much of it lies in each area asked about.

    `inside` m2 by area; `floors` floor area lived in, in m2: (of the whole unit, of its part in each area), None where
    it was not asked or none stands in the unit.
    """

    source: str
    level: str
    total: float
    shown: Mapping[str, float]
    area_m2: float
    inside: Sequence[float]
    as_of: dt.datetime
    method: str = ""
    origin: str = "real"
    floors: tuple[float, Sequence[float]] | None = None

    @property
    def layer(self) -> tuple[str, str]:
        return self.source, self.level

    def share(self, n: int) -> float:
        """Of the unit's people, those in area `n`: 0 to 1."""
        covered = min(1.0, self.inside[n] / self.area_m2)
        if covered >= WHOLLY:
            return 1.0
        if self.floors is None or self.floors[0] <= 0 or covered == 0:
            return covered
        return min(1.0, self.floors[1][n] / self.floors[0])


@dataclass(frozen=True, slots=True)
class Count:
    """People in one area. `covered`: share of the area that lies in units, 0 to 1."""

    total: float
    groups: Mapping[str, float]
    covered: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The answer of one layer for all areas, in their order. `dasymetric`: units whose people were put by buildings."""

    source: str
    level: str
    counts: Sequence[Count]
    as_of: dt.datetime
    newest: dt.datetime
    units: int
    dasymetric: int
    methods: Sequence[str]
    origin: str
    others: Sequence[tuple[str, str]] = field(default=())


def layers(units: Sequence[Unit]) -> dict[tuple[str, str], list[Unit]]:
    out: dict[tuple[str, str], list[Unit]] = {}
    for unit in units:
        out.setdefault(unit.layer, []).append(unit)
    return out


def in_force(units: Sequence[Unit], widest: int) -> tuple[str, str] | None:
    """The layer that answers: of those that cover area `widest` as well as the best, the finest; then the newest.

    Fine: a small mean area of its units. Ties are broken by name, so that one question has one answer.
    """
    found = layers(units)
    if not found:
        return None
    covers = {key: sum(u.inside[widest] for u in of) for key, of in found.items()}
    good = [key for key, m2 in covers.items() if m2 >= AS_GOOD * max(covers.values())]

    def rank(key: tuple[str, str]) -> tuple[float, float, tuple[str, str]]:
        of = found[key]
        return sum(u.area_m2 for u in of) / len(of), -min(u.as_of for u in of).timestamp(), key

    return min(good, key=rank)


def estimate(units: Sequence[Unit], areas_m2: Sequence[float], widest: int) -> Estimate | None:
    """People in each area (of `areas_m2`) by the layer in force for area `widest`. None: no layer reaches here."""
    key = in_force(units, widest)
    if key is None:
        return None
    of = layers(units)[key]
    names = sorted({g for u in of for g in u.shown})
    counts: list[Count] = []
    for n, area_m2 in enumerate(areas_m2):
        shares = [u.share(n) for u in of]
        groups = {g: sum(u.shown.get(g, 0.0) * s for u, s in zip(of, shares, strict=True)) for g in names}
        total = sum(u.total * s for u, s in zip(of, shares, strict=True))
        covered = min(1.0, sum(u.inside[n] for u in of) / area_m2) if area_m2 > 0 else 0.0
        counts.append(Count(total, groups, covered))
    days = [u.as_of for u in of]
    return Estimate(
        *key,
        counts,
        min(days),
        max(days),
        len(of),
        sum(1 for u in of if u.floors is not None and u.floors[0] > 0),
        sorted({u.method for u in of if u.method}),
        "demo" if any(u.origin == "demo" for u in of) else "real",
        sorted(set(layers(units)) - {key}),
    )
