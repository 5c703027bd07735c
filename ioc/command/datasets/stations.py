"""气象与水文站."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="stations",
    title=Text("气象与水文站", "Weather and water stations"),
    interval=dt.timedelta(days=365),
    advice=Text(
        "ioc import stations FILE --crs ...，再接入其观测",
        "ioc import stations FILE --crs ..., then connect their observations",
    ),
    order=60,
)
