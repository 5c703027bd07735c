"""One step for many cases: each its own transaction and its own answer, so that nothing is half done for any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.cases import flow as rules
from ioc.cases.work import Actor, Cases, flow_of, state_of, step_json
from ioc.declare import Step
from ioc.errors import Conflict, IocError
from ioc.store import case_steps
from ioc.store.regions import Regions
from ioc.store.retry import retried

MOST = 200


@dataclass(frozen=True, slots=True)
class Chosen:
    """A case as the asker saw it."""

    case_id: int
    version: int


def take_many(
    cases: Cases, actor: Actor, key: str, given: Mapping[str, Any], chosen: Sequence[Chosen]
) -> list[dict[str, Any]]:
    """The answer for each case in the order asked: `{case_id, ok: true, version, stage}`, or `{case_id, ok: false,
    error, status, zh, en, reasons}` with the reason it was refused. A case given twice is taken once."""
    answers: dict[int, dict[str, Any]] = {}
    for c in chosen:
        if c.case_id not in answers:
            answers[c.case_id] = _one(cases, actor, key, given, c)
    return [answers[c.case_id] for c in dict.fromkeys(chosen) if c.case_id in answers]


def _one(cases: Cases, actor: Actor, key: str, given: Mapping[str, Any], c: Chosen) -> dict[str, Any]:
    try:
        done = retried(lambda: cases.take(actor, c.case_id, key, given, c.version))
    except IocError as e:
        if e.status >= 500:  # the store is away: that is no answer about this case
            raise
        return {"case_id": c.case_id, "ok": False, "status": e.status, **e.as_dict()}
    return {"case_id": c.case_id, "ok": True, "number": done["number"], "version": done["version"],
            "stage": done["stage"]}  # fmt: skip


def common(cases: Cases, actor: Actor, case_ids: Sequence[int]) -> dict[str, Any]:
    """The steps all of these cases offer the asker now, with what their forms choose from.

    `missing`: those that are closed, have no flow with steps, or lie outside the scope. A step counts as the same where
    it needs the same; `regions` are those below every one of the cases.
    """
    wanted = list(dict.fromkeys(case_ids))[:MOST]
    with cases.store.reading(actor.scope) as conn:
        rows = case_steps.read_many(conn, actor.scope, wanted)
        departments = case_steps.departments(conn)
    offered: list[dict[str, Step]] = []
    seen: list[dict[str, Any]] = []
    for row in rows:
        try:
            flow = flow_of(row)
        except Conflict:
            continue
        offered.append({s.key: s for s in rules.choices(flow, state_of(row), actor.scope, actor.name)})
        seen.append({"case_id": row["case_id"], "number": row["number"], "version": row["version"],
                     "region_id": row["region_id"]})  # fmt: skip
    found = {s["case_id"] for s in seen}
    return {
        "steps": [step_json(s) for s in _shared(offered)],
        "cases": seen,
        "missing": [i for i in wanted if i not in found],
        "departments": departments,
        "regions": _below(cases, [s["region_id"] for s in seen]),
    }


def _shared(offered: Sequence[Mapping[str, Step]]) -> list[Step]:
    if not offered:
        return []
    first, rest = offered[0], offered[1:]
    return [s for k, s in first.items() if all(k in o and o[k].needs == s.needs for o in rest)]


def _below(cases: Cases, region_ids: Sequence[int | None]) -> list[dict[str, str]]:
    """Regions directly below, where all the cases lie in one and the same region."""
    regions = set(region_ids)
    if len(regions) != 1 or None in regions:
        return []
    tree = Regions.of(cases.store).tree()
    parent = regions.pop()
    below = sorted((r for r in tree.by_id.values() if r.parent_id == parent), key=lambda r: r.code)
    return [{"code": r.code, "name": r.name} for r in below]
