"""人口."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="population",
    title=Text("人口", "Population"),
    interval=dt.timedelta(days=365),
    advice=Text(
        "ioc import population FILE --crs ... --as-of DATE",
        "ioc import population FILE --crs ... --as-of DATE",
    ),
    order=20,
)
