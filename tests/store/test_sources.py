"""Source health, the silence sweep, and the worker that keeps sources running."""

from __future__ import annotations

import datetime as dt
import threading
import time

import pytest

from ioc.clock import FixedClock, SystemClock
from ioc.declare import Source
from ioc.errors import SourceFault
from ioc.i18n import Text
from ioc.intake.context import SourceContext
from ioc.intake.observations import ObservationIntake
from ioc.intake.silence import GRACE_S, Sweep
from ioc.intake.worker import keep_running
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import imports, sources
from ioc.store.cells import device_counts
from tests.conftest import NOW, Database
from tests.store.test_observations import add_device, reading, rows

pytestmark = pytest.mark.store
SOURCE = Source("t", Text("测试源", "Test source"), dt.timedelta(seconds=60), Text("甲", "A"))


def register(db: Database, enabled: bool = True) -> None:
    with db.store.scoped(SYSTEM) as conn:
        sources.register(conn, [(SOURCE, enabled)], NOW)


def states(db: Database) -> list[str]:
    return [r["state"] for r in rows(db, "SELECT state FROM source_log ORDER BY recorded_at")]


def test_a_source_ages_by_its_own_interval_and_comes_back(db: Database, clock: FixedClock) -> None:
    register(db)
    with db.store.scoped(SYSTEM) as conn:
        assert sources.sweep(conn, clock.now()) == 0
        sources.arrived(conn, "t", sources.Arrival(1, 1, 0, 0, clock.now()), clock.now())
    for seconds, state in ((59, "live"), (2, "late"), (120, "stale"), (500, "lost")):
        clock.advance(seconds)
        with db.store.scoped(SYSTEM) as conn:
            sources.sweep(conn, clock.now())
        assert rows(db, "SELECT state FROM source") == [{"state": state}]
    with db.store.scoped(SYSTEM) as conn:
        sources.arrived(conn, "t", sources.Arrival(1, 1, 0, 0, clock.now()), clock.now())
    assert states(db) == ["live", "stale", "lost", "live"], "a second late is no news"
    feed = rows(db, "SELECT payload FROM outbox WHERE topic = 'source' ORDER BY outbox_id")
    assert [f["payload"]["state"] for f in feed] == states(db)


def test_one_failure_and_one_recovery_are_told(db: Database, clock: FixedClock) -> None:
    register(db)
    for _ in range(5):
        with db.store.scoped(SYSTEM) as conn:
            sources.failed(conn, "t", "refused", "拒绝连接", "connection refused", clock.now())
        clock.advance(10)
    (row,) = rows(db, "SELECT state, retries, error_since, error_zh FROM source")
    assert (row["state"], row["retries"], row["error_since"], row["error_zh"]) == ("error", 5, NOW, "拒绝连接")
    with db.store.scoped(SYSTEM) as conn:
        sources.arrived(conn, "t", sources.Arrival(1, 1, 0, 0, clock.now()), clock.now())
    assert states(db) == ["error", "live"]
    assert rows(db, "SELECT retries, error_code FROM source") == [{"retries": 0, "error_code": ""}]


def test_a_source_that_is_off_is_off(db: Database, clock: FixedClock) -> None:
    register(db, enabled=False)
    clock.advance(10_000)
    with db.store.scoped(SYSTEM) as conn:
        assert sources.sweep(conn, clock.now()) == 0
    assert rows(db, "SELECT state FROM source") == [{"state": "off"}]


