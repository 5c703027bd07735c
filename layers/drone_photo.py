"""Photo points of drones (无人机照片点) of the last thirty days; what has become a report is drawn inverted."""

from __future__ import annotations

import datetime as dt

from ioc.declare import IconMarks, Layer, SmallMarks
from ioc.i18n import Text

_MARKS = SmallMarks(hollow="", inverted="exceeded")
LAYER = Layer(
    key="drone_photo",
    title=Text("无人机照片点", "Drone photos"),
    theme=Text("应急", "Emergency"),
    geometry="point",
    query="drone_photo",
    permission="resource.view",
    icon="photo",
    counts=_MARKS,
    marks=_MARKS,
    detail=IconMarks(icon="photo", label="label"),
    order=52,
    interval=dt.timedelta(days=7),
)
