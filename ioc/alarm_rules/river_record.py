"""A river at or above the highest level on record (历史最高水位)."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="river_record",
    title=Text("河道超历史最高水位", "River above its highest level on record"),
    test="threshold",
    priority="urgent",
    subject=Text("超历史最高", "record level"),
    category="water",
    kinds=("water_level",),
    property="water_level",
    station="river",
    datum=True,
    stewards=("river_chief", "grid_officer"),
    params={"side": "high", "hysteresis": 0.1, "on_delay_s": 0, "off_delay_s": 600, "realarm_s": 0},
    limit_from=(
        "历史最高水位",
        "历史最高",
        "record_level",
    ),
    limit_name=Text("历史最高水位", "highest on record"),
    source=Text(
        "水情预警：洪水红色 ≥ 历史最高水位；迟滞与延时为示例",
        "flood red from the record level; hysteresis and delays are examples",
    ),
    order=12,
)
