"""A device that has not been heard for three of its intervals (design.md section 8)."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="device_missing",
    title=Text("设备无数据", "No data from device"),
    test="missing",
    priority="low",
    subject=Text("缺测", "no data"),
    category="device",
    params={"intervals": 3.0, "at_least_s": 60},
    source=Text("3 个上报间隔", "three intervals"),
    order=90,
)
