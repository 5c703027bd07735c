"""Replay: what screens answer for T is what they answered at T, whatever has happened since."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.errors import ReadOnlySqlTransaction

from ioc.errors import NotFound
from ioc.scope import SYSTEM, Scope
from ioc.services_live import LiveServices
from ioc.services_past import PastServices
from ioc.settings import Settings
from ioc.store.past import FORGET, Past, drop_demo, prune
from tests.conftest import Database
from tests.store.replay_world import START, Town, dump, people

pytestmark = pytest.mark.store
MOMENTS = 50


@pytest.fixture
def past(db: Database) -> Iterator[Past]:
    found = Past(db.store)  # the fixture's own: a run brings a clock of its own into the store it writes by
    yield found
    found.close()


def differences(was: Any, now: Any, where: str = "") -> list[str]:
    """Where two answers differ, in words."""
    if isinstance(was, dict) and isinstance(now, dict):
        keys = sorted(was.keys() | now.keys())
        return [d for k in keys for d in differences(was.get(k, "—"), now.get(k, "—"), f"{where}.{k}")]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [d for i, (a, b) in enumerate(zip(was, now, strict=True)) for d in differences(a, b, f"{where}[{i}]")]
    return [] if was == now else [f"{where}: {json.dumps(was, ensure_ascii=False, default=str)[:300]}"
                                  f" -> {json.dumps(now, ensure_ascii=False, default=str)[:300]}"]  # fmt: skip


def test_replay_at_fifty_moments_is_what_was_shown_then(db: Database, settings: Settings, past: Past) -> None:
    town = Town(db, settings, seed=20261003)
    live = LiveServices(settings, db.store, town.registry, town.clock)
    askers = people(town.alarm.regions)
    shown: list[tuple[dt.datetime, list[str], list[dict[str, Any]]]] = []
    while len(shown) < MOMENTS:
        for _ in range(town.random.randint(2, 6)):
            town.do()
            town.clock.advance(town.random.choice([0, 0.5, 20, 90]))
        # some time after the last commit and before the next
        town.clock.advance(town.random.uniform(0.001, 400))
        ids = opened(town)
        # who sees all, and now and then who does not
        watching = askers if len(shown) % 3 == 0 else askers[:1]
        shown.append((town.clock.now(), ids, [dump(live, db.store, town.registry, settings, s, ids) for s in watching]))
        town.clock.advance(town.random.uniform(0.001, 200))
    rehearsed(town)
    wrong: list[str] = []
    for moment, ids, answers in shown:
        store = past.at(moment)
        services = PastServices(settings, store, town.registry)
        for scope, was in zip(askers, answers, strict=False):
            now = dump(services, store, town.registry, settings, scope, ids)
            for key in ids:  # the steps of a case are told to who sees the case today (migration 071)
                if key.startswith("case:") and was["detail"][key] != "NotFound" and not seen_today(live, scope, key):
                    was["detail"][key].pop("history")
                    now["detail"][key].pop("history")
            found = differences(was, now)
            wrong += [f"{moment - START} for {scope.actor}: {f}" for f in found]
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong[:: max(1, len(wrong) // 40)])


def seen_today(live: LiveServices, scope: Scope, key: str) -> bool:
    try:
        live.seen(scope, key)
    except NotFound:
        return False
    return True


def opened(town: Town) -> list[str]:
    """Some records, also ones there are none of yet."""
    return [f"{kind}:{town.look.randint(1, 12)}" for kind in ("case", "event", "device")]


def rehearsed(town: Town) -> None:
    """The run has had everything in it that a replay must get right."""
    with town.db.owner() as conn:
        row = conn.execute(
            "SELECT (SELECT count(*) FROM ioc_was.cases) AS cases, (SELECT count(*) FROM ioc_was.event) AS events,"
            " (SELECT count(*) FROM ioc_was.alarm) AS alarms, (SELECT count(*) FROM ioc_was.warning) AS warnings,"
            " (SELECT count(*) FROM ioc_was.device) AS devices, (SELECT count(*) FROM ioc_was.device_cell) AS cells,"
            " (SELECT count(*) FROM case_merge) AS merged,"
            " (SELECT count(*) FROM ioc_was.indicator_value) AS numbers,"
            " (SELECT count(*) FROM ioc_was.resource) AS resources, (SELECT count(*) FROM ioc_was.task) AS tasks,"
            " (SELECT count(*) FROM ioc_was.incident_mark) AS marks, (SELECT count(*) FROM video_state) AS pictures,"
            " (SELECT count(*) FROM ioc_was.resource_capacity) AS beds"
        ).fetchone()
    assert row
    some = ("cases", "events", "alarms", "devices", "cells", "numbers", "resources", "tasks")
    assert all(row[k] > 3 for k in some), row
    assert row["marks"], row
    assert row["pictures"], row
    assert row["beds"], row
    assert row["merged"], row
    assert row["warnings"], row
    missing = {d.__name__ for d in town.deeds} - town.done.keys()
    assert not missing, f"never done: {missing}; refused: {town.refused}"


def test_versions_are_found_by_their_time_under_any_scope(db: Database, past: Past) -> None:
    """What was open at a moment, and cells of a map, come from the index of `known`, also behind row-level security."""
    town = Scope("town", frozenset({"case.view"}), region_ids=frozenset({1, 2}), departments=frozenset())
    with past.at(START).scoped(town) as conn:
        conn.execute("SET LOCAL enable_seqscan = off")
        for query, index in (
            ("SELECT case_id FROM cases WHERE closed_at IS NULL", "cases_known"),
            ("SELECT sum(total) FROM device_cell WHERE res = 5::smallint", "device_cell_res|device_cell_place"),
            ("SELECT device_id FROM device WHERE geom && ST_MakeEnvelope(1, 1, 2, 2, 4326)", "device_place"),
            ("SELECT alarm_id FROM alarm WHERE ended_at IS NULL", "alarm_known"),
        ):
            plan = "\n".join(r["QUERY PLAN"] for r in conn.execute("EXPLAIN " + query).fetchall())  # type: ignore[operator]
            assert any(name in plan for name in index.split("|")), plan
            assert "known @>" in plan, plan


def test_what_is_meant_to_be_gone_leaves_no_version(db: Database, settings: Settings, past: Past) -> None:
    town = Town(db, settings, seed=1)
    for _ in range(3):
        town.report()
    town.clock.advance(60)
    with db.store.scoped(SYSTEM) as conn:
        conn.execute("UPDATE event SET title = 'x', updated_at = %s", (town.clock.now(),))

    def versions() -> int:
        with db.owner() as conn:
            row = conn.execute("SELECT count(*) AS n FROM ioc_was.event").fetchone()
        assert row
        return int(row["n"])

    assert versions() == 3
    with db.owner() as conn:
        with conn.transaction():
            conn.execute(FORGET)
            conn.execute("DELETE FROM event WHERE source_id = 'E1'")
        assert versions() == 3, "retention and the end of a demo make none"
        conn.execute("SELECT set_config('ioc.known_at', %s, false)", ((START + dt.timedelta(minutes=5)).isoformat(),))
        conn.execute("DELETE FROM event WHERE source_id = 'E2'")
        assert versions() == 4, "what disappears otherwise was known until then"
        assert prune(conn, START) == 0
        assert prune(conn, START + dt.timedelta(seconds=61)) == 3
        conn.execute("UPDATE ioc_was.event SET origin = 'demo'")
        drop_demo(conn)
    assert versions() == 0
    with past.at(START + dt.timedelta(minutes=3)).scoped(SYSTEM) as conn:
        left = conn.execute("SELECT title FROM event").fetchall()
        assert [r["title"] for r in left] == ["x"], "E3 stands; what was thrown away is not known any more"
        with pytest.raises(ReadOnlySqlTransaction):
            conn.execute("INSERT INTO setting (key, value) VALUES ('a', '1')")


def test_a_new_column_is_part_of_the_past_after_the_next_start(db: Database, past: Past) -> None:
    with db.owner() as conn:
        conn.execute("ALTER TABLE supervision ADD COLUMN remark text NOT NULL DEFAULT ''")
        conn.execute(
            "CREATE TABLE errand (errand_id bigint PRIMARY KEY, origin text NOT NULL DEFAULT 'real', said text,"
            " updated_at timestamptz NOT NULL)"
        )
        conn.execute("GRANT SELECT ON errand TO ioc_app")  # as grants.sql does after every run
        conn.execute("SELECT ioc_past_build()")
        conn.execute("INSERT INTO errand VALUES (1, 'real', 'a', %s)", (START,))
        conn.execute("UPDATE errand SET said = 'b', updated_at = %s", (START + dt.timedelta(hours=1),))
        conn.execute("SELECT remark FROM ioc_past.supervision")
    for minutes, said in ((-1, None), (0, "a"), (59, "a"), (60, "b")):
        with past.at(START + dt.timedelta(minutes=minutes)).scoped(SYSTEM) as conn:
            row = conn.execute("SELECT said FROM errand").fetchone()
        assert (row and row["said"]) == said
