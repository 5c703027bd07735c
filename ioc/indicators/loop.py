"""The closed loop this month: closed, how long it took, across departments, three minutes (EVT-10..12, 14, 17)."""

import datetime as dt

from ioc.declare import Indicator
from ioc.i18n import Text

_COMPARE = Text("较上月同期", "vs last month")
_MINUTE = dt.timedelta(seconds=60)

INDICATORS = (
    Indicator(
        code="closed_rate",
        title=Text("办结率", "Closed"),
        unit=Text("%", "%"),
        query="closed_rate",
        source="case",
        formula=Text(
            "本月立案中已办结的 ÷ 本月立案（不予受理、作废、误报与突发事件不计）；未到期的只算未办结，不算超时",
            "closed ÷ cases opened this month (refused, void, false alarms and incidents left out); "
            "what is not due yet is open, not late",
        ),
        period="month",
        interval=_MINUTE,
        every_s=30.0,
        target=98.0,
        scale=(80.0, 100.0),
        compare=_COMPARE,
        records="cases?state=opened_month",
        order=96,
        wall=False,
        zero_text=Text("本月尚无立案", "Nothing opened this month"),
    ),
    Indicator(
        code="claims_rate",
        title=Text("诉求处理率", "Requests dealt with"),
        unit=Text("%", "%"),
        query="closed_rate",
        params={"flow": "hotline"},
        source="case",
        formula=Text(
            "本月受理的 12345 工单中已办结的 ÷ 本月受理（不予受理与作废不计）",
            "closed ÷ 12345 requests taken up this month (refused and void left out)",
        ),
        period="month",
        interval=_MINUTE,
        every_s=30.0,
        target=90.0,
        scale=(70.0, 100.0),
        decimals=2,
        compare=_COMPARE,
        records="cases?state=opened_month&flow=hotline",
        order=97,
        wall=False,
        zero_text=Text("本月尚无诉求", "No requests this month"),
    ),
    Indicator(
        code="handling_days",
        title=Text("平均办理时长", "Time to close"),
        unit=Text("天", "d"),
        query="handling_days",
        source="case",
        formula=Text(
            "本月办结的办件从立案到办结的平均天数，扣除挂起；备注为中位数（两天内按小时、以上按天）与含挂起的平均数",
            "Mean days from opening to closing of what was closed this month, without held time; beside it the median "
            "(to the hour below two days, then to the day) and the mean with held time",
        ),
        period="month",
        interval=_MINUTE,
        every_s=30.0,
        better="low",
        scale=(0.0, 10.0),
        compare=_COMPARE,
        records="cases?state=closed_month",
        order=98,
        wall=False,
        zero_text=Text("本月尚无办结", "Nothing closed this month"),
    ),
    Indicator(
        code="cross_department",
        title=Text("跨部门处置时长", "Across departments"),
        unit=Text("小时", "h"),
        query="handling_days",
        params={"cross": True, "per_day": 24},
        source="case",
        formula=Text(
            "本月办结、先后交两个以上部门的办件：从立案到办结的平均小时数，扣除挂起",
            "Mean hours from opening to closing, without held time, of what was closed this month after more than one "
            "department had it",
        ),
        period="month",
        interval=_MINUTE,
        every_s=60.0,
        target=48.0,
        better="low",
        scale=(0.0, 96.0),
        compare=_COMPARE,
        records="cases?state=cross_month",
        order=99,
        wall=False,
        zero_text=Text("本月无跨部门办结", "None closed this month"),
    ),
    Indicator(
        code="alert_response",
        title=Text("特急 3 分钟响应", "Critical, 3 min"),
        unit=Text("%", "%"),
        query="alert_response",
        source="case",
        formula=Text(
            "本月特急办件中从立案到首次签收或到场不超过 180 秒的 ÷ 应响应的（已响应，或已等候超过 180 秒）",
            "first answer or arrival within 180 s of opening ÷ critical cases of this month owed one "
            "(answered, or waiting for longer)",
        ),
        period="month",
        interval=_MINUTE,
        every_s=15.0,
        target=95.0,
        scale=(60.0, 100.0),
        compare=_COMPARE,
        records="cases?state=critical_month",
        order=100,
        wall=False,
        zero_text=Text("本月无特急办件", "No critical cases this month"),
    ),
)
