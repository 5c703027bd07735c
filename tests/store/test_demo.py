"""Loading, dropping and running the demo against a real server, with the town-sized pack."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from data_sources import demo
from data_sources._demo import drop, indexes, sim
from data_sources._demo.drop import drop_rows
from data_sources._demo.work import connect
from ioc.cases.published import current
from ioc.cases.recompute import recompute
from ioc.cases.work import Actor
from ioc.clock import FixedClock
from ioc.command import flooding
from ioc.command.answer import answer
from ioc.command.asking import Ask
from ioc.command.opening import Wish
from ioc.command.ordering import Order, Orders
from ioc.command.work import Incidents
from ioc.geo import metre_srid
from ioc.intake.context import SourceContext
from ioc.ops.config_import import import_table
from ioc.ops.up import demo_people
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.services_live import LiveServices
from ioc.settings import Settings
from ioc.store import dispatch
from ioc.store.cells import device_counts
from ioc.store.database import dsns
from ioc.store.locate import cells_at
from tests.conftest import Database
from tests.demo_city import load_demo, packs

pytestmark = pytest.mark.store


@pytest.fixture
def loaded(db: Database, settings: Settings, clock: FixedClock) -> demo.LoadReport:
    return load_demo(settings, clock)


def count(db: Database, table: str, where: str = "true") -> int:
    with db.owner() as conn:
        query = sql.SQL("SELECT count(*) AS n FROM {} WHERE ").format(sql.Identifier(table)) + sql.SQL(where)  # pyright: ignore
        row = conn.execute(query).fetchone()
    return int(row["n"]) if row else 0


CELL_KINDS = {"general": "kind = 'general'", "unit": "kind = 'unit'", "special": "kind = 'special'"}


def test_town_centre_has_its_counts(db: Database, loaded: demo.LoadReport) -> None:
    assert count(db, "region", "kind = 'village'") == 14
    assert count(db, "device", "class = 'camera'") == 324
    assert count(db, "device", "class = 'sensor'") == 180
    kinds = {k: count(db, "grid_cell", w) for k, w in CELL_KINDS.items()}
    assert kinds == {"general": 34, "unit": 7, "special": 1}
    assert count(db, "grid_cell", "NOT sketch OR officers = '[]'") == 0
    assert loaded.counts["device"] == count(db, "device")
    assert loaded.counts["observation"] == count(db, "observation")
    assert count(db, "device", "origin <> 'demo'") == 0
    with db.store.scoped(SYSTEM) as conn:
        assert device_counts(conn, SYSTEM, None)["camera"].total == 324


def test_rows_are_as_the_product_expects_them(db: Database, loaded: demo.LoadReport) -> None:
    with db.owner() as conn:
        for problem in (
            "SELECT 1 FROM device d LEFT JOIN region r USING (region_id) WHERE r.kind IS DISTINCT FROM 'village'",
            "SELECT 1 FROM device d JOIN region r USING (region_id) WHERE NOT ST_DWithin(r.geom, d.geom, 0.00001)",
            "SELECT 1 FROM device WHERE ST_Distance(ST_Transform(geom, ST_SRID(geom_m)), geom_m) > 0.01",
            "SELECT 1 FROM device d WHERE class = 'sensor'"
            " AND NOT EXISTS (SELECT FROM datastream s WHERE s.device_id = d.device_id)",
            "SELECT 1 FROM latest l WHERE NOT EXISTS"
            " (SELECT FROM datastream s WHERE s.datastream_id = l.datastream_id)",
            "SELECT 1 FROM device d WHERE exceeded <> EXISTS"
            " (SELECT FROM datastream s JOIN latest l USING (datastream_id)"
            " WHERE s.device_id = d.device_id AND l.exceeded)",
            "SELECT 1 FROM event WHERE case_id IS NOT NULL AND case_id NOT IN (SELECT case_id FROM cases)",
            "SELECT 1 FROM cases c WHERE NOT EXISTS (SELECT FROM case_history h WHERE h.case_id = c.case_id)",
            "SELECT 1 FROM event e WHERE NOT EXISTS (SELECT FROM event_history h WHERE h.event_id = e.event_id)",
            "SELECT 1 FROM cases"
            " WHERE on_time IS DISTINCT FROM (CASE WHEN closed_at IS NOT NULL THEN closed_at <= total_due_at END)",
            "SELECT 1 FROM grid_cell, jsonb_array_elements(officers) o WHERE o ->> 'phone_masked' !~ '[*]{4}'",
            "SELECT 1 FROM observation WHERE (value IS NULL) <> (quality = 3)",
        ):  # fmt: skip
            assert conn.execute(problem).fetchall() == [], problem  # pyright: ignore
    assert count(db, "latest", "observed_at > '2026-10-03 06:32:08+00'") == 0


def test_reports_lie_in_one_cell_of_each_kind(db: Database, loaded: demo.LoadReport) -> None:
    """As the intake would have assigned them."""
    with db.owner() as conn:
        found = conn.execute("SELECT grid_cell_ids AS ids, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM event").fetchall()
        for row in found:
            cells = [c["grid_cell_id"] for c in cells_at(conn, row["lon"], row["lat"])]
            assert row["ids"] == cells
    assert len({len(row["ids"]) for row in found}) > 1


def test_notes_of_the_pack_are_told_until_the_demo_goes(
    db: Database, settings: Settings, clock: FixedClock, loaded: demo.LoadReport
) -> None:
    services = LiveServices(settings, db.store, packs(), clock)
    centre = services.centre(SYSTEM)
    assert [n.zh[:6] for n in centre.notes] == ["镇、村、网格"]
    assert any("GeoNames" in c for c in centre.credits)
    demo.drop(settings, dsns(settings), clock)
    assert (services.centre(SYSTEM).notes, services.centre(SYSTEM).credits) == ((), ())


def test_some_reports_are_still_to_be_accepted(db: Database, loaded: demo.LoadReport) -> None:
    assert 2 <= count(db, "event", "status = 'open' AND case_id IS NULL") <= 6


def test_newest_observation_is_the_latest(db: Database, loaded: demo.LoadReport) -> None:
    with db.owner() as conn:
        rows = conn.execute(
            "SELECT l.value, o.value AS stored FROM latest l JOIN datastream USING (datastream_id)"
            " JOIN device d USING (device_id) JOIN observation o USING (datastream_id, observed_at)"
            " WHERE d.status = 'online'"
        ).fetchall()
    assert len(rows) > 100
    assert all(r["value"] == r["stored"] for r in rows)


KEYS = (
    ("device", "device_id"),
    ("observation", "datastream_id, observed_at"),
    ("cases", "case_id"),
    ("event", "event_id"),
    ("grid_cell", "grid_cell_id"),
    ("region", "code"),
    ("latest", "datastream_id"),
    ("resource", "external_id"),
    ("target", "external_id"),
    ("device_state_log", "device_id, recorded_at"),
)


def hashes(db: Database) -> dict[str, str]:
    out = {}
    with db.owner() as conn:
        for table, key in KEYS:
            query = sql.SQL("SELECT md5(string_agg(t::text, '' ORDER BY {})) AS h FROM {} t").format(
                sql.SQL(key),
                sql.Identifier(table),  # pyright: ignore
            )
            row = conn.execute(query).fetchone()
            out[table] = row["h"] if row else ""
    return out


def test_one_seed_gives_the_same_rows_and_a_second_load_replaces_the_first(
    db: Database, settings: Settings, clock: FixedClock
) -> None:
    load_demo(settings, clock, seed=3)
    drop_ids = ";".join(
        f"ALTER SEQUENCE {t}_{t}_id_seq RESTART" for t in ("region", "resource", "target")
    )  # loaded anew, not numbered on
    first = hashes(db)
    with db.owner() as conn:
        for part in drop_ids.split(";"):
            conn.execute(part)  # pyright: ignore
    load_demo(settings, clock, seed=3)
    assert hashes(db) == first
    load_demo(settings, clock, seed=4)
    assert hashes(db)["device"] != first["device"]
    assert count(db, "device", "class = 'camera'") == 324


def tables_with_origin(db: Database) -> list[str]:
    with db.owner() as conn:
        rows = conn.execute(
            "SELECT table_name FROM information_schema.columns c JOIN information_schema.tables t"
            " USING (table_schema, table_name) WHERE table_schema = 'public' AND column_name = 'origin'"
            " AND table_type = 'BASE TABLE'"
        ).fetchall()
    return sorted(r["table_name"] for r in rows)


def test_nothing_of_the_demo_is_left_after_the_drop(
    db: Database, settings: Settings, clock: FixedClock, loaded: demo.LoadReport
) -> None:
    from ioc.accounts.base import Accounts
    from ioc.accounts.users import make_demo_users

    make_demo_users(Accounts(db.store, settings, clock), "440981102000")
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO reject (recorded_at, source, reasons, origin) VALUES (%s, 'demo.iot', '[]', 'demo')",
            (clock.at,),
        )
        conn.execute("INSERT INTO import_batch (kind, source, actor, origin) VALUES ('devices', 'x', 'demo', 'demo')")
        conn.execute(
            "INSERT INTO indicator_value (code, region_id, computed_at, value, state, origin)"
            " SELECT 'camera_online', region_id, %s, 97.6, 'ok', 'demo' FROM region LIMIT 1",
            (clock.at,),
        )
    walked = tables_with_origin(db)
    filled = [t for t in walked if count(db, t, "origin = 'demo'")]
    assert {"device", "observation"} - set(filled) == {"observation"}
    assert {"region", "event", "cases", "event_history", "source", "account", "reject", "indicator_value"} <= set(
        filled
    )
    assert demo.drop(settings, dsns(settings), clock) > 1000
    for table in walked:
        assert count(db, table, "origin = 'demo'") == 0, table
    for table in (
        "observation",
        "latest",
        "device_cell",
        "region_closure",
        "session",
        "indicator_value",
        "indicator_run",
    ):
        assert count(db, table) == 0, table
    assert count(db, "setting", "key IN ('pack', 'demo')") == 0
    assert not (settings.root / "demo-users.json").exists()
    assert not (settings.root / "packs").exists()


def test_real_rows_survive_the_drop_without_links_into_it(
    db: Database, settings: Settings, clock: FixedClock, loaded: demo.LoadReport
) -> None:
    with db.owner() as conn:
        village = conn.execute("SELECT region_id FROM region WHERE kind = 'village' ORDER BY code LIMIT 1").fetchone()
        gateway = conn.execute("SELECT device_id FROM device WHERE class = 'gateway' LIMIT 1").fetchone()
        cell = conn.execute("SELECT grid_cell_id FROM grid_cell LIMIT 1").fetchone()
        assert village
        assert gateway
        assert cell
        row = conn.execute(
            "INSERT INTO device (source, external_id, kind, class, name, geom, h3_10, region_id, gateway_id)"
            " VALUES ('real', 'R1', 'air', 'sensor', '真站', ST_SetSRID(ST_MakePoint(111.16, 21.88), 4326), 1, %s, %s)"
            " RETURNING device_id",
            (village["region_id"], gateway["device_id"]),
        ).fetchone()
        assert row
        stream = conn.execute(
            "INSERT INTO datastream (device_id, property, region_id) VALUES (%s, 'pm25', %s) RETURNING datastream_id",
            (row["device_id"], village["region_id"]),
        ).fetchone()
        assert stream
        conn.execute(
            "INSERT INTO observation (datastream_id, observed_at, value) VALUES (%s, %s, 12)",
            (stream["datastream_id"], clock.at),
        )
        conn.execute(
            "INSERT INTO event (source, source_id, title, occurred_at, received_at, region_id, grid_cell_ids)"
            " VALUES ('real', 'E1', '真事件', %(at)s, %(at)s, %(region)s, %(cells)s)",
            {"at": clock.at, "region": village["region_id"], "cells": [cell["grid_cell_id"]]},
        )
    demo.drop(settings, dsns(settings), clock)
    with db.owner() as conn:
        device = conn.execute("SELECT region_id, gateway_id FROM device").fetchall()
        event = conn.execute("SELECT region_id, grid_cell_ids FROM event").fetchall()
    assert device == [{"region_id": None, "gateway_id": None}]
    assert event == [{"region_id": None, "grid_cell_ids": []}]
    assert count(db, "observation") == 1
    assert count(db, "region") == 0


def index_names(db: Database) -> set[str]:
    with db.owner() as conn:
        rows = conn.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'device'").fetchall()
    return {r["indexname"] for r in rows}


def test_indexes_a_killed_load_left_behind_come_back(db: Database, settings: Settings, clock: FixedClock) -> None:
    whole = index_names(db)
    with connect(dsns(settings).owner) as conn:
        indexes.take_down(conn)
    assert len(index_names(db)) < len(whole)
    load_demo(settings, clock)
    assert index_names(db) == whole
    assert count(db, "setting", "key = 'demo.indexes'") == 0
    with connect(dsns(settings).owner) as conn:
        indexes.take_down(conn)
    assert index_names(db) == whole  # never from under rows


def test_drop_of_an_empty_centre_changes_nothing(db: Database, settings: Settings) -> None:
    with connect(dsns(settings).owner) as conn:
        assert drop_rows(conn) == {}


# ---------------------------------------------------------------- the simulator


@pytest.fixture
def context(db: Database, settings: Settings, clock: FixedClock, loaded: demo.LoadReport) -> Iterator[SourceContext]:
    stop = threading.Event()
    registry = Registry(packs=packs().packs)
    yield SourceContext("demo", settings, registry, db.store, clock, stop)
    stop.set()


def life(context: SourceContext) -> sim.Life:
    record = sim._loaded(context)
    assert record is not None
    return sim._start(context, record)


def test_values_go_on_where_the_history_ends(db: Database, context: SourceContext, clock: FixedClock) -> None:
    before = count(db, "observation")
    running = life(context)
    for _ in range(30):
        clock.advance(10)
        running.tick()
    # every sensor that is not silent speaks once in five minutes
    alive = count(db, "device", "class = 'sensor' AND status = 'online'")
    new = count(db, "observation") - before
    assert alive <= new <= 2.4 * alive
    assert count(db, "reject") == 0
    assert count(db, "latest", "observed_at > '2026-10-03 06:32:08+00'") >= alive
    assert count(db, "source", "state IN ('live', 'late')") == 9
    with db.owner() as conn:
        row = conn.execute("SELECT max(last_seen_at) AS at FROM source").fetchone()
    assert row
    assert clock.at - row["at"] <= dt.timedelta(seconds=10)


def test_reports_become_cases_and_cases_move_on(db: Database, context: SourceContext, clock: FixedClock) -> None:
    demo.set_rate(dsns(context.settings), 0.2)
    events, cases = count(db, "event"), count(db, "cases")
    running = life(context)
    for _ in range(40):
        clock.advance(6)
        running.tick()
    assert count(db, "event") > events + 20
    assert count(db, "cases") > cases + 10
    assert count(db, "cases", "version > 1") > 10
    assert count(db, "case_history") == cases + count(db, "case_history", "recorded_at > '2026-10-03 06:32:08+00'")
    with db.owner() as conn:
        topics = {r["t"] for r in conn.execute("SELECT DISTINCT topic || ':' || op AS t FROM outbox").fetchall()}
        wrong = conn.execute(
            "SELECT c.case_id FROM cases c JOIN case_history h USING (case_id, version)"
            " WHERE h.record ->> 'stage' <> c.stage"
        ).fetchall()
    assert {"event:new", "event:remove", "case:new", "case:change"} <= topics
    assert 2 <= count(db, "event", "status = 'open' AND case_id IS NULL") <= 10, "the newest wait"
    assert count(db, "cases", "opened_at > '2026-10-03 06:32:08+00' AND department = ''") == 0
    # another process goes on with what this one left
    clock.advance(60)
    life(context).look(clock.now())
    assert count(db, "event", "status = 'open' AND case_id IS NULL AND urgency <> 'routine'") == 0
    assert count(db, "event", "status = 'open' AND case_id IS NULL") == 2
    assert wrong == []
    assert count(db, "event", "origin <> 'demo'") == 0


def test_an_ordered_vehicle_signs_drives_to_the_place_and_reports(
    db: Database, context: SourceContext, clock: FixedClock
) -> None:
    running = life(context)
    with db.owner() as conn:
        car: Any = conn.execute(
            "SELECT r.resource_id, ST_X(r.geom) AS lon, ST_Y(r.geom) AS lat FROM resource r"
            " WHERE r.kind = 'vehicle' AND r.vehicle_class <> '' ORDER BY 1 LIMIT 1"
        ).fetchone()
    s = context.settings
    incidents = Incidents(db.store, clock, s.area_buffer_m, s.tz)
    chief = Actor(replace(SYSTEM, actor="chief"), "何敏仪")
    place = {"lon": car["lon"] + 0.02, "lat": car["lat"], "crs": "EPSG:4490"}
    case_id = incidents.open(chief, Wish("hand", title="物流仓库火情", cls=2, place=place))["incident_id"]
    order = Order("排烟", ("resource", str(car["resource_id"])))
    task: int = Orders(incidents).give(chief, case_id, order)["task"]["task_id"]

    def seen() -> Any:
        with db.owner() as conn:
            return conn.execute(
                "SELECT t.state, t.signed_by, (SELECT ST_Distance(l.geom::geography, c.geom::geography)"
                " FROM resource_live l WHERE l.resource_id = %s) AS away"
                " FROM task t JOIN cases c USING (case_id) WHERE task_id = %s",
                (car["resource_id"], task),
            ).fetchone()

    states, away = [], []
    for _ in range(240):
        clock.advance(10)
        running.fleet_on_road.drive(clock.now(), running.crews.work(clock.now()))
        now = seen()
        if not states or states[-1] != now["state"]:
            states.append(now["state"])
        away.append(now["away"])
        if now["state"] == "done":
            break
    assert states == ["issued", "signed", "working", "done"]
    assert now["signed_by"]
    assert away[0] > 1000
    assert away[-1] < 1, "it stands at the place"
    # nobody else's order is answered
    other = Orders(incidents).give(chief, case_id, Order("警戒", ("person", "林志明")))["task"]["task_id"]
    clock.advance(600)
    running.crews.work(clock.now())
    assert count(db, "task", f"task_id = {other} AND state = 'issued'") == 1


def test_simulator_ends_with_the_demo_and_hides_itself(db: Database, context: SourceContext, clock: FixedClock) -> None:
    with db.owner() as conn:
        conn.execute("INSERT INTO source (source_key, title) VALUES ('demo', 'x')")
    running = life(context)
    clock.advance(6)
    running.tick()
    assert not running.over
    demo.drop(context.settings, dsns(context.settings), clock)
    clock.advance(6)
    running.look(clock.now())
    assert running.over
    assert sim._loaded(context) is None
    sim._hide(context)
    assert count(db, "source") == 0


def test_simulator_of_an_unknown_pack_does_nothing(db: Database, context: SourceContext) -> None:
    with db.owner() as conn:
        conn.execute("UPDATE setting SET value = %s WHERE key = 'demo'", (Jsonb({"key": "elsewhere"}),))
    assert sim._loaded(context) is None


def test_a_drop_that_met_other_writers_is_tried_again(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[int] = []
    whole = drop._drop

    def meets(conn: Any) -> dict[str, int]:
        met.append(1)
        if len(met) < 3:
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        return whole(conn)

    monkeypatch.setattr(drop, "_drop", meets)
    with psycopg.connect(db.dsn_owner, autocommit=True) as conn:
        assert drop.drop_rows(conn) == {}
    assert len(met) == 3


def test_sample_deadlines_come_and_go_with_the_demo(
    db: Database, settings: Settings, clock: FixedClock, loaded: demo.LoadReport
) -> None:
    assert count(db, "terms_publication", "origin = 'demo'") == count(db, "terms_publication") == 4
    with db.store.reading(SYSTEM) as conn:
        rules = current(conn, settings.tz)
    assert rules.table is not None
    assert rules.calendar is not None
    assert rules.table.sample
    assert (rules.calendar.sample, rules.calendar.years) == (True, frozenset({2026}))
    assert recompute(db.store, clock, settings.tz).changed == 0, "cases of the demo bring their own deadlines"
    demo.drop(settings, dsns(settings), clock)
    for table in ("terms_publication", "deadline_row", "calendar_hours", "calendar_day", "calendar_market"):
        assert count(db, table) == 0, table


def test_the_demo_has_its_own_dispatch_and_its_people_have_work(
    db: Database, settings: Settings, clock: FixedClock, loaded: demo.LoadReport
) -> None:
    with db.store.scoped(SYSTEM) as conn:
        names = {str(d["name"]) for d in dispatch.departments(conn)}
        rules, (_, escalation) = dispatch.rules(conn), dispatch.escalation(conn)
    given = "department NOT IN (SELECT name FROM department)"
    assert count(db, "cases", f"flow <> 'incident' AND {given}") == 0, "every case is with a department of the table"
    assert {r.department for r in rules.rows if r.department} <= names
    assert rules.find("grid", "0110", ["440981102000"]) is not None
    assert [r.level for r in escalation] == [1, 2, 3]
    with db.owner() as conn, conn.cursor(row_factory=tuple_row) as cur:
        town, officer, department = demo_people(cur)
    assert (town, department in names) == ("440981102000", True)
    mine = "closed_at IS NULL AND flow = 'grid' AND officer = '" + officer + "'"
    assert count(db, "cases", mine) >= 1
    assert count(db, "cases", f"closed_at IS NULL AND department = '{department}'") >= 1
    with db.owner() as conn:
        others = conn.execute(
            "SELECT count(*) AS n FROM cases c JOIN grid_cell g USING (grid_cell_id) WHERE c.flow = 'grid'"
            " AND c.stage IN ('forwarded', 'handling') AND g.officers -> 0 ->> 'name' <> c.officer"
        ).fetchone()
        assert others == {"n": 0}, "and in the hands of its cell's officer"
    demo.drop(settings, dsns(settings), clock)
    for table in ("dispatch_version", "department", "dispatch_rule", "duplicate_rule", "escalation_rule"):
        assert count(db, table) == 0, table


def test_tables_a_place_has_imported_go_before_those_of_the_demo(
    db: Database, settings: Settings, clock: FixedClock
) -> None:
    text = "编码,名称,层级\nA,本市城管局,市级\n".encode()
    import_table(db.store, settings, clock, "departments", "部门.csv", text, "test", False)
    load_demo(settings, clock)
    with db.store.scoped(SYSTEM) as conn:
        assert [d["name"] for d in dispatch.departments(conn)] == ["本市城管局"]
    demo.drop(settings, dsns(settings), clock)
    with db.store.scoped(SYSTEM) as conn:
        assert [d["name"] for d in dispatch.departments(conn)] == ["本市城管局"]


def test_the_panels_of_command_have_something_to_say(
    db: Database, settings: Settings, loaded: demo.LoadReport, clock: FixedClock
) -> None:
    assert loaded.counts["population_unit"] == 34
    with db.owner() as conn:
        (place,) = conn.execute(
            "SELECT ST_X(c) AS lon, ST_Y(c) AS lat FROM (SELECT ST_Centroid(ST_Extent(geom)) AS c FROM grid_cell) x"
        ).fetchall()
        people = conn.execute("SELECT sum(population) AS n FROM region WHERE kind = 'village'").fetchone()
    assert abs(count(db, "population_unit", "total > 0") - 34) < 3
    ask = Ask(SYSTEM, place["lon"], place["lat"], clock.now(), metre_srid(place["lon"]))
    said = {key: answer(db.store, key, ask) for key in ("people", "weather")}
    assert {k: (s.state, s.origin) for k, s in said.items()} == {"people": ("ok", "demo"), "weather": ("ok", "demo")}
    assert people is not None
    assert 0 < said["people"].data["areas"][-1]["total"] <= people["n"] * 1.01
    assert said["weather"].data["values"]["wind_direction"]["to_zh"].startswith("吹向")
    told = flooding.simulate(db.store, ask, flooding.Wish(rise_m=3))
    assert (told["what_if"], told["origin"], told["area_m2"] > 0) == (True, "demo", True)
    drop_rows_of(db)
    for table in ("population_unit", "building", "terrain", "terrain_block", "dataset_edition"):
        assert count(db, table) == 0, table


def drop_rows_of(db: Database) -> None:
    with connect(db.dsn_owner) as conn:
        drop_rows(conn)
