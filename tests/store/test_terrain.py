"""Terrain from files and the 推演 of a water level, checked against the file itself; nothing of it is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from ioc.clock import FixedClock
from ioc.command import flooding
from ioc.command.asking import Ask
from ioc.command.flooding import Wish
from ioc.errors import Invalid
from ioc.scope import SYSTEM
from ioc.settings import Settings
from tests.conftest import Database
from tests.store import people_world as world
from tests.store.test_observations import rows
from tests.unit.test_flood import plainly
from tests.worlds.other_city import SOUTH, WEST

pytestmark = pytest.mark.store
CELL = 40.0
DATUM = "1985国家高程基准"
TO_M = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:4549", always_xy=True)


def basin(rows_: int, cols: int, seed: int) -> np.ndarray:
    """A bowl with bumps, a ridge with one gap, and a hole without data."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows_, 0:cols]
    ground = (
        40 + 60 * (((y - rows_ / 2) / rows_) ** 2 + ((x - cols / 2) / cols) ** 2) + rng.normal(0, 0.3, (rows_, cols))
    )
    ground[:, cols // 3] = 70
    ground[rows_ // 2, cols // 3] = 41
    ground[10:16, 12:20] = np.nan
    return ground.astype(np.float32)


def tif(path: Path, ground: np.ndarray, west: float, north: float, crs: str | None = "EPSG:4549", **more: Any) -> Path:
    profile: dict[str, Any] = {"driver": "GTiff", "dtype": "float32", "count": 1, "nodata": -9999.0, "compress": "lzw",
               "tiled": True, "height": ground.shape[0], "width": ground.shape[1], "crs": crs,
               "transform": from_origin(west, north, CELL, CELL)}  # fmt: skip
    with rasterio.open(path, "w", **(profile | more)) as out:
        out.write(np.where(np.isnan(ground), -9999, ground).astype("float32"), 1)
    return path


@pytest.mark.parametrize("sheets", [1, 2])
def test_a_water_level_over_terrain(
    db: Database, settings: Settings, clock: FixedClock, tmp_path: Path, sheets: int
) -> None:
    """One file, or the same ground as two sheets side by side: the same water."""
    store = db.store
    world.regions(store, settings, clock, tmp_path)
    ground = basin(150, 210, 5)
    west, north = (float(v) for v in TO_M.transform(WEST + 0.05, SOUTH + 0.2))
    cut = [(0, 210)] if sheets == 1 else [(0, 100), (100, 210)]
    for n, (a, b) in enumerate(cut):
        path = tif(tmp_path / f"dem{n}.tif", ground[:, a:b], west + a * CELL, north)
        wish = world.given(path, settings, clock, crs="EPSG:4549", datum=DATUM, source="测绘院")
        assert world.bring(store, "terrain", wish).stored == 1
        assert world.bring(store, "terrain", wish).unchanged == 1
    seed = (75, 105)
    x, y = west + (seed[1] + 0.5) * CELL, north - (seed[0] + 0.5) * CELL
    lon, lat = TO_M.transform(x, y, direction="INVERSE")
    block = shapely.box(WEST + 0.05, SOUTH + 0.05, WEST + 0.2, SOUTH + 0.25)
    frame = geopandas.GeoDataFrame({"编号": ["1"], "人口": [10_000]}, geometry=[block], crs="EPSG:4490")
    frame.to_file(tmp_path / "p.gpkg", engine="pyogrio")
    world.bring(store, "population", world.given(tmp_path / "p.gpkg", settings, clock))

    before = {t: rows(db, "SELECT count(*) AS n FROM " + t) for t in ("terrain", "event", "cases", "outbox", "alarm")}  # type: ignore[operator]
    ask = Ask(SYSTEM, lon, lat, clock.now(), world.SRID)
    for rise in (1.0, 4.0):
        told = flooding.simulate(store, ask, Wish(rise_m=rise, reach_m=9000))
        stored = np.rint(ground.astype(np.float64) * 1000) / 1000  # kept to the millimetre
        level = stored[seed] + rise
        wet = plainly(stored.astype(np.float32), seed, level)
        assert (told["what_if"], told["label"]["zh"], told["datum"]) == (True, "推演", DATUM)
        assert told["level_m"] == pytest.approx(level, abs=2e-3)
        assert told["area_m2"] == pytest.approx(wet.sum() * CELL * CELL, rel=2e-3)
        depth = np.digitize(level - stored[wet], (0.5, 1, 2, 3)) + 1
        for part in told["classes"]:
            assert part["area_m2"] == pytest.approx((depth == part["class"]).sum() * CELL * CELL, rel=5e-3, abs=1000)
            drawn = _metres(shapely.from_geojson(json.dumps(part["geometry"])))
            assert drawn.area == pytest.approx(part["area_m2"], rel=1e-3), "drawn cell by cell in a small window"
        share = _wet_in(block, wet, west, north) / _metres(block).area
        people = told["panels"]["people"].data["areas"][-1]
        assert people["total"] == pytest.approx(10_000 * share, rel=5e-3, abs=2)
        assert told["panels"]["buildings"].state == "missing"
        assert told == flooding.simulate(store, ask, Wish(rise_m=rise, reach_m=9000)) | {"panels": told["panels"]}
    assert before == {t: rows(db, "SELECT count(*) AS n FROM " + t) for t in before}, "stored nowhere"  # type: ignore[operator]
    by_level = flooding.simulate(store, ask, Wish(level_m=told["level_m"], reach_m=9000))
    assert by_level["area_m2"] == told["area_m2"]
    small = flooding.simulate(store, ask, Wish(rise_m=4.0, reach_m=100))
    assert (small["clipped"], small["area_m2"] <= 5 * 5 * CELL * CELL * 1.01) == (True, True)
    assert flooding.simulate(store, ask, Wish(level_m=1.0))["classes"] == []


def _metres(shape: Any) -> Any:
    return shapely.transform(shape, lambda xy: np.column_stack(TO_M.transform(xy[:, 0], xy[:, 1])))


def _wet_in(block: Any, wet: np.ndarray, west: float, north: float) -> float:
    """m2 of wet cells inside a polygon, cell by cell."""
    r, c = np.nonzero(wet)
    cells = shapely.box(west + c * CELL, north - (r + 1) * CELL, west + (c + 1) * CELL, north - r * CELL)
    return float(shapely.area(shapely.intersection(cells, _metres(block))).sum())


def test_grids_in_degrees_and_what_is_refused(
    db: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    store = db.store
    world.regions(store, settings, clock, tmp_path)
    asc = tmp_path / "grid.asc"
    lines = ["ncols 4", "nrows 3", f"xllcorner {WEST}", f"yllcorner {SOUTH}", "cellsize 0.001", "NODATA_value -9999"]
    asc.write_text("\n".join([*lines, "9 9 9 9", "9 2 -9999 9", "9 1 2.5 9"]), "ascii")
    wish = world.given(asc, settings, clock, datum=DATUM)
    assert world.bring(store, "terrain", wish).note.startswith("11 格")
    low = Ask(SYSTEM, WEST + 0.0015, SOUTH + 0.0005, clock.now(), world.SRID)
    told = flooding.simulate(store, low, Wish(rise_m=2.0))
    assert (told["ground_m"], told["level_m"], told["unknown_beside"], told["clipped"]) == (1.0, 3.0, True, False)
    cell = 0.001 * 111_320 * 0.001 * 111_320 * np.cos(np.radians(SOUTH))
    assert told["area_m2"] == pytest.approx(3 * cell, rel=0.01)
    assert [c["class"] for c in told["classes"]] == [2, 3, 4]

    for more, field in (
        ({"datum": ""}, "datum"), ({"crs": ""}, "crs"), ({"as_of": None}, "as_of"), ({"crs": "GCJ-02"}, "crs"),
        ({"crs": "EPSG:4549"}, "crs"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            world.bring(store, "terrain", world.given(asc, settings, clock, **({"datum": DATUM} | more)))
        assert field in [r.field for r in refused.value.reasons], more
    west, north = (float(v) for v in TO_M.transform(WEST + 0.1, SOUTH + 0.1))
    bad = np.full((5, 5), 3.0, dtype=np.float32)
    hole = bad.copy()
    hole[2, 2] = -32768
    for ground, crs, says in (
        (hole, "EPSG:4549", "no data that is not declared"),
        (bad * np.nan, "EPSG:4549", "no data in it"),
        (bad, "EPSG:4490", "says it is in"),
    ):
        path = tif(tmp_path / "bad.tif", ground, west, north)
        with pytest.raises(Invalid) as refused:
            world.bring(store, "terrain", world.given(path, settings, clock, crs=crs, datum=DATUM))
        told_why = [refused.value.message("en"), *(r.en for r in refused.value.reasons)]
        assert any(says in w for w in told_why), told_why
    text = tmp_path / "no.tif"
    text.write_text("not a grid", "ascii")
    with pytest.raises(Invalid):
        world.bring(store, "terrain", world.given(text, settings, clock, datum=DATUM))
    assert rows(db, "SELECT count(*) AS n FROM terrain WHERE retired_at IS NULL") == [{"n": 1}]
    for place in ((WEST + 0.0025, SOUTH + 0.0015), (WEST + 0.3, SOUTH + 0.1)):
        with pytest.raises(Invalid) as nothing:
            flooding.simulate(store, Ask(SYSTEM, *place, clock.now(), world.SRID), Wish(rise_m=1))
        assert nothing.value.reasons[0].code == "no_terrain"
    with pytest.raises(Invalid):
        flooding.simulate(store, low, Wish(rise_m=1, level_m=2))
    changed = world.given(asc, settings, clock, datum="珠江基面")
    assert world.bring(store, "terrain", changed).updated == 1, "another datum is another edition of the same sheet"
