"""核应急: rings round nuclear sites with who is inside them (EMG-10). Off until `IOC_NUCLEAR_RINGS_KM` names the rings.

The product knows no planning zone: which rings hold is for the site's own approved plan to say (3, 5, 10 km ...).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.command.asking import Ask
from ioc.command.panels import people
from ioc.command.theming import Look, Theme, Themed, fact, kilometres
from ioc.i18n import Text
from ioc.store import editions
from ioc.store import themes as store
from ioc.store.pool import Conn

THEME = Theme(
    key="nuclear",
    title=Text("核应急", "Nuclear emergency"),
    icon="target",
    rows=Text("核设施与圈层", "Nuclear sites and rings"),
    layers=("case", "target", "resource", "region"),
    datasets=("targets", "population"),
    permission="resource.view",
    enabled=lambda settings: bool(settings.nuclear_rings_km),
    order=60,
)
KINDS = ("nuclear_site",)


def find(conn: Conn, look: Look) -> Themed:
    """Each site with its rings: towns and villages they touch, targets and people inside."""
    sites = store.targets_of(conn, look, KINDS)
    rings = [1000 * km for km in kilometres(look.settings.nuclear_rings_km)]
    counted = "population" in editions.in_force(conn)
    rows = [_site(conn, look, r, rings, counted) for r in sites[:10]]
    missing = (*(() if sites else ("targets",)), *(() if counted else ("population",)))
    return Themed(rows, len(sites), (), missing, store.origin(sites))


def _site(conn: Conn, look: Look, row: Mapping[str, Any], rings: list[float], counted: bool) -> dict[str, Any]:
    told = [_ring(conn, look, row, metres, counted) for metres in rings]
    return {
        "key": f"target:{row['target_id']}", "icon": row["icon"] or "target", "title": row["name"],
        "state": fact(row["zh"] or row["kind"], row["en"] or row["kind"]),
        "facts": [f for r in told for f in r["facts"]],
        "tone": "", "lon": row["lon"], "lat": row["lat"], "region_id": row["region_id"],
        "as_of": row["updated_at"].isoformat(), "interval_s": None, "rings": told, "cameras": [], "people": [],
    }  # fmt: skip


def _ring(conn: Conn, look: Look, row: Mapping[str, Any], metres: float, counted: bool) -> dict[str, Any]:
    inside = store.inside_ring(conn, look, row["lon"], row["lat"], metres)
    zh, en = [f"{metres / 1000:g} km"], [f"{metres / 1000:g} km"]
    if counted:
        ask = Ask(look.scope, row["lon"], row["lat"], look.now, look.srid, metres, inside["area"])
        areas = people.find(conn, ask).data["areas"]
        total = next((a.get("total") for a in areas if a.get("area")), None)
        zh.append("人口 —" if total is None else f"人口 {total:,}")
        en.append("people —" if total is None else f"{total:,} people")
    zh += [f"镇街 {inside['towns']}", f"村居 {inside['villages']}", f"敏感目标 {inside['targets']}"]
    en += [f"{inside['towns']} towns", f"{inside['villages']} villages", f"{inside['targets']} targets"]
    return {"m": metres, "facts": [fact(" · ".join(zh), " · ".join(en))], **{k: inside[k] for k in
            ("towns", "villages", "targets")}}  # fmt: skip
