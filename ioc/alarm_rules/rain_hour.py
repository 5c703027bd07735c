"""An hour of rain that floods streets."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="rain_hour",
    title=Text("小时雨量超限", "Rain in an hour beyond limit"),
    test="threshold",
    priority="medium",
    subject=Text("超限", "beyond limit"),
    category="rain",
    kinds=("rain",),
    property="rain_1h",
    params={"side": "high", "high": 50.0, "hysteresis": 5.0, "off_delay_s": 600},
    stewards=("grid_officer",),
    example=True,
    source=Text("示例值，须按本地设定", "an example, to be set for the place"),
    order=20,
)
