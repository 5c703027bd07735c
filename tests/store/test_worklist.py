"""The work list, counts, warnings and sources under a scope, and that the hot queries use their indexes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, LiteralString

import pytest
from psycopg import sql

from ioc.clock import FixedClock
from ioc.errors import Invalid
from ioc.records import order_key
from ioc.registry import Registry
from ioc.scope import SYSTEM, Scope
from ioc.services_live import LiveServices
from ioc.settings import Settings
from ioc.store import centre, health
from ioc.store.counts import counts
from ioc.store.worklist import case_record, event_record, page_query, worklist
from tests.conftest import Database
from tests.http import world as small
from tests.http.world import World

pytestmark = pytest.mark.store
VIEWS = frozenset({"case.view", "event.view", "device.view", "grid.view", "resource.view"})


@pytest.fixture
def world(db: Database, clock: FixedClock) -> Iterator[World]:
    with db.owner() as conn:
        yield small.build(conn, clock.now())


def near(world: World, **more: Any) -> Scope:
    ids = frozenset(world.regions[c] for c in (small.NEAR_TOWN, small.NEAR_VILLAGE))
    return Scope("town", VIEWS, region_ids=ids, departments=frozenset(), **more)


def keys(db: Database, scope: Scope, **more: Any) -> list[str]:
    with db.store.scoped(scope) as conn:
        return [str(r["key"]) for r in worklist(conn, scope, None, **more).rows]


def test_open_work_in_the_order_of_the_desk(db: Database, world: World) -> None:
    mine = [f"case:{world.near['incident']}", f"case:{world.near['case']}", f"event:{world.near['event']}"]
    assert keys(db, near(world)) == mine
    assert len(keys(db, SYSTEM)) == 6
    assert keys(db, near(world), limit=1) == mine[:1]


def test_pages_hold_every_row_once_in_the_order_of_the_screens(db: Database, world: World, clock: FixedClock) -> None:
    """Also when rows of pages already read leave the list between two pages."""
    with db.owner() as conn:
        conn.execute("DELETE FROM event")
        conn.execute("UPDATE cases SET closed_at = opened_at")
        conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, urgency, incident_level, opened_at,"
            " due_at, region_id) SELECT 'p' || i, 'x', 'x' || i, CASE WHEN i %% 11 = 0 THEN 'incident' ELSE 'grid' END,"
            " 'accepted', 't', (ARRAY['routine', 'urgent', 'critical'])[1 + i %% 3],"
            " CASE WHEN i %% 11 = 0 AND i %% 2 = 0 THEN 1 + i %% 4 END,"
            " %(now)s::timestamptz - i %% 5 * interval '1 min',"
            " CASE WHEN i %% 4 > 0 THEN %(now)s::timestamptz + (i %% 7 - 3) * interval '1 hour' END, %(r)s"
            " FROM generate_series(1, 90) i",
            {"now": clock.now(), "r": world.regions[small.NEAR_VILLAGE]},
        )
        conn.execute(
            "INSERT INTO event (source, source_id, title, urgency, incident_level, occurred_at, received_at, region_id)"
            " SELECT 'x', 'x' || i, 't', (ARRAY['routine', 'urgent'])[1 + i %% 2], CASE WHEN i %% 9 = 0 THEN 4 END,"
            " %(now)s::timestamptz - i * interval '1 hour', %(now)s::timestamptz - i %% 3 * interval '1 min', %(r)s"
            " FROM generate_series(1, 30) i",
            {"now": clock.now(), "r": world.regions[small.NEAR_VILLAGE]},
        )
    read: list[dict[str, Any]] = []
    after: str | None = ""
    with db.store.scoped(near(world)) as conn:
        first = worklist(conn, near(world), None, 500)
        while after is not None:
            page = worklist(conn, near(world), None, 25, after)
            read, after = [*read, *map(dict, page.rows)], page.next
            assert page.total == 120
    assert (len(read), first.total, first.next) == (120, 120, None)
    assert read == [dict(r) for r in first.rows] == sorted(read, key=order_key)
    with db.owner() as conn:
        page = worklist(conn, SYSTEM, None, 25)
        conn.execute("UPDATE cases SET closed_at = now() WHERE case_id = ANY (%s)", ([r["id"] for r in page.rows],))
        assert page.next is not None
        assert worklist(conn, SYSTEM, None, 1, page.next).rows[0]["key"] == read[25]["key"]
    for wrong in ("1", "a.b.c.d.e", "1.2.3.4.5", f"1.{'9' * 30}.3.4.0"):
        with db.store.scoped(SYSTEM) as conn, pytest.raises(Invalid):
            worklist(conn, SYSTEM, None, after=wrong)


def test_what_is_done_or_taken_up_leaves_the_list(db: Database, world: World, clock: FixedClock) -> None:
    with db.owner() as conn:
        conn.execute("UPDATE cases SET closed_at = %s WHERE case_id = %s", (clock.now(), world.near["case"]))
        conn.execute("UPDATE event SET case_id = %s WHERE event_id = %s", (world.near["incident"], world.near["event"]))
    assert keys(db, near(world)) == [f"case:{world.near['incident']}"]
    with db.store.scoped(SYSTEM) as conn:
        found = counts(conn, SYSTEM, None, clock.now(), Settings().tz)
    assert (found.open, found.closed_today) == (1, 1)


def test_rights_sensitivity_and_share_scope(db: Database, world: World) -> None:
    assert keys(db, Scope("x", frozenset(), whole=True, departments=None, sensitivity=2)) == []
    only_events = Scope("x", frozenset({"event.view"}), whole=True, departments=None, sensitivity=2)
    assert {k.split(":")[0] for k in keys(db, only_events)} == {"event"}
    with db.owner() as conn:
        conn.execute("UPDATE cases SET sensitivity = 2 WHERE case_id = %s", (world.near["case"],))
        conn.execute("UPDATE cases SET private_to = 'police' WHERE case_id = %s", (world.near["incident"],))
    assert keys(db, near(world)) == [f"event:{world.near['event']}"]
    police = Scope("p", VIEWS, region_ids=near(world).region_ids, departments=frozenset({"police"}), sensitivity=2)
    assert len(keys(db, police)) == 3


def test_a_live_record_is_the_listed_record(db: Database, world: World) -> None:
    with db.store.scoped(SYSTEM) as conn:
        listed = {r["key"]: r for r in worklist(conn, SYSTEM, None).rows}
        assert listed[f"case:{world.near['case']}"] == case_record(conn, world.near["case"])
        assert listed[f"event:{world.near['event']}"] == event_record(conn, world.near["event"])
    scope = near(world)
    with db.store.scoped(scope) as conn, pytest.raises(LookupError):
        case_record(conn, world.far["case"])


def test_counts_of_deadlines_and_days(db: Database, world: World, clock: FixedClock) -> None:
    tz = Settings().tz

    def now_counts() -> Any:
        with db.store.scoped(SYSTEM) as conn:
            return counts(conn, SYSTEM, None, clock.now(), tz)

    assert now_counts().overdue == 2
    with db.owner() as conn:
        conn.execute("UPDATE cases SET clock_stopped = true WHERE case_id = %s", (world.near["case"],))
    assert now_counts().overdue == 1, "a stopped clock is not overdue"
    assert now_counts().today == 2
    clock.advance(10 * 3600)  # past midnight of the centre, not of UTC
    after = now_counts()
    assert (after.today, after.hours[0]) == (0, 0)
    assert after.hours[1] is None
    clock.advance(6.5 * 86_400)
    assert sum(now_counts().hours_last_week) == 2, "the same weekday last week"


def test_counts_inside_a_zone(db: Database, world: World, clock: FixedClock, settings: Settings) -> None:
    services = LiveServices(settings, db.store, Registry(), clock)
    assert services.counts(SYSTEM, small.ZONE).open == 1
    assert services.counts(SYSTEM, small.CITY).devices["camera"] == 2
    assert [r.code for r in services.breadcrumb(SYSTEM, small.NEAR_TOWN)] == [small.CITY, small.NEAR, small.NEAR_TOWN]


def test_centre_and_its_demo_tag(db: Database, world: World, clock: FixedClock, settings: Settings) -> None:
    services = LiveServices(settings, db.store, Registry(), clock)
    found = services.centre(near(world))
    assert (found.demo, found.empty, found.title.zh) == (False, False, "试验市运营指挥中心")
    assert found.root is not None
    assert found.root.code == small.NEAR_TOWN
    with db.owner() as conn:
        conn.execute("UPDATE event SET origin = 'demo' WHERE event_id = %s", (world.far["event"],))
    assert services.centre(near(world)).demo, "the tag shows wherever any demo row is left"


def test_an_empty_centre(db: Database, clock: FixedClock, settings: Settings) -> None:
    services = LiveServices(settings, db.store, Registry(), clock)
    found = services.centre(SYSTEM)
    assert (found.empty, found.demo, found.root) == (True, False, None)
    assert services.worklist(SYSTEM, "") == []
    assert services.counts(SYSTEM, "").open == 0
    assert services.warnings(SYSTEM, "") is None
    assert services.sources(SYSTEM) == []


def test_warnings_hold_below_and_end(db: Database, world: World, clock: FixedClock, settings: Settings) -> None:
    services = LiveServices(settings, db.store, Registry(), clock)
    with db.owner() as conn:
        for number, (colour, region) in enumerate((("yellow", small.NEAR), ("red", small.FAR))):
            conn.execute(
                "INSERT INTO warning (source, source_id, kind, colour, region_ids, onset_at, expires_at)"
                " VALUES ('cap', %s, '暴雨', %s, %s, %s, %s)",
                (str(number), colour, [world.regions[region]], clock.now(), clock.now() + dt.timedelta(hours=6)),
            )
    assert [w.colour for w in services.warnings(SYSTEM, "") or ()] == ["red", "yellow"]
    assert [w.colour for w in services.warnings(SYSTEM, small.NEAR_VILLAGE) or ()] == ["yellow"]
    clock.advance(7 * 3600)
    assert services.warnings(SYSTEM, "") is None, "none in force, and no source of warnings"


def test_a_source_ages_without_being_touched(db: Database, world: World, clock: FixedClock) -> None:
    def state() -> str:
        with db.store.scoped(SYSTEM) as conn:
            return health.sources(conn, clock.now())[0].state

    seen = []
    for minutes in (4, 6, 10, 40):
        clock.advance(minutes * 60)
        seen.append(state())
    assert seen == ["live", "late", "stale", "lost"]


def test_hot_queries_use_their_indexes(db: Database, world: World, clock: FixedClock) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, closed_at, region_id)"
            " SELECT 'n' || i, 'x', 'x' || i, 'grid', 'closed', 't', %(now)s, %(now)s, %(r)s"
            " FROM generate_series(1, 20000) i",
            {"now": clock.now(), "r": world.regions[small.NEAR_VILLAGE]},
        )
        conn.execute(
            "INSERT INTO event (source, source_id, title, occurred_at, received_at, status, region_id)"
            " SELECT 'x', 'x' || i, 't', %(now)s::timestamptz - i * interval '1 hour', %(now)s, 'closed', %(r)s"
            " FROM generate_series(1, 20000) i",
            {"now": clock.now(), "r": world.regions[small.NEAR_VILLAGE]},
        )
        conn.execute("ANALYZE cases, event")

        def plan(query: LiteralString, *params: Any) -> str:
            rows = conn.execute(sql.SQL("EXPLAIN {}").format(sql.SQL(query)), params).fetchall()
            return "\n".join(str(next(iter(r.values()))) for r in rows)

        day = plan(
            "SELECT count(*) FROM event e WHERE e.occurred_at >= %s AND e.occurred_at < %s", clock.now(), clock.now()
        )
        assert "event_received" in day or "event_occurred" in day, day
        changed = plan("SELECT * FROM event e ORDER BY e.updated_at DESC, e.event_id DESC LIMIT 100")
        assert "event_updated" in changed, changed
        demo = plan("SELECT EXISTS (SELECT FROM event WHERE origin = 'demo')")
        assert "event_demo" in demo, demo
        assert not centre.facts(conn).demo


@pytest.mark.parametrize("pages", [0, 5])
def test_a_page_of_the_queue_is_a_stretch_of_its_index_under_every_scope(
    db: Database, world: World, clock: FixedClock, pages: int
) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO cases (number, source, source_id, flow, stage, title, opened_at, due_at, closed_at, region_id)"
            " SELECT 'n' || i, 'x', 'x' || i, 'grid', 's', 't', %(now)s, %(now)s::timestamptz + i * interval '1 s',"
            " CASE WHEN i %% 4 > 0 THEN %(now)s::timestamptz END, %(r)s FROM generate_series(1, 20000) i",
            {"now": clock.now(), "r": world.regions[small.NEAR_VILLAGE]},
        )
        conn.execute("VACUUM ANALYZE cases")
    for scope in (SYSTEM, near(world)):
        after = ""
        with db.store.scoped(scope) as conn:
            for _ in range(pages):
                after = worklist(conn, scope, None, 200, after).next or ""
            query, params = page_query("case.view", scope, None, 200, after)
            found = conn.execute(sql.SQL("EXPLAIN {}").format(query), params).fetchall()
        told = "\n".join(str(next(iter(r.values()))) for r in found)
        assert "cases_queue" in told, told
        assert "Sort" not in told, told
