"""Thematic layers (专题图层): the pattern every row of `thematic_layer` follows; title, theme and style are its own."""

from __future__ import annotations

import datetime as dt

from ioc.declare import IconMarks, Layer, Outline, SmallMarks
from ioc.i18n import Text

LAYER = Layer(
    key="thematic",
    title=Text("专题图层", "Thematic layers"),
    theme=Text("专题", "Thematic"),
    geometry="polygon",
    query="thematic",
    permission="map.view",
    icon="layers",
    overview=Outline(min_zoom=0),
    counts=Outline(min_zoom=0),
    marks=SmallMarks(hollow="", inverted=""),
    detail=IconMarks(icon="pin", label="label"),
    order=60,
    interval=dt.timedelta(days=365),
)
