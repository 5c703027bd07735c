"""What a place pack's `build` returns: regions, grid cells and base-map features as plain data.

Geometry is WKB in EPSG:4326 (`lon, lat` degrees), so that this module needs no geometry library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

RegionKind = Literal["city", "county", "town", "village", "zone"]
BaseRole = Literal["sea", "land", "water", "river", "highway", "road", "rail", "place", "outside"]


@dataclass(frozen=True, slots=True)
class PlaceRegion:
    """One region. `parent` is a code; `members` the codes a zone is made of; `weight` says how many people live there.

    `weight` is relative (demo density), `sketch` marks a derived polygon (示意).
    """

    code: str
    name: str
    name_en: str
    kind: RegionKind
    parent: str | None
    geom: bytes
    center: tuple[float, float]
    weight: float = 0.0
    sketch: bool = True
    members: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class PlaceCell:
    """One general grid cell (综合网格) inside a village."""

    code: str
    name: str
    village: str
    geom: bytes


@dataclass(frozen=True, slots=True)
class BaseFeature:
    """One feature of the base map. `attributes`: `class`, `rank` or `min_zoom` where they say something."""

    role: BaseRole
    external_id: str
    name: str
    name_en: str
    geom: bytes
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class PlaceNote:
    """A difference between published figures and what the data gives; shown, never silently evened out."""

    key: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class PlaceData:
    """Everything place-specific that is drawn or drilled into. Regions come parents first."""

    key: str
    root: str
    regions: tuple[PlaceRegion, ...]
    cells: tuple[PlaceCell, ...]
    features: tuple[BaseFeature, ...]
    notes: tuple[PlaceNote, ...] = ()
    credits: tuple[str, ...] = ()
