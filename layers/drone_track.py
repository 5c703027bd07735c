"""Flights of drones (无人机航迹) of the last seven days, as they were brought in."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Layer, Outline
from ioc.i18n import Text

_LINE = Outline(min_zoom=9, label="label", label_zoom=14, dash=True)
LAYER = Layer(
    key="drone_track",
    title=Text("无人机航迹", "Drone flights"),
    theme=Text("应急", "Emergency"),
    geometry="line",
    query="drone_track",
    permission="resource.view",
    icon="drone",
    overview=_LINE,
    counts=_LINE,
    marks=_LINE,
    detail=_LINE,
    order=35,
    interval=dt.timedelta(days=7),
)
