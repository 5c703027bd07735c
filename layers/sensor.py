"""Sensors (感知终端): below z 12 only what exceeds its limit, then counts, marks, and icons with the latest value."""

from __future__ import annotations

import datetime as dt

from ioc.declare import CountPins, H3Density, IconMarks, Layer, SmallMarks
from ioc.i18n import Text

LAYER = Layer(
    key="sensor",
    title=Text("传感器", "Sensors"),
    theme=Text("感知", "Sensing"),
    geometry="point",
    query="device",
    where={"class": "sensor"},
    permission="device.view",
    icon="sensor",
    overview=H3Density(value="exceeded"),
    counts=CountPins(second="exceeded"),
    marks=SmallMarks(),
    detail=IconMarks(icon="sensor", label="label"),
    order=42,
    interval=dt.timedelta(minutes=5),
    hover=("name", "k", "s"),
)
