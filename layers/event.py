"""Verified events (事件上报) still open; suspected ones are a layer of their own.

特急 and 紧急 at every zoom, 一般 as counts from z 12 and as marks from z 14.
"""

from __future__ import annotations

import datetime as dt

from ioc.declare import CountPins, IconMarks, Layer, SmallMarks
from ioc.i18n import Text

LAYER = Layer(
    key="event",
    title=Text("事件", "Events"),
    theme=Text("事件", "Events"),
    geometry="point",
    query="event",
    where={"suspected": False},
    permission="event.view",
    icon="pin",
    overview=SmallMarks(hollow="", inverted=""),
    counts=CountPins(),
    marks=SmallMarks(hollow="", inverted=""),
    detail=IconMarks(icon="pin", label="title"),
    visible=True,
    order=70,
    interval=dt.timedelta(minutes=5),
    hover=("title",),
)
