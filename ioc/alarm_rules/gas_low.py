"""Combustible gas at the low alarm."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="gas_low",
    title=Text("可燃气体低报", "Combustible gas, low alarm"),
    test="threshold",
    priority="high",
    subject=Text("超限", "beyond limit"),
    category="gas",
    kinds=("gas",),
    property="gas_lel",
    params={"side": "high", "high": 25.0, "hysteresis": 5.0, "on_delay_s": 10, "off_delay_s": 60},
    stewards=("grid_officer", "gas_keeper"),
    suppressed_by=("gas_high",),
    example=True,
    source=Text("25 %LEL 低报示例", "example of the low alarm, 25 %LEL"),
    order=31,
)
