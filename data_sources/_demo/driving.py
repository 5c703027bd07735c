"""Vehicles and boats of the running demo: on their orders' way, or round their home, told like any tracker."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from data_sources._demo.drones import KIND as DRONE
from data_sources._demo.forces import MOVING
from ioc.intake.context import SourceContext
from ioc.intake.positions import Position, PositionIntake
from ioc.scope import SYSTEM

SHARE_MOVING = 3  # every third is under way, the others stand
RADIUS_DEG, LAP_S = 0.006, 1500.0


class Drivers:
    """Those with a tracker, with their homes, as they were when the simulator began."""

    def __init__(self, context: SourceContext) -> None:
        self._intake = PositionIntake(context.store, context.settings, context.clock, context.key, origin="demo")
        with context.store.scoped(SYSTEM) as conn:
            self._rows: list[Any] = conn.execute(
                "SELECT resource_id, external_id, source, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM resource"
                " WHERE origin = 'demo' AND kind = ANY (%s) ORDER BY external_id",
                ([*MOVING, DRONE],),
            ).fetchall()

    def drive(self, now: dt.datetime, away: Mapping[int, tuple[float, float, float]]) -> None:
        """`away`: (lon, lat, km/h) of those under orders, by resource."""
        told = [self._told(row, away.get(row["resource_id"]) or _round(i, row, now), now)
                for i, row in enumerate(self._rows)]  # fmt: skip
        if told:
            self._intake.submit(told)

    def _told(self, row: Any, at: tuple[float, float, float], now: dt.datetime) -> Position:
        given = {"ts": now, "lon": at[0], "lat": at[1], "speed_kmh": at[2], "source": row["source"]}
        return Position(row["external_id"], given)


def _round(i: int, row: Any, now: dt.datetime) -> tuple[float, float, float]:
    """Where the `i`th is that goes round its home, or stands there."""
    turn = 2 * math.pi * ((now.timestamp() / LAP_S + i / 7) % 1)
    away = RADIUS_DEG if i % SHARE_MOVING == 0 else 0.0
    speed = 2 * math.pi * away * 105_000 / LAP_S * 3.6
    return row["lon"] + away * math.cos(turn), row["lat"] + away * math.sin(turn), round(speed, 1)
