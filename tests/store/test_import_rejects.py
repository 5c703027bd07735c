"""Every reason a row or a file is refused for, and what is kept beside it."""

from __future__ import annotations

import csv
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import geopandas
import openpyxl
import pytest
import shapely

from ioc.clock import FixedClock
from ioc.errors import Invalid
from ioc.intake.files import import_file
from ioc.intake.kinds import LayerOptions
from ioc.intake.report import ImportReport
from ioc.registry import Registry
from ioc.settings import Settings
from tests.conftest import Database
from tests.store import world
from tests.store.test_observations import add_device, codes, rows, whole

pytestmark = pytest.mark.store
Bring = Callable[..., ImportReport]
HEAD = ["编号", "名称", "类型", "经度", "纬度", "状态"]
GOOD = ["C1", "一号", "枪机", 120.02, 28.1, "在线"]


@pytest.fixture
def bring(db: Database, settings: Settings, clock: FixedClock) -> Bring:
    with db.owner() as conn:
        world.build(conn)

    def run(kind: str, path: Path, crs: str = "EPSG:4490", **more: Any) -> ImportReport:
        report = import_file(
            db.store, Registry(), kind, path, crs, settings=settings, clock=clock, actor="tester", **more
        )
        assert report.balanced
        return report

    return run


def table(path: Path, lines: Sequence[Sequence[Any]], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    with path.open("w", encoding=encoding, newline="") as f:
        csv.writer(f, delimiter=delimiter).writerows(lines)
    return path


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        (["", "无编号", "枪机", 120.02, 28.1, ""], "missing_field", "external_id"),
        (["C2", "x", "飞船", 120.02, 28.1, ""], "unknown_kind", "kind"),
        (["C2", "x", "枪机", "一百二", 28.1, ""], "bad_number", "lon"),
        (["C2", "x", "枪机", "", 28.1, ""], "missing_field", "lon"),
        (["C2", "x", "枪机", "inf", 28.1, ""], "bad_number", "lon"),
        (["C2", "x", "枪机", 28.1, 120.02, ""], "swapped_lonlat", "lon"),
        (["C2", "x", "枪机", 500_000.0, 3_100_000.0, ""], "crs_mismatch", "lon"),
        (["C2", "x", "枪机", 121.9, 28.1, ""], "out_of_area", "lon"),
        (["C2", "x", "枪机", 120.02, 28.1, "休眠"], "unknown_status", "status"),
        (["C2", "字" * 201, "枪机", 120.02, 28.1, ""], "too_long", "name"),
        (["C2", "x", "枪机"], "missing_field", "lon"),
        (["C1", "另一个", "枪机", 120.02, 28.1, "在线"], "duplicate_key", "external_id"),
    ],
)
def test_rows_refused_with_field_and_reason(
    db: Database, bring: Bring, tmp_path: Path, row: Sequence[Any], code: str, field: str
) -> None:
    report = bring("devices", table(tmp_path / "d.csv", [HEAD, GOOD, row]))
    assert (report.read, report.stored, report.rejected) == (2, 1, 1)
    assert (field, code) in report.reasons
    (kept,) = rows(db, "SELECT item, reasons, raw, batch_id FROM reject")
    assert (kept["item"], kept["batch_id"]) == ("3", report.batch_id)
    assert {"field": field, "code": code}.items() <= next(r for r in kept["reasons"] if r["code"] == code).items()
    assert rows(db, "SELECT external_id FROM device") == [{"external_id": "C1"}]


def test_the_same_row_twice_is_no_reject(bring: Bring, tmp_path: Path) -> None:
    report = bring("devices", table(tmp_path / "d.csv", [HEAD, GOOD, GOOD]))
    assert (report.stored, report.unchanged, report.rejected) == (1, 1, 0)


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("gbk", ","), ("utf-8-sig", ";"), ("gb18030", "\t"), ("utf-16", ",")]
)
def test_encodings_and_delimiters(db: Database, bring: Bring, tmp_path: Path, encoding: str, delimiter: str) -> None:
    late = [["C2", "河㙟" if encoding != "gbk" else "河口", "高空鹰眼", 120.3, 28.1, "离线"]]
    ascii_first = [[f"A{n}", "x", "camera", 120.3, 28.2, "online"] for n in range(200)]
    bring("devices", table(tmp_path / "d.csv", [HEAD, *ascii_first, *late], encoding, delimiter))
    found = rows(db, "SELECT name, kind, status FROM device WHERE external_id = 'C2'")
    assert found == [{"name": late[0][1], "kind": "eagle_eye", "status": "offline"}]


