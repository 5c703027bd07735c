"""Reviews of detections and handovers of shifts in the chain, written as the product writes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from ioc.clock import FixedClock
from ioc.ops import keeper_loop
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import detections, duty, keeper
from ioc.store.chained import CHAINED
from tests.conftest import NOW, Database
from tests.store.test_chain import link, meddle, told, verify

pytestmark = pytest.mark.store
ENDS = dt.datetime(2026, 10, 3, 0, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))
PLACE: Mapping[str, Any] = {"region_id": None, "private_to": None, "sensitivity": 0, "origin": "real"}


def review(db: Database, at: dt.datetime = NOW, zone: LiteralString = "UTC") -> None:
    with db.store.scoped(SYSTEM) as conn:
        conn.execute(sql.SQL("SET LOCAL timezone = {}").format(zone))
        for number, decision in ((1, "confirmed"), (2, "refuted"), (3, "confirmed")):
            values = {"detection_id": number, "event_id": None, "decision": decision, "state_before": "review",
                      "reason": "误报：树影", "actor": "li", "actor_name": "李嘉欣", "at": at, **PLACE}  # fmt: skip
            detections.add_review(conn, values)


def handover(db: Database, at: dt.datetime = NOW, zone: LiteralString = "UTC") -> None:
    """Given, returned and given again: each act is a row of its own, none is changed afterwards."""
    with db.store.scoped(SYSTEM) as conn:
        conn.execute(sql.SQL("SET LOCAL timezone = {}").format(zone))
        for version, act in ((1, "give"), (2, "return"), (3, "give")):
            row = {"ends_at": ENDS, "version": version, "shift": "夜班", "starts_at": ENDS - dt.timedelta(hours=12),
                   "act": act, "login": "he", "actor_name": "何敏仪", "at": at, "note": "",
                   "facts": {"open": 3, "since": ENDS.isoformat()}, **PLACE, "region_id": 1}  # fmt: skip
            duty.record(conn, row)


WRITERS = {"detection_review": review, "duty_handover": handover}
NAMES = {
    "detection_review": [f"detection_review {n}" for n in (1, 2, 3, 9)],
    "duty_handover": [f"duty_handover 1/2026-10-02T16:00:00+00:00/{n}" for n in (1, 2, 3, 9)],
}
CHANGE: Mapping[str, LiteralString] = {
    "detection_review": "UPDATE detection_review SET decision = 'refuted' WHERE review_id = 1",
    "duty_handover": "UPDATE duty_handover SET facts = '{\"open\": 2}' WHERE version = 1",
}
REMOVE: Mapping[str, LiteralString] = {
    "detection_review": "DELETE FROM detection_review WHERE review_id = 2",
    "duty_handover": "DELETE FROM duty_handover WHERE version = 2",
}
INSERT: Mapping[str, LiteralString] = {
    "detection_review": "INSERT INTO detection_review (review_id, detection_id, decision, state_before, actor, at)"
    " VALUES (9, 1, 'refuted', 'review', 'x', now())",
    "duty_handover": "INSERT INTO duty_handover (region_id, ends_at, version, shift, starts_at, act, login, at)"
    " SELECT region_id, ends_at, 9, shift, starts_at, 'take', 'x', at FROM duty_handover WHERE version = 3",
}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
@pytest.mark.parametrize("table", list(WRITERS))
def test_a_changed_removed_or_inserted_row_is_named(db: Database, table: str, zone: LiteralString) -> None:
    WRITERS[table](db, zone=zone)
    assert link(db) == 3
    faults, report = verify(db)
    assert (faults, report.rows) == ([], 3)
    meddle(db, CHANGE[table], REMOVE[table], INSERT[table])
    one, two, _, nine = NAMES[table]
    assert told(db) == [("changed", one), ("removed", two), ("inserted", nine)]


@pytest.mark.parametrize("table", list(WRITERS))
def test_the_application_itself_cannot_change_a_row(db: Database, table: str) -> None:
    WRITERS[table](db)
    for statement in (CHANGE[table], REMOVE[table]):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.store.scoped(SYSTEM) as conn:
            conn.execute(statement)  # pyright: ignore


@pytest.mark.parametrize("table", list(WRITERS))
def test_what_retention_takes_is_no_fault(db: Database, settings: Settings, table: str) -> None:
    WRITERS[table](db, at=NOW - dt.timedelta(days=1200))
    link(db, key=settings.audit_key)
    with db.owner() as conn:
        keeper_loop.turn(conn, settings, FixedClock(NOW))
        left = conn.execute(sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier(table))).fetchone()
    assert left == {"n": 0}
    assert told(db, key=settings.audit_key) == []


@pytest.mark.parametrize("table", CHAINED, ids=lambda t: t.table)
def test_every_chained_table_ages_as_the_keeper_says(table: Any) -> None:
    said = {name: (condition.as_string(), setting) for name, condition, setting in keeper._OLD}
    assert said[table.table] == (f"{table.aged} < %(before)s", table.keep)


def test_every_chained_table_has_its_key_and_trigger(db: Database) -> None:
    with db.owner() as conn:
        for table in CHAINED:
            row = conn.execute(
                "SELECT array_agg(a.attname::text ORDER BY a.attname) AS key FROM pg_index i JOIN pg_attribute a"
                " ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
                " WHERE i.indrelid = %s::regclass AND i.indisprimary",
                (table.table,),
            ).fetchone()
            assert row == {"key": sorted(table.key)}, table.table
