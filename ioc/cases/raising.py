"""A case that is an emergency is raised to an incident (突发事件); both records name each other (EVT-19)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioc.cases import joining
from ioc.cases.work import Actor, Cases
from ioc.errors import Conflict, NotFound
from ioc.flows import flows
from ioc.scope import SYSTEM
from ioc.store import case_steps, cases_write, merges, notices
from ioc.store.notices import Notice
from ioc.store.retry import retried
from ioc.store.worklist import case_record

SOURCE, FLOW = "incident", "incident"
_TAKEN_OVER = ("title", "description", "category_scheme", "category_code", "urgency", "address", "region_id",
               "grid_cell_id", "h3_10", "private_to", "sensitivity", "origin")  # fmt: skip


def raise_incident(cases: Cases, actor: Actor, case_id: int, level: int, text: str) -> dict[str, Any]:
    """An incident of the initial level 1-4 (Ⅰ-Ⅳ, 初判) at the first stage of its flow; the case goes on beside it.

    Raises Forbidden, NotFound, Conflict (over, an incident itself, or raised before).
    """
    actor.scope.require("case.dispatch")
    return retried(lambda: _raise(cases, actor, case_id, level, text))


def _raise(cases: Cases, actor: Actor, case_id: int, level: int, text: str) -> dict[str, Any]:
    who, now = (actor.scope.actor, actor.name), cases.clock.now()
    first = flows()[FLOW].stages[0][0]
    with cases.store.scoped(SYSTEM) as conn:
        case = merges.lock(conn, actor.scope, [case_id]).get(case_id)
        if case is None:
            raise NotFound(f"办件 {case_id}", f"case {case_id}")
        if case["flow"] == FLOW:
            raise Conflict("已是突发事件", "is an incident already")
        if case["raised_to"] is not None:
            context = {"incident_id": case["raised_to"]}
            raise Conflict(f"已升级为突发事件 #{case['raised_to']}", f"was raised to #{case['raised_to']}", context)
        if case["closed_at"] is not None or case["ended"]:
            raise Conflict("办件已结束", "the case is over")
        number = case_steps.next_number(conn, now.astimezone(cases.zone).date())
        source = {"source": case["source"], "source_id": case["number"], "text": case["title"], "at": now.isoformat()}
        values: dict[str, Any] = {
            **{n: case[n] for n in _TAKEN_OVER},
            **_place(conn, case_id),
            "number": number, "source": SOURCE, "source_id": f"{case['number']}@{number}", "flow": FLOW,
            "stage": first, "incident_level": level, "level_state": "initial", "level_by": actor.name,
            "opened_at": now, "raised_from": case_id, "search": f"{case['search']} {number}",
            "stages": [{"stage": first, "entered_at": now.isoformat(), "by": actor.name or actor.scope.actor}],
            "sources": [source],
        }  # fmt: skip
        incident_id = cases_write.open_case(conn, values, who[0], now)
        incident = case_steps.read(conn, SYSTEM, incident_id, lock=False)
        if incident is None:
            raise LookupError(incident_id)
        said = {"text": text} if text else {}
        joining.step(conn, incident, "raised", {"description": _said(case, text)}, {"other": case["number"], **said},
                     who, now)  # fmt: skip
        joining.step(conn, case, "raise", {"raised_to": incident_id}, {"other": number, **said}, who, now)
        notices.put(conn, _notice(incident, case), now)
        return {"incident_id": incident_id, "number": number, "case_id": case_id,
                "record": case_record(conn, incident_id)}  # fmt: skip


def _place(conn: Any, case_id: int) -> Mapping[str, Any]:
    row = conn.execute(
        "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, ST_X(geom_m) AS x_m, ST_Y(geom_m) AS y_m,"
        " nullif(ST_SRID(geom_m), 0) AS srid FROM cases WHERE case_id = %s",
        (case_id,),
    ).fetchone()
    return row or {}


def _said(case: Mapping[str, Any], text: str) -> str:
    return "\n".join(p for p in (text, str(case["description"])) if p)[:4000]


def _notice(incident: Mapping[str, Any], case: Mapping[str, Any]) -> Notice:
    line = f"{case['number']} → {incident['number']}"
    return Notice(
        f"case:{incident['case_id']}:raised", "incident.raised", "role", "chief", f"升级为突发事件：{case['title']}",
        f"Raised to an incident: {case['title']}", line, line, f"case:{incident['case_id']}", "urgent",
        region_id=incident["region_id"], private_to=incident["private_to"], sensitivity=incident["sensitivity"],
        origin=incident["origin"],
    )  # fmt: skip
