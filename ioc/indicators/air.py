"""空气质量指数 AQI, computed by HJ 633 from the region's stations (`ioc/aqi.py` holds the rule and its editions)."""

import datetime as dt

from ioc.declare import Indicator
from ioc.i18n import Text

INDICATOR = Indicator(
    code="aqi",
    title=Text("空气质量 AQI", "Air quality AQI"),
    unit=Text("", ""),
    query="aqi",
    params={"kind": "air"},
    source="aqi",
    formula=Text(
        "各项污染物取区域内各站近 1 小时均值的平均，按 HJ 633 求分指数（向上取整），最大者为 AQI",
        "Per pollutant the last hour's mean over the region's stations; HJ 633 sub-index rounded up; highest counts",
    ),
    interval=dt.timedelta(minutes=5),
    every_s=30.0,
    target=50.0,
    better="low",
    scale=(0.0, 100.0),
    decimals=0,
    records="air?kind=air",
    order=60,
)
