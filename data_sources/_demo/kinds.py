"""What the demo's sensors measure: share of the sensors, level, daily rhythm and limit of each kind.

Units, decimals and default limits are those of `ioc/dictionaries/property.json`; levels are believable, not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from ioc.dictionaries import shipped

Rhythm = Literal["flat", "people", "traffic", "night", "sun", "tide"]
Where = Literal["people", "river", "spread", "urban"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One property: `level` is the mean, `swing` the rhythm's share of it, `noise` the standard deviation.

    `spread` is how much stations differ, `beyond` the share of 45-minute blocks in which the value passes its limit.
    """

    property: str
    level: float
    swing: float = 0.0
    noise: float = 0.0
    spread: float = 0.1
    rhythm: Rhythm = "flat"
    beyond: float = 0.0
    hourly: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of sensor. `share` is relative; the first reading is delivered every step, hourly ones on the hour."""

    kind: str
    share: float
    source: str
    where: Where
    word: str
    readings: tuple[Reading, ...]


_AIR = (
    Reading("pm25", 21, 4, 3, 0.15, "traffic"),
    Reading("pm10", 36, 7, 4, 0.15, "traffic", hourly=True),
    Reading("so2", 8, 1, 1, 0.2, hourly=True),
    Reading("no2", 19, 6, 3, 0.2, "traffic", hourly=True),
    Reading("co", 0.6, 0.1, 0.05, 0.2, "traffic", hourly=True),
    Reading("o3", 62, 34, 5, 0.1, "sun", hourly=True),
)

KINDS: tuple[Kind, ...] = (
    Kind("smoke", 26, "fire", "people", "烟感", (Reading("smoke", 0.4, 0.1, 0.15, 0.3, "people", 0.0006),)),
    Kind("lamp", 15, "lamp", "urban", "路灯", (Reading("lamp_power", 120, 0, 3, 0.15, "night"),)),
    Kind("manhole", 13, "manhole", "urban", "井盖", (Reading("manhole_tilt", 1.5, 0, 0.6, 0.4, beyond=0.001),)),
    Kind("gas", 9.5, "gas", "people", "燃气探测器", (Reading("gas_lel", 2.5, 1.0, 0.8, 0.4, "people", 0.0008),)),
    Kind("bin", 8, "bin", "urban", "垃圾箱", (Reading("bin_fill", 42, 14, 6, 0.2, "people", 0.03),)),
    Kind(
        "electrical_fire",
        5.5,
        "fire",
        "people",
        "用电监测",
        (Reading("leak_current", 60, 25, 12, 0.4, "people", 0.001),),
    ),
    Kind("parking", 4.5, "parking", "urban", "停车场", (Reading("parking_free", 70, -38, 6, 0.5, "people"),)),
    Kind(
        "hydrant",
        4.5,
        "fire",
        "urban",
        "消火栓",
        (Reading("hydrant_pressure", 0.32, 0.03, 0.01, 0.1, "people", 0.001),),
    ),
    Kind(
        "water_level", 3.1, "water", "river", "水位站", (Reading("water_level", 4.2, 0.5, 0.04, 0.5, "tide", 0.0015),)
    ),
    Kind("rain", 2.8, "rain", "spread", "雨量站", (Reading("rain_1h", 0.0, 0, 0.0, 0.0),)),
    Kind("noise", 2.1, "noise", "urban", "噪声站", (Reading("noise", 54, 7, 1.8, 0.06, "traffic", 0.02),)),
    Kind("water_logging", 1.3, "drain", "urban", "积水监测", (Reading("water_depth", 0.01, 0, 0.006, 0.3),)),
    Kind("crowd", 1.2, "crowd", "urban", "客流", (Reading("crowd", 640, 560, 40, 0.7, "people", 0.004),)),
    Kind("air", 0.9, "air", "urban", "空气站", _AIR),
    Kind("dust", 0.8, "dust", "urban", "扬尘", (Reading("pm10", 58, 22, 8, 0.3, "traffic", 0.004),)),
    Kind(
        "water_quality",
        0.6,
        "water_quality",
        "river",
        "水质站",
        (
            Reading("do", 6.8, 0.6, 0.12, 0.06, "sun", 0.004),
            Reading("ph", 7.4, 0.1, 0.05, 0.03, hourly=True),
            Reading("nh3n", 0.42, 0, 0.05, 0.3, hourly=True),
            Reading("codmn", 3.2, 0, 0.2, 0.2, hourly=True),
        ),
    ),
    Kind(
        "weather",
        0.55,
        "weather",
        "spread",
        "气象站",
        (
            Reading("wind_speed", 3.4, 1.4, 0.7, 0.3, "sun"),
            Reading("temperature", 26.5, 4.5, 0.3, 0.02, "sun", hourly=True),
            Reading("humidity", 74, -14, 2, 0.03, "sun", hourly=True),
            Reading("wind_direction", 135, 30, 12, 0.2, "sun", hourly=True),
        ),
    ),
    Kind(
        "pipe", 0.45, "drain", "urban", "管网", (Reading("pipe_pressure", 0.34, -0.04, 0.008, 0.08, "people", 0.001),)
    ),
    Kind("bridge", 0.15, "bridge", "river", "桥梁", (Reading("deflection", 9, 5, 0.8, 0.3, "traffic"),)),
    Kind("slope", 0.05, "slope", "spread", "地灾监测", (Reading("displacement", 4, 0, 0.15, 0.5),)),
)


@dataclass(frozen=True, slots=True)
class Limits:
    unit: str
    decimals: int
    low: float
    high: float
    limit_high: float | None
    limit_low: float | None
    note: str


@cache
def limits(prop: str) -> Limits:
    """Unit, plausible range and default limits of a property, from the shipped code table."""
    entry = shipped()["property"].find(prop)
    if entry is None:
        raise KeyError(prop)
    a = entry.attributes
    return Limits(
        str(a.get("unit", "")),
        int(a.get("decimals", 2)),
        float(a.get("min", -1e9)),
        float(a.get("max", 1e9)),
        a.get("limit_high"),
        a.get("limit_low"),
        str(a.get("limit_note", "")),
    )


# Cameras: share, kind, words, GB/T 28181 type (131 camera, 132 IPC, 121 checkpoint) and industry code.
CAMERAS: tuple[tuple[float, str, tuple[str, ...], str, str], ...] = (
    (0.78, "camera", ("枪机", "球机", "半球"), "132", "00"),
    (0.09, "ai_camera", ("AI 摄像机",), "132", "08"),
    (0.06, "face_camera", ("人像卡口",), "132", "01"),
    (0.06908, "traffic_camera", ("交通卡口", "电子警察"), "121", "05"),
    (0.00092, "eagle_eye", ("鹰眼",), "131", "40"),
)
SPOTS = (
    "村口",
    "文化广场",
    "党群服务中心",
    "卫生站",
    "学校门口",
    "路口",
    "河堤",
    "市场",
    "停车场",
    "公园",
    "祠堂",
    "桥头",
    "工业园",
    "小区东门",
    "小区西门",
    "主街",
    "公交站",
    "加油站",
    "农贸市场",
    "幼儿园",
    "体育场",
    "商业街",
    "水库",
)
