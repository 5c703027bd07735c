"""床位与安置容量."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="capacity",
    title=Text("床位与安置容量", "Free beds and shelter places"),
    interval=dt.timedelta(days=1),
    advice=Text(
        "PUT /api/v1/resources/SOURCE/ID/capacity，或 ioc import capacity FILE",
        "PUT /api/v1/resources/SOURCE/ID/capacity, or ioc import capacity FILE",
    ),
    order=45,
)
