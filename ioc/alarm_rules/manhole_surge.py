"""A cover that lifts while water stands below it: both at once are a danger to life."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="manhole_surge",
    title=Text("井盖顶托（倾斜且水位超限）", "Manhole surging: tilted over high water"),
    test="compound",
    priority="urgent",
    subject=Text("顶托", "surging"),
    category="manhole",
    kinds=("manhole",),
    property="manhole_tilt",
    params={"mode": "all"},
    of=("manhole_tilt", "manhole_level"),
    stewards=("grid_officer",),
    example=True,
    source=Text("示例值，须按本地设定", "an example, to be set for the place"),
    order=62,
)
