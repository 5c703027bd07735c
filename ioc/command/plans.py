"""Emergency plans (预案) as data, and which of them an incident calls for. Pure.

A plan speaks for a class (four of GB/T 35561), types of it, places and response levels; what it leaves out it leaves
open. The most specific one comes first: by place, then by type.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CLASSES: Mapping[int, tuple[str, str]] = {
    1: ("自然灾害", "Natural disaster"),
    2: ("事故灾难", "Accident"),
    3: ("公共卫生事件", "Public health event"),
    4: ("社会安全事件", "Public security event"),
}
ROMAN = {1: "Ⅰ", 2: "Ⅱ", 3: "Ⅲ", 4: "Ⅳ"}


@dataclass(frozen=True, slots=True)
class Action:
    """One step. `deadline_min` counts from the start of the response; None: at once, without a limit of its own."""

    order: int
    what: str
    department: str = ""
    role: str = ""
    deadline_min: int | None = None
    trigger: str = ""
    receipt: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {"order": self.order, "what": self.what, "department": self.department, "role": self.role,
                "deadline_min": self.deadline_min, "trigger": self.trigger, "receipt": self.receipt}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Level:
    """What is done at one response level, and which kinds of resources it needs: (kind, amount or None)."""

    actions: tuple[Action, ...] = ()
    resources: tuple[tuple[str, int | None], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"actions": [a.as_dict() for a in self.actions],
                "resources": [{"kind": k, "amount": n} for k, n in self.resources]}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of one plan. `types`: codes of category.gbt35561; `places`: region codes. Empty: all of them.

    It is in force from `valid_from` through `valid_to`, both included.
    """

    code: str
    version: str
    title: str
    valid_from: dt.date
    levels: Mapping[int, Level]
    class_: int | None = None
    types: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    document: str = ""
    issuer: str = ""
    valid_to: dt.date | None = None
    plan_id: int = 0
    sample: bool = False
    origin: str = "real"

    def in_force(self, day: dt.date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def levels_json(self) -> dict[str, Any]:
        return {str(n): level.as_dict() for n, level in sorted(self.levels.items())}


def levels_of(kept: Mapping[str, Any]) -> dict[int, Level]:
    """From what the store keeps (`levels_json`)."""
    return {
        int(n): Level(
            tuple(Action(**a) for a in level["actions"]), tuple((r["kind"], r["amount"]) for r in level["resources"])
        )
        for n, level in kept.items()
    }


@dataclass(frozen=True, slots=True)
class About:
    """What is known of an incident. `places`: region codes from its finest region up; `type_`: "" unknown.

    `level`: the response level asked for, None where none was decided.
    """

    day: dt.date
    class_: int | None = None
    type_: str = ""
    places: tuple[str, ...] = ()
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A plan that fits. `certain` False: it fits only if the incident is of one of its types, which nobody has said."""

    plan: Plan
    certain: bool
    place: str = ""  # the region it was written for, "" the whole centre
    type_: str = ""  # the type it was written for, "" every type of its class
    level: int | None = None  # the level to work at; None: it has none for the one asked for
    rank: tuple[Any, ...] = field(default=(), compare=False)


def class_of(type_: str) -> int | None:
    """The class a code of GB/T 35561 begins with (11.. 14..); None for anything else."""
    return int(type_[1]) if len(type_) >= 2 and type_[0] == "1" and type_[1] in "1234" else None


def newest(plans: Iterable[Plan], day: dt.date) -> list[Plan]:
    """The version in force on `day` of every plan: of several, the one that came into force last."""
    kept: dict[str, Plan] = {}
    for plan in plans:
        if not plan.in_force(day):
            continue
        before = kept.get(plan.code)
        if before is None or (before.valid_from, before.plan_id) < (plan.valid_from, plan.plan_id):
            kept[plan.code] = plan
    return [kept[code] for code in sorted(kept)]


def match(plans: Iterable[Plan], about: About) -> list[Match]:
    """The plans that fit `about` on its day, most specific first: certain ones, the finer place, the longer type."""
    found = [m for p in newest(plans, about.day) if (m := _match(p, about)) is not None]
    return sorted(found, key=lambda m: m.rank)


def _match(plan: Plan, about: About) -> Match | None:
    class_ = about.class_ or class_of(about.type_)
    if plan.class_ is not None and class_ is not None and plan.class_ != class_:
        return None
    place, depth = _place(plan.places, about.places)
    if depth < 0:
        return None
    fitting = [t for t in plan.types if about.type_.startswith(t)] if about.type_ else []
    if plan.types and about.type_ and not fitting:
        return None
    type_ = max(fitting, key=len, default="")
    certain = (not plan.types or bool(fitting)) and (plan.class_ is None or class_ is not None)
    level = about.level if about.level in plan.levels else None
    specific = len(type_) + (plan.class_ is not None)
    rank = (not certain, -depth, -specific, about.level is not None and level is None, -plan.valid_from.toordinal(),
            plan.code)  # fmt: skip
    return Match(plan, certain, place, type_, level, rank)


def _place(wanted: Sequence[str], here: Sequence[str]) -> tuple[str, int]:
    """(the finest region both name, how deep it lies); ("", 0) for a plan of the whole centre, -1 where none fits."""
    if not wanted:
        return "", 0
    for i, code in enumerate(here):
        if code in wanted:
            return code, len(here) - i
    return "", -1


def working_level(plan: Plan, response: int | None, initial: int | None) -> int | None:
    """The level whose checklist is shown before anybody chose one: the approved response level, else the incident's
    level, else the least; only levels the plan has. A preview, and no decision."""
    for wanted in (response, initial):
        if wanted is not None and wanted in plan.levels:
            return wanted
    return max(plan.levels, default=None)
