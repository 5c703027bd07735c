"""How large the demo is. The default comes from the pack; a test takes a tenth of a percent of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Scale:
    """Rows to generate. `hours` of observations every `step_s` seconds, `days` of events and cases."""

    cameras: int
    sensors: int
    gateways: int
    resources: int
    events_per_day: int
    sources: int
    days: int = 30
    hours: int = 24
    step_s: int = 300
    cells: bool = True

    @property
    def devices(self) -> int:
        return self.cameras + self.sensors + self.gateways


def scale_of(demo: Mapping[str, Any], **wanted: int | None) -> Scale:
    """The pack's own scale, with what was asked for instead (`devices` keeps the pack's share of sensors)."""
    sensors = int(demo["sensors"])
    base = Scale(
        cameras=int(demo["cameras"]),
        sensors=sensors,
        gateways=int(demo.get("gateways", max(2, sensors // 50))),
        resources=int(demo["resources"]),
        events_per_day=int(demo["events_per_day"]),
        sources=int(demo["sources"]),
    )
    asked = {k: v for k, v in wanted.items() if v is not None}
    devices = asked.pop("devices", None)
    if devices is not None:
        share = base.sensors / (base.cameras + base.sensors)
        asked = {"sensors": round(devices * share), "cameras": devices - round(devices * share), **asked}
    if "sensors" in asked and "gateways" not in asked:
        asked["gateways"] = max(2, asked["sensors"] // 50)
    return replace(base, **asked)


def small(scale: Scale) -> Scale:
    """For tests and screenshots: the same city with few rows, loaded in about two seconds."""
    return replace(
        scale,
        cameras=min(scale.cameras, 600),
        sensors=min(scale.sensors, 240),
        gateways=min(scale.gateways, 6),
        resources=min(scale.resources, 40),
        events_per_day=min(scale.events_per_day, 40),
        days=min(scale.days, 9),
        hours=min(scale.hours, 24),
        step_s=1800,
    )
