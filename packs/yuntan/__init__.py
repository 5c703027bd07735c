"""云潭镇: a town-sized centre of 14 villages."""

from __future__ import annotations

from pathlib import Path

from ioc.declare import Pack
from ioc.i18n import Text
from ioc.place import PlaceData, PlaceNote
from packs._shared.build import PlaceSpec, build

_FOLDER = Path(__file__).parent

SPEC = PlaceSpec(
    key="yuntan",
    folder=_FOLDER,
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


def build_place(cache_dir: Path) -> PlaceData:
    """The geography, derived on first use and cached under `cache_dir`."""
    return build(SPEC, cache_dir)


WARNINGS = (
    {
        "kind": "森林火险",
        "kind_en": "Forest fire danger",
        "colour": "yellow",
        "regions": ("440981102000",),
        "area": "全镇",
        "sender": "市气象台",
        "since_h": 22.5,
        "until_h": 26.0,
        "note": "林区火险气象等级高",
    },
)

PACK = Pack(
    key="yuntan",
    title=Text("云潭镇综合治理中心", "Yuntan Town Centre"),
    place=Text("云潭镇", "Yuntan"),
    root_region=SPEC.root,
    build=build_place,
    center=(111.164, 21.884),
    demo={
        "cameras": 324,
        "sensors": 180,
        "cells": 42,
        "resources": 24,
        "events_per_day": 12,
        "sources": 9,
        "highlights": _FOLDER / "highlights.json",
        "warnings": WARNINGS,
    },
)
