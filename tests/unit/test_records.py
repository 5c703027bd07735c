"""Records against the goldens the browser's side is tested with too: one contract, two sides."""

from __future__ import annotations

import datetime as dt
import json
import random
from pathlib import Path
from typing import Any

import pytest

from ioc.flows import flows, stage_index
from ioc.records import case_to_record, event_to_record, order_key, place_words, short_name

GOLDEN = Path(__file__).parents[1] / "golden"
NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
STEPS = [
    {"name": "试验市", "kind": "city", "root": True},
    {"name": "江东区", "kind": "county", "root": False},
    {"name": "北桥镇", "kind": "town", "root": False},
    {"name": "金山村", "kind": "village", "root": False},
]
CASE: dict[str, Any] = {
    "id": 193,
    "number": "SJ20261003-0193",
    "flow": "grid",
    "stage": "accepted",
    "title": "燃气浓度超限核查",
    "urgency": "critical",
    "incident_level": None,
    "level_state": "",
    "address": "7 号网格",
    "region_id": 4,
    "opened_at": NOW - dt.timedelta(minutes=5),
    "due_at": NOW + dt.timedelta(minutes=5),
    "due_label": "",
    "clock_stopped": False,
    "closed_at": None,
    "source": "sensors",
    "sources": [],
    "version": 2,
    "origin": "demo",
    "lon": 112.005,
    "lat": 21.835,
    "region_code": "990101001000",
    "region_ids": [1, 2, 3, 4],
    "region_steps": STEPS,
    "source_title": "传感器",
    "source_title_en": "Sensors",
    "icon": "gas",
}
INCIDENT = CASE | {
    "id": 2,
    "number": "TF20261003-002",
    "flow": "incident",
    "stage": "handling",
    "title": "物流仓库火情",
    "urgency": "urgent",
    "incident_level": 3,
    "level_state": "confirmed",
    "address": "金山村 3 号网格",
    "due_at": NOW + dt.timedelta(minutes=34),
    "due_label": "续报",
    "sources": [{"source": "fire", "text": "119 联动"}],
    "icon": "flame",
}
HOTLINE = CASE | {
    "id": 4377,
    "number": "GD20261003004377",
    "flow": "hotline",
    "stage": "签收",
    "title": "路灯成片不亮",
    "urgency": "routine",
    "due_at": dt.datetime(2026, 10, 9, 9, 30, tzinfo=dt.UTC),
    "clock_stopped": True,
    "icon": "lamp",
}
CLOSED = CASE | {"id": 5, "stage": "closed", "closed_at": NOW, "urgency": "routine", "icon": "unknown-icon"}
EVENT: dict[str, Any] = {
    **{
        k: CASE[k]
        for k in ("id", "title", "urgency", "address", "region_id", "source", "version", "origin", "lon", "lat")
    },
    **{k: CASE[k] for k in ("region_code", "region_ids", "region_steps", "source_title", "source_title_en", "icon")},
    "source_id": "E-1",
    "incident_level": None,
    "status": "open",
    "suspected": True,
    "occurred_at": NOW - dt.timedelta(minutes=3),
    "received_at": NOW - dt.timedelta(minutes=2),
    "case_id": None,
}
ROWS = {
    "record_case": case_to_record(CASE),
    "record_incident": case_to_record(INCIDENT),
    "record_provisional": case_to_record(INCIDENT | {"id": 3, "incident_level": 4, "level_state": "initial"}),
    "record_clock_stopped": case_to_record(HOTLINE),
    "record_closed": case_to_record(CLOSED),
    "record_event": event_to_record(EVENT),
    "record_event_incident": event_to_record(EVENT | {"id": 8, "incident_level": 2, "urgency": "critical"}),
}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_golden(name: str) -> None:
    path = GOLDEN / f"{name}.json"
    assert ROWS[name] == json.loads(path.read_text("utf-8")), f"{name} differs from its golden"


def test_all_goldens_have_one_shape() -> None:
    shapes = {name: set(json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))) for name in ROWS}
    assert len({frozenset(s) for s in shapes.values()}) == 1


def test_stages_are_those_of_the_flow() -> None:
    said = {key: "–".join(word.zh for _, word in flow.stages) for key, flow in flows().items()}
    assert said["grid"] == "上报–受理–流转–处置–核查–办结"
    assert said["hotline"] == "受理–转办–签收–办理–回访–办结"
    assert said["urban"] == "立案–派遣–处置–核查–结案–评价"
    assert said["incident"] == "接报–研判–启动响应–处置–终止"
    assert {k: f.waiting.zh for k, f in flows().items() if k in ("grid", "hotline", "urban")} == {
        "grid": "待受理",
        "hotline": "待签收",
        "urban": "待派遣",
    }
    assert all(flow.closed in [key for key, _ in flow.stages] for flow in flows().values())
    assert stage_index(flows()["hotline"], "回访") == stage_index(flows()["hotline"], "callback") == 4


def test_places() -> None:
    assert place_words(STEPS, "") == ("江东区 北桥镇 金山村", "江东·北桥")
    assert place_words(STEPS, "金山村 3 号") == ("江东区 北桥镇 金山村 3 号", "江东·北桥"), "no level is said twice"
    assert place_words(STEPS, "江东区北桥镇 3 号")[0] == "江东区北桥镇 3 号"
    zone = [*STEPS[:2], {"name": "海湾新区", "kind": "zone", "root": False}, *STEPS[2:]]
    assert place_words(zone, "大角湾")[0] == "海湾新区 北桥镇 金山村 大角湾", "a zone stands for its county"
    town = [{"name": "云水镇", "kind": "town", "root": True}, {"name": "前进村", "kind": "village", "root": False}]
    assert place_words(town, "") == ("前进村", "前进村"), "a town-sized centre"
    assert place_words(None, "港外 6 海里") == ("港外 6 海里", "")
    assert [short_name(n) for n in ("岗列街道", "江城区", "东区", "阳西县", "大八镇")] == [
        "岗列",
        "江城",
        "东区",
        "阳西",
        "大八",
    ]


def test_order_of_the_work_list() -> None:
    def case(key: str, **more: Any) -> dict[str, Any]:
        return {**ROWS["record_case"], "key": key, "urgency": "routine", **more}

    soon, late = "2026-10-03T06:40:00Z", "2026-10-03T06:14:00Z"
    wanted = [
        case("i1", flow="incident", level=1),
        case("i3", flow="incident", level=3, urgency="routine"),
        case("c", urgency="critical", due_at=soon),
        case("u", urgency="urgent", due_at=soon),
        case("overdue", due_at=late),
        case("r", due_at=soon),
        case("new", due_at=None, opened_at="2026-10-03T06:30:00Z"),
        case("old", due_at=None, opened_at="2026-10-03T05:30:00Z"),
    ]
    mixed = random.Random(1).sample(wanted, len(wanted))
    assert [r["key"] for r in sorted(mixed, key=order_key)] == [r["key"] for r in wanted]
