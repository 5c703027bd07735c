"""A cable that runs hot."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="electrical_heat",
    title=Text("线缆温度超限", "Hot cable"),
    test="threshold",
    priority="high",
    subject=Text("火警", "fire"),
    category="fire",
    kinds=("electrical_fire",),
    property="cable_temperature",
    params={"side": "high", "high": 70.0, "hysteresis": 5.0, "on_delay_s": 10, "off_delay_s": 60},
    stewards=("grid_officer", "fire_warden"),
    example=True,
    source=Text("示例值，须按本地设定", "an example, to be set for the place"),
    order=43,
)
