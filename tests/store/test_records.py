"""What history holds of a row (ioc/store/records.sql); what a batch of reports tells the feed and its sources."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from psycopg import sql

from ioc.clock import FixedClock
from ioc.intake.events import EventResult, Report, submit_events
from ioc.records import event_to_record
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import sources
from ioc.store.worklist import event_records
from tests.conftest import NOW, Database
from tests.store import world
from tests.store.test_events import GOOD
from tests.store.test_observations import rows

pytestmark = pytest.mark.store
TABLES = ("event", "cases", "device", "warning", "resource", "thematic_feature", "region", "grid_cell")
COMPUTED = {"geom", "geom_m", "search", "queue_rank", "queue_due", "queue_new", "known_at"}


@pytest.mark.parametrize("table", TABLES)
def test_history_holds_every_column_and_no_geometry(db: Database, table: str) -> None:
    """The list of columns gives what the whole row as JSON gave, for no place, a point and an area."""
    query = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
    columns = {r["attname"] for r in rows(db, query, table)}
    # a column of points takes no area, but a value of the row's type does where the column allows it
    kind = rows(db, "SELECT type FROM geometry_columns WHERE f_table_name = %s AND f_geometry_column = 'geom'", table)
    point, area = "SRID=4326;POINT(113.1 23.2)", "SRID=4326;MULTIPOLYGON(((113 23, 113.1 23, 113.1 23.1, 113 23)))"
    shapes: dict[str | None, set[str]] = {None: set()}
    if kind[0]["type"] in ("POINT", "GEOMETRY"):
        shapes[point] = {"lon", "lat"}
    if kind[0]["type"] in ("MULTIPOLYGON", "GEOMETRY"):
        shapes[area] = {"geometry"}
    assert len(shapes) > 1
    for shape, place in shapes.items():
        made = sql.SQL(
            "SELECT ioc_record(x) AS new, ioc_history_record(to_jsonb(x), x.geom) AS old"
            " FROM jsonb_populate_record(NULL::{}, %s::jsonb) AS x"
        ).format(sql.Identifier(table))
        (row,) = rows(db, made, json.dumps({"geom": shape}))
        assert row["new"] == row["old"]
        assert set(row["new"]) == columns - COMPUTED | place


def test_records_of_written_events_are_those_of_the_list(db: Database, settings: Settings) -> None:
    with db.owner() as conn:
        world.build(conn)
    varied = [
        {},
        {"lon": 120.03, "attributes": {"icon": "fire"}},
        {"category": None},
        {"lon": None, "lat": None, "crs": None, "region": "331101100201"},
    ]
    reports = [Report({**GOOD, "source_id": f"R{n}", **more}, SYSTEM, "x") for n, more in enumerate(varied)]
    answers = submit_events(db.store, reports, FixedClock(NOW), settings)
    ids = [a.event_id for a in answers if isinstance(a, EventResult)]
    assert len(ids) == len(varied)
    with db.store.scoped(SYSTEM) as conn:
        listed = conn.execute("SELECT * FROM worklist_event WHERE id = ANY (%s) ORDER BY id", (ids,)).fetchall()
        written = sorted(event_records(conn, ids), key=lambda r: r["id"])
    assert written == [event_to_record(r) for r in listed]


def test_a_batch_tells_each_of_its_sources_once(db: Database) -> None:
    old = NOW - dt.timedelta(hours=1)
    with db.store.scoped(SYSTEM) as conn:
        for key in ("b", "a", "quiet"):
            sources.ensure(conn, key, kind="rest", title=key, classes=["event"], interval_s=60)
        arrivals = {"b": sources.Arrival(2, 1, 1, as_of=old), "a": sources.Arrival(3, 0, 0, 3)}
        sources.arrived_many(conn, {**arrivals, "nobody": sources.Arrival(1)}, NOW)
        sources.arrived_many(conn, {"b": sources.Arrival(1, 1, as_of=old - dt.timedelta(hours=1))}, NOW)
    found = {r["source_key"]: r for r in rows(db, "SELECT * FROM source WHERE source_key IN ('a', 'b', 'quiet')")}
    told = ("received", "stored", "duplicates", "rejected", "state", "as_of", "last_data_at")
    assert [found["b"][k] for k in told] == [3, 2, 1, 0, "live", old, NOW]
    assert [found["a"][k] for k in told] == [3, 0, 0, 3, "never", None, None]
    assert found["quiet"]["last_seen_at"] is None
    log = rows(db, "SELECT source_key, state FROM source_log WHERE source_key IN ('a', 'b', 'quiet')")
    assert [(r["source_key"], r["state"]) for r in log] == [("b", "live")]
