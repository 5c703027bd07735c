"""Combustible gas at the high alarm: codes.md 4.4 gives 25/50 %LEL as examples."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="gas_high",
    title=Text("可燃气体高报", "Combustible gas, high alarm"),
    test="threshold",
    priority="urgent",
    subject=Text("超限", "beyond limit"),
    category="gas",
    kinds=("gas",),
    property="gas_lel",
    params={"side": "high", "high": 50.0, "hysteresis": 5.0, "off_delay_s": 60},
    stewards=("grid_officer", "gas_keeper"),
    example=True,
    source=Text("50 %LEL 高报示例", "example of the high alarm, 50 %LEL"),
    order=30,
)
