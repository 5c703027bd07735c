"""Closed roads (封路): the stretches closed as dashed lines, with the reason beside them."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Layer, Outline
from ioc.i18n import Text

_LINE = Outline(min_zoom=0, label="reason", label_zoom=11, dash=True)
LAYER = Layer(
    key="closure",
    title=Text("封路", "Closed roads"),
    theme=Text("应急", "Emergency"),
    geometry="line",
    query="closure",
    permission="map.view",
    icon="warn",
    overview=_LINE,
    counts=_LINE,
    marks=_LINE,
    detail=_LINE,
    order=34,
    interval=dt.timedelta(days=1),
)
