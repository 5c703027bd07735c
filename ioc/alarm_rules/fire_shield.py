"""A fire detector somebody has shielded: it sees no fire until it is unshielded."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="fire_shield",
    title=Text("消防设备屏蔽", "Fire device shielded"),
    test="threshold",
    priority="low",
    subject=Text("屏蔽", "shielded"),
    category="fire",
    kinds=(
        "smoke",
        "electrical_fire",
        "hydrant",
    ),
    property="fire_shield",
    params={"side": "high", "high": 0.5},
    stewards=("grid_officer", "fire_warden"),
    example=True,
    source=Text("1 为屏蔽", "1 means shielded"),
    order=46,
)
