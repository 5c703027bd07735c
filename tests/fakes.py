"""A Services without a store: a small made-up city for tests of screens and for tests/fake_server.py."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ioc.command.asking import PanelState
from ioc.declare import Indicator
from ioc.errors import NotFound
from ioc.i18n import Text
from ioc.scope import SYSTEM, Scope
from ioc.services import CentreInfo, Counts, DistrictRow, Record, RegionRef, SourceState, TileState, Warning_, WorkPage
from tests.fake_duty import duty_now
from tests.fake_incident import incident
from tests.fake_numbers import COUNTS, INDICATORS, NO_INCIDENTS, eight_states, sources, tile, tiles
from tests.fake_work import COUNTIES, NOW, ROOT, case_detail, device_detail, work

__all__ = ["COUNTIES", "NOW", "NO_INCIDENTS", "SYSTEM", "FakeServices", "eight_states", "tile", "tiles"]


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
    out: Mapping[str, Any] = field(default_factory=dict[str, Any])
    below: Mapping[str, Any] = field(default_factory=dict[str, Any])
    log: Mapping[str, Any] = field(default_factory=dict[str, Any])
    duty_now: Mapping[str, Any] = field(default_factory=duty_now)
    handover_now: Mapping[str, Any] | None = None
    views: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
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

    def work_page(
        self, scope: Scope, region: str, limit: int = 200, after: str = "", officer: str | None = None
    ) -> WorkPage:
        return WorkPage(len(self.rows), self.rows[:limit])

    def mine(self, scope: Scope, region: str, officer: str) -> Sequence[str]:
        return sorted(str(r["key"]) for r in self.rows[:2])

    def mine_over(self, scope: Scope, keys: Sequence[str]) -> Sequence[Record]:
        return []

    def closed_today(self, scope: Scope, region: str) -> WorkPage:
        return WorkPage(total=0, rows=[])

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

    def duty(self, scope: Scope, region: str) -> Mapping[str, Any]:
        return self.duty_now

    def handover(self, scope: Scope, login: str, region: str) -> Mapping[str, Any] | None:
        return self.handover_now

    def saved_views(self, scope: Scope) -> Sequence[Mapping[str, Any]]:
        return self.views

    def steps_in_common(self, scope: Scope, officer: str, case_ids: Sequence[int]) -> Mapping[str, Any]:
        return {"steps": [], "cases": [], "missing": list(case_ids), "departments": [], "regions": []}

    def supervision(self, scope: Scope, region: str) -> Mapping[str, Any]:
        return {"total": 0, "entries": [], "pool_total": 0, "pool": []}

    def detail(self, scope: Scope, key: str, officer: str = "") -> Mapping[str, Any]:
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

    def outbound(self, scope: Scope) -> Mapping[str, Any]:
        return self.out if scope.can("notify.manage") else {}

    def audit(self, scope: Scope, asked: Mapping[str, str]) -> Mapping[str, Any]:
        return self.log if scope.can("audit.view") else {}

    def lower(self, scope: Scope, region: str) -> Mapping[str, Any]:
        return self.below

    def grid_topics(self, scope: Scope) -> Sequence[Mapping[str, str]]:
        return [{"key": "river", "zh": "河道", "en": "Rivers"}, {"key": "other", "zh": "其他", "en": "Other"}]

    def topic_stats(self, scope: Scope, region: str) -> Mapping[str, Any]:
        numbers = {"reports": 5, "open": 3, "overdue": 1, "closed": 2}
        found = {"river": numbers, "other": dict.fromkeys(numbers, 0)}
        rows = [{"code": COUNTIES[0].code, "name": COUNTIES[0].name, "topics": found}]
        return {"topics": self.grid_topics(scope), "numbers": list(numbers), "days": 30, "total": found, "rows": rows,
                "as_of": self.at}  # fmt: skip

    def village(self, scope: Scope, region: str, asked: Mapping[str, str]) -> Mapping[str, Any]:
        return {"region": None, "cards": {}, "compare": {"rows": []}, "list": None}

    def incidents(self, scope: Scope, region: str) -> Sequence[Mapping[str, Any]]:
        return [incident()]

    def themes(self, scope: Scope, region: str, key: str) -> Mapping[str, Any]:
        return {
            "themes": [{"key": "flood", "zh": "防汛防溺水", "en": "Floods and drowning", "icon": "drop"}],
            "theme": None,
        }

    def incident(self, scope: Scope, case_id: int) -> Mapping[str, Any]:
        if case_id != 7:
            raise NotFound(f"突发事件 {case_id}", f"incident {case_id}")
        return incident()

    def command(self, scope: Scope, case_id: int) -> Mapping[str, Any]:
        review = {"key": f"review:{case_id}", "case_id": case_id, "state": "draft", "version": 1, "conclusion": "",
                  "word": {"zh": "草稿", "en": "Draft"}, "losses": {}, "times": {}, "lessons": [], "may": [],
                  "edit": True, "returned": None, "digest": ""}  # fmt: skip
        return {"may": ["command", "report"], "known": {"to": [("department|市卫健局", "市卫健局")]}, "review": review}

    def command_panel(self, scope: Scope, case_id: int, key: str, asked: Mapping[str, Any]) -> PanelState:
        return PanelState(key, "empty")

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
