"""应急资源."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="resources",
    title=Text("应急资源", "Emergency resources"),
    interval=dt.timedelta(days=90),
    advice=Text(
        "ioc import resources FILE --crs ...",
        "ioc import resources FILE --crs ...",
    ),
    order=40,
)
