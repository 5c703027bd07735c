"""Areas of official warnings (预警区域): filled in their colour while in force, dashed while to come; off from z 16."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Layer, Outline
from ioc.i18n import Text

LAYER = Layer(
    key="warning",
    title=Text("预警区域", "Warning areas"),
    theme=Text("应急", "Emergency"),
    geometry="polygon",
    query="warning",
    permission="map.view",
    icon="flag",
    visible=True,
    overview=Outline(min_zoom=0, label="name", label_zoom=0, fill=True),
    counts=Outline(min_zoom=0),
    marks=Outline(min_zoom=0),
    order=25,
    interval=dt.timedelta(minutes=10),
)
