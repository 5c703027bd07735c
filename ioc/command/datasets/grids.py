"""网格与网格员."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="grids",
    title=Text("网格与网格员", "Grid cells and their officers"),
    interval=dt.timedelta(days=365),
    advice=Text(
        "ioc import grids FILE --crs ...",
        "ioc import grids FILE --crs ...",
    ),
    order=57,
)
