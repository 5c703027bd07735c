"""值班表."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="rosters",
    title=Text("值班表", "Duty rosters"),
    interval=dt.timedelta(days=31),
    advice=Text(
        "ioc import rosters FILE",
        "ioc import rosters FILE",
    ),
    order=55,
)
