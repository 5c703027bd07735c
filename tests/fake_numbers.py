"""Numbers of the made-up city: indicators, tiles in every state, counts, sources."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from ioc.declare import Indicator
from ioc.i18n import Text
from ioc.services import Counts, SourceState, TileState
from tests.fake_work import NOW


def indicator(code: str, zh: str, en: str, unit: Text, **more: Any) -> Indicator:
    formula = Text(f"{zh} = 分子 / 分母", f"{en} = part / whole")
    return Indicator(
        code=code,
        title=Text(zh, en),
        unit=unit,
        query=code,
        source=more.pop("source", "devices"),
        formula=formula,
        **more,
    )


PERCENT = Text("%", "%")
INDICATORS = (
    indicator(
        "on_time_rate", "按期处置率", "Closed on time", PERCENT, target=95, scale=(88, 100), order=10, records="cases"
    ),
    indicator(
        "mean_response",
        "平均响应",
        "Mean response",
        Text("分钟", "min"),
        target=8,
        better="low",
        scale=(0, 12),
        order=20,
        records="cases",
    ),
    indicator(
        "camera_online",
        "视频在线率",
        "Cameras online",
        PERCENT,
        target=97,
        scale=(90, 100),
        order=30,
        records="devices",
    ),
    indicator(
        "sensor_online",
        "传感在线率",
        "Sensors online",
        PERCENT,
        target=95,
        scale=(88, 100),
        order=40,
        records="devices",
    ),
    indicator(
        "events_today",
        "今日事件",
        "Events today",
        Text("件", ""),
        decimals=0,
        order=50,
        records="events",
        compare=Text("较上周同日", "vs last week"),
    ),
    indicator(
        "open_cases",
        "在办",
        "Open cases",
        Text("件", ""),
        decimals=0,
        order=55,
        zero_text=Text("当前无在办", "Nothing open"),
    ),
    indicator(
        "aqi", "空气质量 AQI", "Air quality AQI", Text("优", "good"), target=50, better="low", decimals=0, order=70
    ),
    indicator("sources_ok", "数据源正常", "Sources in order", Text("个", ""), decimals=0, order=90),
    indicator(
        "island",
        "海湾在岛人数",
        "People on the island",
        Text("万人", "10k"),
        target=6,
        better="low",
        scale=(0, 8),
        decimals=2,
    ),
)
_WAVE = (95.1, 95.6, 96.0, 95.2, 94.9, 95.3, 95.7, 95.1, 94.8, 95.0, 95.4, 94.7, 94.5)


def tile(code: str, value: float | None, **more: Any) -> TileState:
    """An ok tile unless told otherwise; `age_s` sets its age."""
    found = next(i for i in INDICATORS if i.code == code)
    age = dt.timedelta(seconds=more.pop("age_s", 20))
    base = TileState(
        found, "ok", value=value, as_of=NOW - age, source=more.pop("source", "devices"), series=_WAVE, origin="demo"
    )
    return replace(base, **more)


def tiles() -> list[TileState]:
    minute = dt.timedelta(minutes=1)
    return [
        tile("on_time_rate", 94.5, previous=95.1, numerator=189, denominator=200),
        tile("mean_response", 6.8, previous=7.2),
        tile("camera_online", 97.6, previous=97.4, numerator=49104, denominator=50312),
        tile("sensor_online", 95.4, previous=95.3, age_s=760, interval=3 * minute, numerator=19086, denominator=20006),
        tile("events_today", 185.0, previous=171.0),
        tile("open_cases", 612.0, note=Text("特急 1 · 紧急 6", "1 critical · 6 urgent")),
        tile("aqi", 38.0, age_s=1860, interval=60 * minute, note=Text("首要 —", "Main —")),
        tile("sources_ok", 9.0, numerator=9, denominator=10),
        tile("island", 4.12, previous=3.81),
    ]


def eight_states() -> dict[str, TileState]:
    """The eight states of the design, and 未接入."""
    base = tile("camera_online", 97.6, previous=97.4, numerator=49104, denominator=50312)
    minute = dt.timedelta(minutes=1)
    return {
        "ok": base,
        "miss": replace(base, value=96.1),
        "stale": replace(base, as_of=NOW - 5 * minute),
        "lost": replace(base, as_of=NOW - 30 * minute),
        "loading": replace(base, state="loading", value=None),
        "empty": replace(tile("open_cases", None), state="empty"),
        "error": replace(
            base,
            state="error",
            value=None,
            error_code="E-502",
            error=Text("视频平台无响应", "Video platform silent"),
            error_since=NOW - dt.timedelta(seconds=28),
            retries=2,
        ),
        "forbidden": replace(base, state="forbidden", value=None, missing_permission="device.view"),
        "unconnected": replace(base, state="unconnected", value=None),
    }


COUNTS = Counts(
    open=612,
    critical=1,
    urgent=6,
    routine=605,
    overdue=9,
    incidents={1: 0, 2: 0, 3: 1, 4: 1},
    provisional={1: 0, 2: 0, 3: 0, 4: 1},
    today=185,
    closed_today=138,
    hours=(4, 3, 2, 2, 3, 5, 9, 18, 22, 26, 24, 21, 17, 20, 9, *([None] * 9)),
    hours_last_week=(5, 3, 2, 2, 4, 6, 8, 15, 19, 21, 22, 20, 16, 18, 22, 24, 21, 18, 17, 15, 13, 10, 8, 6),
    devices={"camera": 50312, "sensor": 20006, "grid_cell": 1846, "resource": 412},
)


def sources() -> list[SourceState]:
    def one(key: str, zh: str, state: str, age: float | None, interval: int = 60) -> SourceState:
        since = NOW - dt.timedelta(seconds=age or 0)
        error = Text("连接被拒绝", "connection refused") if state == "lost" else None
        return SourceState(key, Text(zh, key.upper()), state, age, since, interval, error, "demo")

    return [
        one("video", "视频共享平台", "live", 16, 30),
        one("iot", "物联感知平台", "stale", 760, 180),
        one("radar", "气象雷达", "lost", 3960, 300),
        one("hotline", "12345 热线", "live", 23, 600),
        one("grid", "网格平台", "live", 42, 60),
        one("mqtt", "MQTT", "never", None, 60),
    ]


NO_INCIDENTS = replace(COUNTS, incidents={1: 0, 2: 0, 3: 0, 4: 0}, provisional={1: 0, 2: 0, 3: 0, 4: 0})
