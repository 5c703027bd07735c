"""Automatic dispatch of a case that is being opened, in the transaction that opens it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ioc.cases import dispatch as rules
from ioc.cases.stepping import Act, Row
from ioc.declare import Flow
from ioc.store import dispatch as store
from ioc.store import markets
from ioc.store.pool import Conn


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of a new case. `pool`: why it waits for a hand ("": it does not)."""

    cell: Row | None = None
    rule: rules.Rule | None = None
    rule_name: str = ""
    department: str = ""
    officer: str = ""
    steps: tuple[str, ...] = ()
    urgency: str = "routine"
    pool: str = ""

    @property
    def notify_role(self) -> str:
        return self.rule.notify_role if self.rule else ""

    @property
    def columns(self) -> dict[str, Any]:
        """Columns of the case as it is opened."""
        out: dict[str, Any] = {"pool": self.pool, "urgency": self.urgency}
        out["grid_cell_id"] = self.cell["grid_cell_id"] if self.cell else None
        if self.rule is not None and self.rule.co_department and not self.pool:
            out["co_department"] = self.rule.co_department
        return out


def plan(conn: Conn, flow: Flow, event: Mapping[str, Any], market_day: bool = False) -> Plan:
    """The cell, the rule and the way for a report that becomes a case in the first stage of `flow`."""
    cell = rules.owner_cell(flow, store.cells(conn, event["grid_cell_ids"] or ()))
    urgency = str(event["urgency"])
    if cell is None:
        return Plan(urgency=urgency, pool="no_place" if event["lon"] is None else "no_grid")
    table = store.rules(conn)
    regions = store.region_codes(conn, event["region_id"])
    rule = table.find(flow.key, event["category_code"], regions, market_day)
    if rule is None:
        return Plan(cell, urgency=urgency, pool="no_rule")
    department = rule.department or str(cell["department"] or "")
    steps = rules.path(flow, flow.stages[0][0])
    pool = "no_department" if not department else "no_path" if steps is None else ""
    officers = rules.to_notify(cell["officers"] or (), rule.notify_role) if flow.to_officer else []
    officer = str(officers[0]["name"]) if officers else ""
    return Plan(cell, rule, table.name(rule), department, officer, steps or (),
                rules.more_urgent(urgency, rule.urgency), pool)  # fmt: skip


def carry_out(case: Row, planned: Plan, act: Act) -> Row:
    """The steps of the plan, in the name of 自动派单; each is kept with the rule it was taken by."""
    if planned.pool or planned.rule is None:
        return case
    note = {"rule": planned.rule_name}
    for key in planned.steps:
        last = key == planned.steps[-1]
        given: dict[str, Any] = {"text": f"派单规则 {planned.rule_name}"}
        if last:
            given["department"] = planned.department
            if planned.officer:
                given["officer"] = planned.officer
        case = act(case, key, given, (rules.ACTOR, rules.NAME), note)
    return case


def market_day(conn: Conn, day: dt.date) -> bool:
    """Whether a market is held on a local date (圩日): by the calendar that was imported."""
    return markets.on(conn, day)
