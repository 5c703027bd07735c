"""A hydrant without pressure is a fault of fire protection, not a fire."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="hydrant_pressure",
    title=Text("消火栓水压不足", "Hydrant pressure low"),
    test="threshold",
    priority="medium",
    subject=Text("故障", "fault"),
    category="fire",
    kinds=("hydrant",),
    property="hydrant_pressure",
    params={"side": "low", "low": 0.1, "hysteresis": 0.02, "on_delay_s": 60, "off_delay_s": 120},
    stewards=("grid_officer", "fire_warden"),
    example=True,
    source=Text("示例值，须按本地设定", "an example, to be set for the place"),
    order=44,
)
