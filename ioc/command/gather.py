"""The rows of incidents brought together, as they are or as they were known at a moment. The caller's connection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ioc.command.record import Parts
from ioc.command.reporting import Term, read_terms
from ioc.command.samples import terms_sheet
from ioc.scope import Scope
from ioc.store import command_rows, incidents
from ioc.store.pool import Conn

Row = Mapping[str, Any]


def terms(conn: Conn, at: dt.datetime | None = None) -> tuple[list[Term], Row | None]:
    """The table of report terms in force, and its edition; None: the product's own."""
    edition = incidents.terms(conn, at)
    if edition is not None:
        return [Term.of(r) for r in edition["rows"]], edition
    return read_terms(terms_sheet())[0], None


def one(conn: Conn, scope: Scope, case: Row, incident: Row) -> Parts:
    """What belongs to an incident, read as `scope` sees what lies beyond it."""
    return many(conn, scope, [(case, incident)])[0]


def many(conn: Conn, scope: Scope, found: Sequence[tuple[Row, Row]]) -> list[Parts]:
    ids = [int(case["case_id"]) for case, _ in found]
    posts, links, tasks, reports = (command_rows.of_cases(conn, e, ids) for e in ("post", "link", "task", "report"))
    placed = incidents.cases_of(conn, ids)
    table, _ = terms(conn)
    beyond = _beyond(conn, scope, [link for rows in links.values() for link in rows])
    paths = incidents.path_of(conn, [c["region_id"] for c, _ in found if c["region_id"] is not None])
    words = _types(conn, [c for c, _ in found])
    return [
        Parts(
            placed.get(int(case["case_id"]), case), incident, posts[int(case["case_id"])],
            links[int(case["case_id"])], tasks[int(case["case_id"])], reports[int(case["case_id"])], *beyond,
            paths.get(case["region_id"] or 0), words.get((case["category_scheme"], case["category_code"])), table,
        )
        for case, incident in found
    ]  # fmt: skip


def known_at(conn: Conn, scope: Scope, case_id: int, at: dt.datetime) -> Parts | None:
    """The same as it was known at a moment; None before the incident was known."""
    case = command_rows.case_known_at(conn, case_id, at)
    if case is None or case["flow"] != incidents.FLOW:
        return None
    rows = {e: command_rows.known_at(conn, e, case_id, at) for e in ("incident", "post", "link", "task", "report")}
    whole: dict[str, Any] = {"exercise": False, "merged_into": None, "closed_at": None, "ended": "", **case}
    incident = next(iter(rows["incident"]), None) or incidents.adopted(whole)
    path = incidents.path_of(conn, [case["region_id"]]) if case["region_id"] is not None else {}
    others, warnings = _beyond(conn, scope, rows["link"], at)
    kind = _types(conn, [case]).get((case["category_scheme"], case["category_code"]))
    return Parts(whole, incident, rows["post"], rows["link"], rows["task"], rows["report"], others, warnings,
                 path.get(case["region_id"] or 0), kind, terms(conn, at)[0])  # fmt: skip


def _beyond(
    conn: Conn, scope: Scope, links: Iterable[Row], at: dt.datetime | None = None
) -> tuple[dict[int, Row], dict[int, Row]]:
    """(linked incidents the asker sees, linked warnings by the id that was linked)"""
    listed = list(links)
    cases = [int(link["other_id"]) for link in listed if link["kind"] != "warning"]
    warned = [int(link["other_id"]) for link in listed if link["kind"] == "warning"]
    return (
        incidents.names_of(conn, scope, cases) if cases else {},
        (incidents.warnings_of(conn, warned) if at is None else incidents.warnings_known(conn, warned, at))
        if warned
        else {},
    )


def _types(conn: Conn, cases: Iterable[Row]) -> dict[tuple[str, str], Row]:
    schemes: dict[str, set[str]] = {}
    for case in cases:
        if case["category_code"]:
            schemes.setdefault(case["category_scheme"], set()).add(case["category_code"])
    return {
        (scheme, code): row
        for scheme, codes in schemes.items()
        for code, row in incidents.type_words(conn, scheme, sorted(codes)).items()
    }
