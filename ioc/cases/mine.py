"""An officer's work as the phone needs it: also what can be done in the stages that come next, so that it can go on
without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ioc.cases import flow as rules
from ioc.cases.work import Actor, state_of, step_json
from ioc.declare import Flow
from ioc.flows import flows, stage_index
from ioc.i18n import Text
from ioc.store import Store, my_cases
from ioc.store.worklist import case_records

BY = ("officer", "department", "grid")


@dataclass(frozen=True)
class MyCases:
    """The use-case of one store."""

    store: Store

    def read(self, actor: Actor) -> dict[str, Any]:
        """`cases` with record, place, progress and steps by stage; `total` may be more than are listed."""
        with self.store.reading(actor.scope) as conn:
            rows = my_cases.mine(conn, actor.scope, actor.name)
            ids = [int(r["case_id"]) for r in rows]
            records = {int(r["id"]): r for r in case_records(conn, ids)}
            done = my_cases.progress(conn, ids)
        listed = [_case(r, records[int(r["case_id"])], done.get(int(r["case_id"]), ()), actor)
                  for r in rows if int(r["case_id"]) in records and r["flow"] in flows()]  # fmt: skip
        return {"total": int(rows[0]["total"]) if rows else 0, "cases": listed}


def _case(row: my_cases.Row, record: Mapping[str, Any], done: Sequence[my_cases.Row], actor: Actor) -> dict[str, Any]:
    flow, state = flows()[row["flow"]], state_of(row)
    return {
        "record": record,
        "case_id": row["case_id"],
        "version": row["version"],
        "by": BY[row["mine_rank"]],
        "description": row["description"],
        "address": row["address"],
        "stage": state.stage,
        "hold": state.hold,
        "asked": state.asked,
        "department": state.department,
        "officer": state.officer,
        "total_due_at": row["total_due_at"],
        "steps": steps_ahead(flow, state, actor),
        "progress": [_done(flow, d) for d in done],
    }


def steps_ahead(flow: Flow, state: rules.State, actor: Actor) -> dict[str, list[dict[str, Any]]]:
    """The steps the actor may take, for the present stage and each one after it, as the rules have them now."""
    first = stage_index(flow, state.stage)
    out: dict[str, list[dict[str, Any]]] = {}
    for key, _ in flow.stages[first : stage_index(flow, flow.closed)]:
        then = state if key == state.stage else replace(state, stage=key, asked="", request={})
        out[key] = [step_json(s) for s in rules.choices(flow, then, actor.scope, actor.name)]
    return out


def _done(flow: Flow, step: my_cases.Row) -> dict[str, Any]:
    title = next((s.title for s in flow.steps if s.key == step["step"]), Text(step["step"], step["step"]))
    given: Mapping[str, Any] = step["given"]
    photos = [p for name in ("photo_before", "photo_after", "photos") for p in given.get(name) or ()]
    return {
        "step": step["step"],
        "title": {"zh": title.zh, "en": title.en},
        "stage": step["stage_after"],
        "by": step["actor_name"],
        "at": step["at"],
        "done_at": given.get("done_at"),
        "text": str(given.get("result") or given.get("reason") or given.get("text") or ""),
        "distance_m": step["distance_m"],
        "photos": photos,
    }
