"""A city's deadline table from its own file: 流程, 大类/小类 or 类别代码, 环节, 时限, 单位, 文号, 日期.

Flows and category tables are passed in: the rules know no list of either. 文号 and 日期 may stand once, as remarks
above the table, or in each row. A table is taken whole or refused with every reason.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ioc.cases.cells import WHOLE, Parsed, Reasons, Row, parse_date
from ioc.cases.deadlines import ALL, TOTAL, Deadline, DeadlineTable, conflicts
from ioc.cases.sheets import SAMPLE, Sheet
from ioc.cases.worktime import Unit, amount_fault
from ioc.declare import Flow
from ioc.errors import Reason

COLUMNS: Mapping[str, Sequence[str]] = {
    "流程": ("flow", "办件流程"),
    "大类": (),
    "小类": (),
    "类别代码": ("category", "类别编码", "小类代码"),
    "环节": ("stage", "办理环节"),
    "时限": ("amount", "办理时限", "处置时限"),
    "单位": ("unit", "时限单位", "计时单位"),
    "文号": ("document", "依据文号"),
    "日期": ("issued", "发文日期"),
}
# 小时, 天 and 日 alone are refused: nobody can tell whether they run at night and on Sundays.
UNIT_WORDS: Mapping[str, Unit] = {
    "工作时": "work_hours",
    "工作小时": "work_hours",
    "工作日": "work_days",
    "紧急工作时": "emergency_hours",
    "自然时": "emergency_hours",
    "自然小时": "emergency_hours",
    "work_hours": "work_hours",
    "work_days": "work_days",
    "emergency_hours": "emergency_hours",
}
TOTAL_WORDS = ("", "总时限", "总", "全程", "total")
ALL_WORDS = ("", "全部", "所有", "*")
# Category tables whose codes a flow's cases carry, in the order they are asked.
FLOW_SCHEMES: Mapping[str, tuple[str, ...]] = {
    "grid": ("gbt30428",),
    "urban": ("gbt30428",),
    "hotline": ("12345", "gbt30428"),
    "incident": ("gbt35561",),
    "event": ("gbt30428", "gbt35561"),
}
_AMOUNT = re.compile(r"^(\d+(?:\.\d+)?)\s*个?\s*(\D*)$")
CategoryOf = Callable[[str, str], str | None]  # (flow, word) -> category code


class Coded(Protocol):
    @property
    def code(self) -> str: ...


class CategoryTable(Protocol):
    def find(self, word: str) -> Coded | None: ...


def category_finder(
    tables: Mapping[str, CategoryTable], schemes: Mapping[str, tuple[str, ...]] = FLOW_SCHEMES
) -> CategoryOf:
    """`CategoryOf` over the dictionaries `category.<scheme>`. A flow that names no scheme is asked in all of them."""
    everything = tuple(name.removeprefix("category.") for name in tables if name.startswith("category."))

    def category_of(flow: str, word: str) -> str | None:
        for scheme in schemes.get(flow, everything):
            table = tables.get(f"category.{scheme}")
            found = table.find(word) if table is not None else None
            if found is not None:
                return found.code
        return None

    return category_of


def read_deadlines(
    sheet: Sheet, flows: Mapping[str, Flow], category_of: CategoryOf, version: str = ""
) -> Parsed[DeadlineTable]:
    """The table in `sheet`, or every reason against it by row."""
    reasons = Reasons(sheet, COLUMNS)
    words = {word.replace(" ", ""): f for f in flows.values() for word in (f.key, f.title.zh, f.short.zh)}
    issued = _issued(sheet, reasons)
    read: list[tuple[int, Deadline]] = []
    for row in reasons.rows("流程", "时限"):
        deadline = _deadline(row, words, category_of, issued)
        if deadline is not None:
            read.append((row.number, deadline))
    numbers = {id(deadline): number for number, deadline in read}
    for deadline, reason in conflicts(d for _, d in read):
        reasons.add(numbers[id(deadline)], reason)
    if reasons.found:
        return Parsed(None, tuple(sorted(reasons.found, key=lambda r: r.row)))
    return Parsed(DeadlineTable(tuple(d for _, d in read), version or sheet.notes.get("版本", "")))


def _issued(sheet: Sheet, reasons: Reasons) -> dt.date | None:
    """The date in the remarks above the table, when there is one."""
    word = sheet.notes.get("日期") or sheet.notes.get("发文日期")
    found = parse_date(word) if word else None
    if word and found is None:
        reasons.add(WHOLE, Reason("日期", "bad_date", "不是有效的日期", "not a date", word))
    return found


def _deadline(row: Row, flows: Mapping[str, Flow], category_of: CategoryOf, issued: dt.date | None) -> Deadline | None:
    before = len(row.reasons.found)
    sheet = row.reasons.sheet
    flow = row.choice("流程", flows)
    term = _term(row)
    category = _category(row, flow.key, category_of) if flow else None
    stage = _stage(row, flow) if flow else None
    document = row.text("文号") or sheet.notes.get("文号", "")
    if not document:
        row.refuse("文号", "missing_field", "没有文号：时限须有依据", "no document number: a deadline needs its ground")
    issued = row.date("日期") if row.text("日期") or issued is None else issued
    sample = sheet.sample or SAMPLE in document
    if flow is None or term is None or category is None or stage is None or len(row.reasons.found) > before:
        return None
    return Deadline(flow.key, term[0], term[1], category, stage, document, issued, sample)


def _term(row: Row) -> tuple[float, Unit] | None:
    """Amount and unit; the unit may stand beside the amount (4 工作时) or in its own column, not as two words."""
    word = row.required("时限")
    if word is None:
        return None
    found = _AMOUNT.match(word)
    if not found:
        row.refuse("时限", "bad_number", "不是数字，例：4", "not a number, for example 4")
        return None
    column = "时限" if found[2] else "单位"
    names = {found[2].replace(" ", ""), row.text("单位").replace(" ", "")} - {""}
    if len(names) != 1 or not names <= set(UNIT_WORDS):
        known = "工作时、工作日、紧急工作时（自然时）"
        row.refuse(column, "bad_unit", f"应写明单位：{known}", "give one unit: work_hours, work_days, emergency_hours")
        return None
    amount, unit = float(found[1]), UNIT_WORDS[names.pop()]
    fault = amount_fault(amount, unit)
    if fault or not amount:
        zh, en = (fault.zh, fault.en) if fault else ("应大于 0", "must be more than 0")
        row.refuse("时限", fault.code if fault else "out_of_range", zh, en)
        return None
    return amount, unit


def _stage(row: Row, flow: Flow) -> str | None:
    word = row.text("环节").replace(" ", "")
    if word in TOTAL_WORDS:
        return TOTAL
    found = next((key for key, text in flow.stages if word in (key, text.zh)), None)
    if found is None:
        names = "、".join(text.zh for _, text in flow.stages)
        zh, en = f"流程 {flow.title.zh} 没有这个环节，可用：{names}", f"the flow {flow.key} has no such stage"
        row.refuse("环节", "unknown_stage", zh, en)
    return found


def _category(row: Row, flow: str, category_of: CategoryOf) -> str | None:
    """Code prefix of 类别代码, or of 大类 and 小类; both given must agree. None: refused."""
    major, minor, code = (row.text(c) for c in ("大类", "小类", "类别代码"))
    named = _by_names(row, flow, category_of, *("" if w in ALL_WORDS else w for w in (major, minor)))
    coded = ALL if code in ALL_WORDS else _by_code(row, flow, category_of, code)
    if named is None or coded is None:
        return None
    if named and coded and coded != named:
        zh, en = f"与大类、小类（{named}）不一致", f"does not agree with the named category ({named})"
        row.refuse("类别代码", "category_disagrees", zh, en)
        return None
    return coded or named


def _by_code(row: Row, flow: str, category_of: CategoryOf, code: str) -> str | None:
    """A code as written, or with the leading 0 that a spreadsheet took from it (0102 becomes 102)."""
    found = category_of(flow, code) or (category_of(flow, f"0{code}") if code.isdigit() and len(code) % 2 else None)
    if found is None:
        row.refuse("类别代码", "unknown_category", "分类表中没有这个代码", "no such code in the category table")
    return found


def _by_names(row: Row, flow: str, category_of: CategoryOf, major: str, minor: str) -> str | None:
    top = ALL
    if major:
        short = major.zfill(2) if major.isdigit() else major
        top = category_of(flow, short)
        if top is None:
            row.refuse("大类", "unknown_category", "分类表中没有这个大类", "no such main category")
            return None
    if not minor:
        return top
    # 其他 is a minor category of every main one: asked as 市容环境·其他; a number continues its main category's code
    tries = [f"{top}{minor.zfill(2)}"] if top and minor.isdigit() else [f"{major}·{minor}", minor]
    found = [c for c in (category_of(flow, word) for word in tries) if c and c.startswith(top) and c != top]
    if not found:
        row.refuse("小类", "unknown_category", "该大类下没有这个小类", "no such category under the main one")
        return None
    return found[0]
