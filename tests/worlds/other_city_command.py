"""What 松阳县 has for emergency command, as its offices deliver it: beside `tests.worlds.other_city`, in import order.

One seed, the same files every time. Nothing here is the demo's: other kinds, other columns, other formats.
"""

from __future__ import annotations

import csv
import datetime as dt
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import openpyxl
import shapely

from tests.worlds.other_city import COUNTY, HEIGHT, METRES, SOUTH, TOWNS, WEST, WIDTH

Rows = Sequence[Sequence[object]]
EAST, NORTH = WEST + 2 * WIDTH, SOUTH + 2 * HEIGHT
DAY = "2026-09-30"
FIRE, CIVIL = "松阳县消防救援大队", "松阳县应急管理局"
STATION = "SN-90001"
_CELLS, _STREETS = 24, 22


def write_command(folder: Path, seed: int = 11) -> list[tuple[str, list[str]]]:
    """(kind, words of `ioc import` after it) in the order they are brought in."""
    rng = random.Random(seed)
    at = ["--as-of", DAY]
    degrees = ["--crs", "EPSG:4490"]
    return [
        ("roads", [str(_roads(folder / "路网.gpkg")), *degrees, *at, "--source", "交通局"]),
        ("population", [str(_population(folder / "人口.gpkg", rng)), *degrees, *at, "--source", "统计局"]),
        ("targets", [str(_csv(folder / "敏感目标.csv", _targets(rng))), *degrees, *at, "--source", "教育局"]),
        ("resources", [str(_book(folder / "应急力量.xlsx", _forces(rng))), *degrees, *at, "--source", "应急局"]),
        ("capacity", [str(_csv(folder / "床位.csv", _beds())), "--source", "应急局"]),
        ("plans", [str(_csv(folder / "预案.csv", PLAN))]),
        ("stations", [str(_csv(folder / "测站.csv", _stations())), *degrees, *at, "--source", "气象局"]),
        ("buildings", [str(_buildings(folder / "建筑.shp", rng)), "--crs", METRES, *at, "--source", "住建局"]),
        ("terrain", [str(_ground(folder / "dem.asc")), *degrees, "--datum", "1985国家高程基准", *at]),
    ]


def somewhere(rng: random.Random) -> tuple[float, float]:
    """A point of the county, away from its border."""
    return (round(rng.uniform(WEST + 0.03, EAST - 0.03), 6), round(rng.uniform(SOUTH + 0.03, NORTH - 0.03), 6))


def _roads(path: Path) -> Path:
    """Streets east to west and south to north, each from border to border; every fourth a bigger one."""
    xs, ys = np.linspace(WEST, EAST, _STREETS), np.linspace(SOUTH, NORTH, _STREETS)
    lines = [shapely.LineString([(x, SOUTH), (x, NORTH)]) for x in xs]
    lines += [shapely.LineString([(WEST, y), (EAST, y)]) for y in ys]
    grade = ["主干路" if n % 4 == 0 else "支路" for n in range(len(lines))]
    frame = {"道路等级": grade, "道路名称": [f"松阳{n}路" for n in range(len(lines))], "限速": [60] * len(lines)}
    geopandas.GeoDataFrame(frame, geometry=lines, crs="EPSG:4490").to_file(path, engine="pyogrio")
    return path


