"""The work list of one person: what of it waits for their next step (`ioc.cases.expected`).

Each reason for which a case is expected of somebody is a branch with an index of its own (migration 136); a page takes
the first rows of every branch and merges them, so that its cost does not grow with the number of open cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.cases.expected import Expected, Pair
from ioc.scope import Scope
from ioc.store.pool import Conn

# (what it goes through, the condition on a case): one row of the former at a time, so that the latter is one stretch.
_BRANCHES: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "by_right": (
        "unnest(%(by_right_flows)s::text[], %(by_right_stages)s::text[]) AS p(flow, stage)",
        "c.flow = p.flow AND c.stage = p.stage AND c.hold = ''",
    ),
    "by_name": (
        "(SELECT %(name)s::text AS name) p",
        "c.officer = p.name AND c.officer <> '' AND c.hold = ''"
        " AND (c.flow, c.stage) IN (SELECT * FROM unnest(%(by_hand_flows)s::text[], %(by_hand_stages)s::text[]))",
    ),
    "by_department": (
        "unnest(%(departments)s::text[]) AS p(department)",
        "c.department = p.department AND c.department <> '' AND c.hold = ''"
        " AND (c.flow, c.stage) IN (SELECT * FROM unnest(%(by_hand_flows)s::text[], %(by_hand_stages)s::text[]))",
    ),
    "by_cell": (
        "(SELECT g.grid_cell_id FROM grid_cell g WHERE g.officers @> %(person)s) p",
        "c.grid_cell_id = p.grid_cell_id AND c.hold = ''"
        " AND (c.flow, c.stage) IN (SELECT * FROM unnest(%(by_cell_flows)s::text[], %(by_cell_stages)s::text[]))",
    ),
    "asked": (
        "(SELECT 1) p",
        "c.asked <> '' AND (c.flow, c.stage, c.asked) IN"
        " (SELECT * FROM unnest(%(asked_flows)s::text[], %(asked_stages)s::text[], %(asked_for)s::text[]))",
    ),
    "by_review": (
        "(SELECT r.case_id FROM incident_review r WHERE r.state <> 'closed' AND"
        " CASE WHEN r.state = 'submitted' THEN 'submitted' WHEN r.returned <> '' THEN 'returned' ELSE '' END"
        " = ANY (%(reviews)s::text[])) p",
        "c.case_id = p.case_id",
    ),
}
# Everything else is of cases that are open.
_OVER = ("by_review",)
_BRANCH = """
SELECT c.* FROM {through} CROSS JOIN LATERAL (
  SELECT 0 AS kind, c.case_id AS id, c.queue_rank AS rank, c.queue_due AS due, c.queue_new AS newest
  FROM cases c
  WHERE {open} AND {when} AND {seen_c} AND {inside_c} {place} {cut}) c
"""
_NONE = "SELECT 0 AS kind, NULL::bigint AS id, 0 AS rank, 0::bigint AS due, 0::bigint AS newest WHERE false"
_PLACE = """
  AND (c.queue_rank, c.queue_due, c.queue_new) >= (%(rank)s::smallint, %(due)s::bigint, %(newest)s::bigint)
  AND NOT ((c.queue_rank, c.queue_due, c.queue_new) = (%(rank)s, %(due)s, %(newest)s)
           AND (-c.case_id, 0) <= (%(id)s, %(kind)s))
"""
_CUT = "ORDER BY c.queue_rank, c.queue_due, c.queue_new, c.case_id DESC LIMIT %(limit)s + 1"
_PAGE = "SELECT * FROM ({union}) m ORDER BY rank, due, newest, id DESC LIMIT %(limit)s + 1"
_EVENT_IDS = """
SELECT e.event_id AS id FROM event e
WHERE e.status = 'open' AND e.case_id IS NULL AND {seen_e} AND {inside_e} AND {taken_e}
"""
_TOTAL = """
SELECT CASE WHEN %(cases)s THEN (SELECT count(*) FROM ({union}) m) ELSE 0 END
     + CASE WHEN %(events)s THEN (SELECT count(*) FROM ({events}) e) ELSE 0 END AS total
"""


def cases_page(parts: Mapping[str, sql.Composable], expected: Expected) -> sql.Composed:
    """One page of the cases of `expected`; parameters: `values`, and those of a page of the work list."""
    union = _union(parts, expected, sql.SQL(_PLACE), sql.SQL(_CUT))
    return sql.SQL(_PAGE).format(union=union)


def total(parts: Mapping[str, sql.Composable], expected: Expected) -> sql.Composed:
    """How many there are; parameters as for a page, with `cases` and `events`: whether they may be seen."""
    nothing = sql.SQL("")
    union = _union(parts, expected, nothing, nothing)
    return sql.SQL(_TOTAL).format(union=union, events=sql.SQL(_EVENT_IDS).format(**parts))


def keys(
    conn: Conn, scope: Scope, expected: Expected, parts: Mapping[str, sql.Composable], params: Mapping[str, Any],
    limit: int,
) -> list[str]:  # fmt: skip
    """Keys (`case:1`, `event:2`) of all that is expected, in no order; at most `limit`."""
    nothing = sql.SQL("")
    query = sql.SQL("SELECT id FROM ({union}) m LIMIT %(limit)s").format(
        union=_union(parts, expected, nothing, nothing)
    )
    given = {**params, **values(expected), "limit": limit}
    found: list[str] = []
    if scope.can("case.view"):
        found = [f"case:{r['id']}" for r in conn.execute(query, given)]
    if expected.reports:
        events = sql.SQL(_EVENT_IDS + " LIMIT %(limit)s").format(**parts)
        found += [f"event:{r['id']}" for r in conn.execute(events, given)]
    return found[:limit]


def values(expected: Expected) -> dict[str, Any]:
    """Parameters of the branches."""
    pairs: Mapping[str, Sequence[Pair]] = {
        **{n: getattr(expected, n) for n in ("by_right", "by_hand", "by_cell")},
        "asked": [(flow, stage) for flow, stage, _ in expected.asked],
    }
    out: dict[str, Any] = {
        "name": expected.name,
        "departments": list(expected.departments),
        "asked_for": [request for *_, request in expected.asked],
        "reviews": list(expected.reviews),
        "person": Jsonb([{"name": expected.name}]),
    }
    for name, listed in pairs.items():
        out |= {f"{name}_flows": [f for f, _ in listed], f"{name}_stages": [s for _, s in listed]}
    return out


def _union(
    parts: Mapping[str, sql.Composable], expected: Expected, place: sql.Composable, cut: sql.Composable
) -> sql.Composable:
    """The branches that can hold anything, each case once."""
    wanted = {
        "by_right": bool(expected.by_right),
        "by_name": bool(expected.by_hand and expected.name),
        "by_department": bool(expected.by_hand and expected.departments),
        "by_cell": bool(expected.by_cell and expected.name),
        "asked": bool(expected.asked),
        "by_review": bool(expected.reviews),
    }
    branches = [
        sql.SQL("({})").format(
            sql.SQL(_BRANCH).format(
                through=sql.SQL(through),
                when=sql.SQL(when),
                place=place,
                cut=cut,
                open=sql.SQL("c.closed_at IS NOT NULL" if name in _OVER else "c.closed_at IS NULL"),
                **parts,
            )
        )
        for name, (through, when) in _BRANCHES.items()
        if wanted[name]
    ]
    return sql.SQL(" UNION ").join(branches or [sql.SQL(_NONE)])
