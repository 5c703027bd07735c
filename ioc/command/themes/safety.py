"""安全生产: sites of dangerous goods and major hazards by level, with inspections by right (EMG-04, EMG-05, EMG-15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.command.theming import Look, Theme, Themed, fact
from ioc.i18n import Text
from ioc.scope import INTERNAL
from ioc.store import themes as store
from ioc.store.pool import Conn

THEME = Theme(
    key="safety",
    title=Text("安全生产", "Work safety"),
    icon="warn",
    rows=Text("重大危险源与危险场所", "Major hazards and dangerous sites"),
    layers=("case", "target", "resource", "camera", "sensor", "closure"),
    types=("12",),
    classes=(2,),
    datasets=("targets",),
    permission="resource.view",
    order=10,
)
# 危化, 消防, 运输, 园区: the parts of the theme, by kinds of target.
PARTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "chemical": (
        "危化",
        "chemicals",
        ("major_hazard", "chemical", "fuel_station", "gas_site", "pipeline", "fireworks"),
    ),
    "fire": ("消防", "fire", ("mall", "venue", "warehouse")),
    "transport": ("运输", "transport", ("station", "bridge", "tunnel")),
    "park": ("矿山园区", "mines and parks", ("mine",)),
}
LEVELS = {1: "一级", 2: "二级", 3: "三级", 4: "四级"}


def find(conn: Conn, look: Look) -> Themed:
    """Level one first, then open dangers, then the longest not inspected. Counts by part and by level."""
    kinds = [k for _, _, part in PARTS.values() for k in part]
    sites = store.targets_of(conn, look, kinds)
    tells = look.scope.sensitivity >= INTERNAL
    sites = sorted(sites, key=lambda r: (r["level"] or 9, -(r["hazards_open"] or 0) if tells else 0,
                                         str(r["inspected_on"] or "") if tells else "", r["target_id"]))  # fmt: skip
    count = {key: sum(r["kind"] in part for r in sites) for key, (_, _, part) in PARTS.items()}
    graded = {n: sum(r["level"] == n and r["kind"] == "major_hazard" for r in sites) for n in LEVELS}
    facts = (
        Text(" · ".join(f"{PARTS[k][0]} {n}" for k, n in count.items()),
             " · ".join(f"{PARTS[k][1]} {n}" for k, n in count.items())),
        Text("重大危险源 " + " · ".join(f"{LEVELS[n]} {c}" for n, c in graded.items()),
             "major hazards " + " · ".join(f"level {n}: {c}" for n, c in graded.items())),
    )  # fmt: skip
    shown = [r for r in sites if r["kind"] in PARTS["chemical"][2] or r["level"] or r["hazards_open"]]
    rows = [_site(r, look) for r in shown[: store.MOST]]
    return Themed(rows, len(sites), facts, () if sites else ("targets",), store.origin(sites))


def _site(row: Mapping[str, Any], look: Look) -> dict[str, Any]:
    facts = [fact(row["zh"] or row["kind"], row["en"] or row["kind"])]
    open_ = None
    if look.scope.sensitivity >= INTERNAL:  # 企业详情分级授权
        open_, on = row["hazards_open"], row["inspected_on"]
        facts += [fact(row["material"], row["material"])] if row["material"] else []
        days = None if on is None else (look.now.astimezone(look.tz).date() - on).days
        facts.append(fact("无检查记录", "no inspection on record") if days is None
                     else fact(f"{days} 天前检查", f"inspected {days} days ago"))  # fmt: skip
        facts += [] if open_ is None else [fact(f"隐患 {open_}", f"{open_} open dangers")]
    level = row["level"]
    state = fact(LEVELS[level], f"level {level}") if level else fact("未分级", "no level")
    return {
        "key": f"target:{row['target_id']}", "icon": row["icon"] or "warn", "title": row["name"], "state": state,
        "level": level, "facts": facts, "tone": "dev" if open_ else "", "lon": row["lon"], "lat": row["lat"],
        "region_id": row["region_id"], "as_of": row["updated_at"].isoformat(), "interval_s": None,
        "cameras": [], "people": [],
    }  # fmt: skip
