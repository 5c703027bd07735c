"""The observation pipeline on a real PostGIS: what is stored, counted, refused, and what follows from it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from typing import Any, LiteralString

import pytest
from psycopg import sql

from ioc.clock import FixedClock
from ioc.intake.observations import ObservationIntake, Result
from ioc.intake.readings import Reading
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import sources
from tests.conftest import NOW, Database

pytestmark = pytest.mark.store


def add_device(db: Database, external_id: str, kind: str = "water_level", source: str = "test", **extra: Any) -> int:
    """A sensor in no region, straight into the table."""
    values = {"status": "unknown", "class": "sensor", "national_id": None, "interval_s": 300, **extra}
    with db.owner() as conn:
        row = conn.execute(
            """
            INSERT INTO device (source, external_id, national_id, kind, class, name, status, geom, h3_10, interval_s)
            VALUES (%(source)s, %(id)s, %(national_id)s, %(kind)s, %(class)s, %(id)s, %(status)s,
                    ST_SetSRID(ST_MakePoint(120.1, 28.4), 4326), 622236750694711295, %(interval_s)s)
            RETURNING device_id
            """,
            {"source": source, "id": external_id, "kind": kind, **values},
        ).fetchone()
    assert row is not None
    return int(row["device_id"])


def limit(db: Database, device_id: int, prop: str, high: float) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO datastream (device_id, property, unit, limit_high) VALUES (%s, %s, 'm', %s)",
            (device_id, prop, high),
        )


def rows(db: Database, query: LiteralString | sql.Composed, *params: Any) -> list[dict[str, Any]]:
    with db.owner() as conn:
        return conn.execute(query, params).fetchall()


def whole(db: Database, tables: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Every row of `tables`, in the order of their first column."""
    return {t: rows(db, sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier(t))) for t in tables}


def codes(db: Database) -> list[str]:
    return [
        r["code"]
        for r in rows(db, "SELECT r ->> 'code' AS code FROM reject, jsonb_array_elements(reasons) r ORDER BY 1")
    ]


@pytest.fixture
def intake(db: Database, settings: Settings, clock: FixedClock) -> ObservationIntake:
    with db.store.scoped(SYSTEM) as conn:
        sources.ensure(conn, "t", kind="mqtt", title="测试", classes=["sensor"], interval_s=60)
    return ObservationIntake(db.store, settings, clock, "t")


def reading(
    value: Any, seconds: float = 0, device: str = "w1", prop: str = "water_level", quality: Any = None
) -> Reading:
    return Reading(device, prop, value, (NOW + dt.timedelta(seconds=seconds)).isoformat(), quality)


def send(intake: ObservationIntake, *readings: Reading) -> Result:
    out = intake.submit(readings)
    assert out.received == out.stored + out.duplicates + out.rejected
    return out


def test_value_creates_the_datastream_with_the_dictionary_defaults(db: Database, intake: ObservationIntake) -> None:
    add_device(db, "w1", "noise")
    assert send(intake, reading(61.5, prop="noise")).stored == 1
    (stream,) = rows(db, "SELECT * FROM datastream")
    assert (stream["property"], stream["unit"], stream["limit_high"]) == ("noise", "dB(A)", 70)
    assert "GB 3096" in stream["limit_note"]
    assert rows(db, "SELECT value FROM latest") == [{"value": 61.5}]


def test_duplicates_are_stored_once_and_a_different_value_is_refused(db: Database, intake: ObservationIntake) -> None:
    add_device(db, "w1")
    first = send(intake, reading(3.2), reading(3.2), reading(3.3))
    assert (first.stored, first.duplicates, first.rejected) == (1, 1, 1)
    again = send(intake, reading(3.2), reading(9.0))
    assert (again.stored, again.duplicates, again.rejected) == (0, 1, 1)
    assert codes(db) == ["conflicting_value", "conflicting_value"]
    assert rows(db, "SELECT value FROM observation") == [{"value": 3.2}]


def test_late_values_land_at_their_own_time_and_leave_latest(db: Database, intake: ObservationIntake) -> None:
    add_device(db, "w1")
    send(intake, reading(3.0))
    send(intake, reading(2.0, -3600), reading(1.0, -40 * 86400))
    assert [r["value"] for r in rows(db, "SELECT value FROM observation ORDER BY observed_at")] == [1.0, 2.0, 3.0]
    assert rows(db, "SELECT value FROM latest") == [{"value": 3.0}]
    part = rows(db, "SELECT tableoid::regclass::text AS part FROM observation ORDER BY observed_at LIMIT 1")
    assert part == [{"part": "observation_20260824"}]


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (Reading("nobody", "water_level", 1, NOW.isoformat()), "unknown_device"),
        (Reading("w1", "colour", 1, NOW.isoformat()), "unknown_property"),
        (Reading("w1", "water_level", "abc", NOW.isoformat()), "bad_number"),
        (Reading("w1", "water_level", "NaN", NOW.isoformat()), "bad_number"),
        (Reading("w1", "water_level", 99999, NOW.isoformat()), "out_of_range"),
        (Reading("w1", "water_level", 1, "yesterday"), "bad_time"),
        (Reading("w1", "water_level", 1, (NOW + dt.timedelta(minutes=11)).isoformat()), "future_time"),
        (Reading("w1", "water_level", 1, (NOW - dt.timedelta(days=91)).isoformat()), "too_old"),
        (Reading("w1", "water_level", 1, NOW.isoformat(), "excellent"), "bad_choice"),
        (Reading("both", "water_level", 1, NOW.isoformat()), "ambiguous_device"),
        (Reading("w\x001", "water_level", 1, NOW.isoformat()), "unknown_device"),
    ],
)
def test_every_reason_is_stored(db: Database, intake: ObservationIntake, item: Reading, code: str) -> None:
    add_device(db, "w1")
    add_device(db, "both", source="a")
    add_device(db, "both", source="b")
    out = send(intake, item, reading(1.0))
    assert (out.stored, out.rejected) == (1, 1), "the good value beside the bad one is kept"
    assert codes(db) == [code]
    assert rows(db, "SELECT received, stored, rejected FROM source WHERE source_key = 't'") == [
        {"received": 2, "stored": 1, "rejected": 1}
    ]


