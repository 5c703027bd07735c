"""Who a new case goes to: the grid cell that is responsible for its place, and the rule that names the department.

Pure. A place on a shared edge lies in several cells of one kind: the one with the lowest code has it
(`ioc.store.locate.cells_at`), whoever asks and whenever. Of cells of several kinds the flow's own kind has it
(`Flow.grids`: 网格事件 the general one, 城管 the unit).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.declare import Flow
from ioc.flows import stage_index

ACTOR, NAME = "system:dispatch", "自动派单"
URGENCIES = ("routine", "urgent", "critical")
# Why a case waits for a hand (cases.pool), in the words of the list.
POOL: Mapping[str, tuple[str, str]] = {
    "no_place": ("没有位置", "no place"),
    "no_grid": ("位置不在任何网格", "in no grid cell"),
    "no_rule": ("没有适用的派单规则", "no dispatch rule"),
    "no_department": ("规则指向网格部门，但网格没有部门", "the rule names the cell's department; the cell has none"),
    "no_path": ("流程在当前环节不能自动派单", "the flow cannot be dispatched from its stage"),
}
# Steps automatic dispatch may take on its way: what only needs the right to accept or to dispatch.
_RIGHTS = frozenset({"case.accept", "case.dispatch"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the dispatch table. "" matches anything; `department` "": that of the grid cell."""

    rule_no: int
    flow: str = ""
    category: str = ""
    region_code: str = ""
    market_day: bool = False
    department: str = ""
    co_department: str = ""
    urgency: str = ""
    notify_role: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """The table in force. `name` of a rule says which row of which version: what a case keeps of it."""

    rows: tuple[Rule, ...] = ()
    version: int = 0

    def name(self, rule: Rule) -> str:
        return f"{self.version}/{rule.rule_no}"

    def find(self, flow: str, category: str, regions: Sequence[str], market_day: bool = False) -> Rule | None:
        """The most specific rule: longest category, then finest region, then market day, then own flow, then row.

        `regions`: codes from the root to the finest, with the zones the place is part of.
        """
        depth = {code: i + 1 for i, code in enumerate(regions)} | {"": 0}
        fitting = [
            r
            for r in self.rows
            if r.flow in ("", flow)
            and category.startswith(r.category)
            and r.region_code in depth
            and (market_day or not r.market_day)
        ]
        order = ((len(r.category), depth[r.region_code], r.market_day, bool(r.flow), -r.rule_no) for r in fitting)
        return max(zip(order, fitting, strict=True), key=lambda pair: pair[0], default=(None, None))[1]


def owner_cell(flow: Flow, cells: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The cell responsible for a case of `flow`; `cells` has `kind` and `code`. None: no grid covers the place."""
    ranked = [c for c in cells if c["kind"] in flow.grids]
    return min(ranked, key=lambda c: (flow.grids.index(c["kind"]), str(c["code"])), default=None)


def path(flow: Flow, stage: str) -> tuple[str, ...] | None:
    """Keys of the steps from `stage` to the department, the last of which gives it. None: the flow does not allow it.

    Never by a step of who has the case, nor by one that asks for anything else.
    """
    seen = {stage}
    ways: list[tuple[str, tuple[str, ...]]] = [(stage, ())]
    while ways:
        at, done = ways.pop(0)
        for step in flow.steps:
            if at not in step.at or not step.to or step.own or step.permission not in _RIGHTS:
                continue
            if step.needs == ("department",):
                return (*done, step.key)
            onward = stage_index(flow, step.to) > stage_index(flow, at)
            if not step.needs and onward and step.to not in seen:
                seen.add(step.to)
                ways.append((step.to, (*done, step.key)))
    return None


def more_urgent(a: str, b: str) -> str:
    """The higher of two urgencies; "" is none."""
    return max((a, b), key=lambda u: URGENCIES.index(u) if u in URGENCIES else -1)


def to_notify(officers: Sequence[Mapping[str, Any]], role: str) -> list[Mapping[str, Any]]:
    """Officers of a cell whose role holds `role` (河长 in 村级河长); all where the cell has none of that role."""
    named = [o for o in officers if str(o.get("name") or "").strip()]
    chosen = [o for o in named if role and role in str(o.get("role") or "")]
    return chosen or named
