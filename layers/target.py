"""Sensitive targets (敏感目标): marks from z 12, icon, name and level from z 16; major hazards in colours."""

from __future__ import annotations

import datetime as dt

from ioc.declare import IconMarks, Layer, SmallMarks
from ioc.i18n import Text

_MARKS = SmallMarks(hollow="", inverted="exceeded")
LAYER = Layer(
    key="target",
    title=Text("敏感目标", "Sensitive targets"),
    theme=Text("应急", "Emergency"),
    geometry="point",
    query="target",
    permission="resource.view",
    icon="warn",
    counts=_MARKS,
    marks=_MARKS,
    detail=IconMarks(icon="warn", label="label"),
    order=49,
    interval=dt.timedelta(days=180),
)
