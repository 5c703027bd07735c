"""What is asked of a command panel, and what it answers. Plain shapes; the panels are files of `ioc.command.panels`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import shapely
import shapely.geometry.base

from ioc.i18n import Text
from ioc.scope import Scope

RINGS_M = (500, 1000, 2000, 5000)  # EMG-02, first seconds: who is within
RADIUS_M = 5000
RADIUS_MAX_M = 100_000
State = Literal["ok", "empty", "missing", "error", "forbidden"]


@dataclass(frozen=True, slots=True)
class Ask:
    """A place (EPSG:4490/4326 degrees), the asker and the clock.

    `area`: a polygon in degrees, drawn or of a warning; with it the answer is also given for its inside. `radius_m`:
    how far the panel looks. `srid` is the EPSG code of the centre's metres (`geom_m`). `case_id`: the incident, if any.
    `closed`: an area (WKB, degrees) in which a 推演 supposes that all roads are closed.
    """

    scope: Scope
    lon: float
    lat: float
    now: dt.datetime
    srid: int
    radius_m: float = RADIUS_M
    area: shapely.geometry.base.BaseGeometry | None = None
    case_id: int | None = None
    closed: bytes | None = None

    @property
    def area_wkb(self) -> bytes | None:
        """The area for a parameter: `ST_GeomFromWKB(%(area)s, 4326)`."""
        return None if self.area is None else shapely.to_wkb(self.area)


@dataclass(frozen=True, slots=True)
class Found:
    """What a panel found: JSON-able `data`, and the truth about it.

    `as_of` and `source` default to those of the panel's first dataset; `interval` too (freshness is measured by it).
    `notes` are said under the panel (未含日间流动, 按直线距离 ...). `missing`: datasets without which only
    part of it could be found, for a panel that says so itself.
    """

    data: Mapping[str, Any]
    empty: bool = False
    as_of: dt.datetime | None = None
    source: str = ""
    interval: dt.timedelta | None = None
    notes: tuple[Text, ...] = ()
    origin: str = "real"
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PanelState:
    """An answered panel as screens and the API get it. `missing` and `lacking`: keys of datasets (needed, helpful)."""

    key: str
    state: State
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    as_of: dt.datetime | None = None
    source: str = ""
    interval: dt.timedelta | None = None
    notes: tuple[Text, ...] = ()
    missing: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    origin: str = "real"
    error_code: str = ""
    error: Text | None = None
    took_ms: float = 0.0
