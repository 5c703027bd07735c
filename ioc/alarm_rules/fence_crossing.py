"""A fence that reports a crossing (SEN-04)."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="fence_crossing",
    title=Text("电子围栏越界", "Fence crossed"),
    test="threshold",
    priority="high",
    subject=Text("越界", "crossing"),
    category="fence",
    kinds=("fence",),
    property="fence_alarm",
    params={"side": "high", "high": 0.5},
    stewards=("grid_officer",),
    example=True,
    source=Text("1 为越界", "1 means a crossing"),
    order=80,
)
