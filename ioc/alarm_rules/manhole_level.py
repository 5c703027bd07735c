"""Water rising in a manhole."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="manhole_level",
    title=Text("井下水位超限", "Level in manhole beyond limit"),
    test="threshold",
    priority="medium",
    subject=Text("超限", "beyond limit"),
    category="manhole",
    kinds=("manhole",),
    property="manhole_level",
    params={"side": "high", "high": 2.0, "hysteresis": 0.2, "on_delay_s": 60, "off_delay_s": 300},
    stewards=("grid_officer",),
    example=True,
    source=Text("示例值，须按本地设定", "an example, to be set for the place"),
    order=61,
)
