"""A notice is written once, with what it tells of, and seen by nobody who asks under a scope of their own."""

from __future__ import annotations

import datetime as dt

from ioc.scope import SYSTEM, Scope
from ioc.store import notices
from tests.conftest import Database

NOW = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)
NOTICE = notices.Notice("case:7:forward:2", "case.assigned", "department", "城管局", "派遣：井盖缺失", about="case:7")


def test_once(db: Database) -> None:
    with db.store.scoped(SYSTEM) as conn:
        first = notices.put(conn, NOTICE, NOW)
        assert notices.put(conn, NOTICE, NOW) is None
    with db.store.reading(SYSTEM) as conn:
        rows = conn.execute("SELECT * FROM notice").fetchall()
    assert [(r["notice_id"], r["to_ref"], r["about"], r["created_at"]) for r in rows] == [
        (first, "城管局", "case:7", NOW)
    ]


def test_not_read_by_region(db: Database) -> None:
    with db.store.scoped(SYSTEM) as conn:
        notices.put(conn, NOTICE, NOW)
    town = Scope("town", frozenset({"event.view"}), region_ids=frozenset({1}), departments=None, sensitivity=2)
    with db.store.reading(town) as conn:
        assert conn.execute("SELECT count(*) AS n FROM notice").fetchall()[0]["n"] == 0
