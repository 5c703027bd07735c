"""The demo city for tests: small, in place in about two seconds once a session has derived the geography."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from data_sources import demo
from data_sources._demo.load import LoadReport
from ioc.clock import Clock
from ioc.place import PlaceData
from ioc.registry import Registry, discover
from ioc.settings import Settings
from ioc.store.database import dsns

# Derived geography, kept between runs: it depends on the packs' files and the packages' versions alone.
CACHE = Path(__file__).resolve().parents[1] / "build" / "packs"


def packs() -> Registry:
    return Registry(packs=discover("packs", "PACK"))  # pyright: ignore[reportArgumentType]


def place(key: str) -> PlaceData:
    return packs().packs[key].build(CACHE)


def load_demo(settings: Settings, clock: Clock, pack: str = "yuntan", **options: Any) -> LoadReport:
    """Load the demo at its test size into the database of `settings`."""
    place(pack)
    shutil.copytree(CACHE, settings.root / "packs", dirs_exist_ok=True)
    options = {"size": "small", "processes": 0, **options}
    return demo.load(settings, dsns(settings), packs(), clock, pack=pack, **options)