def test_all_reasons_of_a_reading_are_kept(db: Database, intake: ObservationIntake) -> None:
    send(intake, Reading("nobody", "colour", "x", "never"))
    assert codes(db) == ["bad_number", "bad_time", "unknown_device", "unknown_property"]


def test_missing_values_are_stored_as_missing(db: Database, intake: ObservationIntake) -> None:
    add_device(db, "w1")
    assert send(intake, reading(None), reading("缺测", -300), reading(5, -600, quality="missing")).stored == 3
    assert rows(db, "SELECT DISTINCT value, quality FROM observation") == [{"value": None, "quality": 3}]


def test_exceedance_comes_and_goes_with_log_cells_and_feed(db: Database, intake: ObservationIntake) -> None:
    device = add_device(db, "w1")
    limit(db, device, "water_level", 5.0)
    send(intake, reading(4.0))
    send(intake, reading(5.5, 10))
    assert rows(db, "SELECT status, exceeded FROM device") == [{"status": "online", "exceeded": True}]
    assert rows(db, "SELECT res, total, offline, exceeded FROM device_cell ORDER BY res")[0]["exceeded"] == 1
    assert send(intake, reading(None, 20)).changed == 0, "a missing value does not end it"
    assert send(intake, reading(6.0, 5)).stored == 1, "an older value does not change the state"
    send(intake, reading(4.9, 30))
    assert rows(db, "SELECT status, exceeded FROM device") == [{"status": "online", "exceeded": False}]
    log = rows(db, "SELECT status, exceeded FROM device_state_log ORDER BY recorded_at, observed_at")
    assert log == [{"status": "online", "exceeded": e} for e in (False, True, False)]
    feed = rows(db, "SELECT payload FROM outbox WHERE topic = 'device' ORDER BY outbox_id")
    assert [r["payload"]["exceeded"] for r in feed] == [False, True, False]
    assert (feed[1]["payload"]["value"], feed[1]["payload"]["limit_high"]) == (5.5, 5.0)


def test_old_values_do_not_make_a_device_online(db: Database, intake: ObservationIntake) -> None:
    add_device(db, "w1", status="offline")
    assert send(intake, reading(1.0, -3600)).changed == 0
    assert send(intake, reading(1.0, -600)).changed == 1
    assert rows(db, "SELECT status FROM device") == [{"status": "online"}]


def test_disabled_and_faulty_devices_stay_so(db: Database, intake: ObservationIntake) -> None:
    add_device(db, "w1", status="disabled")
    add_device(db, "w2", status="fault")
    send(intake, reading(1.0), reading(1.0, device="w2"))
    assert [r["status"] for r in rows(db, "SELECT status FROM device ORDER BY device_id")] == ["disabled", "fault"]


def test_many_changes_make_one_feed_record(db: Database, intake: ObservationIntake) -> None:
    for n in range(150):
        add_device(db, f"d{n}")
    assert send(intake, *(reading(1.0, device=f"d{n}") for n in range(150))).changed == 150
    feed = rows(db, "SELECT topic, payload FROM outbox WHERE topic <> 'source'")
    assert [(r["topic"], r["payload"]["layers"], r["payload"]["count"]) for r in feed] == [("reload", ["sensor"], 150)]


def test_a_removed_device_becomes_unknown(db: Database, intake: ObservationIntake) -> None:
    device = add_device(db, "w1")
    send(intake, reading(1.0))
    with db.owner() as conn:
        conn.execute("DELETE FROM datastream WHERE device_id = %s", (device,))
        conn.execute("DELETE FROM device WHERE device_id = %s", (device,))
    assert send(intake, reading(2.0, 1)).rejected == 1
    assert codes(db) == ["unknown_device"]


def test_concurrent_writers_of_the_same_values_store_each_once(
    db: Database, settings: Settings, clock: FixedClock
) -> None:
    for n in range(40):
        limit(db, add_device(db, f"d{n}"), "water_level", 5.0)
    batch = [reading(v, -s, device=f"d{n}") for n in range(40) for s, v in ((0, 6.0), (60, 1.0))]
    results: list[Result] = []

    def run(order: Sequence[Reading]) -> None:
        intake = ObservationIntake(db.store, settings, clock, "t")
        results.append(intake.submit(order))

    threads = [threading.Thread(target=run, args=(batch if i % 2 else batch[::-1],)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert sum(r.stored for r in results) == 80
    assert sum(r.duplicates for r in results) == 400
    assert rows(db, "SELECT count(*) AS n FROM device WHERE exceeded AND status = 'online'") == [{"n": 40}]
    assert rows(db, "SELECT total, exceeded FROM device_cell WHERE res = 5") == [{"total": 0, "exceeded": 40}]
