"""Stations from a file to the panel: datastreams, levels, freshness; warnings upgraded and cancelled at a place."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import shapely

from ioc.clock import FixedClock
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading
from ioc.scope import Scope
from ioc.settings import Settings
from tests.conftest import Database
from tests.store import people_world as world
from tests.store.test_observations import rows
from tests.worlds.other_city import SOUTH, WEST

pytestmark = pytest.mark.store
LON, LAT = WEST + 0.1, SOUTH + 0.1


def stations(folder: Path) -> Path:
    path = folder / "站点.csv"
    with path.open("w", encoding="gbk", newline="") as f:
        out = csv.writer(f)
        columns = "站号 站名 站类 经度 纬度 高程 高程基准 隶属单位 观测要素 警戒水位 保证水位"
        out.writerow(columns.split())
        measured = "风速、风向、气温、能见度、1小时雨量"
        datum = "1985国家高程基准"
        out.writerow(["58001", "松阳气象站", "气象站", LON + 0.02, LAT, 130.5, datum, "气象局", measured, "", ""])
        out.writerow(["58002", "近雨量站", "PP", LON + 0.01, LAT, "", "", "水利局", "", "", ""])
        out.writerow(["70001", "松阴溪站", "ZZ", LON, LAT + 0.01, "", "1985国家高程基准", "水利局", "水位", 18.5, 20.1])
        out.writerow(["70002", "无基准站", "RR", LON, LAT, "", "", "水利局", "水位", 99, ""])
        out.writerow(["70003", "怪站", "烟感", LON, LAT, "", "", "", "", "", ""])
        out.writerow(["70004", "怪要素", "气象站", LON, LAT, "", "", "", "风速、运气", "", ""])
    return path


def send(db: Database, settings: Settings, clock: FixedClock, found: list[tuple[str, str, float, int]]) -> None:
    """(station, property, value, age in seconds) through the intake of observations, as MQTT hands them over."""
    now = clock.now()
    readings = [Reading(s, p, v, now - dt.timedelta(seconds=age)) for s, p, v, age in found]
    result = ObservationIntake(db.store, settings, clock, "气象水利").submit(readings)
    assert result.stored == len(found), result


def test_stations_and_their_fresh_values(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> None:
    store = db.store
    world.regions(store, settings, clock, tmp_path)
    missing = world.asked(store, "weather", LON, LAT, clock.now())
    assert (missing.state, missing.missing, missing.data["warnings"]) == ("missing", ("stations",), [])
    wish = world.given(stations(tmp_path), settings, clock, source="气象水利")
    report = world.bring(store, "stations", wish)
    assert (report.stored, report.rejected) == (3, 3)
    assert report.reasons == {
        ("datum", "missing_field"): 1, ("kind", "unknown_kind"): 1, ("properties", "unknown_property"): 1,
    }  # fmt: skip
    assert world.bring(store, "stations", wish).unchanged == 3
    streams = rows(
        db, "SELECT d.external_id AS s, d.kind, property, limit_high FROM datastream JOIN device d USING (device_id)"
        " WHERE d.external_id <> '58001' ORDER BY 1, 3",
    )  # fmt: skip
    assert [(x["s"], x["kind"], x["property"], x["limit_high"]) for x in streams] == [
        ("58002", "rain", "rain_1h", 50), ("58002", "rain", "rain_24h", 100),
        ("70001", "water_level", "water_level", 18.5),
    ]  # fmt: skip
    (edition,) = rows(db, "SELECT rows, source FROM dataset_edition WHERE dataset = 'stations' ORDER BY 1 DESC LIMIT 1")
    assert edition == {"rows": 3, "source": "气象水利"}
    silent = world.asked(store, "weather", LON, LAT, clock.now())
    assert (silent.state, silent.data["values"]) == ("empty", {})

    send(db, settings, clock, [
        ("58001", "wind_speed", 11.2, 60), ("58001", "wind_direction", 45, 60), ("58001", "visibility", 4200, 60),
        ("58001", "rain_1h", 3, 60), ("58002", "rain_1h", 7.5, 30), ("58002", "rain_24h", 40, 30),
        ("58001", "temperature", 21, 4000), ("70001", "water_level", 18.9, 120),
    ])  # fmt: skip
    state = world.asked(store, "weather", LON, LAT, clock.now())
    got = state.data["values"]
    wind, rain = got["wind_speed"], got["rain_1h"]
    assert (wind["value"], wind["force"], wind["station"], wind["age_s"]) == (11.2, 6, "松阳气象站", 60)
    assert wind["distance_m"] == pytest.approx(1962, abs=10)
    assert (got["wind_direction"]["from_zh"], got["wind_direction"]["to_zh"]) == ("东北风", "吹向西南")
    assert (rain["value"], rain["station"]) == (7.5, "近雨量站"), "the nearer gauge, not the weather station"
    assert "temperature" not in got, "67 min old at an interval of 5 min"
    old = next(v for s in state.data["stations"] for v in s["values"] if v["property"] == "temperature")
    assert (old["fresh"], old["state"]) == (False, "lost")
    (level,) = state.data["water"]
    assert (level["value"], level["warning_level"], level["above_warning_level"], level["above_guarantee_level"]) == (
        18.9, 18.5, 0.4, -1.2,
    )  # fmt: skip
    assert (level["datum"], state.as_of) == ("1985国家高程基准", clock.now() - dt.timedelta(seconds=60))

    clock.advance(7200)
    stale = world.asked(store, "weather", LON, LAT, clock.now())
    assert (stale.state, stale.data["values"]) == ("empty", {})
    assert "近雨量站 at 1.0 km, spoke 2.0 h ago" in stale.notes[0].en
    assert {s["state"] for s in stale.data["stations"]} == {"lost"}


def test_warnings_at_a_place_with_what_they_became(
    db: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    """A typhoon warning upgraded twice, then cancelled; one by region code, one elsewhere, one to come."""
    store = db.store
    world.regions(store, settings, clock, tmp_path)
    now = clock.now()
    here, far = shapely.box(LON - 0.05, LAT - 0.05, LON + 0.05, LAT + 0.05), shapely.box(110, 20, 111, 21)
    (town,) = rows(db, "SELECT region_id FROM region WHERE name = '西屏街道'")

    def add(i: int, colour: str, shape: Any, hours: float, **more: Any) -> None:
        values = {"status": "active", "regions": [], "by": None, "ended": None, "kind": "台风"} | more
        wkb = None if shape is None else shapely.to_wkb(shape)
        with db.owner() as conn:
            conn.execute(
                "INSERT INTO warning (warning_id, source, source_id, kind, colour, area, sender, region_ids, geom,"
                " onset_at, status, replaced_by, ended_at, recorded_at) VALUES (%s, 's', %s, %s, %s, 'a', 'met', %s,"
                " ST_Multi(ST_SetSRID(ST_GeomFromWKB(%s), 4326)), %s, %s, %s, %s, %s)",
                (i, f"w{i}", values["kind"], colour, values["regions"], wkb, now + dt.timedelta(hours=hours),
                 values["status"], values["by"], values["ended"], now - dt.timedelta(hours=9)),
            )  # fmt: skip

    add(3, "orange", here, -1)
    add(2, "yellow", here, -3, status="replaced", by=3, ended=now - dt.timedelta(hours=1))
    add(1, "blue", far, -30, status="replaced", by=2, ended=now - dt.timedelta(hours=3))
    add(4, "red", None, 2, kind="暴雨", regions=[town["region_id"]])
    add(5, "red", far, -1, kind="大雾")
    got = world.asked(store, "weather", LON, LAT, now).data["warnings"]
    assert [(w["warning_id"], w["state"], w["change"]) for w in got] == [(3, "in_force", "up"), (4, "ahead", "new")]
    assert [b["colour"] for b in got[0]["before"]] == ["yellow", "blue"], "the whole line, wherever it began"
    with db.owner() as conn:
        conn.execute("UPDATE warning SET status = 'cancelled', ended_at = %s WHERE warning_id = 3", (now,))
    got = world.asked(store, "weather", LON, LAT, now).data["warnings"]
    assert [(w["warning_id"], w["state"]) for w in got] == [(4, "ahead"), (3, "cancelled")]
    later = world.asked(store, "weather", LON, LAT, now + dt.timedelta(hours=25)).data["warnings"]
    assert [(w["warning_id"], w["state"]) for w in later] == [(4, "in_force")], "told for a day, then over"
    area = world.asked(store, "weather", LON, LAT, now, area=shapely.box(110.2, 20.2, 110.4, 20.4))
    assert {w["warning_id"] for w in area.data["warnings"]} == {3, 4, 5}, "the drawn area counts as well"
    elsewhere = Scope("x", frozenset({"case.view"}), region_ids=frozenset({10_000}))
    theirs = world.asked(store, "weather", LON, LAT, now, scope=elsewhere).data["warnings"]
    assert [w["warning_id"] for w in theirs] == [3]
