"""A county far from the demo's, as its departments deliver it: files only, in their own formats and systems.

松阳县 with four towns of three villages each; polygons are invented rectangles. One seed, the same files every time.

Use the fixture by importing it: `from tests.worlds.other_city import other_city`.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import openpyxl
import pytest
import shapely

from ioc import geo
from ioc.clock import Clock, FixedClock
from ioc.intake.files import import_file
from ioc.intake.kinds import LayerOptions
from ioc.intake.report import ImportReport
from ioc.registry import Registry
from ioc.settings import Settings
from ioc.store import Store
from tests.conftest import Database

WEST, SOUTH, WIDTH, HEIGHT = 119.2, 28.2, 0.24, 0.2
COUNTY = "331124000000"
TOWNS = [
    ("331124001000", "西屏街道"),
    ("331124101000", "古市镇"),
    ("331124102000", "玉岩镇"),
    ("331124103000", "象溪镇"),
]
METRES = "EPSG:4549"  # the 3-degree zone of 120 E
CAMERAS, SENSORS, RESOURCES, EVENTS, CASES = 324, 60, 24, 40, 30


@dataclass(frozen=True)
class Files:
    regions: Path
    grids: Path
    cameras: Path
    sensors: Path
    resources: Path
    events: Path
    cases: Path
    pipes: Path
    true_cameras: dict[str, tuple[float, float]]  # where the cameras really are, lon, lat in WGS 84


def boxes() -> list[tuple[str, str, str, shapely.Polygon]]:
    """(code, name, level word, polygon) of the county, its towns and villages; neighbours share their edges."""
    out = [(COUNTY, "松阳县", "县", shapely.box(WEST, SOUTH, WEST + 2 * WIDTH, SOUTH + 2 * HEIGHT))]
    for n, (code, name) in enumerate(TOWNS):
        w, s = WEST + (n % 2) * WIDTH, SOUTH + (n // 2) * HEIGHT
        out.append((code, name, "街道" if name.endswith("街道") else "镇", shapely.box(w, s, w + WIDTH, s + HEIGHT)))
        for v in range(3):
            step = WIDTH / 3
            village = shapely.box(w + v * step, s, w + (v + 1) * step, s + HEIGHT)
            out.append((f"{code[:9]}{201 + v}", f"{name[:2]}{'上中下'[v]}村", "村", village))
    return out


def write(folder: Path, now: dt.datetime, seed: int = 7) -> Files:
    """All files of the county under `folder`."""
    rng = random.Random(seed)
    regions = boxes()
    places = [_inside(rng) for _ in range(CAMERAS)]
    files = Files(
        _regions(folder / "regions.geojson", regions),
        _grids(folder / "网格.shp", regions),
        *_cameras(folder / "视频点位.csv", places),
        _sensors(folder / "传感器.gpkg", rng),
        _resources(folder / "应急资源.xlsx", rng),
        _events(folder / "事件.csv", rng, now),
        _cases(folder / "办件.xlsx", rng, now),
        _pipes(folder / "供水管网.gpkg"),
        {f"SY-{n:04d}": place for n, place in enumerate(places)},
    )
    return files


def _inside(rng: random.Random) -> tuple[float, float]:
    return WEST + 0.001 + rng.random() * (2 * WIDTH - 0.002), SOUTH + 0.001 + rng.random() * (2 * HEIGHT - 0.002)


def _regions(path: Path, regions: list[tuple[str, str, str, shapely.Polygon]]) -> Path:
    features = [
        {
            "type": "Feature",
            "properties": {"区划代码": c, "名称": n, "级别": k},
            "geometry": shapely.geometry.mapping(g),
        }
        for c, n, k, g in reversed(regions)  # children before parents: the order of a file means nothing
    ]
    zone = {"区划代码": "3311H1", "名称": "松古新区", "级别": "功能区", "成员": "331124001000、331124101000"}
    features.append({"type": "Feature", "properties": zone, "geometry": None})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), "utf-8")
    return path


def _grids(path: Path, regions: list[tuple[str, str, str, shapely.Polygon]]) -> Path:
    """A GBK Shapefile in metres, without .cpg, as older systems write them."""
    rows: list[dict[str, Any]] = []
    for code, name, level, shape in regions:
        if level == "村":
            w, s, e, n = shape.bounds
            for k, (low, high) in enumerate(((s, (s + n) / 2), ((s + n) / 2, n)), 1):
                officer = {"责任人": f"王{'甲乙'[k - 1]}㙟"[:2], "电话": "13912345678"}
                rows.append(
                    {
                        "网格编码": f"{code}{k:02d}",
                        "网格名称": f"{name}第{k}网格",
                        **officer,
                        "g": shapely.box(w, low, e, high),
                    }
                )
    frame = geopandas.GeoDataFrame(rows, geometry="g", crs="EPSG:4490").to_crs(METRES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the driver cuts long field names; none here is long in GBK
        frame.to_file(path, engine="pyogrio", encoding="GBK")
    path.with_suffix(".cpg").unlink(missing_ok=True)
    return path


def _cameras(path: Path, places: list[tuple[float, float]]) -> tuple[Path]:
    """GBK CSV in GCJ-02 with Chinese names, from a map vendor's picker."""
    lon, lat = geo.wgs_to_gcj(*np.array(places).T)
    with path.open("w", encoding="gbk", newline="") as f:
        out = csv.writer(f)
        out.writerow(["点位编号", "点位名称", "设备类型", "经度", "纬度", "状态", "安装地址", "责任人", "电话", "品牌"])
        for n, (x, y) in enumerate(zip(lon, lat, strict=True)):
            kind = "高空鹰眼" if n % 40 == 0 else "球机" if n % 2 else "枪机"
            state = "离线" if n % 30 == 7 else "在线"
            out.writerow(
                [
                    f"SY-{n:04d}",
                    f"松阳{n}号",
                    kind,
                    f"{x:.8f}",
                    f"{y:.8f}",
                    state,
                    "人民路",
                    "李四",
                    "13800001111",
                    "甲",
                ]
            )
    return (path,)


