"""What a station's detail says by the standard of the day, and that an absent value is 缺测."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from ioc import aqi
from ioc.clock import FixedClock
from ioc.errors import Invalid
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading
from ioc.intake.tables import import_table
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store.detail import detail
from ioc.store.regions import Regions
from ioc.store.standards import editions
from tests.conftest import NOW, Database
from tests.store.test_observations import add_device, rows

pytestmark = pytest.mark.store


@pytest.fixture
def intake(db: Database, settings: Settings, clock: FixedClock) -> ObservationIntake:
    return ObservationIntake(db.store, settings, clock, "t")


def station(db: Database, name: str, kind: str, **attributes: Any) -> int:
    device = add_device(db, name, kind, interval_s=3600)
    with db.owner() as conn:
        conn.execute(
            "UPDATE device SET attributes = %s WHERE device_id = %s",
            (json.dumps(attributes, ensure_ascii=False), device),
        )
    return device


def say(intake: ObservationIntake, name: str, at: dt.datetime = NOW, **values: Any) -> None:
    intake.submit([Reading(name, p, v, at.isoformat()) for p, v in values.items()])


def line(db: Database, device: int, label: str, now: dt.datetime = NOW, lang: str = "zh") -> str:
    with db.store.scoped(SYSTEM) as conn:
        found = detail(conn, Regions.of(db.store), SYSTEM, f"device:{device}", now)
    return next(f["value"][lang] for f in found["fields"] if f["label"]["zh"] == label)


def bring(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path, kind: str, body: Any) -> Any:
    file = tmp_path / "t.json"
    file.write_text(json.dumps(body), "utf-8")
    return import_table(db.store, kind, file, settings=settings, clock=clock, actor="test")


def test_air_says_which_edition_and_changes_with_an_import(
    db: Database, intake: ObservationIntake, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    device = station(db, "air", "air")
    say(intake, "air", pm25=39, pm10=None)
    assert line(db, device, "空气质量 AQI").startswith("55 · 良 · 首要 PM2.5 · 缺 PM10、")
    assert line(db, device, "空气质量 AQI").endswith("按 2012 版，新版断点未配置")
    first = aqi.shipped()[0]
    body = {
        "key": "HJ633-2026", "valid_from": "2026-03-01", "document": "公告 1 号", "issued": "2026-02-01",
        "iaqi": first["iaqi"], "daily": first["daily"],
        "hourly": {**first["hourly"], "pm25": [0, 30, 60, 115, 150, 250, 350, 500]},
    }  # fmt: skip
    assert bring(db, settings, clock, tmp_path, "aqi-table", body).stored == 1
    assert bring(db, settings, clock, tmp_path, "aqi-table", body).unchanged == 1
    assert line(db, device, "空气质量 AQI").startswith("65 · 良")
    assert "2012" not in line(db, device, "空气质量 AQI")
    assert line(db, device, "空气质量 AQI", NOW + dt.timedelta(hours=2)) == "缺测"
    with pytest.raises(Invalid):
        bring(db, settings, clock, tmp_path, "aqi-table", {**body, "document": ""})
    with db.store.scoped(SYSTEM) as conn:
        assert [e["document"] for e in editions(conn, "aqi") if e["key"] == "HJ633-2026"] == ["公告 1 号"]
    assert [r["state"] for r in rows(db, "SELECT state FROM import_batch ORDER BY 1")] == ["done", "done", "failed"]


def test_water_by_its_worst_factor(db: Database, intake: ObservationIntake) -> None:
    river = station(db, "w1", "water_quality", 水体类型="河流", 水质目标="Ⅲ类")
    say(intake, "w1", do=6.5, codmn=5.0, nh3n=1.2, tp=0.1, ph=7.2, turbidity=30)
    assert line(db, river, "水质类别") == "Ⅳ类（GB 3838-2002） · 定类因子 氨氮 · 未达到目标 Ⅲ类"
    say(intake, "w1", NOW + dt.timedelta(seconds=60), nh3n=None)
    assert line(db, river, "水质类别") == "Ⅲ类（GB 3838-2002） · 定类因子 高锰酸盐指数 · 达到目标 Ⅲ类 · 缺测 氨氮"
    bare = station(db, "w2", "water_quality")
    say(intake, "w2", tp=0.1, do=8.0)
    assert line(db, bare, "水质类别") == "Ⅰ类（GB 3838-2002） · 水体类型未配置，总磷未参评"
    sea = station(db, "w3", "water_quality", 水体类型="近岸海域")
    say(intake, "w3", do=8.0)
    assert "GB 3097" in line(db, sea, "水质类别")
    silent = station(db, "w4", "water_quality", 水体类型="河流")
    assert line(db, silent, "水质类别") == "缺测"


def test_noise_against_its_own_zone_by_day_and_night(db: Database, intake: ObservationIntake) -> None:
    zoned = station(db, "n1", "noise", 声环境功能区="2类")
    say(intake, "n1", noise=58)  # 14:32 local
    assert line(db, zoned, "噪声评价") == "2类区昼间 58 / 60 dB(A) 达标（GB 3096-2008）"
    night = NOW + dt.timedelta(hours=8)
    intake._clock.advance(8 * 3600)  # type: ignore[attr-defined]
    say(intake, "n1", night, noise=58)
    assert line(db, zoned, "噪声评价", night) == "2类区夜间 58 / 50 dB(A) 超标（GB 3096-2008）"
    assert "beyond" in line(db, zoned, "噪声评价", night, "en")
    open_ = station(db, "n2", "noise")
    say(intake, "n2", night, noise=90)
    assert line(db, open_, "噪声评价", night) == "声环境功能区未配置"


@pytest.mark.parametrize(
    ("free", "total", "said"),
    [
        (30, 200, "余位 30 / 200（15 %）"),
        (19, 200, "紧张（黄）"),
        (0, 200, "已满（红）"),
        (5, None, "总泊位缺测"),
        (None, 9, "缺测"),
    ],
)
def test_parking_yellow_below_a_tenth_red_at_none(
    db: Database, intake: ObservationIntake, free: Any, total: Any, said: str
) -> None:
    device = station(db, "p", "parking")
    say(intake, "p", parking_free=free, parking_total=total)
    assert said in line(db, device, "泊位")
