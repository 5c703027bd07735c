"""A county with regions and irregular census blocks, brought from files, for tests of the data of emergency command."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely

from ioc.clock import FixedClock
from ioc.command import answer
from ioc.command.asking import Ask, PanelState
from ioc.intake import datasets
from ioc.intake.datasets import Given
from ioc.intake.files import import_file
from ioc.intake.report import ImportReport
from ioc.registry import Registry
from ioc.scope import SYSTEM, Scope
from ioc.settings import Settings
from ioc.store import Store
from tests.worlds.other_city import HEIGHT, SOUTH, WEST, WIDTH, boxes

SRID = 4549  # CGCS2000, 120 E
DAY = dt.date(2025, 11, 1)


def regions(store: Store, settings: Settings, clock: FixedClock, folder: Path) -> None:
    rows = [{"区划代码": c, "名称": n, "级别": k, "g": p} for c, n, k, p in boxes()]
    path = folder / "regions.geojson"
    geopandas.GeoDataFrame(rows, geometry="g", crs="EPSG:4326").to_file(path, engine="pyogrio")
    report = import_file(
        store, Registry(), "regions", path, "EPSG:4326", settings=settings, clock=clock, actor="t", source="民政局"
    )
    assert report.rejected == 0, report.as_dict()


def blocks(seed: int, count: int = 300) -> list[Any]:
    """Irregular polygons that fill the county without gaps: Voronoi cells, degrees."""
    rng = np.random.default_rng(seed)
    county = shapely.box(WEST, SOUTH, WEST + 2 * WIDTH, SOUTH + 2 * HEIGHT)
    points = rng.uniform((WEST, SOUTH), (WEST + 2 * WIDTH, SOUTH + 2 * HEIGHT), (count, 2))
    cells = shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=county)
    return [c for g in cells.geoms if not (c := shapely.intersection(g, county)).is_empty]


def given(file: Path, settings: Settings, clock: FixedClock, **more: Any) -> Given:
    usual: dict[str, Any] = {"crs": "EPSG:4490", "as_of": DAY, "source": "统计局"}
    return Given(file, settings, clock, "tester", **(usual | more))


def bring(store: Store, kind: str, wish: Given) -> ImportReport:
    report = datasets.bring_in(store, kind, wish)
    assert report.balanced, report.as_dict()
    return report


def asked(
    store: Store, key: str, lon: float, lat: float, now: dt.datetime, area: Any = None, scope: Scope = SYSTEM
) -> PanelState:
    state = answer.answer(store, key, Ask(scope, lon, lat, now, SRID, area=area))
    assert state.state != "error", state
    return state
