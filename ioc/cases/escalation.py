"""When a late case is told to somebody above: rules by how far a stage is over its term. Pure; the clock is given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """Level `level` once a stage is over its term by `over_pct` % of the term, or by `over_hours` hours of the clock.

    Exactly one of the two. `to_ref` "" with department: the one that has the case.
    """

    rule_no: int
    level: int
    to_kind: Literal["department", "role"]
    to_ref: str = ""
    flow: str = ""
    category: str = ""
    stage: str = ""
    over_pct: float | None = None
    over_hours: float | None = None

    def reached(self, entered_at: dt.datetime, due_at: dt.datetime, now: dt.datetime) -> bool:
        """Not before the term has ended; a term of no length counts only hours."""
        over = now - due_at
        if over <= dt.timedelta(0):
            return False
        if self.over_hours is not None:
            return over >= dt.timedelta(hours=self.over_hours)
        term = max(due_at - entered_at, dt.timedelta(0))
        return self.over_pct is not None and over >= term * (self.over_pct / 100)


@dataclass(frozen=True, slots=True)
class Late:
    """An open case past the deadline of its stage, its clock running. `done`: levels it has reached in this stage."""

    flow: str
    category: str
    stage: str
    entered_at: dt.datetime
    due_at: dt.datetime
    done: Collection[int] = ()


def reached(rules: Sequence[Rule], case: Late, now: dt.datetime) -> list[Rule]:
    """One rule for each new level that is reached, lowest level first; of several of a level the most specific."""
    best: dict[int, tuple[tuple[int, bool, bool, int], Rule]] = {}
    for rule in rules:
        fits = rule.flow in ("", case.flow) and rule.stage in ("", case.stage)
        if not fits or not case.category.startswith(rule.category):
            continue
        rank = (len(rule.category), bool(rule.stage), bool(rule.flow), -rule.rule_no)
        if rule.level not in best or rank > best[rule.level][0]:
            best[rule.level] = (rank, rule)
    # The most specific rule of a level is the one that counts, whether it is reached or not: it may be the later one.
    return [
        rule
        for level, (_, rule) in sorted(best.items())
        if level not in case.done and rule.reached(case.entered_at, case.due_at, now)
    ]