def test_silent_sensors_go_offline_with_their_gateway_and_come_back(
    db: Database, settings: Settings, clock: FixedClock
) -> None:
    gateway = add_device(db, "gw", "gateway", status="online", **{"class": "gateway"})
    for n in range(3):
        add_device(db, f"d{n}", interval_s=60)
    add_device(db, "camera", "camera", status="online", **{"class": "camera"})
    with db.owner() as conn:
        conn.execute("UPDATE device SET gateway_id = %s WHERE external_id IN ('d0', 'd1')", (gateway,))
    intake = ObservationIntake(db.store, settings, clock, "t")
    sweep = Sweep(db.store, clock.now())
    intake.submit([reading(1.0, device=f"d{n}") for n in range(3)])
    clock.advance(GRACE_S + 110)
    intake.submit([reading(1.0, GRACE_S + 110, device="d2")])
    assert sweep.turn(clock.now()) == 0
    clock.advance(20)
    assert sweep.turn(clock.now()) == 3, "two sensors and the gateway they hang on"
    found = rows(db, "SELECT external_id AS id, status FROM device ORDER BY 1")
    assert {r["id"] for r in found if r["status"] == "offline"} == {"d0", "d1", "gw"}
    with db.store.scoped(SYSTEM) as conn:
        assert device_counts(conn, SYSTEM, None)["sensor"].offline == 2
    assert sweep.turn(clock.now()) == 0
    intake.submit([reading(1.0, GRACE_S + 130, device="d0")])
    assert sweep.turn(clock.now()) == 1
    found = rows(db, "SELECT external_id AS id FROM device WHERE status = 'online' ORDER BY 1")
    assert [r["id"] for r in found] == ["camera", "d0", "d2", "gw"]


def test_a_lost_source_is_one_record_not_one_a_device(db: Database, settings: Settings, clock: FixedClock) -> None:
    for n in range(300):
        add_device(db, f"d{n}", interval_s=60)
    intake = ObservationIntake(db.store, settings, clock, "t")
    sweep = Sweep(db.store, clock.now())
    intake.submit([reading(1.0, device=f"d{n}") for n in range(300)])
    with db.owner() as conn:
        conn.execute("DELETE FROM outbox")
    clock.advance(1000)
    assert sweep.turn(clock.now()) == 300
    feed = rows(db, "SELECT topic, payload FROM outbox")
    assert [(f["topic"], f["payload"]["count"]) for f in feed] == [("reload", 300)]
    assert rows(db, "SELECT count(*) AS n FROM device_state_log WHERE status = 'offline'") == [{"n": 300}]


def test_a_source_that_fails_is_started_again(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ioc.intake.worker.BACKOFF_S", (0.05, 0.1))
    register(db)
    stop, turns = threading.Event(), []

    def run(context: SourceContext) -> None:
        turns.append(time.monotonic())
        if len(turns) == 1:
            raise SourceFault("无应答", "no answer")
        if len(turns) == 2:
            raise ZeroDivisionError
        context.seen()
        context.stop.wait(10)

    source = Source("t", SOURCE.title, SOURCE.interval, SOURCE.owner, run=run)
    context = SourceContext("t", settings, Registry(), db.store, SystemClock(), stop)
    thread = threading.Thread(target=keep_running, args=(source, context))
    thread.start()
    end = time.monotonic() + 20
    while len(turns) < 3 and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)
    stop.set()
    thread.join(10)
    assert len(turns) == 3
    log = rows(db, "SELECT state, error_code FROM source_log ORDER BY recorded_at")
    assert [(r["state"], r["error_code"]) for r in log][:2] == [("error", "source_fault"), ("error", "fault")]


def test_an_import_that_was_killed_is_closed(db: Database, clock: FixedClock) -> None:
    with db.store.scoped(SYSTEM) as conn:
        names = {"kind": "devices", "source": "s", "file_name": "f", "crs": "EPSG:4490", "actor": "a"}
        imports.begin(conn, **names, now=clock.now())
    with db.store.dedicated() as alive:
        imports.hold(alive)
        with db.store.scoped(SYSTEM) as conn:
            assert imports.close_interrupted(conn, clock.now()) == 0, "somebody is still importing"
    add_device(db, "d")
    with db.store.scoped(SYSTEM) as conn:
        assert imports.close_interrupted(conn, clock.now()) == 1
    assert rows(db, "SELECT state, note FROM import_batch") == [{"state": "failed", "note": "interrupted"}]
    assert rows(db, "SELECT total FROM device_cell WHERE res = 5") == [{"total": 1}]
