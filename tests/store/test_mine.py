"""待我处理: whose next step it is, against the rules themselves; fast with 50,000 open cases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.cases import flow as rules
from ioc.cases.expected import expected_of, onward
from ioc.cases.work import state_of
from ioc.clock import FixedClock
from ioc.flows import flows
from ioc.records import order_key
from ioc.scope import SYSTEM, Scope
from ioc.store.worklist import mine_keys, page_query, worklist
from tests.conftest import Database
from tests.http import world as small
from tests.http.world import World

pytestmark = pytest.mark.store
VIEWS = frozenset({"case.view", "event.view", "grid.view"})
DESK = VIEWS | {"case.accept", "case.dispatch", "case.verify", "case.close"}
PEOPLE = {
    "officer": (Scope("officer", DESK, whole=True, departments=None, sensitivity=1), "李嘉欣"),
    "chief": (Scope("chief", DESK | {"case.handle", "case.approve"}, whole=True, departments=None), "何敏仪"),
    "water": (Scope("water", VIEWS | {"case.handle"}, whole=True, departments=frozenset({"水务局"})), "冯立"),
    "grid": (Scope("grid", VIEWS | {"case.handle"}, whole=True), "谭小玲"),
    "leader": (Scope("leader", VIEWS | {"case.instruct"}, whole=True, departments=None, sensitivity=2), "周海明"),
}  # fmt: skip
_CASE = """
INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, due_at, closed_at, hold, asked,
                   department, officer, grid_cell_id, region_id, urgency)
VALUES (%(n)s, 'x', %(n)s, %(flow)s, %(stage)s, 't', %(now)s, %(now)s::timestamptz + %(i)s * interval '1 min',
        %(closed)s, %(hold)s, %(asked)s, %(department)s, %(officer)s, %(cell)s, %(region)s,
        (ARRAY['routine', 'urgent', 'critical'])[1 + %(i)s %% 3])
