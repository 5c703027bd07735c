"""Emergency resources (应急资源): square pins from z 12, capacity and age of the position from z 16."""

from __future__ import annotations

import datetime as dt

from ioc.declare import IconMarks, Layer, SmallMarks
from ioc.i18n import Text

LAYER = Layer(
    key="resource",
    title=Text("应急资源", "Resources"),
    theme=Text("应急", "Emergency"),
    geometry="point",
    query="resource",
    permission="resource.view",
    icon="shield",
    counts=SmallMarks(hollow="", inverted=""),
    marks=SmallMarks(hollow="", inverted=""),
    detail=IconMarks(icon="shield", label="label"),
    order=50,
    interval=dt.timedelta(days=1),
)
