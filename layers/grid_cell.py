"""Grid cells (治理网格) of all three kinds: hairlines from z 14, number and officer from z 16."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Layer, Outline
from ioc.i18n import Text

LAYER = Layer(
    key="grid_cell",
    title=Text("治理网格", "Grid cells"),
    theme=Text("治理", "Governance"),
    geometry="polygon",
    query="grid_cell",
    permission="grid.view",
    icon="grid",
    marks=Outline(min_zoom=14, label="label", label_zoom=16),
    detail=Outline(min_zoom=14, label="label", label_zoom=16),
    order=30,
    interval=dt.timedelta(days=1),
)