def test_a_column_can_be_named_by_hand(db: Database, bring: Bring, tmp_path: Path) -> None:
    path = table(tmp_path / "d.csv", [["甲", "名称", "类型", "经度", "纬度"], GOOD[:5]])
    with pytest.raises(Invalid) as caught:
        bring("devices", path)
    assert [r.field for r in caught.value.reasons] == ["external_id"]
    assert "甲" in str(caught.value)
    assert bring("devices", path, mapping={"external_id": "甲"}).stored == 1
    for wrong in ({"external_id": "乙"}, {"colour": "甲"}):
        with pytest.raises(Invalid):
            bring("devices", path, mapping=wrong)


def test_a_dry_run_says_the_same_and_writes_nothing(db: Database, bring: Bring, tmp_path: Path) -> None:
    lines = [HEAD, *([f"C{n}", "x", "枪机", 120.02, 28.1, ""] for n in range(50)), ["X", "x", "?", 1, 1, ""]]
    path = table(tmp_path / "d.csv", lines)
    tables = ("device", "import_batch", "reject", "outbox", "device_cell", "source", "setting", "device_state_log")

    before = whole(db, tables)
    dry = bring("devices", path, dry_run=True, batch_rows=20)
    assert whole(db, tables) == before
    real = bring("devices", path, batch_rows=20)
    assert (dry.counts(), dry.reasons) == (real.counts(), real.reasons)


