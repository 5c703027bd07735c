"""A reservoir at or above its 汛限水位."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="reservoir_flood_limit",
    title=Text("水库超汛限水位", "Reservoir above its flood limit"),
    test="threshold",
    priority="high",
    subject=Text("超汛限", "flood limit"),
    category="water",
    kinds=("water_level",),
    property="water_level",
    station="reservoir",
    datum=True,
    params={"side": "high", "hysteresis": 0.1, "on_delay_s": 0, "off_delay_s": 600},
    limit_from=("汛限水位", "防洪限制水位", "flood_limit_level"),
    limit_name=Text("汛限水位", "flood limit level"),
    stewards=("river_chief", "grid_officer"),
    source=Text(
        "水库汛限水位取自站点属性；迟滞与延时为示例", "the reservoir own limit; hysteresis and delays are examples"
    ),
    order=13,
)
