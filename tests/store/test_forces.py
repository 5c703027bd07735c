"""Targets by import, positions and their log, tiles at the newest place, figures by file: on a real PostGIS."""

from __future__ import annotations

import datetime as dt
import json
import math
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any, cast

import networkx as nx
import pytest
import shapely
from paho.mqtt import publish

from data_sources import positions
from ioc.cases.work import Actor
from ioc.clock import FixedClock
from ioc.command.answer import answer
from ioc.command.asking import Ask
from ioc.command.closures import Closures, Wish
from ioc.intake import datasets
from ioc.intake.context import SourceContext
from ioc.intake.datasets import Given, roads
from ioc.intake.files import import_file
from ioc.intake.positions import Position, PositionIntake
from ioc.intake.report import ImportReport
from ioc.ops import broker as own_broker
from ioc.ops import doctor_command
from ioc.registry import Registry, discover
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import editions, layer_counts, resources, sources, targets, tiles
from ioc.store.detail import detail
from ioc.store.keeper import ensure_partitions
from ioc.store.regions import Regions
from ioc.store.tiles import TileQuery
from tests import road_world
from tests.conftest import NOW, Database, public_folder
from tests.mvt import decode
from tests.store import world
from tests.store.test_mqtt import wait
from tests.store.test_observations import rows

pytestmark = pytest.mark.store
LAYERS = cast("Any", discover("layers", "LAYER"))
SRID = 4549  # CGCS2000 / 3-degree, 120 E
HEAD = ("编号,名称,类型,经度,纬度,wkt,等级,人数,上课时间,星期,学期,危险物质,储量,最近检查日期,隐患数,联系人,电话,"
        "健康分,健康阈值,趋势,权属单位")  # fmt: skip
AREA = "POLYGON((120.06 28.05,120.07 28.05,120.07 28.06,120.06 28.06,120.06 28.05))"
TARGETS = f"""{HEAD}
1,一中,中学,120.05,28.05,,,1200,07:30-17:30,周一至周五,2026-09-01至2027-01-20,,,2026-09-01,2,王老师,13912345678,,,,教育局
2,东门油库,重大危险源,,,"{AREA}",一级,,,,,汽油,500,,,,,,,,东门石化
3,北溪大桥,桥梁,,,"LINESTRING(120.05 28.06,120.06 28.07)",,,,,,,,,,,,72.5,80,变差,公路局
4,远变电站,变电站,120.3,28.3,,,,,,,,,,,,,,,,
5,坏,火星基地,120.05,28.05,,,,25:00-26:00,,,,,,,,,,,,
"""
RESOURCES = """编号,名称,类型,经度,纬度,状态,携带装备,队伍人数,车型,容量
V1,城区消防一号车,消防车,120.10,28.10,备勤,液压破拆器×2；泡沫 3t,6,消防车,
V2,二号冲锋舟,冲锋舟,120.12,28.10,可用,,4,船艇,
T1,北溪救援队,救援队伍,120.20,28.10,可用,担架*4,24,,
H1,北溪医院,医院,120.06,28.10,可用,,,,
S1,古埠体育馆,避难场所,120.05,28.12,可用,,,,800
"""


@pytest.fixture
def city(db: Database) -> Database:
    with db.owner() as conn:
        world.build(conn)
        ensure_partitions(conn, NOW)
    return db


def bring(city: Database, settings: Settings, clock: FixedClock, file: Path, kind: str, **more: Any) -> ImportReport:
    given = Given(file, settings, clock, "t", **{"crs": "EPSG:4326", **more})
    return datasets.bring_in(city.store, kind, given)


def file_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.csv"
    path.write_text(text, "utf-8")
    return path


def at_tile(conn: Any, layer: str, z: int, lon: float, lat: float, now: dt.datetime) -> dict[str, dict[str, Any]]:
    """Marks of the tile that holds a place, by name."""
    n = 1 << z
    x = int((lon + 180) / 360 * n)
    y = int((1 - math.log(math.tan(math.radians(lat)) + 1 / math.cos(math.radians(lat))) / math.pi) / 2 * n)
    found = decode(tiles.render(conn, TileQuery(SYSTEM, LAYERS[layer], z, x, y, now)))
    return {f.props["name"]: f.props for f in found.get("points", [])}


