"""推演 (decision simulation): the newest run of the incident, else what the usual assumptions give. Never a fact."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ioc.command import simulating
from ioc.command.asking import Ask, Found
from ioc.command.panels import people
from ioc.command.simulating import NOTES, Supposed
from ioc.declare import Panel
from ioc.i18n import Text
from ioc.store import editions, simulations
from ioc.store.pool import Conn

PANEL = Panel(
    key="simulation",
    title=Text("推演", "What-if"),
    helped_by=("resources", "population", "roads", "terrain"),
    order=85,
)
KEPT = dt.timedelta(days=30)  # a run does not age by the minute: it says when it was made
SHOWN = 8


def find(conn: Conn, ask: Ask) -> Found:
    """`data`: the run's numbers with `what_if`, its parameters and seed; `kept` False for one nobody has asked for.

    `area`: GeoJSON of what is evacuated, of the latter; that of a kept run, which may be large, is told with the run.
    """
    rows = simulations.of_case(conn, ask.scope, ask.case_id, 1) if ask.case_id is not None else []
    if rows:
        row = rows[0]
        data = {**row["result"], "params": row["params"], "simulation_id": row["simulation_id"], "kept": True}
        return _found(data | {"by": row["by_name"] or row["by_actor"]}, ask, row["updated_at"], str(row["origin"]))
    given = Supposed()
    area = ask.area if ask.area is not None else simulating.circle(ask, given.radius_m)
    count = _people(conn, replace(ask, area=area))
    wide = replace(ask, area=None, radius_m=simulating.REACH_M)
    inputs = simulating.read(conn, wide, area, given, count)
    values = simulating.planning(conn, ask.now)
    data = simulating.compute(inputs, values, given.seed, given.runs)
    data |= {
        "affected": {"people": count},
        "water": None,
        "kept": False,
        "area": simulating.as_json(area),
        "params": simulating.params(ask, given, values),
    }
    return _found(data, ask, ask.now, str(inputs["origin"]))


def _people(conn: Conn, ask: Ask) -> float | None:
    if "population" not in editions.in_force(conn):
        return None
    found = people.find(conn, ask)
    return None if found.empty else found.data["areas"][-1]["total"]


def _found(data: Mapping[str, Any], ask: Ask, at: dt.datetime, origin: str) -> Found:
    shown = {**data, "forces": list(data["forces"])[:SHOWN], "total": len(data["forces"]), "case_id": ask.case_id}
    shown.pop("geometry", None)
    shown.pop("notes", None)
    # its source is that of what it is computed from
    return Found(shown, as_of=at, interval=KEPT, notes=NOTES, origin=origin)