def test_a_file_that_says_another_system_is_refused_naming_both(bring: Bring, tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame(
        [{"编号": "1", "类型": "枪机", "g": shapely.Point(120, 28)}], geometry="g", crs="EPSG:4326"
    )
    for ending in ("gpkg", "shp", "fgb"):
        frame.to_file(tmp_path / f"d.{ending}", engine="pyogrio")
        for declared in ("EPSG:4546", "GCJ-02", "EPSG:4490"):
            with pytest.raises(Invalid) as caught:
                bring("devices", tmp_path / f"d.{ending}", declared)
            assert "EPSG:4326" in str(caught.value)
            assert declared in str(caught.value)
        assert bring("devices", tmp_path / f"d.{ending}", "WGS84", source=ending).stored == 1


def test_declared_systems(db: Database, bring: Bring, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        bring("devices", table(tmp_path / "d.csv", [HEAD, GOOD]), "EPSG:3857")
    # 120.02 E, 28.1 N in the 3-degree zone of 120 E
    metres = table(tmp_path / "m.csv", [HEAD, ["M", "m", "枪机", 501965.5, 3109582.7, ""]])
    assert bring("devices", metres, "EPSG:4549").stored == 1
    (row,) = rows(db, "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, x_orig FROM device")
    assert abs(row["lon"] - 120.02) < 1e-4
    assert abs(row["lat"] - 28.1) < 1e-3
    assert row["x_orig"] == 501965.5
    north_first = table(tmp_path / "n.csv", [HEAD, ["N", "n", "枪机", 3109582.7, 501965.5, ""]])
    assert ("lon", "swapped_lonlat") in bring("devices", north_first, "EPSG:4549").reasons


def test_in_the_buffer_is_stored_with_a_warning(db: Database, bring: Bring, tmp_path: Path) -> None:
    report = bring("devices", table(tmp_path / "d.csv", [HEAD, ["B", "b", "枪机", 120.43, 28.1, ""]]))
    assert (report.stored, report.outside) == (1, 1)
    assert rows(db, "SELECT region_id FROM device") == [{"region_id": None}]


def test_a_change_is_history_and_moves_the_counts(db: Database, bring: Bring, tmp_path: Path) -> None:
    bring("devices", table(tmp_path / "d.csv", [HEAD, GOOD]))
    moved = bring("devices", table(tmp_path / "d.csv", [HEAD, ["C1", "一号", "枪机", 120.3, 28.1, "离线"]]))
    assert (moved.updated, moved.unchanged) == (1, 0)
    history = rows(
        db, "SELECT op, record ->> 'lon' AS lon FROM entity_history WHERE entity = 'device' ORDER BY history_id"
    )
    assert history == [{"op": "new", "lon": "120.02"}, {"op": "change", "lon": "120.3"}]
    cells = rows(db, "SELECT sum(total) AS n, sum(offline) AS off FROM device_cell WHERE res = 9 AND total > 0")
    assert cells == [{"n": 1, "off": 1}]
    assert [r["status"] for r in rows(db, "SELECT status FROM device_state_log ORDER BY recorded_at")] == [
        "online",
        "offline",
    ]
    feed = rows(db, "SELECT payload FROM outbox WHERE topic = 'reload'")
    assert [f["payload"]["layers"] for f in feed] == [["camera", "sensor"]] * 2


def test_columns_a_file_does_not_have_are_left_alone(db: Database, bring: Bring, tmp_path: Path) -> None:
    bring("devices", table(tmp_path / "a.csv", [[*HEAD, "地址", "品牌"], [*GOOD, "人民路", "甲"]]))
    bring("devices", table(tmp_path / "b.csv", [[*HEAD[:5], "型号"], [*GOOD[:5], "乙"]]))
    assert rows(db, "SELECT address, status, attributes FROM device") == [
        {"address": "人民路", "status": "online", "attributes": {"品牌": "甲", "model": "乙"}}
    ]


def test_polygons(db: Database, bring: Bring, tmp_path: Path) -> None:
    bow = shapely.Polygon([(120.0, 28.0), (120.1, 28.1), (120.1, 28.0), (120.0, 28.1)])
    shapes = {
        "G1": (shapely.box(120.0, 28.0, 120.05, 28.05), ""),
        "G2": (bow, "self_intersection"),
        "G3": (shapely.Point(120, 28), "wrong_geometry"),
        "G4": (None, "missing_geometry"),
        "G5": (shapely.Polygon(), "empty_geometry"),
        "G6": (shapely.box(28.0, 120.0, 28.1, 120.1), "swapped_lonlat"),
        "G7": (shapely.box(121.9, 28.0, 122.0, 28.1), "out_of_area"),
    }
    features = [
        {
            "type": "Feature",
            "properties": {"网格编码": k},
            "geometry": None if s is None else shapely.geometry.mapping(s),
        }
        for k, (s, _) in shapes.items()
    ]
    path = tmp_path / "g.geojson"
    path.write_text(__import__("json").dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    report = bring("grids", path)
    assert (report.stored, report.rejected) == (1, 6)
    assert codes(db) == sorted(code for _, code in shapes.values() if code)


def test_regions_refused_and_their_children_with_them(db: Database, bring: Bring, tmp_path: Path) -> None:
    box = "POLYGON((120 28.5,120.1 28.5,120.1 28.6,120 28.6,120 28.5))"
    lines = [
        ["区划代码", "名称", "级别", "上级代码", "边界"],
        ["331101102000", "新镇", "镇", "331101000000", box],
        ["331101103000", "坏镇", "镇", "331101000000", "POLYGON((0 0,1 1,1 0,0 1,0 0))"],
        ["331101103201", "孤村", "村", "331101103000", box],
        ["331101104000", "无上级", "镇", "339999000000", box],
        ["abc", "镇名", "镇", "", box],
        ["331101105000", "错级", "联邦", "", box],
    ]
    report = bring("regions", table(tmp_path / "r.csv", lines))
    assert (report.stored, report.rejected) == (1, 5)
    assert {("parent", "unknown_parent"), ("code", "bad_code"), ("kind", "unknown_kind")} <= set(report.reasons)


def test_new_regions_take_what_lies_in_them(db: Database, bring: Bring, tmp_path: Path) -> None:
    bring("devices", table(tmp_path / "d.csv", [HEAD, ["C1", "x", "枪机", 120.25, 28.1, "在线"]]))
    before = rows(db, "SELECT r.code FROM device JOIN region r USING (region_id)")
    line = ["331101101201", "桥村", "POLYGON((120.2 28,120.3 28,120.3 28.4,120.2 28.4,120.2 28))"]
    report = bring("regions", table(tmp_path / "r.csv", [["区划代码", "名称", "边界"], line]))
    assert before == [{"code": "331101101000"}]
    assert report.relocated == 4, "the camera, and three grid cells that had no region yet"
    assert rows(db, "SELECT r.code, r.kind FROM device JOIN region r USING (region_id)") == [
        {"code": "331101101201", "kind": "village"}
    ]
    up = rows(
        db, "SELECT p.code FROM region r JOIN region p ON p.region_id = r.parent_id WHERE r.code = '331101101201'"
    )
    assert up == [{"code": "331101101000"}]
    cells = rows(db, "SELECT r.code FROM device_cell c JOIN region r USING (region_id) WHERE res = 9 AND total > 0")
    assert cells == [{"code": "331101101201"}]


def test_cases_and_events(db: Database, bring: Bring, tmp_path: Path) -> None:
    head = ["工单编号", "标题", "流程", "环节", "受理时间", "办结时间", "紧急程度"]
    lines = [
        head,
        ["A1", "好", "12345", "办理", "2026-10-03 10:00", "", "特急"],
        ["A2", "x", "飞行", "办理", "2026-10-03 10:00", "", ""],
        ["A3", "x", "12345", "起飞", "2026-10-03 10:00", "", ""],
        ["A4", "x", "12345", "办结", "2026-10-03 10:00", "2026-10-03 09:00", ""],
        ["A5", "x", "12345", "办理", "2026-10-03 20:00", "", ""],
        ["A6", "x", "12345", "办理", "明天", "", "很急"],
    ]
    report = bring("cases", table(tmp_path / "c.csv", lines), source="热线")
    assert (report.stored, report.rejected) == (1, 5)
    assert codes(db) == sorted(
        ["unknown_flow", "unknown_stage", "time_order", "future_time", "bad_time", "unknown_urgency"]
    )
    taken = bring("cases", table(tmp_path / "c.csv", lines[:2]), source="另一热线")
    assert ("number", "duplicate_number") in taken.reasons
    feed = rows(db, "SELECT op, payload FROM outbox WHERE topic = 'case'")
    assert [(f["op"], f["payload"]["urgency"]) for f in feed] == [("new", "critical")]


def test_a_sensor_that_telemetry_speaks_for_keeps_its_state(db: Database, bring: Bring, tmp_path: Path) -> None:
    path = table(tmp_path / "d.csv", [HEAD, ["S", "s", "水位", 120.02, 28.1, "在线"]])
    bring("devices", path)
    with db.owner() as conn:
        conn.execute("UPDATE device SET status = 'offline'")
    assert bring("devices", path).unchanged == 1
    fault = table(tmp_path / "d.csv", [HEAD, ["S", "s", "水位", 120.02, 28.1, "故障"]])
    assert bring("devices", fault).updated == 1
    assert rows(db, "SELECT status FROM device") == [{"status": "fault"}]


def test_a_layer_has_one_geometry_and_a_name(db: Database, bring: Bring, tmp_path: Path) -> None:
    shapes = [shapely.LineString([(120, 28), (120.1, 28.1)]), shapely.Point(120, 28)]
    path = tmp_path / "l.gpkg"
    geopandas.GeoDataFrame({"名称": ["干管", "阀"]}, geometry=shapes, crs="EPSG:4490").to_file(path, engine="pyogrio")
    with pytest.raises(Invalid):
        bring("layer", path)
    report = bring("layer", path, layer=LayerOptions("gas", "燃气", theme="管网", style={"width": 2}, sensitivity=1))
    assert (report.stored, report.rejected, sorted(codes(db))) == (1, 1, ["wrong_geometry"])
    (feature,) = rows(
        db, "SELECT f.sensitivity, f.name, l.style FROM thematic_feature f JOIN thematic_layer l USING (layer_id)"
    )
    assert feature == {"sensitivity": 1, "name": "干管", "style": {"width": 2}}


def test_excel_numbers_are_codes(db: Database, bring: Bring, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in (HEAD, [44170201081326000001 // 10**8, "一号", "枪机", 120.02, 28.1, None], [None] * 6):
        sheet.append(line)
    book.save(tmp_path / "d.xlsx")
    assert bring("devices", tmp_path / "d.xlsx").counts()["read"] == 1
    assert rows(db, "SELECT external_id FROM device") == [{"external_id": "441702010813"}]


@pytest.mark.parametrize("name", ["none.csv", "bad.xyz", "bad.gpkg", "bad.xlsx", "bad.geojson", "empty.csv"])
def test_files_that_cannot_be_read(bring: Bring, tmp_path: Path, name: str) -> None:
    if name != "none.csv":
        (tmp_path / name).write_bytes(b"" if name == "empty.csv" else b"\x01\x02 not what it says")
    with pytest.raises(Invalid):
        bring("devices", tmp_path / name)


def test_memory_is_that_of_a_batch(bring: Bring, tmp_path: Path) -> None:
    def peak(count: int) -> int:
        lines = (
            [f"D{n}", f"点位{n}", "枪机", 120.02 + n % 100 / 1000, 28.1, "?" if n % 2 else ""] for n in range(count)
        )
        path = table(tmp_path / f"{count}.csv", [HEAD, *lines])
        tracemalloc.start()
        report = bring("devices", path, batch_rows=2000, dry_run=True)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert report.read == count
        return found

    small, large = peak(4000), peak(40_000)
    assert large < 1.5 * small, "ten times the rows, the same memory"


def test_a_gateway_is_linked(db: Database, bring: Bring, tmp_path: Path) -> None:
    gateway = add_device(db, "GW", "gateway", source="files", **{"class": "gateway"})
    bring("devices", table(tmp_path / "d.csv", [[*HEAD, "网关编号"], ["S", "s", "水位", 120.02, 28.1, "", "GW"]]))
    assert rows(db, "SELECT gateway_id FROM device WHERE external_id = 'S'") == [{"gateway_id": gateway}]
