"""How the city answers: open cases by urgency, closed on time, and how fast somebody comes."""

import datetime as dt

from ioc.declare import Indicator
from ioc.i18n import Text

INDICATORS = (
    Indicator(
        code="on_time_rate",
        title=Text("按期处置率", "Closed on time"),
        unit=Text("%", "%"),
        query="on_time_rate",
        source="case",
        formula=Text(
            "今日按期办结数 ÷（今日办结数 + 今日到期而未办结数）；停表与无时限的不计",
            "closed on time today ÷ (closed today + fallen due today and still open); "
            "stopped clocks and cases without a deadline left out",
        ),
        period="day",
        interval=dt.timedelta(seconds=60),
        target=95.0,
        scale=(88.0, 100.0),
        records="cases?state=due_today",
        order=10,
        zero_text=Text("今日尚无应办结件", "Nothing due yet today"),
    ),
    Indicator(
        code="mean_response",
        title=Text("平均响应", "Mean response"),
        unit=Text("分钟", "min"),
        query="mean_response",
        source="case",
        formula=Text(
            "今日首次签收或到场的办件：从立案到响应的平均分钟数",
            "Minutes from opening to the first answer or arrival, mean of the cases answered today",
        ),
        period="day",
        interval=dt.timedelta(seconds=60),
        target=8.0,
        better="low",
        scale=(0.0, 12.0),
        records="cases?state=answered_today",
        order=20,
        zero_text=Text("今日尚无响应", "None answered yet today"),
    ),
    Indicator(
        code="open_cases",
        title=Text("在办", "Open cases"),
        unit=Text("件", ""),
        query="open_cases",
        source="case",
        formula=Text("未办结的办件数（突发事件另计）", "Cases not closed (incidents are counted apart)"),
        interval=dt.timedelta(seconds=60),
        target=None,
        better="low",
        scale=(0.0, 1000.0),
        decimals=0,
        records="cases?state=open",
        order=80,
        zero_text=Text("当前无在办", "Nothing open"),
    ),
)
