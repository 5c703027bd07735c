"""A smoke detector in alarm: 火警, apart from 故障 and 屏蔽 (SEN-17)."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="smoke_fire",
    title=Text("烟感火警", "Smoke detector: fire"),
    test="threshold",
    priority="urgent",
    subject=Text("火警", "fire"),
    category="fire",
    kinds=("smoke",),
    property="smoke_alarm",
    params={"side": "high", "high": 0.5},
    stewards=("grid_officer", "fire_warden"),
    example=True,
    source=Text("1 为报警", "1 means alarm"),
    order=40,
)
