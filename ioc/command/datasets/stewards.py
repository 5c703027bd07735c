"""责任人（村居负责人、护林员等）."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="stewards",
    title=Text("责任人（村居负责人、护林员等）", "Stewards (village heads, rangers ...)"),
    interval=dt.timedelta(days=365),
    advice=Text(
        "ioc import stewards FILE",
        "ioc import stewards FILE",
    ),
    order=58,
)
