"""Patrol tracks (巡查轨迹) of the last seven days. Personal data: needs its own right, and each look is audited."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Layer, Outline
from ioc.i18n import Text

LAYER = Layer(
    key="patrol_track",
    title=Text("巡查轨迹", "Patrol tracks"),
    theme=Text("治理", "Governance"),
    geometry="line",
    query="patrol_track",
    permission="patrol.track",
    icon="user",
    marks=Outline(min_zoom=12),
    detail=Outline(min_zoom=12),
    order=32,
    interval=dt.timedelta(days=1),
)
