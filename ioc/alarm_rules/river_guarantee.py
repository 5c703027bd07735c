"""A river at or above its 保证水位."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="river_guarantee",
    title=Text("河道超保证水位", "River above its guarantee level"),
    test="threshold",
    priority="urgent",
    subject=Text("超保证", "guarantee level"),
    category="water",
    kinds=("water_level",),
    property="water_level",
    station="river",
    datum=True,
    stewards=("river_chief", "grid_officer"),
    params={"side": "high", "hysteresis": 0.1, "on_delay_s": 0, "off_delay_s": 600, "realarm_s": 0},
    limit_from=(
        "保证水位",
        "guarantee_level",
    ),
    limit_name=Text("保证水位", "guarantee level"),
    source=Text(
        "水情预警：洪水橙色 ≥ 保证水位；迟滞与延时为示例",
        "flood orange from the guarantee level; hysteresis and delays are examples",
    ),
    order=11,
)
