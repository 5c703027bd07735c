"""Where drones have flown in the last two hours by the positions they told (实时航迹)."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Layer, Outline
from ioc.i18n import Text

_LINE = Outline(min_zoom=9)
LAYER = Layer(
    key="drone_trace",
    title=Text("无人机实时航迹", "Live drone tracks"),
    theme=Text("应急", "Emergency"),
    geometry="line",
    query="drone_trace",
    permission="resource.view",
    icon="drone",
    overview=_LINE,
    counts=_LINE,
    marks=_LINE,
    detail=_LINE,
    order=36,
    interval=dt.timedelta(minutes=2),
)
