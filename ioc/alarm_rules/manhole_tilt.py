"""A cover that has been moved: 15° is an example of codes.md 4.4."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="manhole_tilt",
    title=Text("井盖倾斜", "Manhole cover tilted"),
    test="threshold",
    priority="high",
    subject=Text("超限", "beyond limit"),
    category="manhole",
    kinds=("manhole",),
    property="manhole_tilt",
    params={"side": "high", "high": 15.0, "inclusive": False, "hysteresis": 5.0, "off_delay_s": 60},
    stewards=("grid_officer",),
    example=True,
    source=Text("15° 示例", "example, 15°"),
    order=60,
)
