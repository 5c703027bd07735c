"""A case that is an emergency is raised to an incident (突发事件); both records name each other (EVT-19).

The door of the case's own page; `ioc.command.opening` does it, as for every other origin.
"""

from __future__ import annotations

from typing import Any

from ioc.cases.work import Actor, Cases
from ioc.command.opening import Wish
from ioc.command.work import Incidents


def raise_incident(cases: Cases, actor: Actor, case_id: int, level: int, text: str) -> dict[str, Any]:
    """An incident of the initial level 1-4 (Ⅰ-Ⅳ, 初判) at the first stage of its flow; the case goes on beside it.

    Raises Forbidden, NotFound, Conflict (over, an incident itself, or raised before).
    """
    actor.scope.require("case.dispatch")
    incidents = Incidents(cases.store, cases.clock, cases.area_buffer_m, cases.zone)
    wish = Wish("case", case_id, description=text, level=level, reason=text)
    return {**incidents.opened(actor, wish), "case_id": case_id}
