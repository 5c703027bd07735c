"""Stewards from a file: masked, by duty, place and device; every refusal with its reason; again changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ioc.clock import FixedClock
from ioc.errors import Invalid
from ioc.intake.stewards import duty, import_stewards
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import stewards
from tests.conftest import Database
from tests.store import world as town

pytestmark = pytest.mark.store
FILE = """职责,姓名,联系电话,区划代码,设备编号,设备类型
村级河长,陈大文,13812345678,331101100201,,水位站
网格员,李小明,13900001111,331101100000,,
河长,王一,13700002222,,w1,
河长,,13700002222,331101100201,,
河长,赵二,1,999999999999,,
河长,钱三,1,,,
网格员,孙四,1,331101100000,,飞机
"""


@pytest.fixture
def centre(db: Database) -> dict[str, int]:
    with db.owner() as conn:
        regions = town.build(conn)
        for name, kind in (("w1", "water_level"), ("w2", "water_level"), ("r1", "rain")):
            conn.execute(
                "INSERT INTO device (source, external_id, kind, class, name, geom, h3_10, region_id)"
                " VALUES ('t', %s, %s, 'sensor', %s, ST_SetSRID(ST_MakePoint(120.05, 28.1), 4326), 1, %s)",
                (name, kind, name, regions["331101100201"]),
            )
    return regions


def bring(db: Database, settings: Settings, clock: FixedClock, path: Path, **more: Any) -> dict[str, object]:
    return import_stewards(db.store, path, settings=settings, clock=clock, actor="t", **more).as_dict()


def test_a_file_of_stewards(
    db: Database, settings: Settings, clock: FixedClock, tmp_path: Path, centre: dict[str, int]
) -> None:
    path = tmp_path / "河长.csv"
    path.write_text(FILE, "utf-8")
    dry = bring(db, settings, clock, path, dry_run=True)
    assert (dry["stored"], dry["rejected"]) == (3, 4)
    with db.owner() as conn:
        assert conn.execute("SELECT count(*) AS n FROM steward").fetchall() == [{"n": 0}]
    made = bring(db, settings, clock, path)
    assert [made[k] for k in ("read", "stored", "updated", "unchanged", "rejected")] == [7, 3, 0, 0, 4]
    assert {(r["field"], r["code"]) for r in made["reasons"]} == {  # type: ignore[attr-defined]
        ("name", "missing_field"), ("region", "unknown_region"), ("region", "missing_field"), ("kinds", "unknown_kind")
    }  # fmt: skip
    again = bring(db, settings, clock, path)
    assert [again[k] for k in ("stored", "updated", "unchanged")] == [0, 0, 3]
    path.write_text(FILE.replace("13812345678", "13812349999"), "utf-8")
    assert bring(db, settings, clock, path)["updated"] == 1
    with db.owner() as conn:
        rows = conn.execute("SELECT name, duty, phone, kinds, device_id FROM steward ORDER BY phone DESC").fetchall()
        raws = conn.execute("SELECT string_agg(raw::text, '') AS t FROM reject").fetchone()
    assert [(r["name"], r["duty"], r["phone"]) for r in rows] == [
        ("李小明", "grid_officer", "139****1111"),
        ("陈大文", "river_chief", "138****9999"),
        ("王一", "river_chief", "137****2222"),
    ]
    assert rows[1]["kinds"] == ["water_level"]
    assert raws is not None
    assert "13700002222" not in (raws["t"] or ""), "not in the rejects either"

    def told(device: str) -> list[str]:
        with db.store.reading(SYSTEM) as conn:
            found = conn.execute("SELECT device_id FROM device WHERE external_id = %s", (device,)).fetchone()
            assert found is not None
            people = stewards.responsible(conn, found["device_id"], ("river_chief", "grid_officer"))
        return [p["name"] for p in people]

    assert told("w1") == ["王一", "李小明"], "the device's own chief before the village's"
    assert told("w2") == ["陈大文", "李小明"]
    assert told("r1") == ["李小明"], "he looks after levels, not rain"


def test_a_file_without_the_columns_is_refused_whole(
    db: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("甲,乙\n1,2\n", "utf-8")
    with pytest.raises(Invalid):
        bring(db, settings, clock, path)


@pytest.mark.parametrize(
    ("word", "key"),
    [("河湖长", "river_chief"), ("網格員", "grid_officer"), ("护林员", "fire_warden"), ("桥长", "桥长")],
)
def test_duties_by_their_words(word: str, key: str) -> None:
    assert duty(word) == key


def test_who_leaves_is_told_of_nothing_and_may_come_back(
    db: Database, settings: Settings, clock: FixedClock, tmp_path: Path, centre: dict[str, int]
) -> None:
    path = tmp_path / "河长.csv"
    head, chief, officer = "编号,职责,姓名,区划代码,状态", "1,河长,陈大文,331101100201", "2,网格员,李小明,331101100201"

    def names() -> list[str]:
        with db.store.reading(SYSTEM) as conn:
            found = conn.execute("SELECT device_id FROM device WHERE external_id = 'w1'").fetchone()
            assert found is not None
            people = stewards.responsible(conn, found["device_id"], ("river_chief", "grid_officer"))
        return [p["name"] for p in people]

    def file(*rows: str, **more: bool) -> dict[str, object]:
        path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
        return bring(db, settings, clock, path, **more)

    assert file(f"{chief},在任", f"{officer},")["stored"] == 2
    assert names() == ["陈大文", "李小明"]
    assert file(f"{chief},离任")["updated"] == 1
    assert names() == ["李小明"]
    assert file(f"{chief},离任")["unchanged"] == 1, "the day somebody left is not moved"
    assert file(f"{chief},在岗")["updated"] == 1
    assert names() == ["陈大文", "李小明"]
    assert file(f"{chief},升天")["rejected"] == 1
    refused = file(f"{chief},", "3,网格员,,331101100201,", whole=True)
    assert (refused["updated"], refused["rejected"]) == (0, 1)
    assert names() == ["陈大文", "李小明"], "with a row refused nobody is ended for being absent"
    assert file(f"{chief},", whole=True)["updated"] == 1
    assert names() == ["陈大文"]
    with db.owner() as conn:
        ops = conn.execute(
            "SELECT h.op, h.record->>'name' AS name FROM entity_history h WHERE entity = 'steward' ORDER BY history_id"
        ).fetchall()
    assert [(r["op"], r["name"]) for r in ops] == [
        ("new", "陈大文"), ("new", "李小明"), ("remove", "陈大文"), ("change", "陈大文"), ("remove", "李小明")
    ]  # fmt: skip
