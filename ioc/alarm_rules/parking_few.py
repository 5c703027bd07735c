"""Free spaces below a tenth of all: yellow (SEN-15)."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="parking_few",
    title=Text("泊位余量不足 10%", "Fewer than 10% of the spaces free"),
    test="threshold",
    priority="low",
    subject=Text("余量黄", "few spaces"),
    category="parking",
    kinds=("parking",),
    property="parking_free",
    params={"side": "low", "factor": 0.1, "inclusive": False, "on_delay_s": 60, "off_delay_s": 120},
    limit_from=("@parking_total", "parking_total", "总泊位", "总车位"),
    limit_name=Text("总泊位的 10%", "10% of all spaces"),
    suppressed_by=("parking_none",),
    source=Text("泊位余量 <10% 黄", "yellow below 10%"),
    order=50,
)
