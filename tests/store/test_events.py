"""Reporting events: located, idempotent, versioned, refused with every reason."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest

from ioc.clock import FixedClock
from ioc.errors import Invalid
from ioc.intake.event_input import EventDraft, EventIn
from ioc.intake.events import EventResult, submit_event
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from tests.conftest import NOW, Database
from tests.store import world
from tests.store.test_observations import codes, rows

pytestmark = pytest.mark.store

GOOD: dict[str, Any] = {
    "source": "grid-app",
    "source_id": "A-1",
    "title": "机动车占道",
    "category": {"scheme": "GB/T 30428", "code": "0505"},
    "urgency": "紧急",
    "lon": 120.02,
    "lat": 28.1,
    "crs": "EPSG:4490",
    "occurred_at": "2026-10-03T14:30:00+08:00",
}


@pytest.fixture
def regions(db: Database) -> dict[str, int]:
    with db.owner() as conn:
        return world.build(conn)


def submit(db: Database, settings: Settings, clock: FixedClock, scope: Scope = SYSTEM, **changes: Any) -> EventResult:
    payload = {k: v for k, v in {**GOOD, **changes}.items() if v is not ...}
    return submit_event(db.store, scope, payload, clock, "tester", settings=settings)


def refused(
    db: Database, settings: Settings, clock: FixedClock, scope: Scope = SYSTEM, **changes: Any
) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        submit(db, settings, clock, scope, **changes)
    assert sorted(r.code for r in caught.value.reasons) == codes(db), "what was refused is kept with its reasons"
    assert all(r.zh and r.en for r in caught.value.reasons)
    return {r.field: r.code for r in caught.value.reasons}


@pytest.mark.usefixtures("regions")
def test_an_event_is_located_and_told(db: Database, settings: Settings, clock: FixedClock) -> None:
    out = submit(db, settings, clock)
    assert out.state == "created"
    assert [r["code"] for r in out.regions][-1] == "331101100201"
    assert {"331100000000", "331101000000", "331101100000", "3311H1"} < {r["code"] for r in out.regions}
    assert {(c["kind"], c["code"]) for c in out.grid_cells} == {
        ("general", "33110110020101"),
        ("unit", "33110110000001"),
    }
    (event,) = rows(db, "SELECT *, ST_SRID(geom_m) AS srid FROM event")
    assert (event["urgency"], event["category_scheme"], event["category_code"]) == ("urgent", "gbt30428", "0505")
    assert (event["srid"], event["crs_orig"]) == (4549, "EPSG:4490")
    (record,) = rows(db, "SELECT topic, op, region_id, payload FROM outbox WHERE topic = 'event'")
    assert (record["op"], record["payload"]["key"], record["payload"]["icon"]) == (
        "new",
        f"event:{out.event_id}",
        "car",
    )
    assert rows(db, "SELECT op, record ->> 'lon' AS lon FROM event_history") == [{"op": "new", "lon": "120.02"}]


@pytest.mark.usefixtures("regions")
def test_the_same_again_is_no_second_row_and_a_change_is_a_version(
    db: Database, settings: Settings, clock: FixedClock
) -> None:
    first = submit(db, settings, clock)
    assert submit(db, settings, clock).state == "unchanged"
    with db.owner() as conn:
        conn.execute("UPDATE event SET status = 'closed'")
    assert submit(db, settings, clock).state == "unchanged", "a closed event is not opened by a repeated report"
    changed = submit(db, settings, clock, title="机动车占道（更正）")
    assert (changed.state, changed.version, changed.event_id) == ("updated", 2, first.event_id)
    assert rows(db, "SELECT status, version FROM event") == [{"status": "closed", "version": 2}]
    assert [r["op"] for r in rows(db, "SELECT op FROM event_history ORDER BY version")] == ["new", "change"]
    assert [r["op"] for r in rows(db, "SELECT op FROM outbox WHERE topic = 'event' ORDER BY outbox_id")] == [
        "new",
        "change",
    ]


@pytest.mark.usefixtures("regions")
def test_twenty_reporters_of_one_event_make_one_row(db: Database, settings: Settings, clock: FixedClock) -> None:
    states: list[str] = []
    threads = [threading.Thread(target=lambda: states.append(submit(db, settings, clock).state)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states) == ["created"] + ["unchanged"] * 19
    assert rows(db, "SELECT version FROM event") == [{"version": 1}]
    assert rows(db, "SELECT count(*) AS n FROM outbox WHERE topic = 'event'") == [{"n": 1}]
    counted = rows(db, "SELECT received, stored, duplicates FROM source WHERE source_key = 'grid-app'")
    assert counted == [{"received": 20, "stored": 1, "duplicates": 19}]


@pytest.mark.usefixtures("regions")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"lon": 28.1, "lat": 120.02}, {"lon": "swapped_lonlat"}),
        ({"lon": 601299.5, "lat": 2418620.9}, {"lon": "crs_mismatch"}),
        ({"lon": 121.9}, {"lon": "out_of_area"}),
        ({"lon": "x", "lat": None}, {"lon": "bad_number", "lat": "missing_field"}),
        ({"crs": "EPSG:3857"}, {"crs": "unknown_crs"}),
        ({"crs": ...}, {"crs": "missing_field"}),
        ({"urgency": "soon"}, {"urgency": "unknown_urgency"}),
        ({"incident_level": 5}, {"incident_level": "bad_level"}),
        ({"category": {"scheme": "x", "code": "1"}}, {"category.scheme": "unknown_scheme"}),
        ({"category": {"scheme": "gbt30428", "code": "0000"}}, {"category.code": "unknown_category"}),
        ({"category": "0505"}, {"category": "bad_object"}),
        ({"occurred_at": "2026-10-03T15:00:00+08:00"}, {"occurred_at": "future_time"}),
        ({"occurred_at": "soon"}, {"occurred_at": "bad_time"}),
        ({"title": "题" * 201}, {"title": "too_long"}),
        ({"device": "none"}, {"device": "unknown_device"}),
        ({"status": "gone", "suspected": "perhaps"}, {"status": "bad_choice", "suspected": "bad_choice"}),
        ({"lon": ..., "lat": ..., "crs": ..., "region": "999"}, {"region": "unknown_region"}),
    ],
)
def test_every_field_has_its_reason(
    db: Database, settings: Settings, clock: FixedClock, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    assert refused(db, settings, clock, **changes) == expected
    assert rows(db, "SELECT count(*) AS n FROM event") == [{"n": 0}]


def test_an_empty_report_names_every_required_field(db: Database, settings: Settings, clock: FixedClock) -> None:
    with pytest.raises(Invalid) as caught:
        submit_event(db.store, SYSTEM, {}, clock, "tester", settings=settings)
    assert {r.field for r in caught.value.reasons} == {
        *("source", "source_id", "title", "urgency", "occurred_at", "lon", "lat", "crs")
    }


def test_offset_coordinates_are_moved_and_kept(
    db: Database, settings: Settings, clock: FixedClock, regions: dict[str, int]
) -> None:
    out = submit(db, settings, clock, lon=120.0245, lat=28.0975, crs="GCJ-02")
    (event,) = rows(db, "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, x_orig, y_orig, crs_orig FROM event")
    assert (event["x_orig"], event["y_orig"], event["crs_orig"]) == (120.0245, 28.0975, "GCJ-02")
    assert 0.003 < 120.0245 - event["lon"] < 0.006
    assert out.regions[-1]["region_id"] == regions["331101100201"]


@pytest.mark.usefixtures("regions")
def test_a_point_on_a_shared_edge_belongs_to_the_smaller_code(
    db: Database, settings: Settings, clock: FixedClock
) -> None:
    out = submit(db, settings, clock, lon=120.05)
    assert [c["code"] for c in out.grid_cells if c["kind"] == "general"] == ["33110110020101"]
    assert submit(db, settings, clock, source_id="A-2", lon=120.1).regions[-1]["code"] == "331101100201"


@pytest.mark.usefixtures("regions")
def test_in_the_buffer_but_in_no_region(db: Database, settings: Settings, clock: FixedClock) -> None:
    out = submit(db, settings, clock, lon=120.43)
    assert (out.state, list(out.regions)) == ("created", [])


def test_a_reporter_may_only_report_inside_its_scope(
    db: Database, settings: Settings, clock: FixedClock, regions: dict[str, int]
) -> None:
    town = Scope("town", frozenset({"event.write"}), region_ids=frozenset({regions["331101101000"]}), departments=None)
    assert refused(db, settings, clock, town) == {"lon": "out_of_scope"}
    assert submit(db, settings, clock, town, source_id="B", lon=120.3).state == "created"
    submit(db, settings, clock, source_id="C")
    with pytest.raises(Invalid):  # moving somebody else's event into the own town
        submit(db, settings, clock, town, source_id="C", lon=120.3)
    assert rows(db, "SELECT version FROM event WHERE source_id = 'C'") == [{"version": 1}]


def test_extra_fields_are_kept_and_the_model_says_what_is_read(
    db: Database, settings: Settings, clock: FixedClock
) -> None:
    submit(db, settings, clock, reporter="网格员甲", attributes={"photos": 2})
    assert rows(db, "SELECT attributes FROM event") == [{"attributes": {"reporter": "网格员甲", "photos": 2}}]
    read = set(EventDraft.__slots__) - {"category_scheme", "category_code", "x_orig", "y_orig", "crs_orig"}
    renamed = {"category", "crs", "region", "department"} | (read - {"region_code", "private_to"})
    assert set(EventIn.model_fields) == renamed


def test_the_source_of_a_report_appears_with_its_health(db: Database, settings: Settings, clock: FixedClock) -> None:
    submit(db, settings, clock)
    clock.advance(1)
    submit(db, settings, clock)
    (source,) = rows(db, "SELECT state, received, stored, duplicates, as_of FROM source WHERE source_key = 'grid-app'")
    assert (source["state"], source["received"], source["stored"], source["duplicates"]) == ("live", 2, 1, 1)
    assert source["as_of"] == dt.datetime(2026, 10, 3, 6, 30, tzinfo=dt.UTC) < NOW
