"""No free space: red (SEN-15)."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="parking_none",
    title=Text("泊位已满", "No space free"),
    test="threshold",
    priority="medium",
    subject=Text("余量红", "full"),
    category="parking",
    kinds=("parking",),
    property="parking_free",
    params={"side": "low", "low": 0.0, "on_delay_s": 60, "off_delay_s": 120},
    stewards=(),
    example=True,
    source=Text("泊位余量 0 红", "red at 0"),
    order=51,
)
