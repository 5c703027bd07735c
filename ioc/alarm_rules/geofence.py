"""A moving thing that leaves, or enters, a declared area. Says nothing until the area is named."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="geofence",
    title=Text("越出或进入划定区域", "Outside or inside a declared area"),
    test="fence",
    priority="high",
    subject=Text("越界", "crossing"),
    category="fence",
    property="position_lat",
    params={"fence": "", "inside": False, "on_delay_s": 0},
    stewards=("grid_officer",),
    source=Text(
        "区域须设定：fence:编号（/desk/fences 绘制）、region:代码、grid:编码 或 layer:专题/编号",
        "the area is to be set: fence:ID (drawn at /desk/fences), region:CODE, grid:CODE or layer:KEY/ID",
    ),
    order=81,
)
