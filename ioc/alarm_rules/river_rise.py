"""A river that rises fast, whatever its level. Off until a city sets its own rate."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="river_rise",
    title=Text("河道水位急涨", "River rising fast"),
    test="rate",
    priority="medium",
    subject=Text("急涨", "rising fast"),
    category="water",
    kinds=("water_level",),
    property="water_level",
    station="river",
    params={"enabled": False, "side": "high", "per_hour": 1.0, "window_s": 3600, "off_delay_s": 1800},
    stewards=("river_chief",),
    example=True,
    source=Text("示例值，须按本地设定", "an example, to be set for the place"),
    order=14,
)
