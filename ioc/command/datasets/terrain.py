"""地形."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="terrain",
    title=Text("地形", "Terrain"),
    interval=dt.timedelta(days=3650),
    advice=Text(
        "ioc import terrain FILE.tif",
        "ioc import terrain FILE.tif",
    ),
    order=80,
)
