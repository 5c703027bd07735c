"""A day of heavy rain: 大暴雨 by GB/T 28592."""

from ioc.declare import AlarmRule
from ioc.i18n import Text

ALARM_RULE = AlarmRule(
    key="rain_day",
    title=Text("24 小时雨量达大暴雨", "Rain in 24 h: heavy rainstorm"),
    test="threshold",
    priority="high",
    subject=Text("超限", "beyond limit"),
    category="rain",
    kinds=("rain",),
    property="rain_24h",
    params={"side": "high", "high": 100.0, "hysteresis": 10.0, "off_delay_s": 600},
    stewards=("grid_officer",),
    example=True,
    source=Text("大暴雨 24 h ≥ 100 mm（GB/T 28592）", "heavy rainstorm from 100 mm in 24 h (GB/T 28592)"),
    order=21,
)
