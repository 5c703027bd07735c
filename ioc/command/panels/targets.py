"""敏感目标: what must not be hit, nearest first, with who is inside it at this hour, what it stores, when inspected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.command import around, occupancy
from ioc.command.asking import Ask, Found
from ioc.declare import Panel
from ioc.i18n import Text
from ioc.scope import INTERNAL
from ioc.store import targets
from ioc.store.detail_parts import SHANGHAI
from ioc.store.pool import Conn

PANEL = Panel(
    key="targets",
    title=Text("敏感目标", "Sensitive targets"),
    datasets=("targets",),
    permission="resource.view",
    order=20,
)
WITHHELD = ("owner", "contact", "material", "stock_t", "inspected_on", "hazards_open")  # 企业详情分级授权, EMG-04


def find(conn: Conn, ask: Ask) -> Found:
    """`data`: counts by ring, kind and inside the area (with people where known), and the nearest `items` in metres."""
    rows = targets.around(conn, ask.scope, ask.lon, ask.lat, ask.srid, ask.radius_m, ask.area_wkb)
    near = [r for r in rows if r["distance_m"] <= ask.radius_m]
    inside = [r for r in rows if r["inside"]]
    data: dict[str, Any] = {
        "radius_m": ask.radius_m,
        "total": len(rows),
        "rings": around.rings(near, ask.radius_m, "headcount"),
        "inside": around.summed(inside, "headcount") if ask.area is not None else None,
        "by_kind": around.by_kind(rows, _word, "headcount"),
        "hazards": {str(n): sum(r["level"] == n and r["kind"] == "major_hazard" for r in rows) for n in (1, 2, 3, 4)},
        "items": [_item(r, ask) for r in rows[: targets.MOST]],
        "withheld": list(WITHHELD) if ask.scope.sensitivity < INTERNAL else [],
    }
    notes = (Text("距离为到目标边界的直线距离", "distances are straight lines to the target's edge"),)
    if len(rows) > targets.MOST:
        notes += (Text(f"只列最近 {targets.MOST} 个", f"the nearest {targets.MOST} are listed"),)
    return Found(
        data, empty=not rows, notes=notes, origin="demo" if any(r["origin"] == "demo" for r in rows) else "real"
    )


def _word(row: Mapping[str, Any]) -> dict[str, Any]:
    of_kind = row["of_kind"] or {}
    return {"zh": row["zh"] or row["kind"], "en": row["en"] or row["kind"], "icon": of_kind.get("icon", "warn"),
            "class": of_kind.get("class", "")}  # fmt: skip


def _item(row: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    local = ask.now.astimezone(SHANGHAI).date()
    inspected = row["inspected_on"]
    out: dict[str, Any] = {
        "key": f"target:{row['target_id']}",
        "name": row["name"],
        "kind": {"code": row["kind"], **_word(row)},
        "level": row["level"],
        "distance_m": round(row["distance_m"]),
        "inside": row["inside"],
        "headcount": row["headcount"],
        "presence": occupancy.presence(occupancy.of(row["occupied"]), ask.now, SHANGHAI),
        "address": row["address"],
        "lon": row["lon"],
        "lat": row["lat"],
        "health": health(row),
        "source": row["source"],
        "as_of": row["updated_at"].isoformat(),
    }
    if ask.scope.sensitivity >= INTERNAL:
        out |= {
            "owner": row["owner"],
            "contact": row["contact"],
            "material": row["material"],
            "stock_t": row["stock_t"],
            "inspected_on": inspected.isoformat() if inspected else None,
            "inspected_days": (local - inspected).days if inspected else None,
            "hazards_open": row["hazards_open"],
        }
    return out


def health(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of a bridge or a line (LIF-01): None for kinds that have none; `unknown` where nobody measured."""
    if row["health"] is None and not (row["of_kind"] or {}).get("health"):
        return None
    score, limit = row["health"], row["health_limit"]
    state = "unknown" if score is None else "no_limit" if limit is None else "below" if score < limit else "ok"
    on = row["health_on"]
    return {"state": state, "score": score, "limit": limit, "trend": row["health_trend"] or None,
            "on": on.isoformat() if on else None}  # fmt: skip
