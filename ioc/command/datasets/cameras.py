"""摄像机."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="cameras",
    title=Text("摄像机", "Cameras"),
    interval=dt.timedelta(days=365),
    advice=Text(
        "ioc import cameras FILE --crs ...，或接入视频平台",
        "ioc import cameras FILE --crs ..., or connect the video platform",
    ),
    order=35,
)
