"""Teams and vehicles of the running demo take the orders given to them: signed for, driven to, done.

An order to a department, an account or a person is left to people. Where a vehicle is follows from its newest order and
the road network alone, so a simulator that starts anew goes on where it was.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from pyproj import Geod

from ioc.cases.work import Actor
from ioc.command.ordering import HANDLE, Orders
from ioc.command.roads import ROUTED_AS
from ioc.command.roads.travel import Place
from ioc.command.work import Incidents
from ioc.errors import Conflict
from ioc.intake.context import SourceContext
from ioc.scope import SENSITIVE, SYSTEM, Scope
from ioc.store import travel
from ioc.store.pool import Conn

# Seconds from the order to the receipt, from the receipt to the way, and what is done at the place.
SIGN_S, LEAVE_S, WORK_S = 20.0, 15.0, 480.0
# Where no road leads: straight, at this speed.
STRAIGHT_MPS = 11.0
KEPT = dt.timedelta(hours=6)
_EARTH = Geod(ellps="GRS80")
_ORDERS = """
SELECT DISTINCT ON (t.to_ref) t.task_id, t.to_ref, t.to_name, t.to_department, t.state, t.issued_at, t.signed_at,
       t.begun_at, t.done_at, r.vehicle_class, r.resource_id, t.case_id,
       ST_X(r.geom) AS lon, ST_Y(r.geom) AS lat,
       ST_X(ST_PointOnSurface(coalesce(t.geom, c.geom))) AS to_lon,
       ST_Y(ST_PointOnSurface(coalesce(t.geom, c.geom))) AS to_lat
FROM task t JOIN cases c USING (case_id) JOIN resource r ON r.origin = 'demo' AND r.resource_id::text = t.to_ref
WHERE t.to_kind = 'resource' AND t.issued_at > %(since)s AND coalesce(t.geom, c.geom) IS NOT NULL
ORDER BY t.to_ref, t.state NOT IN ('issued', 'signed', 'working'), t.issued_at DESC
"""


@dataclass(frozen=True, slots=True)
class Way:
    """A line in degrees, and the seconds from its beginning at each of its points."""

    points: Sequence[tuple[float, float]]
    seconds: Sequence[float]
    speed_kmh: float

    @property
    def total_s(self) -> float:
        return self.seconds[-1]

    def at(self, s: float) -> tuple[float, float]:
        """(lon, lat) after `s` seconds; its ends before and after."""
        if s <= 0:
            return self.points[0]
        for (a, b), (p, q) in zip(pairwise(self.seconds), pairwise(self.points), strict=True):
            if s < b:
                k = (s - a) / (b - a)
                return p[0] + k * (q[0] - p[0]), p[1] + k * (q[1] - p[1])
        return self.points[-1]


def way_of(points: Sequence[tuple[float, float]], total_s: float | None) -> Way:
    """The line at one speed: the one that takes `total_s`, or straight-line speed where that is unknown."""
    lon, lat = zip(*points, strict=True)
    metres = [0.0, *accumulate(float(m) for m in _EARTH.line_lengths(lon, lat))]
    mps = metres[-1] / total_s if total_s and metres[-1] else STRAIGHT_MPS
    return Way(points, [m / mps for m in metres], round(mps * 3.6, 1))


def receipt_due(row: Mapping[str, Any], way: Way, now: dt.datetime) -> str | None:
    """The receipt its crew gives now, if any."""
    waited = (now - row["issued_at"]).total_seconds()
    if row["state"] == "issued" and waited >= SIGN_S:
        return "sign"
    if row["state"] == "signed" and (now - row["signed_at"]).total_seconds() >= LEAVE_S:
        return "start"
    if row["state"] == "working" and (now - row["begun_at"]).total_seconds() >= way.total_s + WORK_S:
        return "done"
    return None


def place_of(row: Mapping[str, Any], way: Way, now: dt.datetime) -> tuple[float, float, float] | None:
    """(lon, lat, speed in km/h) of who has the order; None: still, or again, at home.

    There from when it was begun; back, on the same way, from when it was done, given back or withdrawn.
    """
    begun, done = row["begun_at"], row["done_at"]
    if begun is None:
        return None
    reached_s = min(((done or now) - begun).total_seconds(), way.total_s)
    s = reached_s - ((now - done).total_seconds() if done is not None else 0.0)
    if done is not None and s <= 0:
        return None
    moving = done is not None or s < way.total_s
    return *way.at(s), way.speed_kmh if moving else 0.0


class Crews:
    """Of one running demo. Ways are asked for once an order."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        s = context.settings
        self._orders = Orders(Incidents(context.store, context.clock, s.area_buffer_m, s.tz))
        self._ways: dict[int, Way] = {}

    def work(self, now: dt.datetime) -> dict[int, tuple[float, float, float]]:
        """Gives the receipts that are due. Returns where the ordered ones are that are not at home, by resource."""
        with self._context.store.scoped(SYSTEM) as conn:
            rows: list[Any] = conn.execute(_ORDERS, {"since": now - KEPT}).fetchall()
            ways = {r["task_id"]: self._ways.get(r["task_id"]) or self._way(conn, r, now) for r in rows}
        self._ways = ways
        away: dict[int, tuple[float, float, float]] = {}
        for row in rows:
            way = ways[row["task_id"]]
            key = receipt_due(row, way, now)
            if key:
                self._answer(row, key)
            at = place_of(row, way, now)
            if at is not None:
                away[row["resource_id"]] = at
        return away

    def _answer(self, row: Mapping[str, Any], key: str) -> None:
        department = frozenset({str(row["to_department"])})
        scope = Scope("demo.crew", frozenset({HANDLE}), departments=department, sensitivity=SENSITIVE)
        given = {"text": "演示：已到场并完成处置"} if key == "done" else {}
        try:
            self._orders.answer(Actor(scope, row["to_name"]), "demo.crew", row["task_id"], key, given, None)
        except Conflict:
            return  # somebody was first, or the incident is over

    def _way(self, conn: Conn, row: Mapping[str, Any], now: dt.datetime) -> Way:
        start, end = (row["lon"], row["lat"]), (row["to_lon"], row["to_lat"])
        ask = travel.Ask(ROUTED_AS.get(row["vehicle_class"], "car"), now, case_id=row["case_id"])
        found = travel.route(conn, SYSTEM, Place("from", *start), Place("to", *end), ask)
        if found.state != "ok" or found.seconds is None:
            return way_of([start, end], None)
        return way_of([start, *found.points, end], found.seconds)
