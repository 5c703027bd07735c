"""Cameras (视频点位): density, then counts with offline, then marks, then icons with their view cone."""

from __future__ import annotations

import datetime as dt

from ioc.declare import CountPins, H3Density, IconMarks, Layer, SmallMarks
from ioc.i18n import Text

LAYER = Layer(
    key="camera",
    title=Text("视频", "Cameras"),
    theme=Text("感知", "Sensing"),
    geometry="point",
    query="device",
    where={"class": "camera"},
    permission="device.view",
    icon="camera",
    overview=H3Density(cap=4),  # capped at h4, so that events stay the brightest marks
    counts=CountPins(second="offline"),
    marks=SmallMarks(),
    detail=IconMarks(icon="camera", cone=True),
    visible=True,
    order=40,
    interval=dt.timedelta(minutes=5),
    hover=("name", "k", "s"),
)
