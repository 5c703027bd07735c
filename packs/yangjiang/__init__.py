"""阳江市: a prefecture-level city of four counties and three functional zones on the coast of Guangdong."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from ioc.declare import Indicator
from ioc.i18n import Text
from ioc.place import PlaceNote
from packs._shared.build import PlaceSpec, Zone, fire_danger, pack_of

SPEC = PlaceSpec(
    key="yangjiang",
    folder=Path(__file__).parent,
    root="441700000000",
    root_name="阳江市",
    root_name_en="Yangjiang",
    counties={
        "441702": ("江城区", "Jiangcheng"),
        "441704": ("阳东区", "Yangdong"),
        "441721": ("阳西县", "Yangxi"),
        "441781": ("阳春市", "Yangchun"),
    },
    cells=1846,
    seed=4417,
    # The zones have no code in GB/T 2260; codes and members are the pack's own and can be replaced by an import.
    zones=(
        Zone("4417H1", "海陵岛经济开发试验区", "Hailing Island Zone", ("441702105000",)),
        Zone("4417H2", "阳江高新区", "Yangjiang Hi-tech Zone", ("441702103000",)),
        Zone("4417H3", "阳江滨海新区", "Yangjiang Coastal New Area", ("441702002000", "441702102000")),
    ),
    notes=(
        PlaceNote(
            "base_numbers",
            "规划文本：7 个县（市、区）、48 个镇（街道）、832 个村（社区）；"
            "区划代码库：4 个县级、48 个镇街、863 个村级。"
            "7 = 4 个县级 + 3 个功能区；村级口径不同，两数并列，不改数。",
            "Plan: 7 counties, 48 towns, 832 villages. Code base: 4 counties, 48 towns, 863 villages. 7 counts "
            "the three functional zones too; the village figures use different definitions and are both shown.",
        ),
        PlaceNote(
            "townlike",
            "另有 15 个类似乡级单位（林场、农场、矿区等）无独立界线，并入所在镇街。",
            "15 township-like units (forest farms, mines ...) have no outline of their own; they lie inside towns.",
        ),
        PlaceNote(
            "sketch",
            "镇街、村、网格、功能区界线及道路水系为示意，不作划界依据。",
            "Outlines of towns, villages, grids and zones, roads and rivers are sketches, no legal lines.",
        ),
    ),
)


TYPHOON = {
    "kind": "台风",
    "kind_en": "Typhoon",
    "colour": "white",
    "regions": (SPEC.root,),
    "area": "全市",
    "sender": "市气象台",
    "since_h": 3.5,
    "until_h": 44.0,
    "note": "48 小时内可能受影响",
}

ISLAND = Indicator(
    code="hailing_people",
    title=Text("海陵岛在岛人数", "People on Hailing Island"),
    unit=Text("万人", "×10k"),
    query="sum_latest",
    params={"property": "crowd", "kind": "crowd", "within": "4417H1", "tag": {"gate": "4417H1"}, "scale": 0.0001},
    source="crowd",
    formula=Text("上岛关口客流计数最新值之和", "Sum of the latest counts of the gates onto the island"),
    interval=dt.timedelta(minutes=5),
    target=6.0,
    better="low",
    scale=(0.0, 8.0),
    decimals=2,
    records="latest?property=crowd&kind=crowd&within=4417H1&tag=%7B%22gate%22%3A%224417H1%22%7D",
    owner=Text("海陵岛经济开发试验区管委会", "Hailing Island Zone administration"),
    order=70,
)

PACK = pack_of(
    SPEC,
    Text("阳江市运营指挥中心", "Yangjiang Operations Centre"),
    center=(111.83, 22.0),
    demo={
        "cameras": 50_000,
        "sensors": 20_000,
        "resources": 412,
        "events_per_day": 300,
        "sources": 38,
        "warnings": (fire_danger("阳春市、阳东区", "441781000000", "441704000000"), TYPHOON),
        "gates": {"zone": "4417H1", "name": "海陵大堤", "count": 6, "peak": 41_000},
    },
    indicators=(ISLAND,),
)
