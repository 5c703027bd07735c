"""森林防火: fire points with their grid cell and ranger; a false alarm can be closed (EMG-17).

A fire point is a report or a detection of forest fire (GB/T 35561 11F), of the grid category 森林防火 (2103), or of the
algorithm 烟火识别; rangers are told of a new one at once (`ioc.command.fire_watch`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.command.theming import Look, Theme, Themed, fact
from ioc.i18n import Text
from ioc.store import themes as store
from ioc.store.pool import Conn

THEME = Theme(
    key="forest",
    title=Text("森林防火", "Forest fire"),
    icon="flame",
    rows=Text("火点 → 网格 → 护林员", "Fire point, grid cell, ranger"),
    layers=("case", "event", "event_suspected", "camera", "grid_cell", "resource", "warning"),
    types=("11F",),
    permission="event.view",
    order=30,
)
DUTIES = ("fire_warden", "grid_officer")
STATES: Mapping[str, tuple[str, str]] = {
    "suspected": ("疑似，待核查", "suspected"), "open": ("待处置", "open"), "merged": ("处置中", "in a case"),
    "closed": ("已结束", "over"),
}  # fmt: skip


def find(conn: Conn, look: Look) -> Themed:
    """Fire points of the last seven days that are no false alarm, the newest first."""
    points = store.fire_points(conn, look)
    rows = [store.joined(conn, look, _point(r), DUTIES) for r in points[: store.MOST]]
    doubtful = sum(r["suspected"] for r in points)
    facts = (Text(f"7 天内 {len(points)} 个火点，{doubtful} 个待核查",
                  f"{len(points)} fire points in 7 days, {doubtful} to verify"),)  # fmt: skip
    return Themed(rows, len(points), facts, (), store.origin(points))


def _point(row: Mapping[str, Any]) -> dict[str, Any]:
    state = "suspected" if row["suspected"] else "merged" if row["case_id"] else "open"
    facts = [fact(row["address"], row["address"])] if row["address"] else []
    return {
        "key": f"case:{row['case_id']}" if row["case_id"] else f"event:{row['event_id']}", "icon": "flame",
        "title": row["title"], "state": fact(*STATES[state]), "facts": facts,
        "tone": "dev" if state != "merged" else "",
        "lon": row["lon"], "lat": row["lat"], "region_id": row["region_id"], "as_of": row["occurred_at"].isoformat(),
        "interval_s": None, "refute": row["event_id"] if row["suspected"] and not row["case_id"] else None,
    }  # fmt: skip
