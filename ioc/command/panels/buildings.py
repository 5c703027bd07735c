"""Buildings (建筑) within the rings and inside the drawn area: how many, of what use, dwellings, how high."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.command.asking import RINGS_M, Ask, Found
from ioc.command.panels.people import in_metres, rings
from ioc.declare import Panel
from ioc.i18n import Text
from ioc.store import buildings, dictionaries
from ioc.store.pool import Conn

PANEL = Panel(
    key="buildings",
    title=Text("建筑", "Buildings"),
    datasets=("buildings",),
    order=15,
)


def find(conn: Conn, ask: Ask) -> Found:
    areas = rings(ask)
    names: list[dict[str, Any]] = [{"radius_m": r} for r in RINGS_M]
    if ask.area is not None:
        areas.append(in_metres(ask.area, ask.srid))
        names.append({"area": True})
    rows = buildings.inside(conn, ask.scope, ask.srid, areas, ask.now)
    words = dictionaries.current(conn, ask.now.date()).get("building_use", {})
    told = [name | _told([r for r in rows if r["n"] == n], words) for n, name in enumerate(names, 1)]
    if not rows:
        return Found({"areas": told}, empty=True, notes=(Text("范围内没有建筑数据", "no buildings in reach"),))
    unknown = sum(r["buildings"] - r["with_dwellings"] for r in rows)
    notes = (Text("户数不全，仅计已填报的", "dwellings only where they are given"),) if unknown else ()
    source = "、".join(sorted({s for r in rows for s in str(r["source"]).split("、")}))
    origin = "demo" if any(r["origin"] == "demo" for r in rows) else "real"
    return Found({"areas": told}, False, min(r["as_of"] for r in rows), source, notes=notes, origin=origin)


def _told(rows: Sequence[Mapping[str, Any]], words: Mapping[str, Any]) -> dict[str, Any]:
    def total(name: str) -> Any:
        return sum(r[name] for r in rows)

    def name(use: str) -> dict[str, str]:
        entry = words.get(use)
        return {"zh": entry.zh, "en": entry.en} if entry else {"zh": "用途未知", "en": "use unknown"}

    return {
        "buildings": total("buildings"),
        "dwellings": total("dwellings"),
        "with_dwellings": total("with_dwellings"),
        "with_floors": total("with_floors"),
        "with_height": total("with_height"),
        "most_floors": max((r["most_floors"] for r in rows if r["most_floors"]), default=None),
        "high_m": max((round(r["high_m"], 1) for r in rows if r["high_m"]), default=None),
        "footprint_m2": round(total("footprint_m2") or 0),
        "floor_m2": round(total("floor_m2") or 0),
        "uses": [{"use": r["use"], **name(r["use"]), "buildings": r["buildings"]} for r in rows],
    }
