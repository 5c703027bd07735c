"""A fire detector, monitor or hydrant that reports a fault of its own."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="fire_fault",
    title=Text("消防设备故障", "Fire device faulty"),
    test="threshold",
    priority="medium",
    subject=Text("故障", "fault"),
    category="fire",
    kinds=(
        "smoke",
        "electrical_fire",
        "hydrant",
    ),
    property="fire_fault",
    params={"side": "high", "high": 0.5, "on_delay_s": 10},
    stewards=("grid_officer", "fire_warden"),
    example=True,
    source=Text("1 为故障", "1 means a fault"),
    order=45,
    suppressed_by=("fire_shield",),
)
