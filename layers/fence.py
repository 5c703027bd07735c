"""Electronic fences (电子围栏) as outlines with their names."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Layer, Outline
from ioc.i18n import Text

_LINE = Outline(min_zoom=0, label="name", label_zoom=12, fill=True)
LAYER = Layer(
    key="fence",
    title=Text("电子围栏", "Fences"),
    theme=Text("感知", "Sensing"),
    geometry="polygon",
    query="fence",
    permission="alarm.view",
    icon="map",
    overview=_LINE,
    counts=_LINE,
    marks=_LINE,
    detail=_LINE,
    order=33,
    interval=dt.timedelta(days=1),
)
