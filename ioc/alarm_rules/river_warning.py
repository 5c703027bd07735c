"""A river at or above its 警戒水位: the station's own figure, in the datum of its readings."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="river_warning",
    title=Text("河道超警戒水位", "River above its warning level"),
    test="threshold",
    priority="high",
    subject=Text("超警戒", "warning level"),
    category="water",
    kinds=("water_level",),
    property="water_level",
    station="river",
    datum=True,
    stewards=("river_chief", "grid_officer"),
    params={"side": "high", "hysteresis": 0.1, "on_delay_s": 0, "off_delay_s": 600, "realarm_s": 0},
    limit_from=(
        "警戒水位",
        "warning_level",
        "@limit_high",
    ),
    limit_name=Text("警戒水位", "warning level"),
    source=Text(
        "水情预警：洪水黄色 ≥ 警戒水位；迟滞与延时为示例",
        "flood yellow from the warning level; hysteresis and delays are examples",
    ),
    order=10,
)
