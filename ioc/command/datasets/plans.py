"""预案."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="plans",
    title=Text("预案", "Emergency plans"),
    interval=dt.timedelta(days=365),
    advice=Text(
        "ioc import plans FILE",
        "ioc import plans FILE",
    ),
    order=50,
)
