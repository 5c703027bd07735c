"""A level that does not move at all: a float or a pressure cell that hangs."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="level_stuck",
    title=Text("水位读数不变", "Level reading stuck"),
    test="stuck",
    priority="low",
    subject=Text("卡滞", "stuck"),
    category="device",
    kinds=("water_level", "water_logging"),
    property="water_level",
    params={"for_s": 86400, "epsilon": 0.0},
    example=True,
    source=Text("示例值，须按本地设定", "an example, to be set for the place"),
    order=91,
)
