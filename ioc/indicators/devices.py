"""Are the city's eyes and ears open: online rates of cameras and sensors.

Targets are those of the operations centre's mock-up; `setting` row `indicator.targets` replaces them per installation.
"""

import datetime as dt

from ioc.declare import Indicator
from ioc.i18n import Text

_FORMULA = "在线数 ÷（总数 − 停用数）"
_FORMULA_EN = "online ÷ (all − disabled)"

INDICATORS = (
    Indicator(
        code="camera_online",
        title=Text("视频在线率", "Cameras online"),
        unit=Text("%", "%"),
        query="device_rate",
        params={"class": "camera"},
        source="camera",
        formula=Text(_FORMULA, _FORMULA_EN),
        permission="indicator.view",
        interval=dt.timedelta(seconds=60),
        target=97.0,
        scale=(90.0, 100.0),
        records="devices?class=camera",
        order=30,
    ),
    Indicator(
        code="sensor_online",
        title=Text("传感在线率", "Sensors online"),
        unit=Text("%", "%"),
        query="device_rate",
        params={"class": "sensor"},
        source="sensor",
        formula=Text(_FORMULA, _FORMULA_EN),
        permission="indicator.view",
        interval=dt.timedelta(seconds=300),
        target=95.0,
        scale=(88.0, 100.0),
        records="devices?class=sensor",
        order=40,
    ),
)
