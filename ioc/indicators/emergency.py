"""Emergency command: how long from a report to the decision about the response (EMG-19)."""

import datetime as dt

from ioc.declare import Indicator
from ioc.i18n import Text

INDICATOR = Indicator(
    code="incident_response",
    title=Text("应急响应时长", "Incident response"),
    unit=Text("分钟", "min"),
    query="incident_response",
    source="case",
    formula=Text(
        "本月作出响应决定的突发事件：从接报到批准启动响应（或决定不启动）的平均分钟数；演练不计",
        "Mean minutes from the report to the approved response (or the decision that there is none) of incidents "
        "decided this month; exercises left out",
    ),
    period="month",
    interval=dt.timedelta(seconds=60),
    every_s=30.0,
    better="low",
    scale=(0.0, 60.0),
    decimals=1,
    compare=Text("同比", "vs a year ago"),
    records="cases?state=incident_month",
    order=101,
    wall=False,
    zero_text=Text("本月无响应", "No response this month"),
)
