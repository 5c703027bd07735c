"""云潭镇: a town-sized centre of 14 villages."""

from __future__ import annotations

from pathlib import Path

from ioc.i18n import Text
from ioc.place import PlaceNote
from packs._shared.build import PlaceSpec, fire_danger, pack_of

SPEC = PlaceSpec(
    key="yuntan",
    folder=Path(__file__).parent,
    root="440981102000",
    root_name="云潭镇",
    root_name_en="Yuntan",
    counties={"440981": ("高州市", "Gaozhou")},
    cells=42,
    seed=440981102,
    town="440981102000",
    notes=(
        PlaceNote(
            "sketch",
            "镇、村、网格界线及道路水系为示意，不作划界依据。",
            "Outlines of the town, its villages and grids, roads and rivers are sketches, no legal lines.",
        ),
    ),
)


PACK = pack_of(
    SPEC,
    Text("云潭镇综合治理中心", "Yuntan Town Centre"),
    center=(111.164, 21.884),
    demo={
        "cameras": 324,
        "sensors": 180,
        "resources": 24,
        "events_per_day": 12,
        "sources": 9,
        "warnings": (fire_danger("全镇", SPEC.root),),
    },
)