"""


@pytest.fixture
def world(db: Database, clock: FixedClock) -> Iterator[World]:
    with db.owner() as conn:
        yield small.build(conn, clock.now())


def every_kind(db: Database, world: World, clock: FixedClock) -> None:
    """A case in every stage of every flow, held or not, asked about or not, in each hand."""
    states = [(f, s) for f in flows().values() if f.steps for s in (*[k for k, _ in f.stages], f.stages[0][1].zh)]
    hands = [("水务局", ""), ("城管局", ""), (None, "谭小玲"), (None, "")]
    with db.owner() as conn:
        conn.execute("UPDATE grid_cell SET officers = %s WHERE grid_cell_id = %s",
                     (Jsonb([{"name": "谭小玲"}]), world.near["grid"]))  # fmt: skip
        for i, ((flow, stage), hand, (hold, asked)) in enumerate(
            itertools.product(states, hands, [("", ""), ("paused", ""), ("", "void"), ("shelved", "extension")])
        ):
            closed = clock.now() if stage in (flow.closed, "evaluated") else None
            side = world.near if i % 5 else world.far
            conn.execute(_CASE, {
                "n": f"m{i}", "flow": flow.key, "stage": stage, "now": clock.now(), "i": i, "closed": closed,
                "hold": hold if closed is None else "", "asked": asked if closed is None else "",
                "department": hand[0], "officer": hand[1], "cell": side["grid"] if i % 3 else None,
                "region": world.regions[small.NEAR_VILLAGE if i % 5 else small.FAR_VILLAGE],
            })  # fmt: skip


def by_the_rules(row: Any, scope: Scope, name: str, cells: set[int]) -> bool:
    """Slowly and from the steps themselves: offered to the person, and theirs to do."""
    flow = flows()[row["flow"]]
    state = state_of(row)
    if row["closed_at"] is not None or not flow.steps:
        return False
    offered = {s.key: s for s in rules.choices(flow, state, scope, name)}
    if any(s.grants for s in offered.values()):
        return True
    step = onward(flow, state.stage)
    if step is None:
        return False
    own = (row["officer"] and row["officer"] == name) or row["department"] in (scope.departments or ())
    if step.key in offered and (own or not step.own):
        return True
    return "self_handle" in offered and row["grid_cell_id"] in cells


@pytest.mark.parametrize("who", list(PEOPLE))
def test_the_list_is_what_the_rules_say(db: Database, world: World, clock: FixedClock, who: str) -> None:
    every_kind(db, world, clock)
    scope, name = PEOPLE[who]
    with db.owner() as conn:
        rows = conn.execute("SELECT * FROM cases").fetchall()
    cells = {world.near["grid"]} if name == "谭小玲" else set[int]()
    wanted = {f"case:{r['case_id']}" for r in rows if by_the_rules(r, scope, name, cells)}
    expected = expected_of(scope, name)
    if scope.can("case.accept"):
        wanted |= {f"event:{world.near['event']}", f"event:{world.far['event']}"}
    with db.store.scoped(scope) as conn:
        found = mine_keys(conn, scope, None, expected, 60_000)
        page = worklist(conn, scope, None, 2000, "", expected)
    assert sorted(found) == sorted(wanted), "each once"
    assert [r["key"] for r in page.rows] == [r["key"] for r in sorted(page.rows, key=order_key)]
    assert ({r["key"] for r in page.rows}, page.total, page.next) == (wanted, len(wanted), None)
    assert bool(wanted) == (who != "leader")


def test_its_pages_hold_every_row_once_and_no_foreign_one(db: Database, world: World, clock: FixedClock) -> None:
    every_kind(db, world, clock)
    scope, name = PEOPLE["water"]
    near = scope.narrowed([world.regions[small.NEAR_TOWN], world.regions[small.NEAR_VILLAGE]])
    expected = expected_of(near, name)
    read: list[str] = []
    after: str | None = ""
    with db.store.scoped(near) as conn:
        whole = [r["key"] for r in worklist(conn, near, None, 2000, "", expected).rows]
        while after is not None:
            page = worklist(conn, near, None, 7, after, expected)
            read, after = [*read, *(str(r["key"]) for r in page.rows)], page.next
            assert all(r["region_code"] == small.NEAR_VILLAGE for r in page.rows)
    assert read == whole
    assert len(read) > 7, "several pages"
    with db.store.scoped(scope) as conn:
        assert set(mine_keys(conn, scope, None, expected, 60_000)) > set(whole)
        drilled = mine_keys(conn, scope, [world.regions[small.FAR_VILLAGE]], expected, 60_000)
    assert drilled
    assert not set(drilled) & set(whole)


def test_suspected_reports_wait_for_a_reviewer(db: Database, world: World) -> None:
    scope, name = PEOPLE["officer"]
    with db.owner() as conn:
        conn.execute("UPDATE event SET suspected = true WHERE event_id = %s", (world.near["event"],))
    with db.store.scoped(scope) as conn:
        found = mine_keys(conn, scope, None, expected_of(scope, name), 60_000)
    assert f"event:{world.far['event']}" in found
    assert f"event:{world.near['event']}" not in found


@pytest.mark.parametrize("who", ["officer", "chief", "water", "grid"])
def test_fifty_thousand_open_cases_cost_a_page_no_more(db: Database, world: World, clock: FixedClock, who: str) -> None:
    """Every branch is a stretch of its own index: no row of another stage, hand or department is read."""
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, due_at, region_id,"
            " department, officer) SELECT 'n' || i, 'x', 'x' || i, 'grid',"
            " (ARRAY['handling', 'forwarded', 'accepted'])[1 + i %% 3], 't', %(now)s,"
            " %(now)s::timestamptz + i * interval '1 s', %(r)s, '局' || i %% 40, '人' || i %% 400"
            " FROM generate_series(1, 50000) i",
            {"now": clock.now(), "r": world.regions[small.NEAR_VILLAGE]},
        )
        conn.execute("UPDATE cases SET department = '水务局', officer = '冯立' WHERE number LIKE 'n%%99'")
        conn.execute("VACUUM ANALYZE cases")
    scope, name = PEOPLE[who]
    expected = expected_of(scope, name)
    with db.store.scoped(scope) as conn:
        after = worklist(conn, scope, None, 200, "", expected).next or ""
        query, params = page_query("case.view", scope, None, 200, after, expected)
        told = conn.execute(sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) {}").format(query), params).fetchone()
    assert told is not None
    nodes = list(_nodes(next(iter(told.values()))[0]["Plan"]))
    on_cases = [n for n in nodes if n.get("Relation Name") == "cases"]
    assert on_cases
    assert not [n for n in on_cases if n["Node Type"] == "Seq Scan"], [n["Node Type"] for n in on_cases]
    read = sum((n["Actual Rows"] + n.get("Rows Removed by Filter", 0)) * n["Actual Loops"] for n in on_cases)
    assert read <= 4 * 201, f"{who} read {read} cases for a page"


def _nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def test_the_system_without_a_name_has_nothing_by_hand(db: Database, world: World) -> None:
    expected = expected_of(SYSTEM, "")
    assert expected.by_cell == ()
    with db.store.scoped(SYSTEM) as conn:
        found = mine_keys(conn, SYSTEM, None, expected, 60_000)
    assert f"case:{world.near['case']}" in found, "forwarding is by right"
    assert f"case:{world.near['incident']}" in found, "its next report is whoever's writes reports"
