"""Is what we show alive: how many of the connected sources speak as they should."""

import datetime as dt

from ioc.declare import Indicator
from ioc.i18n import Text

INDICATOR = Indicator(
    code="sources_ok",
    title=Text("数据源正常", "Sources in order"),
    unit=Text("个", ""),
    query="sources_ok",
    params={"centre": True},  # sources belong to the centre, not to a region
    source="",
    formula=Text(
        "距上次到达不超过 3 个上报间隔且无错误的数据源数 ÷ 启用且有过数据的数据源数",
        "Sources without error, heard within three of their intervals ÷ enabled sources that ever delivered",
    ),
    permission="source.view",
    interval=dt.timedelta(seconds=30),
    target=None,
    scale=(0.0, 12.0),
    decimals=0,
    records="sources",
    order=90,
)
