"""Suspected events (疑似) still open, apart from the verified ones: a suspicion is no fact until somebody looked."""

from __future__ import annotations

import datetime as dt

from ioc.declare import CountPins, IconMarks, Layer, SmallMarks
from ioc.i18n import Text

LAYER = Layer(
    key="event_suspected",
    title=Text("疑似事件", "Suspected events"),
    theme=Text("事件", "Events"),
    geometry="point",
    query="event",
    where={"suspected": True},
    permission="event.view",
    icon="pin",
    overview=SmallMarks(hollow="", inverted=""),
    counts=CountPins(),
    marks=SmallMarks(hollow="", inverted=""),
    detail=IconMarks(icon="pin", label="title"),
    visible=True,
    order=69,
    interval=dt.timedelta(minutes=5),
    hover=("title",),
)
