"""预警检验."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="checks",
    title=Text("预警检验", "Verification of warnings"),
    interval=dt.timedelta(days=31),
    advice=Text(
        "ioc import checks FILE，或 POST /api/v1/warnings/ID/check",
        "ioc import checks FILE, or POST /api/v1/warnings/ID/check",
    ),
    order=95,
)
