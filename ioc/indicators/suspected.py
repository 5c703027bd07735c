"""The month's events with suspected ones apart (EVT-09), and how often video analysis was wrong (VID-06)."""

import datetime as dt

from ioc.declare import Indicator
from ioc.i18n import Text

_COMPARE = Text("较上月同期", "vs last month")

INDICATORS = (
    Indicator(
        code="events_month",
        title=Text("本月事件", "Events this month"),
        unit=Text("件", ""),
        query="events_month",
        params={"count": "all"},
        source="event",
        formula=Text(
            "本月 1 日 0 时至今发生的事件数，已核实与疑似并列；作废（含核查为误报）不计",
            "Events since the first of the month, verified and suspected beside each other; void and refuted left out",
        ),
        period="month",
        interval=dt.timedelta(seconds=60),
        better="low",
        scale=(0.0, 10_000.0),
        decimals=0,
        compare=_COMPARE,
        records="events?period=month&count=all",
        order=91,
        wall=False,
        zero_text=Text("本月无事件", "No events this month"),
    ),
    Indicator(
        code="suspected_month",
        title=Text("本月疑似", "Suspected this month"),
        unit=Text("件", ""),
        query="events_month",
        params={"count": "suspected"},
        source="event",
        formula=Text(
            "本月发生、尚未核实的疑似事件数；经核查才计入确认数",
            "Events of this month that nobody has verified yet; they count as verified only after review",
        ),
        period="month",
        interval=dt.timedelta(seconds=60),
        better="low",
        scale=(0.0, 1000.0),
        decimals=0,
        compare=_COMPARE,
        records="events?period=month&count=suspected",
        order=92,
        wall=False,
        zero_text=Text("本月无疑似事件", "No suspected events this month"),
    ),
    Indicator(
        code="detections_refuted",
        title=Text("AI 误报率", "AI detections refuted"),
        unit=Text("%", "%"),
        query="refuted_rate",
        source="event",
        formula=Text(
            "本月发生的视频 AI 检测中：核查为误报 ÷ 已核查（确认 + 误报）",
            "Of this month's AI detections: refuted ÷ reviewed (confirmed + refuted)",
        ),
        period="month",
        interval=dt.timedelta(seconds=60),
        better="low",
        compare=_COMPARE,
        records="detections?period=month",
        order=93,
        wall=False,
        zero_text=Text("本月尚无核查", "None reviewed this month"),
    ),
)
