"""Water standing on a road."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="water_depth",
    title=Text("道路积水超限", "Flooded road"),
    test="threshold",
    priority="high",
    subject=Text("超限", "beyond limit"),
    category="rain",
    kinds=("water_logging",),
    property="water_depth",
    params={"side": "high", "high": 0.27, "hysteresis": 0.05, "on_delay_s": 60, "off_delay_s": 300},
    stewards=("grid_officer",),
    example=True,
    source=Text("示例值，须按本地设定", "an example, to be set for the place"),
    order=22,
)
