"""Themes of emergency command (主题, EMG-14 to EMG-18, EMG-10): what belongs to one field of work, shown together.

A theme chooses incidents by their type, switches the layers of the map, and lists its own rows, each joined with what
belongs to its place: the camera that sees it and who answers for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from ioc.declare import Theme
from ioc.i18n import Text
from ioc.scope import Scope

__all__ = ["Look", "Theme", "Themed", "fact", "kilometres"]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """Who asks for a theme, of which regions (None: all), when; `srid` of the centre's metres."""

    scope: Scope
    region_ids: Sequence[int] | None
    now: dt.datetime
    tz: ZoneInfo
    srid: int
    settings: Any
    regions: Any  # ioc.store.regions.Regions of the store


@dataclass(frozen=True, slots=True)
class Themed:
    """Rows of a theme, the most urgent first, and how many there are. A row: `{key, icon, title, state {zh, en}, tone,
    facts [{zh, en}], lon, lat, as_of, cameras [{key, name, status, covers, distance_m}], people [{key, title, sub}],
    refute (event id, None where it is no suspicion), rings [{m, facts}]}`."""

    rows: Sequence[Row] = ()
    total: int = 0
    facts: tuple[Text, ...] = ()
    missing: tuple[str, ...] = field(default=())
    origin: str = "real"


def kilometres(text: str) -> tuple[float, ...]:
    """`3, 5, 10` as numbers, ascending; () for an empty text."""
    return tuple(sorted(float(word) for word in text.replace("，", ",").replace("/", ",").split(",") if word.strip()))


def fact(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}
