"""How long it takes from where forces stand to the incident: by road where a road network is here, else by line.

A straight-line estimate is never mistaken for a road time: each trip says `by`, and the panel says so under its list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ioc.command.asking import Ask
from ioc.i18n import Text
from ioc.store.pool import Conn

By = Literal["road", "line"]
State = Literal["ok", "unreachable", "off_road"]
# Roads are longer than the line between their ends. A planning value of ours (自拟), as are the speeds of dictionary
# `vehicle_class`: they stand in for a road network that has not been imported, and are always named as estimates.
DETOUR = 1.4
DEFAULT_KMH = 35.0
BY_LINE = Text("按直线估算（直线距离 × 1.4 ÷ 车型速度），不是道路行程时间",
               "estimated by straight line (distance × 1.4 / speed of the vehicle class), not by road")  # fmt: skip
SOME_BY_LINE = Text("部分资源不在路网附近，按直线估算", "some stand off the road network: estimated by straight line")
AFLOAT = frozenset({"boat"})  # no road helps them


@dataclass(frozen=True, slots=True)
class Stop:
    """Where one thing starts from: degrees, its vehicle class, and its distance to the incident in metres."""

    id: int
    lon: float
    lat: float
    distance_m: float
    vehicle: str = ""


@dataclass(frozen=True, slots=True)
class Trip:
    """One way to the incident. `seconds` None: it cannot get there. `metres`: along the way, or along the line."""

    seconds: float | None
    metres: float | None
    by: By
    state: State = "ok"
    snap_m: float | None = None  # by road: from both ends to the road, not driven and not counted


# Road times of many starts to one place; a start the network does not know is left out of the answer.
RoadTimes = Callable[[Conn, Ask, Sequence[Stop]], Mapping[int, Trip]]


def by_line(stop: Stop, speeds: Mapping[str, float]) -> Trip:
    """`distance × DETOUR / speed` of its class; boats go straight."""
    kmh = speeds.get(stop.vehicle) or DEFAULT_KMH
    factor = 1.0 if stop.vehicle in AFLOAT else DETOUR
    return Trip(round(stop.distance_m * factor / (kmh / 3.6), 1), round(stop.distance_m, 1), "line")


def trips(
    conn: Conn, ask: Ask, stops: Sequence[Stop], speeds: Mapping[str, float], roads: RoadTimes | None
) -> tuple[dict[int, Trip], tuple[Text, ...]]:
    """A trip for every stop, and what has to be said about them. `roads` None: there is no road network here."""
    found = dict(roads(conn, ask, [s for s in stops if s.vehicle not in AFLOAT])) if roads is not None and stops else {}
    out = {s.id: found.get(s.id) or by_line(s, speeds) for s in stops}
    lines = sum(t.by == "line" for t in out.values())
    if not lines:
        return out, ()
    return out, ((BY_LINE,) if lines == len(out) else (SOME_BY_LINE,))


def order(trip: Trip) -> tuple[bool, float, float]:
    """Soonest first; what cannot get there comes last, by distance."""
    return trip.seconds is None, trip.seconds or 0.0, trip.metres or 0.0
