"""Population from files to panel: layers, editions, rejects, scope; the numbers checked by Shapely on random places."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any, cast

import geopandas
import numpy as np
import openpyxl
import pyproj
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioc.clock import FixedClock
from ioc.command.asking import RINGS_M
from ioc.command.disclosure import told
from ioc.declare import Layer
from ioc.errors import Invalid
from ioc.registry import discover
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import detail, identify, layer_counts, tiles
from ioc.store.regions import Regions
from tests.conftest import Database
from tests.mvt import decode
from tests.store import people_world as world
from tests.store.test_observations import rows
from tests.worlds.other_city import COUNTY, HEIGHT, SOUTH, WEST, WIDTH

pytestmark = pytest.mark.store
LON = st.floats(WEST - 0.05, WEST + 2 * WIDTH + 0.05)
LAT = st.floats(SOUTH - 0.05, SOUTH + 2 * HEIGHT + 0.05)


def layer(
    folder: Path, shapes: list[Any], seed: int = 3, name: str = "blocks.gpkg", extra: dict[str, Any] | None = None
) -> Path:
    rng = np.random.default_rng(seed)
    people = rng.integers(0, 4000, len(shapes))
    frame = geopandas.GeoDataFrame(
        {
            "编号": [f"B{n:04d}" for n in range(len(shapes))],
            "总人口": people,
            "65岁以上": (people * 0.18).astype(int),
            "残疾人": rng.integers(0, 9, len(shapes)).clip(0, people),
            "层级": ["普查小区"] * len(shapes),
            "备注": ["x"] * len(shapes),
            **(extra or {}),
        },
        geometry=shapes,
        crs="EPSG:4490",
    )
    path = folder / name
    path.unlink(missing_ok=True)
    frame.to_file(path, engine="pyogrio")
    return path


def by_shapely(db: Database, lon: float, lat: float, area: Any) -> list[tuple[float, dict[str, float], float]]:
    """(people, groups, covered share) of each ring and the area: apart from the product, by its own projection."""
    to_m = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:4549", always_xy=True)

    def metres(shape: Any) -> Any:
        return shapely.transform(shape, lambda xy: np.column_stack(to_m.transform(xy[:, 0], xy[:, 1])))

    units = rows(db, "SELECT total, shown, ST_AsBinary(geom) AS wkb FROM population_unit WHERE retired_at IS NULL")
    shapes = [metres(shapely.from_wkb(bytes(u["wkb"]))) for u in units]
    here = shapely.Point(to_m.transform(lon, lat))
    out = []
    for target in [*(here.buffer(r, quad_segs=720) for r in RINGS_M), *([metres(area)] if area is not None else [])]:
        share = [s.intersection(target).area / s.area for s in shapes]
        groups: dict[str, float] = {}
        for u, w in zip(units, share, strict=True):
            for g, n in u["shown"].items():
                groups[g] = groups.get(g, 0) + n * w
        covered = sum(s.area * w for s, w in zip(shapes, share, strict=True)) / target.area
        out.append((sum(u["total"] * w for u, w in zip(units, share, strict=True)), groups, covered))
    return out


def test_the_panel_says_what_shapely_says(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> None:
    store, now = db.store, clock.now()
    missing = world.asked(store, "people", WEST + 0.1, SOUTH + 0.1, now)
    assert (missing.state, missing.missing) == ("missing", ("population",))
    world.regions(store, settings, clock, tmp_path)
    report = world.bring(store, "population", world.given(layer(tmp_path, world.blocks(1)), settings, clock))
    assert (report.stored, report.rejected, report.extra) == (report.read, 0, ["备注"])

    @settings_of_search
    @given(LON, LAT, st.none() | st.tuples(LON, LAT, st.floats(0.001, 0.1), st.floats(0.001, 0.1)))
    def agrees(lon: float, lat: float, box: tuple[float, float, float, float] | None) -> None:
        area = shapely.box(box[0], box[1], box[0] + box[2], box[1] + box[3]) if box else None
        state = world.asked(store, "people", lon, lat, now, area)
        truth = by_shapely(db, lon, lat, area)
        if state.state == "empty":
            assert all(total == 0 for total, _, _ in truth)
            return
        for got, (total, groups, covered) in zip(state.data["areas"], truth, strict=True):
            assert got["total"] == pytest.approx(total, rel=2e-3, abs=1)
            assert got["covered"] == pytest.approx(min(1, covered), abs=2e-3)
            for g in got["groups"]:
                exact = groups.get(g["group"], 0)
                low, high = told(exact * (1 - 2e-3) - 0.1) or 0, told(exact * (1 + 2e-3) + 0.1) or 0
                assert low <= (g["count"] or 0) <= high
                assert g["shown"] == ("<5" if g["count"] is None else str(g["count"]))

    agrees()
    state = world.asked(store, "people", WEST, SOUTH + 0.2, now)
    half = state.data["areas"][0]
    assert half["covered"] == pytest.approx(0.5, abs=0.01)
    assert half["partial"]
    assert (state.source, state.origin, state.data["layer"]["level"]) == ("统计局", "real", "block")
    assert state.as_of == dt.datetime(2025, 10, 31, 16, tzinfo=dt.UTC), "the day begins in the centre's zone"
    assert [n.en for n in state.notes][1] == "weighted by share of area"
    assert any("parts have no data" in n.en for n in state.notes)


settings_of_search = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def test_layers_editions_and_rejects(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> None:
    store = db.store
    world.regions(store, settings, clock, tmp_path)
    shapes = world.blocks(2, 60)
    path = layer(tmp_path, shapes)
    wish = world.given(path, settings, clock)
    with pytest.raises(Invalid) as no_day:
        world.bring(store, "population", world.given(path, settings, clock, as_of=None))
    assert [r.field for r in no_day.value.reasons] == ["as_of"]
    with pytest.raises(Invalid) as no_crs:
        world.bring(store, "population", world.given(path, settings, clock, crs=""))
    assert [r.field for r in no_crs.value.reasons] == ["crs"]
    dry = world.bring(store, "population", world.given(path, settings, clock, dry_run=True))
    assert (dry.stored, rows(db, "SELECT count(*) AS n FROM population_unit")[0]["n"]) == (dry.read, 0)
    first = world.bring(store, "population", wish)
    clock.advance(3600)
    again = world.bring(store, "population", wish)
    assert (again.unchanged, again.stored, again.updated) == (first.read, 0, 0)

    # other counts of the same blocks: the old ones stay, retired; as known before, the panel says the old numbers
    at = (WEST + WIDTH, SOUTH + HEIGHT)
    before = world.asked(store, "people", *at, clock.now())
    clock.advance(3600)
    changed = world.bring(store, "population", world.given(layer(tmp_path, shapes, seed=9), settings, clock))
    assert (changed.updated, changed.stored) == (first.read, 0)
    after = world.asked(store, "people", *at, clock.now())
    earlier = world.asked(store, "people", *at, clock.now() - dt.timedelta(seconds=1800))
    assert earlier.data["areas"] == before.data["areas"] != after.data["areas"]

    # a grid shifted by half a cell overlaps what stands; another level of the same source is a layer of its own
    moved = [shapely.affinity.translate(s, 0.01, 0) for s in shapes]
    names = [f"C{n}" for n in range(len(moved))]
    over = world.bring(
        store,
        "population",
        world.given(layer(tmp_path, moved, extra={"编号": names}), settings, clock),
    )
    assert over.rejected > 50
    assert {c for _, c in over.reasons} <= {"overlaps", "out_of_area"}
    kept = rows(db, "SELECT count(*) AS n FROM reject WHERE batch_id = %s", over.batch_id)
    assert kept == [{"n": over.rejected}]
    twice = [shapely.box(WEST, SOUTH, WEST + 0.02, SOUTH + 0.02)] * 2
    own = layer(tmp_path, twice, extra={"层级": ["网格"] * 2, "总人口": [5000, 5000]}, name="twice.gpkg")
    assert world.bring(store, "population", world.given(own, settings, clock)).reasons == {("geometry", "overlaps"): 1}

    # the whole: what is not in the file is no longer there
    with_rejects = tmp_path / "bad.gpkg"
    wrong = {"总人口": [-1, *[5] * 29], "65岁以上": [0, 6, *[0] * 28], "残疾人": [0] * 30}
    layer(
        tmp_path,
        shapes[:30],
        extra=wrong,
        name="bad.gpkg",
    )
    with pytest.raises(Invalid):
        world.bring(store, "population", world.given(with_rejects, settings, clock, whole=True))
    refused = world.bring(store, "population", world.given(with_rejects, settings, clock))
    assert refused.reasons == {("total", "out_of_range"): 1, ("elderly", "above_total"): 1}
    whole = world.bring(store, "population", world.given(layer(tmp_path, shapes[:30]), settings, clock, whole=True))
    assert "no longer listed" in whole.note
    left = rows(db, "SELECT count(*) AS n FROM population_unit WHERE level = 'block' AND retired_at IS NULL")
    assert left == [{"n": 30}]
    (edition,) = rows(db, "SELECT * FROM dataset_edition ORDER BY edition_id DESC LIMIT 1")
    assert (edition["rows"], edition["source"], {x["level"] for x in edition["detail"]["layers"]}) == (
        31, "统计局", {"block", "grid"},
    )  # fmt: skip


def test_a_table_takes_its_outlines_from_regions_and_the_asker_sees_his_own(
    db: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    store = db.store
    world.regions(store, settings, clock, tmp_path)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["区划代码", "常住人口", "老年人", "五保户", "统计日期"])
    villages = rows(
        db, "SELECT region_id, code, ST_AsGeoJSON(geom) AS g FROM region WHERE kind = 'village' ORDER BY code"
    )
    for n, v in enumerate(villages):
        sheet.append([v["code"], 1000 + n, 100, 3, dt.date(2026, 1, 1 + n)])
    sheet.append([COUNTY[:6], 200_000, 40_000, 3, dt.date(2025, 1, 1)])
    sheet.append(["999999", 1, 0, 0, dt.date(2025, 1, 1)])
    sheet.append(["998", 1, 2, 0, None])
    path = tmp_path / "人口.xlsx"
    book.save(path)
    report = world.bring(store, "population", world.given(path, settings, clock, crs="", as_of=None))
    assert (report.stored, report.rejected) == (13, 2)
    assert report.reasons == {
        ("code", "unknown_place"): 1,
        ("elderly", "above_total"): 1,
        ("as_of", "missing_field"): 1,
    }
    levels = rows(db, "SELECT level, keyed_by, count(*) AS n FROM population_unit GROUP BY 1, 2 ORDER BY 1")
    assert levels == [
        {"level": "county", "keyed_by": "region", "n": 1},
        {"level": "village", "keyed_by": "region", "n": 12},
    ]

    here = shapely.from_geojson(villages[0]["g"])
    lon, lat = here.centroid.x, here.centroid.y
    state = world.asked(store, "people", lon, lat, clock.now(), area=here)
    inside = state.data["areas"][-1]
    assert (inside["total"], inside["covered"], state.data["layer"]["level"]) == (1000, 1.0, "village")
    assert {g["group"]: g["shown"] for g in inside["groups"]} == {
        "elderly": "100", "five_guarantee": {0: "<5", 5: "5"}[_shown(db, villages[0]["code"])],
    }  # fmt: skip
    assert state.data["layer"]["others"] == [{"source": "统计局", "level": "county"}]
    assert state.as_of == dt.datetime(2025, 12, 31, 16, tzinfo=dt.UTC), "the oldest of what was counted"

    # a village's own officer: only his village, and told that the rest has no data for him
    own = Scope("v", frozenset({"case.view"}), region_ids=frozenset({villages[0]["region_id"]}))
    his = world.asked(store, "people", lon, lat, clock.now(), scope=own)
    assert his.data["areas"][-1]["total"] <= 1000
    assert his.data["areas"][-1]["partial"]
    far = shapely.from_geojson(villages[-1]["g"]).centroid
    assert world.asked(store, "people", far.x, far.y, clock.now(), scope=own).state == "empty"

    # what is read are the safe counts only: other truths behind them change no answer
    with db.owner() as conn:
        conn.execute('UPDATE population_unit SET groups = \'{"elderly": 1, "five_guarantee": 1}\'')
    assert world.asked(store, "people", lon, lat, clock.now(), area=here).data == state.data


def _shown(db: Database, code: str) -> int:
    (row,) = rows(db, "SELECT shown FROM population_unit WHERE code = %s AND retired_at IS NULL", code)
    return int(row["shown"]["five_guarantee"])


def test_buildings_are_brought_counted_and_put_people_in_their_place(
    db: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    store = db.store
    world.regions(store, settings, clock, tmp_path)
    lon, lat = WEST + 0.1, SOUTH + 0.1
    unit = shapely.box(lon - 0.02, lat - 0.02, lon + 0.02, lat + 0.02)
    path = layer(tmp_path, [unit], extra={"总人口": [900], "65岁以上": [90], "残疾人": [0]})
    world.bring(store, "population", world.given(path, settings, clock))

    def house(dx: float, dy: float = 0.0) -> dict[str, Any]:
        return json.loads(shapely.to_geojson(shapely.box(lon + dx, lat + dy, lon + dx + 2e-4, lat + dy + 2e-4)))

    def feature(n: int, shape: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
        return {"type": "Feature", "properties": {"编号": f"H{n}", **more}, "geometry": shape}

    features = [
        feature(1, house(-0.0005), 层数=8, 用途="住宅", 户数=32, 名称="一号楼"),
        feature(2, house(0.01), 层数=2, 用途="住宅"),
        feature(3, house(0.012), 高度=12.5, 用途="物流仓库"),
        feature(4, house(0.013), 层数=3, 用途="宫殿"),
        feature(5, house(0.014), 层数=0),
        feature(6, None),
        feature(7, {"type": "Polygon", "coordinates": [[[1, 1], [2, 2], [2, 1], [1, 2], [1, 1]]]}),
        feature(1, house(-0.0005), 层数=9),
    ]
    file = tmp_path / "houses.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    report = world.bring(store, "buildings", world.given(file, settings, clock, source="住建局"))
    assert (report.stored, report.rejected) == (3, 5), report.as_dict()
    assert {f for f, _ in report.reasons} == {"use", "floors", "geometry", "code"}
    found = rows(db, "SELECT code, floors, height_m, height_from, use, dwellings FROM building ORDER BY code")
    assert found == [
        {"code": "H1", "floors": 8, "height_m": 24.0, "height_from": "floors", "use": "residential", "dwellings": 32},
        {"code": "H2", "floors": 2, "height_m": 6.0, "height_from": "floors", "use": "residential", "dwellings": None},
        {"code": "H3", "floors": None, "height_m": 12.5, "height_from": "given", "use": "warehouse", "dwellings": None},
    ]
    state = world.asked(store, "people", lon, lat, clock.now())
    ring = state.data["areas"][0]
    assert (ring["total"], state.data["method"]) == (720, "dasymetric"), "8 of the 10 floors stand within 500 m"
    assert {g["group"]: g["count"] for g in ring["groups"]} == {"elderly": 70, "disabled": None}
    stood = world.asked(
        store, "buildings", lon, lat, clock.now(), area=shapely.box(lon, lat - 1e-3, lon + 0.02, lat + 1e-3)
    )
    assert [(a["buildings"], a["dwellings"], a["most_floors"]) for a in stood.data["areas"]] == [
        (1, 32, 8), (2, 32, 8), (3, 32, 8), (3, 32, 8), (2, 0, 2),
    ]  # fmt: skip
    assert (stood.source, stood.data["areas"][-1]["high_m"]) == ("住建局", 12.5)
    # the tile a tilted map raises, what stands under the cursor, and its panel
    z = 16
    x = int((lon - 0.0004 + 180) / 360 * 2**z)
    y = int((1 - np.arcsinh(np.tan(np.radians(lat + 1e-4))) / np.pi) / 2 * 2**z)
    shown = cast("Layer", discover("layers", "LAYER")["building"])
    with store.scoped(SYSTEM) as conn:
        drawn_ = decode(tiles.render(conn, tiles.TileQuery(SYSTEM, shown, z, x, y, clock.now())))["areas"]
        assert [(f.props["hm"], f.props["fl"], f.props["k"]) for f in drawn_] == [(24.0, 8, "residential")]
        assert tiles.render(conn, tiles.TileQuery(SYSTEM, shown, 13, x >> 3, y >> 3, clock.now())) == b""
        cursor = identify.Cursor(lon - 0.0004, lat + 1e-4, 16, SYSTEM, None, clock.now())
        (item,) = identify.identify(conn, Regions.of(store), cursor, [shown])
        told_ = detail.detail(conn, Regions.of(store), SYSTEM, item["key"], clock.now())
        assert (item["title"], told_["number"], len(told_["fields"])) == ("一号楼", "H1", 7)
        assert layer_counts.counts(conn, SYSTEM, [shown], None, clock.now()) == {"building": 3}
    empty = world.asked(store, "buildings", lon + 0.3, lat + 0.2, clock.now())
    assert empty.state == "empty"
    again = world.bring(store, "buildings", world.given(file, settings, clock, source="住建局"))
    assert (again.unchanged, again.stored, again.rejected) == (3, 0, 5)
