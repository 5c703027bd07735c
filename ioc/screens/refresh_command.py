"""Parts of the command pages again, for callbacks: scope and page to the children of one part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ioc.command.datasets import datasets
from ioc.command.panels import panels
from ioc.errors import IocError
from ioc.scope import Scope
from ioc.screens import parts
from ioc.screens.command import aftermath as review
from ioc.screens.command import head, page, shell
from ioc.screens.model import incident_number, make_view
from ioc.screens.state import PageState
from ioc.services import Services


def panel(services: Services, scope: Scope, at: PageState, key: str, asked: Mapping[str, Any]) -> list[Any]:
    """Panel `key` of the workspace at `at`. What it cannot tell it says in its own place."""
    view, declared = make_view(services, at.lang), panels()[key]
    names = {k: d.title for k, d in datasets().items()}
    try:
        state = services.command_panel(scope, incident_number(at), key, asked)
        shown = replace(state, data={**state.data, "ring_m": asked.get("ring_m"), "case_id": incident_number(at),
                                     "area_name": str(asked.get("area_name") or "")[:80]})  # fmt: skip
        return shell.children(declared, shown, names, view)
    except IocError as error:
        return [parts.fault_line(error.message(at.lang))]


def beside(services: Services, scope: Scope, at: PageState) -> tuple[list[Any], ...]:
    """(head, timeline, orders, reports, notices, actions)."""
    view, case_id = make_view(services, at.lang), incident_number(at)
    try:
        found, incident = services.command(scope, case_id), services.incident(scope, case_id)
    except IocError as error:
        said = [parts.fault_line(error.message(at.lang))]
        return (said,) * (len(page.TABS) + 2)
    return (
        head.head(incident, view),
        *page.tab_bodies(incident, found, view),
        page.actions(incident, found, at.lang),
    )


def listed(services: Services, scope: Scope, at: PageState) -> list[Any]:
    try:
        themed = services.themes(scope, at.region, at.args.get("theme", ""))
        found = {"incidents": services.incidents(scope, at.region), **themed}
        return page.rows_of(found, at, make_view(services, at.lang), scope.can(page.REFUTE))
    except IocError as error:
        return [parts.fault_line(error.message(at.lang))]


def aftermath(services: Services, scope: Scope, at: PageState) -> list[Any]:
    """The side of an after-action report."""
    try:
        found, incident = services.command(scope, incident_number(at)), services.incident(scope, incident_number(at))
    except IocError as error:
        return [parts.fault_line(error.message(at.lang))]
    if not found.get("review"):
        why = found.get("review_fault")
        return [parts.fault_line(why(at.lang) if why else "")]
    rights = [r for r in review.RIGHTS if scope.can(r)]
    return review.beside(incident, found["review"], rights, make_view(services, at.lang))
