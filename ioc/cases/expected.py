"""待我处理: whose next step is expected of one person. Pure: from the flows as data, the asker's rights and name.

Expected is what carries a case on along its own flow: the first step of its stage that leads to a later one. Who may
take it by the rules (`ioc.cases.flow`) is not enough where the step belongs to who has the case: a 值班长 may sign for
every department, and is expected to for none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ioc.declare import Flow, Step
from ioc.flows import flows, stage_index
from ioc.scope import Scope

Pair = tuple[str, str]
ACCEPT = "case.accept"
INCIDENT = "incident"
# Whose next step it is at a stage of an incident (`ioc.command.life`): assess it, ask for a response, and, as long as
# it runs, write its reports.
INCIDENT_NEXT: tuple[tuple[str, str], ...] = (
    ("received", "incident.open"), ("assessed", "incident.open"), ("response", "incident.report"),
    ("handling", "incident.report"),
)  # fmt: skip
# What waits for a decision on an incident (`ioc.command.book`), by the right that decides it.
INCIDENT_ASKED: tuple[tuple[str, str], ...] = (
    ("level", "incident.confirm"), ("response", "incident.approve"), ("report", "incident.approve"),
)  # fmt: skip
# What of an after-action report (复盘) waits for whom (`ioc.command.review.work`): approved or sent back; done again.
REVIEW_NEXT: tuple[tuple[str, str], ...] = (("submitted", "incident.approve"), ("returned", "incident.report"))


@dataclass(frozen=True, slots=True)
class Expected:
    """(flow, stage) pairs, the stage by its key and by its Chinese word, because departments deliver it so.

    `by_right`: whoever has the right; `by_hand`: who has the case, by name or department; `by_cell`: the officers named
    in the grid cell it lies in; `asked`: (flow, stage, request) that wait for a decision; `reviews`: of incidents that
    are over, in what state; `reports`: those nobody took up are expected to be.
    """

    name: str = ""
    departments: tuple[str, ...] = ()
    by_right: tuple[Pair, ...] = ()
    by_hand: tuple[Pair, ...] = ()
    by_cell: tuple[Pair, ...] = ()
    asked: tuple[tuple[str, str, str], ...] = ()
    reviews: tuple[str, ...] = ()
    reports: bool = False


def expected_of(scope: Scope, name: str) -> Expected:
    """`name`: as cases carry it; without one nothing is in anybody's hand by name."""
    with_steps = [f for f in flows().values() if f.steps]
    by_right: list[Pair] = []
    by_hand: list[Pair] = []
    by_cell: list[Pair] = []
    for flow in with_steps:
        for stage, _ in flow.stages[: stage_index(flow, flow.closed)]:
            step = onward(flow, stage)
            if step is not None and scope.can(step.permission):
                (by_hand if step.own else by_right).extend(_spelt(flow, stage))
            if any(_on_the_spot(flow, s, stage) and scope.can(s.permission) for s in flow.steps):
                by_cell.extend(_spelt(flow, stage))
    for stage, right in INCIDENT_NEXT:
        if scope.can(right):
            by_right.extend(_spelt(flows()[INCIDENT], stage))
    if scope.can("incident.command"):  # who commands has it in hand by name
        by_hand.extend(pair for stage in ("response", "handling") for pair in _spelt(flows()[INCIDENT], stage))
    asked = [
        (*pair, s.grants)
        for f in with_steps for s in f.steps if s.grants and scope.can(s.permission)
        for stage in s.at for pair in _spelt(f, stage)
    ]  # fmt: skip
    for request, right in INCIDENT_ASKED:
        if scope.can(right):
            asked += [(*p, request) for stage, _ in flows()[INCIDENT].stages[:-1]
                      for p in _spelt(flows()[INCIDENT], stage)]  # fmt: skip
    return Expected(
        name=name,
        departments=tuple(sorted(scope.departments or ())),
        by_right=tuple(by_right),
        by_hand=tuple(by_hand),
        by_cell=tuple(by_cell) if name else (),
        asked=tuple(asked),
        reviews=tuple(state for state, right in REVIEW_NEXT if scope.can(right)),
        reports=scope.can(ACCEPT) and scope.can("event.view"),
    )


def onward(flow: Flow, stage: str) -> Step | None:
    """The step that carries a case on from `stage`; None: the last stage, or a flow without steps."""
    return next((s for s in flow.steps if stage in s.at and _later(flow, s, stage)), None)


def _later(flow: Flow, step: Step, stage: str) -> bool:
    return bool(step.to) and not step.reopens and stage_index(flow, step.to) > stage_index(flow, stage)


def _on_the_spot(flow: Flow, step: Step, stage: str) -> bool:
    """自处理: who found it in their own cell may deal with it at once."""
    first = onward(flow, stage)
    return stage in step.at and _later(flow, step, stage) and not step.own and step is not first


def _spelt(flow: Flow, stage: str) -> Iterable[Pair]:
    word = flow.stages[stage_index(flow, stage)][1].zh
    return ((flow.key, stage), (flow.key, word))
