"""How much happens today, beside the same weekday last week at the same time of day."""

import datetime as dt

from ioc.declare import Indicator
from ioc.i18n import Text

INDICATOR = Indicator(
    code="events_today",
    title=Text("今日事件", "Events today"),
    unit=Text("件", ""),
    query="events_today",
    source="event",
    formula=Text(
        "今日 0 时至今发生的事件数；疑似与作废不计。对比：上周同日同一时刻",
        "Events since local midnight, without suspected and void ones; beside the same weekday last week, same time",
    ),
    period="day",
    interval=dt.timedelta(seconds=60),
    target=None,
    better="low",
    scale=(0.0, 400.0),
    decimals=0,
    compare=Text("较上周同日", "vs last week"),
    records="events?period=today",
    order=50,
    zero_text=Text("今日无事件", "No events today"),
)
