"""What 松阳县 decides for itself, as its offices deliver it: who does what, in what time, on which days, and with what.

Beside `tests.worlds.other_city`, in the order `ioc import` wants them. `FAULTS` are the same tables with one mistake
each, as they really come, and the word by which the refusal names it.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import openpyxl

URBAN, ROADS, WATER = "松阳县综合行政执法局", "松阳县交通运输局", "松阳县水利局"
NOTICE = "松政办发〔2026〕17号"
Rows = Sequence[Sequence[object]]

DEPARTMENTS: Rows = (
    ("部门编码", "部门名称", "级别", "区划代码", "上级部门", "联系人", "值班电话"),
    ("SY01", URBAN, "县级", 331124000000, "", "叶队", "0578-8060001"),
    ("SY02", ROADS, "县级", 331124000000, "", "潘工", "0578-8060002"),
    ("SY03", WATER, "县级", 331124000000, "", "周工", "0578-8060003"),
    ("SY04", "西屏街道综合执法中队", "街道", "西屏街道", URBAN, "吴队", "0578-8060004"),
)
DISPATCH: Rows = (
    ("流程", "类别", "区划", "圩日", "责任部门", "协办部门", "紧急程度", "通知岗位"),
    ("", "", "", "", URBAN, "", "", ""),
    # codes as a spreadsheet leaves them, without the leading zero
    ("", 110, "", "", ROADS, URBAN, "", ""),
    ("", "水域不洁", "", "", WATER, "", "", "河长"),
    ("网格事件", "街面秩序", "西屏街道", "", "西屏街道综合执法中队", "", "", ""),
    ("", "机动车乱停放", "", "是", URBAN, "", "紧急", ""),
)
DUPLICATES: Rows = (
    ("类别", "距离（米）", "时间（小时）", "合并阈值", "提示阈值"),
    ("", 50, 72, 0.75, 0.5),
    ("道路破损", 80, 240, 0.75, 0.5),
    ("机动车乱停放", 15, 2, 0.9, 0.7),
)
ESCALATION: Rows = (
    ("级别", "流程", "类别", "环节", "超时比例", "超时小时", "通知对象"),
    (1, "", "", "", 0, "", "责任部门"),
    (2, "12345工单", "", "", 50, "", "值班长"),
    (3, "", "", "", "", 24, "分管领导"),
)
DEADLINES: Rows = (
    ("流程", "大类", "小类", "环节", "时限", "单位", "备注"),
    ("12345工单", "", "", "总时限", 5, "工作日", ""),
    ("12345工单", "", "", "签收", 4, "工作时", ""),
    ("12345工单", "", "", "办理", 3, "工作日", ""),
    ("网格事件", "", "", "总时限", "7工作日", "", ""),
    ("网格事件", "市容环境", "道路破损", "处置", 2, "工作日", "交通局承诺"),
    ("网格事件", "突发事件", "", "处置", "4紧急工作时", "", ""),
    ("城管案件", "", "", "总时限", 7, "工作日", ""),
)
HOURS: Rows = (
    ("星期", "上班", "下班"),
    ("周一至周五", "08:30", "12:00"),
    ("周一至周五", "14:00", "17:30"),
)
MARKETS: Rows = (("圩名", "间隔天数", "起始日", "每月日期"), ("古市", "", "", "逢2、7"), ("玉岩", 5, "2026-01-03", ""))
MODELS: Rows = (
    ("型号", "厂家", "设备类型", "上报间隔", "原属性", "用途", "观测项", "单位", "缺测值"),
    ("SY-WL1", "某水文", "水位", 300, "lvl", "", "水位", "cm", "-9999"),
    ("SY-WL1", "某水文", "水位", 300, "vbat", "忽略", "", "", ""),
)
STEWARDS: Rows = (
    ("职责", "姓名", "联系电话", "账号", "区划代码", "设备类型"),
    ("县级河长", "陈县长", "13905780001", "chenxz", "331124000000", "水位"),
    ("网格员", "王甲", "13905780002", "wangjia", "331124001201", ""),
)
# login, role, name, region, department
ACCOUNTS = (
    ("yeduty", "officer", "叶值班", "", ""),
    ("zhoulead", "chief", "周值班长", "", ""),
    ("chenxz", "leader", "陈县长", "", ""),
    ("panroad", "department", "潘工", "", ROADS),
    ("wangjia", "grid", "王甲", "331124001201", ""),
    ("wangjia2", "grid", "王甲", "331124103203", ""),  # another person of that name, in another town
)


@dataclass(frozen=True)
class WorkFiles:
    """In the order they are imported."""

    tables: tuple[tuple[str, Path], ...]
    faults: tuple[tuple[str, Path, str], ...]  # kind, file, what the refusal must name


def write_work(folder: Path, year: int) -> WorkFiles:
    """All tables under `folder`; `year`: the one whose holidays the county has published."""
    tables = (
        ("departments", _book(folder / "部门.xlsx", DEPARTMENTS)),
        ("dispatch", _book(folder / "派单规则.xlsx", DISPATCH)),
        ("duplicates", _csv(folder / "重复判定.csv", DUPLICATES, "gb18030")),
        ("escalation", _csv(folder / "超时升级.csv", ESCALATION, "utf-8-sig")),
        ("calendar", _csv(folder / "作息.csv", HOURS, "gb18030", notes=True)),
        ("calendar", _csv(folder / "放假安排.csv", days(year), "utf-8-sig", notes=True)),
        ("calendar", _csv(folder / "圩期.csv", MARKETS, "utf-8")),
        ("deadlines", _book(folder / "时限.xlsx", DEADLINES, notes=True)),
        ("models", _csv(folder / "型号.csv", MODELS, "utf-8-sig")),
        ("stewards", _book(folder / "责任人.xlsx", STEWARDS)),
    )
    faulty: tuple[tuple[str, str, Rows, bool, str], ...] = (
        ("departments", "部门", [*DEPARTMENTS, ("SY05", "镇府", "乡镇级", "", "无此局", "", "")], False, "无此局"),
        ("dispatch", "派单", [*DISPATCH, ("", "路灯", "", "", "供电公司", "", "", "")], False, "供电公司"),
        ("deadlines", "时限", [*DEADLINES, ("网格事件", "", "", "处置", 3, "天", "")], True, "[天]"),
        ("duplicates", "重复", [DUPLICATES[0], ("", 50, 72, 0.5, 0.8)], False, "提示阈值不得高于合并阈值"),
        ("escalation", "升级", [*ESCALATION, (4, "", "", "", "", 8, "书记")], False, "书记"),
        ("models", "型号", [*MODELS, ("SY-X", "", "水位", 300, "t", "", "水温计", "℃", "")], False, "水温计"),
    )
    faults = tuple(
        (kind, _csv(folder / f"{name}-错.csv", rows, "gb18030", notes), word)
        for kind, name, rows, notes, word in faulty
    )
    return WorkFiles(tables, faults)


def days(year: int) -> Rows:
    """Days off of a year: those of fixed date every notice has, and a make-up Saturday."""
    first = dt.date(year, 10, 10)
    saturday = first + dt.timedelta(days=(5 - first.weekday()) % 7)
    off = [(1, 1, "元旦"), (5, 1, "劳动节"), (5, 2, "劳动节"), *((10, d, "国庆节") for d in range(1, 8))]
    rows = [(f"{year}-{m:02d}-{d:02d}", "休", name) for m, d, name in off]
    return [("日期", "类型", "名称"), *rows, (saturday.isoformat(), "班", "国庆节")]


def _book(path: Path, rows: Rows, notes: bool = False) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [*_notes(notes), *rows]:
        sheet.append(list(row))
    book.save(path)
    return path


def _csv(path: Path, rows: Rows, encoding: str, notes: bool = False) -> Path:
    with path.open("w", encoding=encoding, newline="") as f:
        csv.writer(f).writerows([*_notes(notes), *rows])
    return path


def _notes(wanted: bool) -> Rows:
    return [[f"# 文号：{NOTICE}"], ["# 日期：2025-12-20"]] if wanted else []
