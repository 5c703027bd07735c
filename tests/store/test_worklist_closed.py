"""今日办结: the number of the tab and the list behind it are the same cases, under every scope and in every region."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from ioc.clock import FixedClock, local_day
from ioc.registry import Registry
from ioc.scope import SYSTEM, Scope
from ioc.services_live import LiveServices
from ioc.settings import Settings
from tests.conftest import NOW, Database
from tests.store import world

pytestmark = pytest.mark.store
TOWN, VILLAGE = "331101100000", "331101100201"


@pytest.fixture
def services(db: Database, settings: Settings, clock: FixedClock) -> LiveServices:
    with db.owner() as conn:
        ids = world.build(conn)
        start, stop = local_day(NOW, settings.tz)
        second = dt.timedelta(seconds=1)
        cases = [  # number, region, closed, private to, sensitivity
            ("A", VILLAGE, NOW - dt.timedelta(hours=1), None, 0),
            ("B", TOWN, start, None, 0),
            ("C", "331101101000", NOW - dt.timedelta(minutes=1), None, 0),
            ("yesterday", VILLAGE, start - second, None, 0),
            ("tomorrow", VILLAGE, stop, None, 0),
            ("open", VILLAGE, None, None, 0),
            ("police", VILLAGE, NOW - dt.timedelta(hours=2), "公安局", 0),
            ("secret", VILLAGE, NOW - dt.timedelta(hours=3), None, 2),
        ]
        for number, region, closed, private, level in cases:
            opened = start - dt.timedelta(days=3)
            values = {"n": number, "r": ids[region], "o": opened, "c": closed, "p": private, "s": level}
            conn.execute(
                "INSERT INTO cases (number, source, source_id, flow, stage, title, region_id, opened_at, closed_at,"
                " private_to, sensitivity) VALUES (%(n)s, 't', %(n)s, 'grid', 'closed', %(n)s, %(r)s, %(o)s, %(c)s,"
                " %(p)s, %(s)s)",
                values,
            )
    return LiveServices(settings, db.store, Registry(), clock)


def numbers(services: LiveServices, scope: Scope, region: str = "") -> list[str]:
    found = services.closed_today(scope, region)
    assert found.total == len(found.rows) == services.counts(scope, region).closed_today
    assert all(r["closed"] for r in found.rows)
    return [str(r["number"]) for r in found.rows]


def test_the_list_is_what_the_tab_counts(services: LiveServices) -> None:
    public = replace(SYSTEM, departments=frozenset(), sensitivity=0)
    assert numbers(services, SYSTEM) == ["C", "A", "police", "secret", "B"], "last closed first, from midnight on"
    assert numbers(services, public) == ["C", "A", "B"]
    assert numbers(services, SYSTEM, TOWN) == ["A", "police", "secret", "B"]
    assert numbers(services, public, VILLAGE) == ["A"]


def test_without_the_right_there_is_nothing(services: LiveServices) -> None:
    blind = replace(SYSTEM, permissions=frozenset({"event.view"}))
    assert numbers(services, blind) == []
