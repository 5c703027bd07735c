"""救援力量: teams, vehicles, stores, fire stations ... by the time they need, what they carry, whom they serve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.command.asking import Ask, Found
from ioc.command.panels import _forces
from ioc.declare import Panel
from ioc.i18n import Text
from ioc.store.pool import Conn

PANEL = Panel(
    key="forces",
    title=Text("救援力量", "Forces"),
    datasets=("resources",),
    helped_by=("roads",),
    permission="resource.view",
    order=40,
)
KINDS = ("team", "vehicle", "boat", "equipment", "warehouse", "fire_station", "police", "comms", "expert",
         "water_source")  # fmt: skip
MOST = 200


def find(conn: Conn, ask: Ask) -> Found:
    """`data.items`, soonest first: travel (seconds, metres, by road or line), carried, people, position age, status.

    Counts by ring, kind and area are of everything found; `free` counts those that may be sent.
    """
    rows, trips, notes = _forces.gather(conn, ask, KINDS)
    items = [_item(r, trips, ask) for r in rows[:MOST]]
    here = _forces.within(rows, ask)
    data: dict[str, Any] = {
        **_forces.counted(rows, ask, "people"),
        "free": sum(_forces.status(r)["free"] for r in here),
        "bound_here": sum(r["case_id"] == ask.case_id for r in here) if ask.case_id is not None else None,
        "by": sorted({t.by for t in trips.values()}),
        "items": items,
    }
    ages = [r["position_at"] for r in rows if r["position_at"] is not None]
    return Found(data, empty=not rows, as_of=max(ages) if ages else None, notes=notes, origin=_forces.origin(rows))


def _item(row: Mapping[str, Any], trips: Mapping[int, Any], ask: Ask) -> dict[str, Any]:
    return {
        **_forces.item(row, trips[row["resource_id"]], ask),
        "people": row["people"],
        "capacity": row["capacity"],
        "vehicle": row["vehicle_class"] or None,
        "carried": row["carried"],
        "position": _forces.position(row, ask.now),
        "here": ask.case_id is not None and row["case_id"] == ask.case_id,
    }
