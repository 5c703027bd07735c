"""`ioc demo play fire`: smoke at the place of the pack's fire, told by its detector. What follows is done by people.

The detector stands there in every demo of the pack; its values are the rhythm's until the story is played.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_sources._demo.fleet import KIND_NAMES, READINGS, Fleet

STORIES = ("fire",)
# Seconds between values, until it is as dense as it gets, until somebody has put it out, and until it is clear again.
EVERY_S, DENSE_S, BURNS_S, CLEARS_S = 10.0, 40.0, 1800.0, 300.0
DENSE, CLEAR = 34.0, 0.4  # %obs/m; the limit of the rule is 8
_FIRE = "12A"  # GB/T 35561: 火灾事故


def fire_of(highlights: Path | None) -> Mapping[str, Any] | None:
    """The first fire with a place that the pack tells of."""
    told: list[Mapping[str, Any]] = json.loads(highlights.read_text("utf-8")) if highlights is not None else []
    return next((h for h in told if h.get("flow") == "incident" and h.get("code") == _FIRE and "lon" in h), None)


def detector(fleet: Fleet, lon: float, lat: float) -> int | None:
    """Index into the streams: the smoke detector nearest to the place."""
    smoke = np.flatnonzero(fleet.kind[fleet.stream_device] == KIND_NAMES.index("smoke"))
    smoke = smoke[[READINGS[r].property == "smoke" for r in fleet.stream_reading[smoke].tolist()]]
    if not len(smoke):
        return None
    device = fleet.stream_device[smoke]
    away = np.hypot((fleet.lon[device] - lon) * math.cos(math.radians(lat)), fleet.lat[device] - lat)
    return int(smoke[int(np.argmin(away))])


def smoke(elapsed_s: float) -> float | None:
    """Obscuration in %/m so long after the story began; None: it is over."""
    if elapsed_s > BURNS_S + CLEARS_S:
        return None
    if elapsed_s > BURNS_S:
        return CLEAR + (DENSE - CLEAR) * (1 - (elapsed_s - BURNS_S) / CLEARS_S) ** 2
    return CLEAR + (DENSE - CLEAR) * min(1.0, max(0.0, elapsed_s) / DENSE_S)


def told(record: Mapping[str, Any], now: dt.datetime) -> float | None:
    """Seconds since the story of the demo's record began; None: none is played."""
    play = record.get("play")
    return (now - dt.datetime.fromisoformat(play["at"])).total_seconds() if play else None