def _sensors(path: Path, rng: random.Random) -> Path:
    kinds = [("水位", 3.5), ("雨量", None), ("空气质量", None), ("噪声", None), ("井盖", None), ("烟感", None)]
    rows = []
    for n in range(SENSORS):
        word, high = kinds[n % len(kinds)]
        rows.append(
            {
                "编号": f"SN-{n:03d}",
                "名称": f"{word}{n}",
                "类型": word,
                "警戒水位": high,
                "g": shapely.Point(_inside(rng)),
            }
        )
    geopandas.GeoDataFrame(rows, geometry="g", crs="EPSG:4490").to_file(path, engine="pyogrio")
    return path


def _resources(path: Path, rng: random.Random) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["编号", "名称", "类型", "经度", "纬度", "联系人", "联系电话", "可容纳人数"])
    for n in range(RESOURCES):
        x, y = _inside(rng)
        sheet.append(
            [n + 1, f"第{n}应急点", ["避难场所", "物资库", "救援队"][n % 3], x, y, "赵六", "13700002222", 100 + n]
        )
    book.save(path)
    return path


def _events(path: Path, rng: random.Random, now: dt.datetime) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as f:
        out = csv.writer(f, delimiter="\t")
        out.writerow(["事件编号", "标题", "类别", "紧急程度", "经度", "纬度", "发生时间", "描述"])
        for n in range(EVENTS):
            x, y = _inside(rng)
            at = (now - dt.timedelta(minutes=30 * n)).astimezone(dt.timezone(dt.timedelta(hours=8)))
            word = ["违章停车", "暴露垃圾", "道路积水", "占道经营"][n % 4]
            level = ["一般", "紧急", "特急"][n % 3]
            out.writerow([f"E{n:04d}", f"{word}第{n}起", word, level, x, y, at.strftime("%Y/%m/%d %H:%M:%S"), ""])
    return path


def _cases(path: Path, rng: random.Random, now: dt.datetime) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(
        ["工单编号", "标题", "流程", "环节", "经度", "纬度", "受理时间", "总时限", "办结时间", "承办单位", "满意度"]
    )
    local = (now + dt.timedelta(hours=8)).replace(tzinfo=None)
    for n in range(CASES):
        x, y = _inside(rng)
        opened, done = local - dt.timedelta(hours=8 * n + 1), n % 2 == 0
        closed = min(local, opened + dt.timedelta(hours=n)) if done else None
        due = opened + dt.timedelta(hours=20)
        row = [f"G{n:05d}", f"工单{n}", "12345工单", "办结" if done else "办理", x, y, opened, due, closed, "城管局"]
        sheet.append([*row, "满意" if done else None])
    book.save(path)
    return path


def _pipes(path: Path) -> Path:
    lines = [
        {
            "编号": f"P{n}",
            "名称": f"供水主管{n}",
            "管径": 300,
            "g": shapely.LineString([(WEST + 0.05 * n, SOUTH), (WEST + 0.05 * n, SOUTH + 0.3)]),
        }
        for n in range(1, 6)
    ]
    geopandas.GeoDataFrame(lines, geometry="g", crs="EPSG:4490").to_crs(METRES).to_file(path, engine="pyogrio")
    return path


def fill(store: Store, settings: Settings, clock: Clock, files: Files) -> dict[str, ImportReport]:
    """Bring everything into an empty centre. Reports by kind."""

    def bring(kind: str, path: Path, crs: str, **more: Any) -> ImportReport:
        return import_file(store, Registry(), kind, path, crs, settings=settings, clock=clock, actor="files", **more)

    return {
        "regions": bring("regions", files.regions, "EPSG:4490"),
        "grids": bring("grids", files.grids, METRES),
        "cameras": bring("devices", files.cameras, "GCJ-02", source="公安局"),
        "sensors": bring("devices", files.sensors, "EPSG:4490", source="水利局"),
        "resources": bring("resources", files.resources, "EPSG:4490", source="应急局"),
        "events": bring("events", files.events, "EPSG:4490", source="网格中心"),
        "cases": bring("cases", files.cases, "EPSG:4490", source="12345"),
        "layer": bring(
            "layer",
            files.pipes,
            METRES,
            source="水务集团",
            layer=LayerOptions("water-main", "供水主管", theme="地下管网"),
        ),
    }


@dataclass(frozen=True)
class OtherCity:
    """The county's database, its files, and what importing them said."""

    db: Database
    settings: Settings
    files: Files
    reports: dict[str, ImportReport]


@pytest.fixture
def other_city(db: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> OtherCity:
    folder = tmp_path / "files"
    folder.mkdir()
    files = write(folder, clock.now())
    return OtherCity(db, settings, files, fill(db.store, settings, clock, files))
