"""What a grid cell's panel says in numbers (GRD-02), each with the list behind it. As of now, not as last coloured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.grids.colours import PERIOD, POPULATION
from ioc.store import grid_counts
from ioc.store.detail_parts import Asked, Part, both, field
from ioc.villages.figures import shown


def numbers(asked: Asked, grid_cell_id: int) -> list[Part]:
    """Events of 30 days with their density, open and overdue cases, people; without the right, nothing."""
    found = grid_counts.of_cell(asked.conn, asked.scope, grid_cell_id, asked.now)
    fact = grid_counts.fact(asked.conn, grid_cell_id)
    area = fact["area_km2"] if fact else 0.0
    out: list[Part] = []
    if found["events"] is not None:
        out.append(_listed("grid_events", found["events"], "events", grid_cell_id))
        if area > 0:
            out.append(field("grid_density", f"{found['events'] / area:.1f}", "/km²"))
    if found["open"] is not None:
        out.append(_listed("grid_open", found["open"], "cases", grid_cell_id))
        late = found["overdue"] or 0
        share = f"{late} ({100 * late / found['open']:.0f}%)" if found["open"] else "—"
        out.append({**_listed("grid_overdue", 0, "cases", grid_cell_id, "&part=counted"), "value": share})
    if area > 0:
        out.append(field("grid_area", f"{area:.2f}", "km²"))
    people = shown(fact["population"] if fact else None)
    told = both("detail.grid_few") if people.withheld else people.value
    out.append(field("population", both("detail.grid_no_data") if told is None else told))
    return out


def _listed(key: str, value: int, name: str, grid_cell_id: int, part: str = "") -> Part:
    made = field(key, value)
    title = both(f"detail.{key}", days=PERIOD.days)
    return {**made, "label": title, "list": f"{name}?grid={grid_cell_id}{part}"}


def others(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """The cell's attributes without its people, which are told above and withheld when few."""
    return {k: v for k, v in (attributes or {}).items() if k not in POPULATION}
