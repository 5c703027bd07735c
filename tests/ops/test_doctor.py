"""Every check says what is wrong and what to do, in both languages; status tells what runs."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from psycopg import sql

from data_sources._demo import terms as demo_terms
from ioc.clock import FixedClock, SystemClock
from ioc.ops import doctor, status
from ioc.settings import Settings
from tests.conftest import NOW, Database

pytestmark = pytest.mark.store


def _by_key(settings: Settings, clock: FixedClock | SystemClock) -> dict[str, doctor.Finding]:
    return {f.key: f for f in doctor.examine(settings, clock)}


def test_a_sound_installation(settings: Settings) -> None:
    found = _by_key(settings, SystemClock())
    assert len(found) == len(doctor.CHECKS)
    for key in ("python", "postgres", "postgis", "leakproof", "migrations", "clock", "redis", "broker", "basemap"):
        assert found[key].state == "ok", found[key]
    assert found["admin"].state == "warn"


def test_every_fault_has_advice_in_both_languages(settings: Settings, clock: FixedClock, db: Database) -> None:
    with db.owner() as conn:
        conn.execute("UPDATE schema_migration SET checksum = 'x' WHERE number = 2")
        for name, arguments in doctor.LEAKPROOF.items():
            function = sql.SQL("ALTER FUNCTION {}({}) NOT LEAKPROOF").format(sql.Identifier(name), sql.SQL(arguments))
            conn.execute(function)
    faulty = settings.model_copy(
        update={
            "disk_free_min_mb": 10**9,
            "basemap_url": "http://tiles.example/{z}",
            "mqtt_url": "mqtt://broker.example",
        }
    )
    found = _by_key(faulty, FixedClock(NOW + dt.timedelta(days=400)))
    bad = {k: f for k, f in found.items() if f.state != "ok"}
    assert {"disk", "migrations", "leakproof", "clock", "basemap", "broker", "admin"} <= set(bad)
    assert "002_region" in bad["migrations"].zh
    for finding in bad.values():
        assert finding.advice_zh, finding.key
        assert finding.advice_en, finding.key
    assert json.dumps([f.as_dict() for f in bad.values()])
    assert all(name in bad["leakproof"].en for name in doctor.LEAKPROOF)


def test_the_advice_about_leakproof_marks_what_is_missing(settings: Settings, db: Database) -> None:
    with db.owner() as conn:
        conn.execute("ALTER FUNCTION textlike(text, text) NOT LEAKPROOF")
        conn.execute("ALTER FUNCTION string_to_array(text, text) NOT LEAKPROOF")
    found = _by_key(settings, SystemClock())["leakproof"]
    assert found.state == "warn"
    assert "string_to_array, textlike" in found.zh
    assert "geometry_overlaps" not in found.en + found.advice_en
    with db.owner() as conn:
        for statement in found.advice_en.removeprefix("as a superuser: ").rstrip(";").split(";"):
            conn.execute(statement.encode())
    assert _by_key(settings, SystemClock())["leakproof"].state == "ok"


def test_without_a_database_nothing_is_started(tmp_path: Path) -> None:
    found = _by_key(Settings(data_dir=tmp_path / "none"), SystemClock())
    assert found["postgres"].state == "warn"
    assert found["migrations"].state == "warn"
    assert not (tmp_path / "none" / "pg" / "data").exists()
    away = _by_key(Settings(data_dir=tmp_path, database_url="host=/nonexistent dbname=x"), SystemClock())
    assert away["postgres"].state == "fail"


def test_the_private_broker_is_not_taken_for_an_outside_one(settings: Settings, clock: FixedClock) -> None:
    url = "mqtt://127.0.0.1:18830"
    told = settings.model_copy(update={"mqtt_url": url})
    private = doctor.Look(told, clock, {"mqtt": {"url": url, "port": 18830}})
    outside = doctor.Look(told, clock, {"mqtt": {"url": url, "port": None}})
    assert doctor.check_broker(private).state == "ok"
    assert doctor.check_broker(outside).state == "warn"


def test_broker_limits_that_lose_messages_are_named() -> None:
    assert doctor.broker_faults("max_queued_messages 1000\npersistence true\n") == ["max_queued_messages 1000"]
    assert doctor.broker_faults("persistence true\nmax_queued_messages 0\n") == []
    assert doctor.broker_faults("# persistence true\nmax_queued_messages 1000000") == ["persistence false"]


def test_status_counts_sources_and_lag(settings: Settings, clock: FixedClock, db: Database) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO source (source_key, title, interval_s, state, last_data_at)"
            " VALUES ('mqtt', 'M', 60, 'live', %s)",
            (NOW - dt.timedelta(seconds=12),),
        )
        conn.execute("UPDATE feed_state SET last_no = 7, beat_at = %s", (NOW,))
        conn.execute(
            "INSERT INTO outbox (recorded_at, topic, op, entity_id, payload) VALUES (%s, 'event', 'new', '1', '{}')",
            (NOW - dt.timedelta(seconds=3),),
        )
    found = status.status(settings, clock)
    assert found["running"] is False
    assert found["sources"][0] | {"key": "mqtt", "state": "live", "age_s": 12.0} == found["sources"][0]
    assert found["counts"]["devices"] == 0
    assert found["feed"]["lag_ms"] == 3000
    assert found["feed"]["last_no"] == 7


def test_status_without_a_database(tmp_path: Path, clock: FixedClock) -> None:
    found = status.status(Settings(data_dir=tmp_path), clock)
    assert found["database"]["state"] == "down"
    assert found["processes"] == {}


def test_which_calendar_years_and_deadlines_are_in_force(settings: Settings, clock: FixedClock, db: Database) -> None:
    none = _by_key(settings, clock)["terms"]
    assert (none.state, "ioc import calendar" in none.advice_en) == ("warn", True)
    with db.owner() as conn, conn.transaction():
        demo_terms.publish(conn, NOW)
    sample = _by_key(settings, clock)["terms"]
    assert (sample.state, "含示例" in sample.zh) == ("warn", True)
    with db.owner() as conn:
        conn.execute("UPDATE terms_publication SET origin = 'real'")
    own = _by_key(settings, clock)["terms"]
    assert (own.state, own.zh) == ("ok", "工作日历年度：2026；作息时间：有；时限表：grid、hotline、urban")
    december = _by_key(settings, FixedClock(NOW + dt.timedelta(days=70)))["terms"]
    assert december.state == "warn", "the holidays of the year that begins are still to be published"
