"""公共卫生: reports of public health events of a month, and hospitals with what they last said they have (EMG-18)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.command.theming import Look, Theme, Themed, fact
from ioc.i18n import Text
from ioc.store import themes as store
from ioc.store.pool import Conn

THEME = Theme(
    key="health",
    title=Text("公共卫生", "Public health"),
    icon="hosp",
    rows=Text("报告与医疗机构", "Reports and hospitals"),
    layers=("case", "event", "resource"),
    types=("13",),
    classes=(3,),
    datasets=("resources", "capacity"),
    permission="event.view",
    order=40,
)
DUTIES = ("grid_officer",)


def find(conn: Conn, look: Look) -> Themed:
    """Reports of 30 days, the newest first, then hospitals, the fewest free beds first; silent ones last."""
    reports = store.health_reports(conn, look)
    hospitals = store.hospitals(conn, look) if look.scope.can("resource.view") else []
    rows = [store.joined(conn, look, _report(r), DUTIES) for r in reports[:10]]
    rows += [_hospital(r) for r in hospitals[: store.MOST - len(rows)]]
    told = sum(r["free"] is not None for r in hospitals)
    facts = (
        Text(f"30 天内 {len(reports)} 起报告", f"{len(reports)} reports in 30 days"),
        Text(f"{told}/{len(hospitals)} 家医疗机构已填报床位", f"{told} of {len(hospitals)} hospitals told their beds"),
    )
    missing = (*(() if hospitals else ("resources",)), *(() if told else ("capacity",)))
    return Themed(rows, len(reports) + len(hospitals), facts, missing, store.origin([*reports, *hospitals]))


def _report(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": f"case:{row['case_id']}" if row["case_id"] else f"event:{row['event_id']}", "icon": "users",
        "title": row["title"], "state": fact("报告", "report"), "facts": [], "tone": "", "lon": row["lon"],
        "lat": row["lat"], "region_id": row["region_id"], "as_of": row["occurred_at"].isoformat(), "interval_s": None,
    }  # fmt: skip


def _hospital(row: Mapping[str, Any]) -> dict[str, Any]:
    free = row["free"]
    state = fact("未填报", "not reported") if free is None else fact(f"空床 {free}", f"{free} free beds")
    facts = [fact(f"{zh} {row[k]}", f"{row[k]} {en}") for k, zh, en in
             (("beds", "床位", "beds"), ("doctors", "医生", "doctors"), ("ambulances", "救护车", "ambulances"))
             if row[k] is not None]  # fmt: skip
    at = row["observed_at"]
    return {
        "key": f"resource:{row['resource_id']}", "icon": "hosp", "title": row["name"], "state": state, "facts": facts,
        "tone": "dev" if free == 0 else "", "lon": row["lon"], "lat": row["lat"], "region_id": row["region_id"],
        "as_of": at.isoformat() if at else None, "interval_s": 4 * 3600, "cameras": [], "people": [],
    }  # fmt: skip