def test_targets_from_a_file(city: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> None:
    """Points, lines and polygons of one file; history, edition, and the whole register of a source."""
    file = file_of(tmp_path, TARGETS)
    report = bring(city, settings, clock, file, "targets", as_of=dt.date(2026, 9, 1), whole=True)
    assert (report.read, report.stored, report.rejected, report.balanced) == (5, 4, 1, True)
    assert {(r.field, r.code) for r in report.shown[0].reasons} == {("kind", "unknown_kind"), ("hours", "bad_words")}
    assert "未移除" in report.note, "a refused row may be the one missed"
    with city.store.scoped(SYSTEM) as conn:
        near = targets.around(conn, SYSTEM, 120.05, 28.05, SRID, 5000, None)
        area = shapely.to_wkb(shapely.box(120.29, 28.29, 120.31, 28.31))
        both = targets.around(conn, SYSTEM, 120.05, 28.05, SRID, 500, area)
        edition = editions.in_force(conn)["targets"]
    assert [r["name"] for r in near] == ["一中", "东门油库", "北溪大桥"]
    # a degree of longitude is 98.4 km here, of latitude 110.8 km
    assert [round(r["distance_m"]) for r in near] == [0, pytest.approx(984, abs=3), pytest.approx(1108, abs=3)]
    assert [(r["name"], r["inside"]) for r in both] == [("一中", False), ("远变电站", True)]
    assert (edition.rows, edition.rejected, edition.as_of.astimezone(settings.tz).date()) == (4, 1, dt.date(2026, 9, 1))
    told = [s.zh for s in doctor_command.said({"targets": edition}, NOW) if "敏感目标" in s.zh]
    assert told
    assert "4 条 2026-08-31" in told[0] or "4 条 2026-09-01" in told[0]
    (kept,) = rows(city, "SELECT record FROM entity_history WHERE entity = 'target' AND record ->> 'name' = '一中'")
    assert (kept["record"]["contact"], kept["record"]["headcount"]) == ("王老师 139****5678", 1200)
    assert rows(city, "SELECT count(*) AS n FROM outbox WHERE payload -> 'layers' ? 'target'")[0]["n"] > 0

    whole = file_of(tmp_path, "\n".join(TARGETS.splitlines()[:3]))
    again = bring(city, settings, clock, whole, "targets", whole=True)
    assert (again.unchanged, again.stored, again.updated) == (2, 0, 0)
    assert rows(city, "SELECT external_id FROM target WHERE removed_at IS NULL ORDER BY 1") == [
        {"external_id": "1"}, {"external_id": "2"},
    ]  # fmt: skip
    assert rows(city, "SELECT count(*) AS n FROM entity_history WHERE entity = 'target' AND op = 'remove'")[0]["n"] == 2
    back = bring(city, settings, clock, file_of(tmp_path, TARGETS), "targets")
    assert (back.updated, back.unchanged) == (2, 2), "what comes again is there again"


def test_a_target_on_the_map_and_in_its_panel(
    city: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    bring(city, settings, clock, file_of(tmp_path, TARGETS), "targets")
    ids = {r["name"]: r["target_id"] for r in rows(city, "SELECT name, target_id FROM target")}
    regions = Regions.of(city.store)
    low = Scope("low", frozenset({"resource.view"}), whole=True, departments=None, sensitivity=0)
    with city.store.scoped(SYSTEM) as conn:
        shown: dict[str, Any] = {}
        for lon, lat in ((120.05, 28.05), (120.065, 28.055), (120.06, 28.07)):
            shown |= at_tile(conn, "target", 16, lon, lat, NOW)
        counts = layer_counts.counts(conn, SYSTEM, [LAYERS["target"]], None, NOW)
        full = detail(conn, regions, SYSTEM, f"target:{ids['东门油库']}", NOW)
        bridge = detail(conn, regions, SYSTEM, f"target:{ids['北溪大桥']}", NOW)
        school = detail(conn, regions, SYSTEM, f"target:{ids['一中']}", NOW)
        unmeasured = detail(conn, regions, SYSTEM, f"target:{ids['远变电站']}", NOW)
    with city.store.scoped(low) as conn:
        cut = detail(conn, regions, low, f"target:{ids['东门油库']}", NOW)
    assert counts == {"target": 4}
    assert (shown["东门油库"]["label"], shown["东门油库"]["hz"], shown["东门油库"]["ex"]) == ("东门油库 一级", 1, 0)
    assert {n for n, p in shown.items() if p.get("hz")} == {"东门油库"}, "a school's level is no hazard's"
    assert shown["北溪大桥"]["ex"] == 1, "below its limit"
    assert shown["一中"]["ex"] == 0

    def said(panel: dict[str, Any]) -> dict[str, Any]:
        return {f["label"]["zh"]: f["value"] for f in panel["fields"]}

    assert {"危险物质": "汽油", "储量": 500, "权属单位": "东门石化"}.items() <= said(full).items()
    assert not {"危险物质", "储量", "权属单位", "联系人"} & set(said(cut)), "企业详情分级授权"
    assert (said(bridge)["健康分"], said(bridge)["健康阈值"], said(bridge)["趋势"]["zh"]) == (72.5, 80, "变差")
    assert said(unmeasured)["健康分"]["zh"].startswith("未知")
    assert said(school)["当前"]["zh"] == "非在内时段", "2026-10-03 is a Saturday"


def test_positions_move_resources_and_stay_in_the_log(
    city: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    report = import_file(city.store, Registry(), "resources", file_of(tmp_path, RESOURCES), "EPSG:4326",
                         settings=settings, clock=clock, actor="t", source="应急局",
                         as_of=dt.date(2026, 10, 1))  # fmt: skip
    assert (report.stored, report.rejected) == (5, 0)
    (v1,) = rows(city, "SELECT resource_id, status, carried, people, vehicle_class FROM resource WHERE name ~ '一号'")
    assert (v1["status"], v1["people"], v1["vehicle_class"]) == ("available", 6, "fire_engine")
    assert v1["carried"] == [
        {"name": "液压破拆器", "amount": 2, "unit": ""},
        {"name": "泡沫", "amount": 3, "unit": "t"},
    ]
    with city.store.scoped(SYSTEM) as conn:
        assert editions.in_force(conn)["resources"].rows == 5
        sources.ensure(conn, "positions", kind="mqtt", title="定位", classes=["resource"], interval_s=60)
    intake = PositionIntake(city.store, settings, clock, "positions")

    def at(minutes: float, lon: float, **more: Any) -> Position:
        return Position(
            "V1", {"ts": (NOW - dt.timedelta(minutes=minutes)).isoformat(), "lon": lon, "lat": 28.1, **more}
        )

    first = intake.submit([at(5, 120.11, speed_kmh=40), at(3, 120.13), Position("nobody", at(1, 120).given)])
    assert (first.stored, first.rejected, first.late) == (2, 1, 0)
    clock.advance(60)
    late = intake.submit([at(4, 120.99), at(3, 120.13), at(1, 120.15)])
    assert (late.stored, late.late, late.duplicates) == (2, 1, 1)
    live = rows(city, "SELECT ST_X(geom) AS lon, observed_at FROM resource_live")
    assert live == [{"lon": 120.15, "observed_at": NOW - dt.timedelta(minutes=1)}]
    log = rows(city, "SELECT lon, late FROM resource_position ORDER BY recorded_at, observed_at")
    assert [(r["lon"], r["late"]) for r in log] == [(120.11, False), (120.13, False), (120.99, True), (120.15, False)]
    with city.store.scoped(SYSTEM) as conn:
        then = resources.places_at(conn, SYSTEM, NOW + dt.timedelta(seconds=30))
        now = resources.places_at(conn, SYSTEM, clock.now())
        near = resources.around(conn, SYSTEM, (120.15, 28.1), SRID, 100, None, ["vehicle"], clock.now())
        stale = resources.around(
            conn, SYSTEM, (120.15, 28.1), SRID, 100, None, ["vehicle"], clock.now() + resources.LIVE_FOR
        )
        here = at_tile(conn, "resource", 16, 120.15, 28.1, clock.now())
        home = at_tile(conn, "resource", 16, 120.10, 28.1, clock.now())
        later = at_tile(conn, "resource", 16, 120.15, 28.1, clock.now() + dt.timedelta(minutes=7))
        panel = detail(conn, Regions.of(city.store), SYSTEM, f"resource:{v1['resource_id']}", clock.now())
    assert [r["lon"] for r in then] == [120.13], "as it was known then"
    assert [r["lon"] for r in now] == [120.15], "the late one changes nothing"
    assert [(r["name"], round(r["distance_m"]), r["position_at"]) for r in near] == [
        ("城区消防一号车", 0, NOW - dt.timedelta(minutes=1))
    ]
    assert stale == [], "a tracker silent for so long tells nothing"
    assert (list(here), list(home)) == (["城区消防一号车"], [])
    assert (here["城区消防一号车"]["s"], later["城区消防一号车"]["s"]) == ("available", "offline"), "stale is seen"
    assert later["城区消防一号车"]["label"] == "城区消防一号车 9′"
    assert panel["lon"] == 120.15
    assert "泡沫 ×3t" in json.dumps(panel, ensure_ascii=False)
    assert (
        rows(city, "SELECT count(*) AS n FROM outbox WHERE topic = 'reload' AND entity_id = 'positions'")[0]["n"] == 2
    )
    (told,) = rows(city, "SELECT reasons FROM reject")
    assert [r["code"] for r in told["reasons"]] == ["unknown_resource"]
    # the file again: the register does not move what is on the road
    again = import_file(city.store, Registry(), "resources", file_of(tmp_path, RESOURCES), "EPSG:4326",
                        settings=settings, clock=clock, actor="t", source="应急局")  # fmt: skip
    assert again.unchanged == 5


def test_figures_from_a_file(city: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> None:
    import_file(city.store, Registry(), "resources", file_of(tmp_path, RESOURCES), "EPSG:4326", settings=settings,
                clock=clock, actor="t", source="应急局")  # fmt: skip
    text = ("编号,名称,填报时间,普通床位,普通空床,重症空床,医生,可容纳人数,剩余容量\n"
            "H1,,2026-10-03 14:00,200,31,4,60,,\n,古埠体育馆,2026-10-03 13:00,,,,,800,760\n"
            "H1,,2026-10-03 12:00,200,99,9,60,,\nX9,,2026-10-03 12:00,1,1,1,,,\n"
            "S1,,2026-10-03 13:30,,,,,800,900\n")  # fmt: skip
    report = bring(city, settings, clock, file_of(tmp_path, text), "capacity", crs="")
    assert (report.read, report.stored, report.rejected, report.balanced) == (5, 2, 3, True)
    assert sorted(r.reasons[0].code for r in report.shown) == ["more_than_total", "older_report", "unknown_resource"]
    kept = rows(city, "SELECT what, figures FROM resource_capacity ORDER BY what")
    assert kept[0]["figures"] == {"total": {"general": 200}, "free": {"general": 31, "icu": 4}, "doctors": 60}
    assert kept[1] == {"what": "places", "figures": {"total": 800, "free": 760}}
    late = rows(city, "SELECT record FROM entity_history WHERE entity = 'resource_capacity' AND record ? 'late'")
    assert [r["record"]["figures"]["free"]["general"] for r in late] == [99], "kept, though it changed nothing"
    again = bring(city, settings, clock, file_of(tmp_path, "\n".join(text.splitlines()[:3])), "capacity", crs="")
    assert (again.unchanged, again.stored) == (2, 0)
    with city.store.scoped(SYSTEM) as conn:
        assert editions.in_force(conn)["capacity"].rows == 2


def test_positions_over_a_real_broker(city: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> None:
    """What is published reaches the map, once; what cannot be read is a reject."""
    import_file(city.store, Registry(), "resources", file_of(tmp_path, RESOURCES), "EPSG:4326", settings=settings,
                clock=clock, actor="t", source="应急局")  # fmt: skip
    root = public_folder("ioc-positions-")
    port = own_broker.free_port(8340)
    conf = own_broker.write_configuration(root, port)
    broker = subprocess.Popen([own_broker.binary(), "-c", str(conf)], stderr=subprocess.DEVNULL)
    stop = threading.Event()
    live = settings.model_copy(update={"mqtt_url": f"mqtt://127.0.0.1:{port}"})
    with city.store.scoped(SYSTEM) as conn:
        sources.register(conn, [(positions.SOURCE, True)], clock.now())
    context = SourceContext("positions", live, Registry(), city.store, clock, stop)
    worker = threading.Thread(target=positions.run, args=(context,), daemon=True)
    try:
        wait(lambda: own_broker.listens(port), 10, "broker")
        worker.start()
        wait(lambda: rows(city, "SELECT last_seen_at FROM source WHERE source_key = 'positions'")[0]["last_seen_at"],
             20, "connected")  # fmt: skip
        body = json.dumps({"ts": NOW.isoformat(), "lon": 120.2, "lat": 28.2, "crs": "GCJ-02"})
        for topic, payload in (
            ("V1", body),
            ("V1", body),
            ("V2", "{"),
            ("T1", json.dumps({"ts": 1, "lon": 0, "lat": 0})),
        ):
            publish.single(f"{positions.OWN}{topic}", payload, qos=1, port=port)
        wait(lambda: rows(city, "SELECT count(*) AS n FROM reject")[0]["n"] == 2, 20, "rejects")
        wait(lambda: rows(city, "SELECT count(*) AS n FROM resource_position")[0]["n"] == 1, 20, "stored once")
    finally:
        stop.set()
        worker.join(10)
        broker.terminate()
        broker.wait(10)
        shutil.rmtree(root, ignore_errors=True)
    (kept,) = rows(city, "SELECT ST_X(geom) AS lon FROM resource_live")
    assert 0.003 < 120.2 - kept["lon"] < 0.008, "taken back from GCJ-02"
    codes = {r["code"] for x in rows(city, "SELECT reasons FROM reject") for r in x["reasons"]}
    assert codes == {"bad_json", "too_old", "no_fix"}


def test_forces_come_by_road(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> None:
    """Seconds of the panel are those of networkx on the same streets; what is nearer by line may be later by road."""
    ways = road_world.streets(7)
    roads.bring_in(db.store, road_world.given(road_world.write_gpkg(tmp_path / "r.gpkg", ways), settings, "EPSG:4490"))
    at = {"东侧消防车": (6, 1), "西侧消防车": (3, 1), "北侧救护队": (5, 5)}
    lines = ["编号,名称,类型,经度,纬度,车型"]
    for n, (name, node) in enumerate(at.items()):
        lon, lat = road_world.place(node)
        lines.append(f"R{n},{name},{'救援队伍' if n == 2 else '消防车'},{lon},{lat},{'小型车' if n == 2 else '消防车'}")
    far = road_world.place((60, 60))
    lines += [f"R8,无路工程车,应急车辆,{far[0]},{far[1]},货车", f"R9,冲锋舟,冲锋舟,{far[0]},{far[1]},船艇"]
    import_file(db.store, Registry(), "resources", file_of(tmp_path, "\n".join(lines)), "EPSG:4490", settings=settings,
                clock=clock, actor="t")  # fmt: skip
    here = (5, 1)
    ask = Ask(SYSTEM, *road_world.place(here), NOW, road_world.SRID, 20_000)
    state = answer(db.store, "forces", ask)
    assert (state.state, state.lacking, state.error) == ("ok", (), None)
    items = {i["name"]: i["travel"] for i in state.data["items"]}
    assert next(iter(items)) == "西侧消防车"
    for name, node in at.items():
        graph = road_world.graph(ways, "car" if name == "北侧救护队" else "fire_engine")
        assert items[name]["by"] == "road"
        assert items[name]["seconds"] == pytest.approx(nx.shortest_path_length(graph, node, here, "s"), rel=1e-3)
    assert items["东侧消防车"]["metres"] > items["西侧消防车"]["metres"], "one-way: the nearer one has to go round"
    assert (items["冲锋舟"]["by"], items["无路工程车"]["by"]) == ("line", "line"), "neither stands on a road"
    assert "按直线估算" in state.notes[0].zh
    area = shapely.box(*road_world.place((3.8, 0.8)), *road_world.place((4.2, 1.2)))
    wish = Wish("水淹", shape=area, vehicles=["fire_engine"])
    Closures(db.store, clock).add(Actor(SYSTEM, "值班长"), wish)
    shut = {i["name"]: i["travel"] for i in answer(db.store, "forces", ask).data["items"]}
    graph = road_world.graph(ways, "fire_engine")
    graph.remove_node((4, 1))
    detour = nx.shortest_path_length(graph, (3, 1), here, "s")
    assert shut["西侧消防车"]["seconds"] == pytest.approx(detour, rel=1e-3), "closures hold"
    assert shut["西侧消防车"]["seconds"] > items["西侧消防车"]["seconds"]
