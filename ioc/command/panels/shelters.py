"""避难场所: free places, nearest first, with the age of each figure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ioc.command.asking import Ask, Found
from ioc.command.panels import _forces
from ioc.command.panels.medical import aged
from ioc.declare import Panel
from ioc.i18n import Text
from ioc.store.pool import Conn

PANEL = Panel(
    key="shelters",
    title=Text("避难场所", "Shelters"),
    datasets=("resources",),
    helped_by=("capacity", "roads"),
    permission="resource.view",
    order=44,
)
KINDS = ("shelter",)
MOST = 100
REPORTED = dt.timedelta(hours=12)


def find(conn: Conn, ask: Ask) -> Found:
    """`data.items`, soonest first: places total and free. Where nobody reported, `places` carries only the capacity of
    the register, and `free` is null."""
    rows, trips, notes = _forces.gather(conn, ask, KINDS)
    free = [r["figures"]["free"] for r in rows if _has(r)]
    total = [t for r in rows if (t := _total(r)) is not None]
    data: dict[str, Any] = {
        **_forces.counted(rows, ask),
        "free": sum(free) if free else None,
        "places_total": sum(total) if total else None,
        "reported": len(free),
        "items": [_item(r, trips, ask) for r in rows[:MOST]],
    }
    silent = len(rows) - len(free)
    if silent:
        notes += (Text(f"{silent} 处未填报空余", f"{silent} reported no free places"),)
    ages = [r["figures_at"] for r in rows if _has(r)]
    return Found(data, empty=not rows, as_of=min(ages) if ages else None, notes=notes, origin=_forces.origin(rows))


def _has(row: Mapping[str, Any]) -> bool:
    return row["what"] == "places"


def _total(row: Mapping[str, Any]) -> int | None:
    """As reported, else the capacity its register gives."""
    if _has(row) and row["figures"].get("total") is not None:
        return int(row["figures"]["total"])
    kept = row["capacity"] or {}
    value = kept.get("value", kept.get("people"))
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _item(row: Mapping[str, Any], trips: Mapping[int, Any], ask: Ask) -> dict[str, Any]:
    places: dict[str, Any] = {"total": _total(row), "free": row["figures"]["free"] if _has(row) else None}
    if _has(row):
        places |= {**aged(row["figures_at"], ask.now, REPORTED), "by": row["reported_by"]}
    return {**_forces.item(row, trips[row["resource_id"]], ask), "places": places}
