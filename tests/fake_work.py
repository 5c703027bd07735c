"""Work of the made-up city: its counties, list rows, and the details of a case and a device."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ioc.flows import flows
from ioc.i18n import Text
from ioc.services import Record, RegionRef

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
