"""建筑."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="buildings",
    title=Text("建筑", "Buildings"),
    interval=dt.timedelta(days=730),
    advice=Text(
        "ioc import buildings FILE --crs ...",
        "ioc import buildings FILE --crs ...",
    ),
    order=70,
)
