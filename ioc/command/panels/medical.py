"""医疗: hospitals with free beds by kind and the age of the figure, soonest by road first (COC-12)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.command import figures
from ioc.command.asking import Ask, Found
from ioc.command.panels import _forces
from ioc.declare import Panel
from ioc.freshness import freshness
from ioc.i18n import Text
from ioc.store.pool import Conn

PANEL = Panel(
    key="medical",
    title=Text("医疗资源", "Hospitals"),
    datasets=("resources",),
    helped_by=("capacity", "roads"),
    permission="resource.view",
    order=42,
)
KINDS = ("hospital",)
MOST = 60
REPORTED = dt.timedelta(hours=4)  # how often a hospital is expected to report


def find(conn: Conn, ask: Ask) -> Found:
    """`data.items`: free and total beds by kind, doctors, ambulances, blood, with the age of each figure; sums over
    those that reported. A hospital that never reported has `beds: null`, which is not 0."""
    rows, trips, notes = _forces.gather(conn, ask, KINDS)
    data: dict[str, Any] = {
        **_forces.counted(rows, ask),
        "free": _sum(rows, "free"),
        "beds_total": _sum(rows, "total"),
        **{name: _count(rows, name) for name in figures.COUNTED},
        "reported": sum(_has(r) for r in rows),
        "items": [_item(r, trips, ask) for r in rows[:MOST]],
    }
    silent = len(rows) - data["reported"]
    if silent:
        notes += (Text(f"{silent} 家未填报床位", f"{silent} reported no beds"),)
    ages = [r["figures_at"] for r in rows if _has(r)]
    return Found(data, empty=not rows, as_of=min(ages) if ages else None, notes=notes, origin=_forces.origin(rows))


def _has(row: Mapping[str, Any]) -> bool:
    return row["what"] == "beds"


def _sum(rows: Sequence[Mapping[str, Any]], which: str) -> dict[str, int | None]:
    """By kind over those that told it; None where none did."""
    out: dict[str, int | None] = {}
    for kind in figures.BEDS:
        told = [r["figures"][which][kind] for r in rows if _has(r) and kind in (r["figures"].get(which) or {})]
        out[kind] = sum(told) if told else None
    return out


def _count(rows: Sequence[Mapping[str, Any]], name: str) -> int | None:
    told = [r["figures"][name] for r in rows if _has(r) and name in r["figures"]]
    return sum(told) if told else None


def _item(row: Mapping[str, Any], trips: Mapping[int, Any], ask: Ask) -> dict[str, Any]:
    beds = None
    if _has(row):
        f = row["figures"]
        beds = {"free": f.get("free") or {}, "total": f.get("total") or {}, "free_all": figures.free_beds(f),
                **{n: f.get(n) for n in figures.COUNTED}, "stock": f.get("stock") or [],
                **aged(row["figures_at"], ask.now, REPORTED), "by": row["reported_by"]}  # fmt: skip
    return {**_forces.item(row, trips[row["resource_id"]], ask), "beds": beds}


def aged(at: dt.datetime, now: dt.datetime, interval: dt.timedelta) -> dict[str, Any]:
    return {"as_of": at.isoformat(), "age_s": max(0, round((now - at).total_seconds())),
            "state": freshness(at, interval, now)}  # fmt: skip
