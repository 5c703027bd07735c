"""Device models end to end: from a file to stored values of devices that have the model, without a restart."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from ioc.clock import FixedClock
from ioc.errors import Invalid
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading, from_device
from ioc.intake.tables import import_models
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import sources
from tests.conftest import NOW, Database
from tests.store.test_observations import add_device, codes, rows, send

pytestmark = pytest.mark.store

GAUGE: dict[str, Any] = {
    "model": "YT-WL 200",
    "kind": "water_level",
    "maker": "某厂",
    "properties": [
        {"from": "lvl", "property": "water_level", "unit": "cm", "high": 30, "outside": "bad", "missing": [-9999]},
        {"from": "vbat", "property": "battery", "points": [[3000, 0], [3600, 100]]},
        {"from": "rsv", "ignore": True},
    ],
    "quality": {"from": "q", "map": {"0": "good", "1": "suspect"}},
    "status": {"from": "err", "bit": 2, "map": {"0": "online", "1": "fault"}},
}


@pytest.fixture
def intake(db: Database, settings: Settings, clock: FixedClock) -> ObservationIntake:
    with db.store.scoped(SYSTEM) as conn:
        sources.ensure(conn, "t", kind="mqtt", title="测试", classes=["sensor"], interval_s=60)
    return ObservationIntake(db.store, settings, clock, "t")


def bring(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path, *models: dict[str, Any]) -> Any:
    file = tmp_path / "models.json"
    file.write_text(json.dumps({"models": list(models)}, ensure_ascii=False), "utf-8")
    return import_models(db.store, file, settings=settings, clock=clock, actor="test")


def with_model(db: Database, name: str, model: str) -> int:
    device = add_device(db, name)
    with db.owner() as conn:
        conn.execute(
            "UPDATE device SET attributes = jsonb_build_object('model', %s::text) WHERE device_id = %s", (model, device)
        )
    return device


def message(values: dict[str, Any], seconds: float = 0, device: str = "w1") -> list[Reading]:
    body = {"ts": (NOW + dt.timedelta(seconds=seconds)).isoformat(), "values": values}
    return [r for r in from_device(device, body) if isinstance(r, Reading)]


def stored(db: Database) -> list[tuple[str, float | None, int]]:
    found = rows(
        db,
        "SELECT s.property, o.value, o.quality FROM observation o JOIN datastream s USING (datastream_id)"
        " ORDER BY o.observed_at, s.property",
    )
    return [(r["property"], r["value"], r["quality"]) for r in found]


def test_a_new_model_works_at_once(
    db: Database, intake: ObservationIntake, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    with_model(db, "w1", "yt-wl200")
    add_device(db, "plain")
    assert send(intake, *message({"lvl": 320})).rejected == 1, "no such model yet: the word means nothing"
    assert codes(db) == ["unknown_property"]
    report = bring(db, settings, clock, tmp_path, GAUGE)
    assert (report.read, report.stored) == (1, 1)
    out = send(
        intake,
        *message({"lvl": 320, "vbat": 3300, "rsv": "x", "q": 1}, 1),
        *message({"water_level": 2.0}, 1, "plain"),
    )
    assert (out.stored, out.rejected) == (3, 0)
    assert stored(db) == [("battery", 50, 1), ("water_level", 3.2, 1), ("water_level", 2.0, 0)]
    send(intake, *message({"lvl": -9999}, 2), *message({"lvl": 4000}, 3))
    assert stored(db)[3:] == [("water_level", None, 3), ("water_level", 40, 2)]


def test_versions_are_kept_and_the_newest_counts(
    db: Database, intake: ObservationIntake, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    with_model(db, "w1", "YT-WL 200")
    bring(db, settings, clock, tmp_path, GAUGE)
    assert bring(db, settings, clock, tmp_path, GAUGE).unchanged == 1
    send(intake, *message({"lvl": 100}))
    rule = {**GAUGE["properties"][0], "unit": "mm"}
    assert bring(db, settings, clock, tmp_path, {**GAUGE, "properties": [rule]}).updated == 1
    send(intake, *message({"lvl": 100}, 1))
    assert stored(db) == [("water_level", 1.0, 0), ("water_level", 0.1, 0)]
    assert [r["version"] for r in rows(db, "SELECT version FROM device_model ORDER BY version")] == [1, 2]


def test_every_value_that_does_not_fit_has_its_reason(
    db: Database, intake: ObservationIntake, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    with_model(db, "w1", "YT-WL 200")
    bring(db, settings, clock, tmp_path, GAUGE)
    out = send(intake, *message({"lvl": "wet", "vbat": 3000, "other": 1, "q": 7}))
    assert (out.received, out.stored, out.rejected) == (4, 1, 3)
    assert codes(db) == ["bad_number", "not_in_map", "not_in_model"]
    assert len(out.refused) == 3


def test_a_fault_the_device_tells_comes_and_goes(
    db: Database, intake: ObservationIntake, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    device = with_model(db, "w1", "YT-WL 200")
    bring(db, settings, clock, tmp_path, GAUGE)

    def status() -> str:
        return str(rows(db, "SELECT status FROM device")[0]["status"])

    send(intake, *message({"lvl": 100, "err": 0}))
    assert status() == "online"
    send(intake, *message({"lvl": 100, "err": 4}, 10))
    assert status() == "fault"
    send(intake, *message({"lvl": 100, "err": 0}, 5))
    assert status() == "fault", "an older word does not end it"
    send(intake, *message({"lvl": 100, "err": "0x3"}, 20))
    assert status() == "online"
    with db.owner() as conn:
        conn.execute("UPDATE device SET status = 'fault' WHERE device_id = %s", (device,))
    send(intake, *message({"lvl": 101, "err": 0}, 30))
    assert status() == "fault", "what a person entered stays"
    log = rows(db, "SELECT status FROM device_state_log ORDER BY recorded_at, observed_at")
    assert [r["status"] for r in log] == ["online", "fault", "online"]


def test_a_file_with_faults_brings_nothing(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> None:
    bad = {"model": "B", "kind": "nonsense", "properties": [{"from": "x", "property": "colour"}]}
    with pytest.raises(Invalid) as caught:
        bring(db, settings, clock, tmp_path, GAUGE, bad)
    assert {r.code for r in caught.value.reasons} == {"unknown_kind", "unknown_property"}
    assert rows(db, "SELECT * FROM device_model") == []
    assert rows(db, "SELECT state, rejected FROM import_batch") == [{"state": "failed", "rejected": 1}]
