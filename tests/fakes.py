"""A Services without a store: a small made-up city for tests of screens and for tests/fake_server.py."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ioc.declare import Indicator
from ioc.errors import NotFound
from ioc.flows import flows
from ioc.i18n import Text
from ioc.scope import SYSTEM, Scope
from ioc.services import CentreInfo, Counts, DistrictRow, Record, RegionRef, SourceState, TileState, Warning_, WorkPage

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)  # 14:32:08 local
ROOT = RegionRef("990000000000", "样城市", "city", (111.2, 21.4, 112.4, 22.7), (111.8, 22.0))
COUNTIES = tuple(
    RegionRef(f"99010{i}000000", name, "zone" if "区" in name and i > 4 else "county", sketch=i > 4)
    for i, name in enumerate(("东城区", "南浦县", "西山县", "北岭市", "海湾试验区", "高新区"), 1)
)


def text_json(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def record(
    n: int,
    title: str,
    *,
    flow: str = "grid",
    stage: int = 1,
    urgency: str = "routine",
    level: int | None = None,
    provisional: bool = False,
    minutes: float | None = 30,
    date: bool = False,
    icon: str = "pin",
    place: str = "东城区 河口街道 对岸社区",
    label: str = "",
    lon: float = 111.9,
    lat: float = 21.9,
) -> Record:
    """One work-list record; `minutes` to its deadline from NOW."""
    found = flows()[flow]
    due = None if minutes is None else (NOW + dt.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    opened = (NOW - dt.timedelta(minutes=25 + n)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "key": f"case:{n}",
        "type": "case",
        "id": n,
        "number": f"SJ20261003-{n:04d}",
        "flow": flow,
        "flow_text": text_json(found.short),
        "title": title,
        "place": place,
        "place_short": "·".join(p[:2] for p in place.split()[:2]),
        "urgency": urgency,
        "level": level,
        "provisional": provisional,
        "stage_text": text_json(found.stages[stage][1]),
        "stage_index": stage,
        "stage_count": len(found.stages),
        "stages": [text_json(word) for _, word in found.stages],
        "due_at": due,
        "due_kind": "none" if due is None else "date" if date else "countdown",
        "due_label": {"zh": label, "en": "Report"} if label else None,
        "source": "grid",
        "source_text": "网格员",
        "icon": icon,
        "lon": lon,
        "lat": lat,
        "region_id": 1,
        "region_code": COUNTIES[0].code,
        "region_ids": [1],
        "occurred_at": opened,
        "opened_at": opened,
        "closed": False,
        "suspected": False,
        "origin": "demo",
        "version": 1,
    }


def work() -> list[Record]:
    """Two incidents and thirteen cases, in list order."""
    return [
        record(
            1,
            "物流仓库火情",
            flow="incident",
            stage=3,
            level=3,
            minutes=34,
            label="续报",
            icon="flame",
            urgency="urgent",
        ),
        record(
            2,
            "渔船失联，定位中断 40 分",
            flow="incident",
            stage=1,
            level=4,
            provisional=True,
            minutes=20,
            label="首报",
            icon="boat",
            urgency="urgent",
            lon=112.2,
            lat=21.6,
        ),
        record(3, "燃气浓度超限核查", urgency="critical", minutes=5, icon="gas", lon=112.0, lat=21.84),
        record(4, "景区客流达承载 86%", urgency="urgent", stage=2, minutes=12, icon="users", lon=111.83, lat=21.58),
        record(5, "高速三车追尾，占两车道", urgency="urgent", stage=3, minutes=21, icon="car"),
        record(6, "供水管爆裂，路面冒水", flow="hotline", urgency="urgent", stage=3, minutes=38, icon="drop"),
        record(7, "露天焚烧秸秆", urgency="urgent", stage=2, minutes=48, icon="flame"),
        record(8, "井盖破损下陷", flow="urban", urgency="urgent", minutes=73, icon="warn"),
        record(9, "水塘野泳劝离", urgency="urgent", stage=3, minutes=86, icon="drop"),
        record(10, "沙滩遗留渔网未清", stage=4, minutes=-18, icon="broom"),
        record(11, "果皮箱破损", flow="urban", minutes=140, icon="broom"),
        record(12, "水库视频遮挡", stage=3, minutes=160, icon="camera"),
        record(13, "路灯成片不亮", flow="hotline", minutes=9000, date=True, icon="lamp"),
        record(14, "集市占道经营", flow="hotline", stage=3, minutes=9000, date=True, icon="users"),
        record(15, "河道漂浮物聚集", stage=4, minutes=7600, date=True, icon="drop"),
    ]


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


@dataclass
class FakeServices:
    """`ioc.services.Services` over the constants above. Fields may be changed by a test."""

    at: dt.datetime = NOW
    is_empty: bool = False
    tile_list: list[TileState] = field(default_factory=tiles)
    rows: list[Record] = field(default_factory=work)
    count: Counts = COUNTS
    warn: list[Warning_] | None = field(
        default_factory=lambda: [
            Warning_(
                "w1",
                Text("森林火险", "Forest fire risk"),
                "yellow",
                "北岭市、东城区",
                "",
                "市气象台",
                NOW - dt.timedelta(hours=22),
            ),
            Warning_(
                "w2",
                Text("台风", "Typhoon"),
                "white",
                "全市",
                "48 小时内可能受影响",
                "市气象台",
                NOW - dt.timedelta(hours=3),
            ),
        ]
    )
    map: Mapping[str, Any] = field(default_factory=dict[str, Any])
    asked: list[tuple[str, Scope]] = field(default_factory=list[tuple[str, Scope]])

    def now(self) -> dt.datetime:
        return self.at

    def timezone(self) -> str:
        return "Asia/Shanghai"

    def centre(self, scope: Scope) -> CentreInfo:
        self.asked.append(("centre", scope))
        title = Text("", "") if self.is_empty else Text("样城市运营指挥中心", "Sample City Operations Centre")
        root = None if self.is_empty else ROOT
        return CentreInfo(title, "" if self.is_empty else ROOT.name, root, not self.is_empty, self.is_empty, "0.1.0")

    def breadcrumb(self, scope: Scope, region: str) -> Sequence[RegionRef]:
        if self.is_empty:
            return ()
        if not region:
            return (ROOT,)
        for county in COUNTIES:
            if county.code == region:
                return (ROOT, county)
        raise NotFound(region, region)

    def children(self, scope: Scope, region: str) -> Sequence[RegionRef]:
        return () if region else COUNTIES

    def indicators(self, scope: Scope) -> Sequence[Indicator]:
        return INDICATORS

    def tiles(self, scope: Scope, region: str) -> Sequence[TileState]:
        self.asked.append(("tiles", scope))
        if self.is_empty:
            return [replace(t, state="unconnected", value=None) for t in self.tile_list]
        return self.tile_list

    def counts(self, scope: Scope, region: str) -> Counts:
        return self.count

    def worklist(self, scope: Scope, region: str, limit: int = 200) -> Sequence[Record]:
        return self.rows[:limit]

    def work_page(self, scope: Scope, region: str, limit: int = 200, after: str = "") -> WorkPage:
        return WorkPage(len(self.rows), self.rows[:limit])

    def districts(self, scope: Scope, region: str) -> Sequence[DistrictRow]:
        rates = (
            (203, 95.8, 98.1),
            (142, 93.2, 97.9),
            (88, 94.5, 97.4),
            (121, 92.9, 96.8),
            (30, 96.7, 98.6),
            (28, None, None),
        )
        return [DistrictRow(c.code, c.name, *rate) for c, rate in zip(COUNTIES, rates, strict=True)]

    def hotline_topics(self, scope: Scope, region: str) -> Sequence[tuple[str, int]]:
        return [("占道停车", 212), ("景区拥堵", 168), ("噪声扰民", 141), ("供水水压", 87), ("路灯故障", 64)]

    def warnings(self, scope: Scope, region: str) -> Sequence[Warning_] | None:
        return self.warn

    def sources(self, scope: Scope) -> Sequence[SourceState]:
        return [] if self.is_empty else sources()

    def detail(self, scope: Scope, key: str) -> Mapping[str, Any]:
        if key == "device:7":
            return device_detail()
        found = next((r for r in self.rows if r["key"] == key), None)
        if found is None:
            raise NotFound(key, key)
        return case_detail(found)

    def records(self, scope: Scope, region: str, query: str, offset: int, limit: int) -> Mapping[str, Any]:
        rows = [
            {
                "key": f"device:{i}",
                "name": f"路口 {i}",
                "status": "offline",
                "kind": "camera",
                "since": NOW,
                "counted": False,
            }
            for i in range(offset, min(57, offset + limit))
        ]
        columns = [
            {"key": "name", "zh": "名称", "en": "Name"},
            {"key": "kind", "zh": "种类", "en": "Kind"},
            {"key": "status", "zh": "状态", "en": "State"},
            {"key": "since", "zh": "状态始于", "en": "Since"},
            {"key": "counted", "zh": "计入分子", "en": "Counted"},
        ]
        return {"total": 57, "columns": columns, "rows": rows, "as_of": NOW}

    def map_config(self, scope: Scope, surface: str, theme: str, lang: str, region: str) -> Mapping[str, Any]:
        return self.map or blank_map()

    def doctor(self) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "key": "postgis",
                "state": "ok",
                "zh": "PostgreSQL 15 与 PostGIS 3.3",
                "en": "PostgreSQL 15 and PostGIS 3.3",
            },
            {"key": "disk", "state": "ok", "zh": "磁盘剩余 412 GB", "en": "412 GB free"},
            {
                "key": "mqtt",
                "state": "warn",
                "zh": "MQTT 未启用",
                "en": "MQTT is off",
                "advice_zh": "第 4 步",
                "advice_en": "step 4",
            },
        ]


def case_detail(row: Record) -> dict[str, Any]:
    iso = "2026-10-03T06:27:03Z"
    points = [
        [(NOW - dt.timedelta(minutes=20 - i)).isoformat(), v]
        for i, v in enumerate((3, 3, 4, 3, 4, 5, 6, 7, 8, 13, 17, 22, 27, 28, 27))
    ]
    return {
        "key": row["key"],
        "type": "case",
        "title": row["title"],
        "number": row["number"],
        "record": row,
        "origin": "demo",
        "crumbs": [{"code": COUNTIES[0].code, "name": "东城区"}, {"code": "", "name": "河口街道"}],
        "fields": [
            {"label": {"zh": "类别", "en": "Category"}, "value": "燃气泄漏"},
            {"label": {"zh": "上报", "en": "Reported"}, "value": iso},
            {"label": {"zh": "主责", "en": "Department"}, "value": "东城区住建局"},
            {
                "label": {"zh": "描述", "en": "Description"},
                "value": "居民报告楼道内有燃气异味，传感器同时报警，请立即到场核查并疏散。",
            },
        ],
        "sources": [
            {"icon": "sensor", "title": "传感器", "text": "RQ-990102-0931 27% LEL", "at": iso},
            {"icon": "phone", "title": "12345", "text": "GD20261003004588 闻到异味", "at": iso},
        ],
        "series": [
            {
                "property": "gas",
                "title": {"zh": "燃气浓度", "en": "Gas"},
                "unit": "% LEL",
                "value": 27.0,
                "limit": 25,
                "limit_kind": "high",
                "exceeded": True,
                "points": points,
            }
        ],
        "cameras": [
            {"key": "device:7", "name": "对岸路口", "distance_m": 120, "status": "online"},
            {"key": "device:8", "name": "社区南门", "distance_m": 210, "status": "offline"},
        ],
        "history": [
            {"at": iso, "actor": "谭小玲", "text": "签收通知，预计 8 分到场"},
            {"at": iso, "actor": "系统", "text": {"zh": "自动生成", "en": "made by rule"}},
        ],
    }


def device_detail() -> dict[str, Any]:
    return {
        "key": "device:7",
        "type": "device",
        "title": "对岸路口 7 号枪机",
        "number": "99010200001320000007",
        "status": {"code": "online", "text": {"zh": "在线", "en": "Online"}},
        "source": {"key": "video", "title": "视频共享平台", "as_of": "2026-10-03T06:31:50Z", "interval_s": 30},
        "fields": [{"label": {"zh": "种类", "en": "Kind"}, "value": "固定枪机"}],
        "origin": "demo",
    }


def blank_map() -> dict[str, Any]:
    """A map with nothing but its ground, enough for the component to start."""
    layers = [
        {
            "key": "camera",
            "title": {"zh": "视频", "en": "Cameras"},
            "theme": {"zh": "感知", "en": "Sensing"},
            "icon": "camera",
            "count": 50312,
            "visible": True,
            "order": 20,
            "ok": True,
            "legend": [{"swatch": "ramp", "text": {"zh": "视频密度", "en": "Camera density"}, "steps": 4}],
        },
        {
            "key": "event",
            "title": {"zh": "事件", "en": "Events"},
            "theme": {"zh": "事件", "en": "Events"},
            "icon": "pin",
            "count": 612,
            "visible": True,
            "order": 60,
            "ok": True,
            "legend": [],
        },
    ]
    style = {
        "version": 8,
        "sources": {},
        "layers": [{"id": "sea", "type": "background", "paint": {"background-color": "#1A2129"}}],
    }
    return {
        "style": style,
        "bounds": [111.2, 21.4, 112.4, 22.7],
        "center": [111.8, 22.0],
        "zoom": 9,
        "layers": layers,
        "spec": {"layers": []},
        "demo": True,
        "note": "示意底图，非正式测绘成果",
    }


EVERYBODY = SYSTEM

NO_INCIDENTS = replace(COUNTS, incidents={1: 0, 2: 0, 3: 0, 4: 0}, provisional={1: 0, 2: 0, 3: 0, 4: 0})
