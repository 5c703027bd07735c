"""Dense smoke measured before the detector calls it a fire."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="smoke_dense",
    title=Text("烟雾浓度超限", "Dense smoke"),
    test="threshold",
    priority="high",
    subject=Text("火警", "fire"),
    category="fire",
    kinds=("smoke",),
    property="smoke",
    params={"side": "high", "high": 8.0, "hysteresis": 2.0, "on_delay_s": 10, "off_delay_s": 60},
    stewards=("grid_officer", "fire_warden"),
    example=True,
    source=Text("示例值，须按本地设定", "an example, to be set for the place"),
    order=41,
)
