"""Water mains losing pressure (LIF-03)."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="pipe_pressure",
    title=Text("供水管网压力不足", "Mains pressure low"),
    test="threshold",
    priority="medium",
    subject=Text("超限", "beyond limit"),
    category="pipe",
    kinds=("pipe",),
    property="pipe_pressure",
    params={"side": "low", "low": 0.14, "hysteresis": 0.02, "on_delay_s": 120, "off_delay_s": 300},
    stewards=("grid_officer",),
    example=True,
    source=Text("示例值，须按本地设定", "an example, to be set for the place"),
    order=70,
)
