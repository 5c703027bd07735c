"""Gas that comes and goes: counted, because each time alone looks harmless."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="gas_often",
    title=Text("可燃气体反复超限", "Combustible gas again and again"),
    test="count",
    priority="medium",
    subject=Text("反复", "repeated"),
    category="gas",
    kinds=("gas",),
    property="gas_lel",
    params={"high": 10.0, "count": 6, "window_s": 7200},
    stewards=("grid_officer", "gas_keeper"),
    example=True,
    source=Text("示例值，须按本地设定", "an example, to be set for the place"),
    order=32,
)
