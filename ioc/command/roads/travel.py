"""What a question about travel times is made of: places laid onto the network, the graph pgRouting is given, answers.

Pure. A place is laid onto the nearest passable stretch and becomes a node of its own there: -1 for the first, -2 ...
The way from the place to the road is told (`snap_m`), never counted into the seconds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ioc.command.roads.turns import PLAIN
from ioc.i18n import Text

Direction = Literal["to", "from"]
State = Literal["ok", "no_network", "no_routing", "no_road"]
LegState = Literal["ok", "no_road", "unreachable", "not_computed"]
SLACK = 1.02  # metres of the grid against the metres driven, and rounding
WHOLE_EDGES = 10_000  # a network this small is handed over whole
JUNCTION_M = 1.0  # nearer to the end of its stretch a place stands at the junction
MARGIN_M, MARGIN = 2000.0, 0.6
LINE_NOTE = Text("按直线距离，不是道路行程", "as the crow flies, not by road")


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere one asks about. Degrees, EPSG:4490/4326."""

    key: str | int
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Hang:
    """How a stretch hangs in the graph: nodes of its ends, seconds along and against it (negative: not that way)."""

    a: int
    b: int
    cost: float
    back: float


@dataclass(frozen=True, slots=True)
class Laid:
    """A place on the network: on edge `edge_id` from `a` to `b`, `fraction` of the way along it.

    `cost`, `back`: seconds of the whole edge along and against it, negative where it is not driven that way. `x`, `y`:
    metres of the point on the road. `hangs`: where turns are restricted, the stretch as it hangs in the graph by its
    plain nodes and then by its twins (`ioc.command.roads.turns`). `gates`: nodes of restricted arrivals at its ends.
    """

    key: str | int
    edge_id: int
    a: int
    b: int
    cost: float
    back: float
    length_m: float
    fraction: float
    snap_m: float
    x: float
    y: float
    hangs: tuple[Hang, ...] = ()
    gates: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Leg:
    """From or to one place. `seconds` and `metres` by road; None unless `state` is ok. `straight_m` is only a fallback.

    `snap_m`: from the place to the road; None where there is none within reach.
    """

    key: str | int
    state: LegState
    straight_m: float
    seconds: float | None = None
    metres: float | None = None
    snap_m: float | None = None


@dataclass(frozen=True)
class Travel:
    """Travel times between one place and many. `state` other than ok: no leg was computed, and `note` says why.

    `snap_m`: from the one place to the road. `near_m`: how far a road was looked for. `closed`: stretches closed.
    """

    state: State
    vehicle: str
    direction: Direction
    legs: Sequence[Leg]
    near_m: float
    snap_m: float | None = None
    closed: int = 0
    as_of: dt.datetime | None = None
    note: Text | None = None
    limit_s: float = 0.0


@dataclass(frozen=True)
class Box:
    """Metres."""

    west: float
    south: float
    east: float
    north: float

    def leeway(self, x: float, y: float) -> float:
        """Metres from a point inside to the edge of the box."""
        return max(0.0, min(x - self.west, self.east - x, y - self.south, self.north - y))


def around(places: Sequence[Laid]) -> Box:
    """A first box: all places, and a margin for ways round that mostly makes a second look needless (`certain`)."""
    xs, ys = [p.x for p in places], [p.y for p in places]
    farthest = max(((p.x - xs[0]) ** 2 + (p.y - ys[0]) ** 2) ** 0.5 for p in places)
    m = max(MARGIN_M, MARGIN * farthest)
    return Box(min(xs) - m, min(ys) - m, max(xs) + m, max(ys) + m)


def within(place: Laid, seconds: float, top_mps: float) -> Box:
    """Nothing outside can be on a journey of `seconds` from or to the place."""
    m = seconds * top_mps * SLACK + place.length_m
    return Box(place.x - m, place.y - m, place.x + m, place.y + m)


