"""差评整改率 (EVT-15): what became of those who were not satisfied."""

import datetime as dt

from ioc.declare import Indicator
from ioc.i18n import Text

INDICATOR = Indicator(
    code="repair_rate",
    title=Text("差评整改率", "Bad ratings repaired"),
    unit=Text("%", "%"),
    query="repair_rate",
    source="case",
    formula=Text(
        "本月已整改的差评 ÷ 本月差评（满意度 1–2 分）；整改：重开后再次办结且未再差评",
        "bad ratings (1-2 of 5) of this month that were repaired ÷ all of them; "
        "repaired: closed again after the reopening, without another bad rating",
    ),
    period="month",
    interval=dt.timedelta(seconds=60),
    target=100.0,
    scale=(0.0, 100.0),
    records="ratings",
    order=95,
    wall=False,
    zero_text=Text("本月无差评", "No bad ratings this month"),
)
