"""Drones (无人机) where they last told to be: a stale position is drawn like what does not answer, with its age."""

from __future__ import annotations

import datetime as dt

from ioc.declare import IconMarks, Layer, SmallMarks
from ioc.i18n import Text

_MARKS = SmallMarks(hollow="offline", inverted="")
LAYER = Layer(
    key="drone",
    title=Text("无人机", "Drones"),
    theme=Text("应急", "Emergency"),
    geometry="point",
    query="resource",
    permission="resource.view",
    icon="drone",
    where={"kind": "drone"},
    counts=_MARKS,
    marks=_MARKS,
    detail=IconMarks(icon="drone", label="label"),
    order=51,
    interval=dt.timedelta(minutes=2),
)
