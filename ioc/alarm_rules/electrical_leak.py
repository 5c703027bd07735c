"""Residual current of an electrical fire monitor."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="electrical_leak",
    title=Text("剩余电流超限", "Residual current beyond limit"),
    test="threshold",
    priority="high",
    subject=Text("火警", "fire"),
    category="fire",
    kinds=("electrical_fire",),
    property="leak_current",
    params={"side": "high", "high": 300.0, "hysteresis": 30.0, "on_delay_s": 10, "off_delay_s": 60},
    stewards=("grid_officer", "fire_warden"),
    example=True,
    source=Text("300 mA 示例", "example, 300 mA"),
    order=42,
)
