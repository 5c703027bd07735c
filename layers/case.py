"""Work in hand (在办办件), with incidents: these, 特急 and 紧急 at every zoom, 一般 as counts, then marks."""

from __future__ import annotations

import datetime as dt

from ioc.declare import CountPins, IconMarks, Layer, SmallMarks
from ioc.i18n import Text

LAYER = Layer(
    key="case",
    title=Text("在办办件", "Work in hand"),
    theme=Text("事件", "Events"),
    geometry="point",
    query="case",
    permission="case.view",
    icon="check",
    overview=SmallMarks(hollow="", inverted=""),
    counts=CountPins(),
    marks=SmallMarks(hollow="", inverted=""),
    detail=IconMarks(icon="check", label="title"),
    visible=True,
    order=72,
    interval=dt.timedelta(minutes=5),
    hover=("title",),
)