def between(place: Laid, others: Sequence[tuple[Laid, float]], top_mps: float) -> Box:
    """Nothing outside can be on a journey between the place and any of `others` in its seconds.

    A point of a journey of s metres between places d apart is at most (s + d) / 2 from either of them.
    """
    m = place.length_m
    for other, seconds in others:
        apart = ((other.x - place.x) ** 2 + (other.y - place.y) ** 2) ** 0.5
        m = max(m, (seconds * top_mps * SLACK + apart) / 2 + place.length_m)
    return Box(place.x - m, place.y - m, place.x + m, place.y + m)


def certain(box: Box, place: Laid, other: Laid, seconds: float, top_mps: float) -> bool:
    """Whether no journey that leaves the box could be faster than `seconds`."""
    return seconds * top_mps * SLACK <= box.leeway(place.x, place.y) + box.leeway(other.x, other.y)


@dataclass(frozen=True, slots=True)
class Link:
    """An edge of the graph that is not in the store: from a place to the ends of its stretch."""

    id: int
    source: int
    target: int
    cost: float
    reverse: float
    length_m: float
    whose: int  # index of the place
    piece: Literal["head", "tail", "direct"] = "head"


def links(places: Sequence[Laid], starts: bool = True) -> list[Link]:
    """Of every place to the ends of its stretch; and of the first to those on the same stretch. Ids from -2 down.

    `starts`: journeys begin at the first place and end at the others, else the other way round. A journey only leaves
    where it begins and only comes in where it ends: none passes through a place and its junction on the way.
    """
    out: list[Link] = []

    def add(source: int, target: int, cost: float, back: float, metres: float, i: int, piece: Any) -> None:
        if cost >= 0 or back >= 0:
            out.append(Link(-2 - len(out), source, target, cost, back, metres, i, piece))

    def end(other: int, leave: float, come: float, metres: float, i: int, piece: Any) -> None:
        """Between place i and an end of its stretch; `leave`, `come`: seconds away from the place and to it."""
        leave, come = (leave, -1.0) if (i == 0) == starts else (-1.0, come)
        if piece == "head":
            add(other, node(i), come, leave, metres, i, piece)
        else:
            add(node(i), other, leave, come, metres, i, piece)

    for i, p in enumerate(places):
        for piece, share in (("head", p.fraction), ("tail", 1 - p.fraction)):
            metres, head = share * p.length_m, piece == "head"
            if metres <= JUNCTION_M:  # at the junction itself one leaves by whatever street
                plain = p.a if head else p.b
                for other in (plain, *(g for g in p.gates if g & PLAIN == plain)):
                    end(other, 0.0 if other == plain else -1.0, 0.0, metres, i, piece)
                continue
            for h in p.hangs or (Hang(p.a, p.b, p.cost, p.back),):
                cost, back = (share * c if c >= 0 else -1.0 for c in (h.cost, h.back))
                other, leave, come = (h.a, back, cost) if head else (h.b, cost, back)
                end(other, leave, come, metres, i, piece)
        first = places[0]
        if i and p.edge_id == first.edge_id:
            share = abs(first.fraction - p.fraction)
            cost, back = (share * c if c >= 0 else -1.0 for c in (p.cost, p.back))
            ends = (node(i), node(0)) if p.fraction <= first.fraction else (node(0), node(i))
            add(*ends, cost, back, share * p.length_m, i, "direct")
    return out


def node(place: int) -> int:
    """Node of the place of this index."""
    return -1 - place


@dataclass(frozen=True)
class Step:
    """A stretch of one road on a route."""

    name: str
    cls: str
    metres: float
    seconds: float


@dataclass(frozen=True)
class Route:
    """The fastest way. `points`: lon, lat in degrees from start to end; `state` as in `Travel` and `Leg`."""

    state: Literal["ok", "no_network", "no_routing", "no_road", "unreachable"]
    vehicle: str
    seconds: float | None = None
    metres: float | None = None
    points: Sequence[tuple[float, float]] = ()
    steps: Sequence[Step] = field(default_factory=tuple[Step, ...])
    snap_from_m: float | None = None
    snap_to_m: float | None = None
    closed: int = 0
    note: Text | None = None
