"""Buildings (建筑) as footprints from z 15, with their names from z 17; a tilted map raises them."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Layer, Outline
from ioc.i18n import Text

_FOOTPRINT = Outline(min_zoom=15, label="name", label_zoom=17)
LAYER = Layer(
    key="building",
    title=Text("建筑", "Buildings"),
    theme=Text("基础框架", "Base"),
    geometry="polygon",
    query="building",
    permission="map.view",
    icon="home",
    marks=_FOOTPRINT,
    detail=_FOOTPRINT,
    order=12,
    interval=dt.timedelta(days=730),
)
