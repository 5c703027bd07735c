"""Fence alarms that stand (越界告警), where the moving thing was last heard; there within seconds of the value."""

from __future__ import annotations

import datetime as dt

from ioc.declare import IconMarks, Layer
from ioc.i18n import Text

_MARK = IconMarks(icon="warn", label="label")
LAYER = Layer(
    key="crossing",
    title=Text("越界告警", "Fence alarms"),
    theme=Text("感知", "Sensing"),
    geometry="point",
    query="crossing",
    permission="alarm.view",
    icon="warn",
    overview=_MARK,
    counts=_MARK,
    marks=_MARK,
    detail=_MARK,
    visible=True,
    order=85,
    interval=dt.timedelta(seconds=5),
)
