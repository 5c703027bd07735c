"""敏感目标."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="targets",
    title=Text("敏感目标", "Sensitive targets"),
    interval=dt.timedelta(days=180),
    advice=Text(
        "ioc import targets FILE --crs ... --as-of DATE",
        "ioc import targets FILE --crs ... --as-of DATE",
    ),
    order=30,
)
