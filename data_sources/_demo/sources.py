"""The outside systems the demo pretends to have: titles, owners, what they feed, how often, and which are silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_sources._demo.kinds import KINDS
from data_sources._demo.places import Ground

# A large centre has a system per trade; a town gets its data through a few platforms.
LARGE_FROM = 30


@dataclass(frozen=True, slots=True)
class DemoSource:
    """`age_s`: seconds since the last data at the load; beyond three intervals it is stale, beyond ten lost."""

    key: str
    title: str
    title_en: str
    owner: str
    classes: tuple[str, ...]
    interval_s: int
    age_s: int
    heartbeat: bool = False

    @property
    def silent(self) -> bool:
        return self.age_s > 3 * self.interval_s


_IOT: dict[str, tuple[str, str, str]] = {
    "fire": ("智慧消防平台", "Smart fire protection", "消防救援支队"),
    "lamp": ("智慧路灯系统", "Street lighting", "城管局"),
    "manhole": ("智慧井盖系统", "Manhole covers", "城管局"),
    "gas": ("燃气安全监测", "Gas safety", "住建局"),
    "bin": ("环卫设施监测", "Sanitation", "城管局"),
    "parking": ("停车诱导系统", "Parking guidance", "交通运输局"),
    "water": ("水情遥测系统", "Hydrological telemetry", "水务局"),
    "rain": ("雨情遥测系统", "Rainfall telemetry", "水务局"),
    "noise": ("噪声自动监测", "Noise monitoring", "生态环境局"),
    "drain": ("排水与内涝监测", "Drainage and flooding", "水务局"),
    "crowd": ("景区与商圈客流", "Crowd counting", "文旅局"),
    "air": ("空气质量监测网", "Air quality network", "生态环境局"),
    "dust": ("工地扬尘监测", "Construction dust", "住建局"),
    "water_quality": ("地表水自动站", "Surface water stations", "生态环境局"),
    "weather": ("自动气象站网", "Automatic weather stations", "气象局"),
    "bridge": ("桥梁健康监测", "Bridge monitoring", "交通运输局"),
    "slope": ("地质灾害监测", "Slope monitoring", "自然资源局"),
}
_EXTRA: dict[str, tuple[str, ...]] = {"air": ("aqi",), "crowd": ("crowd",)}
_MERGED = {
    "air": "env",
    "dust": "env",
    "noise": "env",
    "weather": "env",
    "water_quality": "env",
    "water": "water",
    "rain": "water",
    "drain": "water",
    "bridge": "water",
    "slope": "water",
}
# Sensor systems that are silent at the load, and for how long (seconds): one stale, one lost.
_SILENT = {"bridge": 26 * 60, "slope": 5 * 3600}

_REPORTING: tuple[DemoSource, ...] = (
    DemoSource("demo.grid", "网格化综合治理平台", "Grid governance", "政法委", ("event", "case"), 60, 20, True),
    DemoSource(
        "demo.hotline", "12345 政务服务热线", "12345 hotline", "政务服务数据管理局", ("event", "case"), 300, 60, True
    ),
    DemoSource("demo.urban", "数字城管系统", "City management", "城管局", ("event", "case"), 300, 90, True),
    DemoSource("demo.ai", "视频 AI 分析", "Video analytics", "公安局", ("event",), 60, 15, True),
    DemoSource("demo.119", "119 接处警联动", "Fire brigade", "消防救援支队", ("event",), 300, 45, True),
    DemoSource("demo.110", "110 非警务联动", "Police", "公安局", ("event",), 300, 70, True),
    DemoSource(
        "demo.emergency", "应急指挥信息系统", "Emergency command", "应急管理局", ("event", "case"), 300, 50, True
    ),
    DemoSource("demo.beidou", "渔船北斗终端", "Beidou terminals", "海洋综合执法支队", ("event",), 300, 110, True),
    DemoSource("demo.drone", "无人机巡查", "Drone patrol", "应急管理局", ("event",), 900, 400, True),
    DemoSource("demo.warning", "预警信息发布", "Official warnings", "气象局", ("warning",), 600, 200, True),
    DemoSource("demo.marine", "海洋预报与验潮", "Marine forecast", "自然资源局", ("warning",), 3600, 1500, True),
    DemoSource("demo.population", "人口基础库", "Population register", "公安局", ("population",), 86_400, 30_000),
)
_TRADES = {
    "traffic_camera": ("demo.video.traffic", "交通视频平台", "Traffic video", "交通运输局"),
    "ai_camera": ("demo.video.ai", "AI 视频云", "AI video", "城管局"),
    "face_camera": ("demo.video.police", "公安视频专网", "Police video", "公安局"),
    "eagle_eye": ("demo.video.forest", "高点瞭望平台", "High-point lookout", "林业局"),
}


class Systems:
    """Which system a device or report belongs to, and all of them as rows."""

    def __init__(self, g: Ground, wanted: int) -> None:
        self.large = wanted >= LARGE_FROM
        self.counties = list(dict.fromkeys(g.counties))
        self._all = self._large() if self.large else self._small()

    def rows(self) -> Sequence[DemoSource]:
        return self._all

    def camera(self, kind: str, county: str) -> str:
        if not self.large:
            return "demo.video"
        return _TRADES[kind][0] if kind in _TRADES else f"demo.video.{self.counties.index(county) + 1}"

    def sensor(self, group: str) -> str:
        return f"demo.iot.{group}" if self.large else f"demo.{_MERGED.get(group, 'iot')}"

    @property
    def gateway(self) -> str:
        return "demo.iot.gateway" if self.large else "demo.iot"

    def report(self, key: str) -> str:
        """A reporting system by its short word; the nearest one a small centre has."""
        name = f"demo.{key}"
        if any(s.key == name for s in self._all):
            return name
        return "demo.grid"

    def lost(self, now: float) -> dict[str, float]:
        """Silent sensor groups and since when (epoch seconds)."""
        return {g: now - age for g, age in _SILENT.items()} if self.large else {}

    def _large(self) -> list[DemoSource]:
        out = [
            DemoSource(
                f"demo.video.{i + 1}",
                f"{c}视频共享平台",
                f"Video platform {i + 1}",
                f"{c}公安分局",
                ("camera",),
                60,
                12,
                True,
            )
            for i, c in enumerate(self.counties)
        ]
        out += [DemoSource(k, t, e, o, ("camera",), 60, 16, True) for k, t, e, o in _TRADES.values()]
        for group in dict.fromkeys(k.source for k in KINDS):
            title, title_en, owner = _IOT[group]
            age = _SILENT.get(group, 40)
            out.append(
                DemoSource(f"demo.iot.{group}", title, title_en, owner, ("sensor", *_EXTRA.get(group, ())), 300, age)
            )
        out.append(
            DemoSource(
                "demo.iot.gateway", "物联网关平台", "IoT gateways", "政务服务数据管理局", ("sensor",), 60, 18, True
            )
        )
        return [*out, *_REPORTING]

    @staticmethod
    def _small() -> list[DemoSource]:
        keep = {"demo.grid", "demo.hotline", "demo.ai", "demo.warning", "demo.population"}
        return [
            DemoSource("demo.video", "视频共享平台", "Video platform", "派出所", ("camera",), 60, 12, True),
            DemoSource("demo.iot", "物联感知平台", "IoT platform", "综治中心", ("sensor", "crowd"), 300, 40),
            DemoSource("demo.env", "环境监测", "Environment", "生态环境局", ("sensor", "aqi"), 300, 60),
            DemoSource("demo.water", "水雨情监测", "Water and rain", "水务局", ("sensor",), 300, 50),
            *(s for s in _REPORTING if s.key in keep),
        ]