def _population(path: Path, rng: random.Random) -> Path:
    dx, dy = 2 * WIDTH / _CELLS, 2 * HEIGHT / _CELLS
    cells = [shapely.box(WEST + i * dx, SOUTH + j * dy, WEST + (i + 1) * dx, SOUTH + (j + 1) * dy)
             for i in range(_CELLS) for j in range(_CELLS)]  # fmt: skip
    people = [rng.randrange(40, 900) for _ in cells]
    frame = {"编号": [f"R{n:04d}" for n in range(len(cells))], "常住人口": people, "层级": ["普查小区"] * len(cells),
             "65岁以上": [n // 6 for n in people], "残疾人": [n // 90 for n in people]}  # fmt: skip
    geopandas.GeoDataFrame(frame, geometry=cells, crs="EPSG:4490").to_file(path, engine="pyogrio")
    return path


def _targets(rng: random.Random) -> Rows:
    kinds = ("学校", "敬老院", "加油站", "重大危险源", "变电站", "医院")
    rows: list[Sequence[object]] = [("编号", "名称", "类型", "经度", "纬度", "等级", "人数", "最近检查日期", "隐患数")]
    for n in range(400):
        kind, (x, y) = kinds[n % len(kinds)], somewhere(rng)
        grade = "三级" if kind == "重大危险源" else ""
        rows.append((f"M{n:03d}", f"松阳{kind}{n}", kind, x, y, grade, 30 + n if n % 2 else "", "2026-08-11", n % 3))
    return rows


def _forces(rng: random.Random) -> Rows:
    head = (
        "编号",
        "名称",
        "类型",
        "经度",
        "纬度",
        "联系人",
        "联系电话",
        "可容纳人数",
        "车型",
        "装备",
        "队伍人数",
        "责任部门",
        "状态",
    )
    rows: list[Sequence[object]] = [head]
    kinds: tuple[tuple[str, str, str, str], ...] = (
        ("消防站", "消防车", "水带×40；泡沫灭火剂 2t", FIRE), ("救援队", "小型车", "担架*6；救生绳×4", CIVIL),
        ("救护车", "救护车", "除颤仪×1", "松阳县卫生健康局"), ("物资库", "货车", "帐篷×90", CIVIL),
        ("医院", "", "", "松阳县卫生健康局"), ("避难场所", "", "", CIVIL),
    )  # fmt: skip
    for n in range(72):
        (kind, car, carried, owner), (x, y) = kinds[n % len(kinds)], somewhere(rng)
        places = 200 + n if kind == "避难场所" else ""
        rows.append(
            (f"Z{n:03d}", f"松阳{kind}{n}", kind, x, y, "赵六", "13700002222", places, car, carried, 8, owner, "待命")
        )
    return rows


def _beds() -> Rows:
    now = dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).strftime("%Y-%m-%d %H:%M")
    rows: list[Sequence[object]] = [
        ("编号", "填报时间", "普通床位", "普通空床", "重症床位", "重症空床", "可容纳人数", "剩余容量")
    ]
    rows += [(f"Z{n:03d}", now, 200, 20 + n, 10, n % 4, "", "") for n in range(4, 72, 6)]
    rows += [(f"Z{n:03d}", now, "", "", "", "", 200 + n, 150 + n) for n in range(5, 72, 6)]
    return rows


_PLAN_HEAD = (
    "预案编码,预案名称,版本,类别,事件类型,适用区划,印发单位,生效日期,失效日期,"
    "响应级别,步骤,行动,责任部门,责任岗位,时限,触发条件,需回执,所需资源"
)
_PLAN = (
    "SY-02",
    "松阳县火灾事故应急预案",
    "2026-1",
    "事故灾难",
    "火灾事故",
    COUNTY,
    "县政府",
    "2026-01-01",
    "2030-12-31",
)
PLAN: Rows = (
    ("# 文号：松政办发〔2026〕3号",),
    _PLAN_HEAD.split(","),
    (*_PLAN, "Ⅲ", 1, "首批力量赶赴现场", FIRE, "现场指挥员", 15, "接警后", "是", "消防站*2；救援队伍"),
    (*[""] * len(_PLAN), "Ⅲ", 2, "疏散周边群众", CIVIL, "带班领导", 30, "", "是", "避难场所"),
    (*[""] * len(_PLAN), "Ⅳ", 1, "核实警情", CIVIL, "值班长", 5, "", "否", ""),
)


def _stations() -> Rows:
    head = ("站号", "站名", "站类", "经度", "纬度", "高程", "高程基准", "隶属单位", "观测要素", "警戒水位", "保证水位")
    middle = (round(WEST + WIDTH, 4), round(SOUTH + HEIGHT, 4))
    return (
        head,
        (
            STATION,
            "松阳气象站",
            "气象站",
            *middle,
            130.5,
            "1985国家高程基准",
            "气象局",
            "风速、风向、气温、相对湿度",
            "",
            "",
        ),
    )


def _buildings(path: Path, rng: random.Random) -> Path:
    """A few houses within each kilometre; in metres, with GBK names."""
    rows: list[dict[str, Any]] = []
    for n in range(6000):
        x, y = rng.uniform(WEST + 0.01, EAST - 0.01), rng.uniform(SOUTH + 0.01, NORTH - 0.01)
        use = ("居住", "仓储", "工业")[n % 3]
        rows.append(
            {"编号": f"J{n:05d}", "用途": use, "层数": 1 + n % 6, "g": shapely.box(x, y, x + 0.00022, y + 0.00016)}
        )
    frame = geopandas.GeoDataFrame(rows, geometry="g", crs="EPSG:4490").to_crs(METRES)
    frame.to_file(path, engine="pyogrio", encoding="GBK")
    return path


def _ground(path: Path) -> Path:
    """A plain that rises to the east by 400 m, as an ESRI grid of 60 x 50 cells."""
    columns, size = 60, 2 * WIDTH / 60
    rows = int(2 * HEIGHT / size)
    head = f"ncols {columns}\nnrows {rows}\nxllcorner {WEST}\nyllcorner {SOUTH}\ncellsize {size}\nNODATA_value -9999\n"
    line = " ".join(f"{90 + 400 * i / columns:.1f}" for i in range(columns))
    path.write_text(head + "\n".join([line] * rows) + "\n", "ascii")
    return path


def roster(folder: Path, today: dt.date) -> Path:
    """Who is on duty for the county and its first town, all of today and tomorrow."""
    days = [today + dt.timedelta(days=n) for n in range(-1, 2)]
    rows: list[Sequence[object]] = [("日期", "班次", "开始", "结束", "岗位", "姓名", "电话", "区划")]
    for day in days:
        for place, name in ((COUNTY, "周值班长"), (TOWNS[0][0], "吴街道")):
            rows.append((day.isoformat(), "全天", "08:00", "08:00", "值班长", name, "13905781111", place))
    return _csv(folder / "值班.csv", rows)


def with_more(departments: Path) -> Path:
    """The county's departments and those of emergency command: one table, as it is kept."""
    sheet = openpyxl.load_workbook(departments).active
    assert sheet is not None
    rows: list[Sequence[object]] = [tuple(r) for r in sheet.iter_rows(values_only=True) if r[0]]
    rows += [("SY11", FIRE, "县级", COUNTY, "", "朱队长", "0578-8060011"),
             ("SY12", CIVIL, "县级", COUNTY, "", "何局", "0578-8060012"),
             ("SY13", "松阳县卫生健康局", "县级", COUNTY, "", "卫科", "0578-8060013")]  # fmt: skip
    return _book(departments.with_name("部门-应急.xlsx"), rows)


def _csv(path: Path, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as f:
        csv.writer(f).writerows(rows)
    return path


def _book(path: Path, rows: Rows) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    book.save(path)
    return path
