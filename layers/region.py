"""Regions (区划) and functional zones as areas: the level that suits the zoom, selectable."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Layer, Outline
from ioc.i18n import Text

LAYER = Layer(
    key="region",
    title=Text("区划", "Regions"),
    theme=Text("基础框架", "Base"),
    geometry="polygon",
    query="region",
    permission="map.view",
    icon="map",
    overview=Outline(min_zoom=0, label="name", label_zoom=99),
    counts=Outline(min_zoom=0, label="name", label_zoom=99),
    marks=Outline(min_zoom=0, label="name", label_zoom=99),
    detail=Outline(min_zoom=0, label="name", label_zoom=99),
    order=10,
    interval=dt.timedelta(days=365),
)
