"""Patrol coverage (巡查覆盖): grid cells with a plan or a patrol, labelled with the days since the last one."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Layer, Outline
from ioc.i18n import Text

LAYER = Layer(
    key="patrol_coverage",
    title=Text("巡查覆盖", "Patrol coverage"),
    theme=Text("治理", "Governance"),
    geometry="polygon",
    query="patrol_coverage",
    permission="grid.view",
    icon="check",
    marks=Outline(min_zoom=13, label="label", label_zoom=14, fill=True),
    detail=Outline(min_zoom=13, label="label", label_zoom=14, fill=True),
    order=31,
    interval=dt.timedelta(days=1),
)
