"""Trips by road for the panels of forces: the network of this centre behind `ioc.command.travel`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ioc.command.asking import Ask
from ioc.command.roads import ROUTED_AS
from ioc.command.roads.travel import Place
from ioc.command.travel import RoadTimes, Stop, Trip
from ioc.i18n import Text
from ioc.store import routing, travel
from ioc.store.pool import Conn

DEFAULT = "car"


def road_times(conn: Conn) -> RoadTimes | None:
    """None while no road network was brought in, or the database has no pgRouting (`missing` says which)."""
    return _times if travel.present(conn) and routing.version(conn) else None


def missing(conn: Conn) -> tuple[Text, ...]:
    """What a panel says where there is a network that cannot be searched."""
    return (routing.MISSING,) if travel.present(conn) and not routing.version(conn) else ()


def _times(conn: Conn, ask: Ask, stops: Sequence[Stop]) -> Mapping[int, Trip]:
    """One search for each class of vehicle, from every stop to the incident. Who stands off the network is left out."""
    by_vehicle: defaultdict[str, list[Stop]] = defaultdict(list)
    for stop in stops:
        by_vehicle[ROUTED_AS.get(stop.vehicle, DEFAULT)].append(stop)
    out: dict[int, Trip] = {}
    place = Place("incident", ask.lon, ask.lat)
    for vehicle, own in by_vehicle.items():
        starts = [Place(s.id, s.lon, s.lat) for s in own]
        how = travel.Ask(vehicle, ask.now, case_id=ask.case_id, supposed=ask.closed)
        got = travel.travel_times(conn, ask.scope, place, starts, how)
        for stop, leg in zip(own, got.legs, strict=True):
            if leg.state == "ok" and leg.seconds is not None and leg.metres is not None:
                snap = round((leg.snap_m or 0.0) + (got.snap_m or 0.0), 1)
                out[stop.id] = Trip(round(leg.seconds, 1), round(leg.metres, 1), "road", snap_m=snap)
            elif leg.state == "unreachable":
                out[stop.id] = Trip(None, None, "road", "unreachable")
    return out
