"""无人机航迹与照片."""

from __future__ import annotations

import datetime as dt

from ioc.declare import Dataset
from ioc.i18n import Text

DATASET = Dataset(
    key="drones",
    title=Text("无人机航迹与照片", "Drone flights and photos"),
    interval=dt.timedelta(days=7),
    advice=Text(
        "ioc import drones PATH，实时位置由 MQTT 接入",
        "ioc import drones PATH; live positions come by MQTT",
    ),
    order=85,
)
