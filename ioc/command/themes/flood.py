"""防汛防溺水 (EMG-16): water stations against their marks, waters where people drown; each with camera and officer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.command.theming import Look, Theme, Themed, fact
from ioc.freshness import freshness
from ioc.i18n import Text
from ioc.store import themes as store
from ioc.store.pool import Conn

THEME = Theme(
    key="flood",
    title=Text("防汛防溺水", "Floods and drowning"),
    icon="drop",
    rows=Text("水位 · 视频 · 网格员", "Water level, camera, officer"),
    layers=("case", "warning", "sensor", "camera", "grid_cell", "target", "resource"),
    types=("11A", "11B", "12D"),
    datasets=("stations", "targets"),
    order=20,
)
DUTIES = ("river_chief", "grid_officer")
WATERS = ("drowning_spot", "reservoir")


def find(conn: Conn, look: Look) -> Themed:
    """Stations furthest above their mark first, then those without a fresh value, then waters to watch."""
    stations = store.water_stations(conn, look)
    waters = store.targets_of(conn, look, WATERS)
    shown = [_station(r, look) for r in stations[: store.MOST]]
    shown += [_water(r) for r in waters[: store.MOST - len(shown)]]
    above = sum(r["value"] is not None and r["mark"] is not None and r["value"] >= r["mark"] for r in stations)
    facts = (
        Text(f"{above} 处超警戒，共 {len(stations)} 站", f"{above} above their mark, of {len(stations)} stations"),
    )
    missing = tuple(k for k, rows in (("stations", stations), ("targets", waters)) if not rows)
    joined = [store.joined(conn, look, row, DUTIES) for row in shown]
    return Themed(joined, len(stations) + len(waters), facts, missing, store.origin([*stations, *waters]))


def _station(row: Mapping[str, Any], look: Look) -> dict[str, Any]:
    value, mark, at = row["value"], row["mark"], row["observed_at"]
    interval = row["interval_s"]
    stale = at is None or freshness(at, store.seconds(interval or 3600), look.now) in ("stale", "lost")
    above = value is not None and mark is not None and value >= mark
    if stale:
        state = fact("无新数据", "no fresh value")
    elif mark is None:
        state = fact("未登记警戒水位", "no mark on record")
    else:
        over = f"{abs(value - mark):.2f} {row['unit']}"
        state = fact(f"超警戒 {over}", f"{over} above the mark") if above else fact(f"低于警戒 {over}", f"{over} below")
    facts = [] if value is None else [fact(f"水位 {value:g} {row['unit']}", f"level {value:g} {row['unit']}")]
    facts += [] if mark is None else [fact(f"警戒 {mark:g}", f"mark {mark:g}")]
    return {
        "key": f"device:{row['device_id']}", "icon": "drop", "title": row["name"], "state": state, "facts": facts,
        "tone": "mut" if stale else "dev" if above else "", "lon": row["lon"], "lat": row["lat"],
        "region_id": row["region_id"], "as_of": at.isoformat() if at else None, "interval_s": interval,
    }  # fmt: skip


def _water(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": f"target:{row['target_id']}", "icon": row["icon"] or "drop", "title": row["name"],
        "state": fact(row["zh"] or row["kind"], row["en"] or row["kind"]), "facts": [], "tone": "",
        "lon": row["lon"], "lat": row["lat"], "region_id": row["region_id"], "as_of": None, "interval_s": None,
    }  # fmt: skip
