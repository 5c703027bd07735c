"""路网."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="roads",
    title=Text("路网", "Road network"),
    interval=dt.timedelta(days=365),
    advice=Text(
        "ioc import roads FILE --crs ... (GeoPackage, Shapefile, GeoJSON 或 OSM .pbf)",
        "ioc import roads FILE --crs ... (GeoPackage, Shapefile, GeoJSON or OSM .pbf)",
    ),
    order=10,
)
