"""A city's departments, dispatch rules, duplicate thresholds and escalation rules from its own files.

Each table is taken whole or refused with every reason by row (`ioc.cases.cells`). Flows, category tables, regions and
departments are passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from ioc.cases.cells import Parsed, Reasons, Row
from ioc.cases.deadline_file import ALL_WORDS, CategoryOf
from ioc.cases.dispatch import Rule
from ioc.cases.duplicates import Limits
from ioc.cases.escalation import Rule as Escalation
from ioc.cases.sheets import Sheet
from ioc.declare import Flow

DEPARTMENTS: Mapping[str, Sequence[str]] = {
    "编码": ("代码", "部门编码", "code"),
    "名称": ("部门", "部门名称", "name"),
    "层级": ("级别", "level"),
    "区划": ("区划代码", "region"),
    "上级": ("上级编码", "上级部门", "parent"),
    "联系人": ("contact",),
    "电话": ("值班电话", "联系电话", "phone"),
}
DISPATCH: Mapping[str, Sequence[str]] = {
    "流程": ("flow",),
    "类别": ("类别代码", "category"),
    "区划": ("区划代码", "region"),
    "圩日": ("market_day",),
    "责任部门": ("主责部门", "department"),
    "协办部门": ("协同部门", "co_department"),
    "紧急程度": ("urgency",),
    "通知岗位": ("通知", "notify"),
}
DUPLICATES: Mapping[str, Sequence[str]] = {
    "类别": ("类别代码", "category"),
    "距离": ("距离米", "距离(米)", "距离(m)", "radius_m"),
    "小时": ("时间", "时间(小时)", "小时数", "hours"),
    "确定": ("合并阈值", "certain"),
    "疑似": ("提示阈值", "hint"),
}
ESCALATION: Mapping[str, Sequence[str]] = {
    "级别": ("level",),
    "流程": ("flow",),
    "类别": ("类别代码", "category"),
    "环节": ("stage",),
    "超时比例": ("超时%", "超时比例(%)", "over_pct"),
    "超时小时": ("超时(小时)", "超时时间(小时)", "over_hours"),
    "通知": ("通知对象", "to"),
}
Value = TypeVar("Value")
To = Literal["department", "role"]
Level = Literal["city", "county", "town", "village", "unit"]
LEVELS: Mapping[str, Level] = {
    "市": "city", "市级": "city", "city": "city", "县": "county", "区": "county", "县级": "county", "区级": "county",
    "county": "county", "镇": "town", "乡": "town", "街道": "town", "乡镇": "town", "镇级": "town",
    "乡级": "town", "乡镇级": "town", "街道级": "town", "town": "town", "村": "village",
    "社区": "village", "村级": "village", "village": "village",
    "单位": "unit", "企业": "unit", "unit": "unit",
}  # fmt: skip
URGENCIES = {"一般": "routine", "紧急": "urgent", "特急": "critical", "routine": "routine", "urgent": "urgent",
             "critical": "critical"}  # fmt: skip
YES = {"是": True, "y": True, "yes": True, "1": True, "圩日": True, "否": False, "no": False, "n": False, "0": False}
OF_CELL = ("网格部门", "网格责任部门", "grid")
# 通知 of an escalation: whom a word means. A role's key is taken as it is.
TO: Mapping[str, tuple[To, str]] = {
    "责任部门": ("department", ""), "承办部门": ("department", ""), "department": ("department", ""),
    "值班长": ("role", "chief"), "chief": ("role", "chief"), "领导": ("role", "leader"), "分管领导": ("role", "leader"),
    "leader": ("role", "leader"), "值班员": ("role", "officer"), "officer": ("role", "officer"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Department:
    code: str
    name: str
    level: Level
    region_code: str = ""
    parent: str = ""
    contact: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What a row may name. `region` gives the code of a code or a name that one region has."""

    flows: Mapping[str, Flow]
    category_of: CategoryOf
    region: Callable[[str], str | None]
    departments: Collection[str] = ()


def read_departments(sheet: Sheet, known: Known) -> Parsed[tuple[Department, ...]]:
    reasons = Reasons(sheet, DEPARTMENTS)
    found: list[tuple[Row, Department]] = []
    # also a row with a fault of its own is somebody's parent, and names one: every fault is told at once
    for row in reasons.rows("编码", "名称", "层级"):
        code, name, level = row.required("编码") or "", row.required("名称") or "", row.choice("层级", LEVELS) or "unit"
        more = (row.text("上级"), row.text("联系人")[:100], row.text("电话")[:40])
        found.append((row, Department(code[:50], name[:100], level, _region(row, known) or "", *more)))
    _once(found, "编码", lambda d: d.code)
    _once(found, "名称", lambda d: d.name)
    _tree(found)
    return _parsed(reasons, tuple(d for _, d in found))


def _once(found: Sequence[tuple[Row, Department]], column: str, key: Callable[[Department], str]) -> None:
    seen: dict[str, int] = {}
    for row, department in (f for f in found if key(f[1])):
        first = seen.setdefault(key(department), row.number)
        if first != row.number:
            row.refuse(column, "set_twice", f"第 {first} 行已有", f"row {first} has it already")


def _tree(found: Sequence[tuple[Row, Department]]) -> None:
    """Every parent exists, by code or name, and nobody stands above themselves."""
    by_word = {word: d for _, d in found for word in (d.name, d.code) if word}
    for row, department in found:
        above, seen = department, {department.code}
        while above.parent:
            parent = by_word.get(above.parent)
            if parent is None:
                if above is department:
                    row.refuse("上级", "unknown_department", "表中没有这个部门", "no such department in the table")
                break
            if parent.code in seen:
                row.refuse("上级", "circle", "上下级成环", "departments stand above each other in a circle")
                break
            seen.add(parent.code)
            above = parent


def read_dispatch(sheet: Sheet, known: Known) -> Parsed[tuple[Rule, ...]]:
    """Rules in the order of the file. Departments must be in the table that was imported before."""
    reasons = Reasons(sheet, DISPATCH)
    found: list[Rule] = []
    seen: dict[tuple[object, ...], int] = {}
    for row in reasons.rows("责任部门"):
        rule = _dispatch(row, known, len(found) + 1)
        if rule is None:
            continue
        key = (rule.flow, rule.category, rule.region_code, rule.market_day)
        if key in seen:
            zh, en = f"与第 {seen[key]} 行的条件相同", f"the same conditions as row {seen[key]}"
            row.refuse("责任部门", "set_twice", zh, en)
        seen.setdefault(key, row.number)
        found.append(rule)
    return _parsed(reasons, tuple(found))


def _dispatch(row: Row, known: Known, number: int) -> Rule | None:
    before = len(row.reasons.found)
    flow, region = _flow(row, known), _region(row, known)
    category = _category(row, known, flow) if flow is not None else None
    word = row.required("责任部门")
    department = "" if word in OF_CELL else _department(row, known, "责任部门")
    other = _department(row, known, "协办部门") if row.text("协办部门") else ""
    urgency = row.choice("紧急程度", URGENCIES) if row.text("紧急程度") else ""
    market = row.choice_of("圩日", YES, False)
    if len(row.reasons.found) > before or flow is None or region is None or category is None:
        return None
    return Rule(number, flow, category, region, bool(market), department or "", other or "", urgency or "",
                row.text("通知岗位")[:40])  # fmt: skip


def read_duplicates(sheet: Sheet, known: Known) -> Parsed[tuple[tuple[str, Limits], ...]]:
    reasons = Reasons(sheet, DUPLICATES)
    found: dict[str, Limits] = {}
    for row in reasons.rows("距离", "小时", "确定", "疑似"):
        category = _category(row, known, "")
        numbers = [
            row.number_between("距离", 1, 2000), row.number_between("小时", 0.1, 24 * 90),
            row.number_between("确定", 0, 1), row.number_between("疑似", 0, 1),
        ]  # fmt: skip
        radius, hours, certain, hint = numbers
        if category is None or radius is None or hours is None or certain is None or hint is None:
            continue
        if hint > certain:
            row.refuse("疑似", "out_of_range", "提示阈值不得高于合并阈值", "must not be above the other threshold")
        elif category in found:
            row.refuse("类别", "set_twice", "该类别已有阈值", "set before")
        else:
            found[category] = Limits(radius, hours, certain, hint)
    return _parsed(reasons, tuple(found.items()))


def read_escalation(sheet: Sheet, known: Known, roles: Collection[str]) -> Parsed[tuple[Escalation, ...]]:
    reasons = Reasons(sheet, ESCALATION)
    found: list[Escalation] = []
    for row in reasons.rows("级别", "通知"):
        rule = _escalation(row, known, roles, len(found) + 1)
        if rule is not None:
            found.append(rule)
    return _parsed(reasons, tuple(found))


def _escalation(row: Row, known: Known, roles: Collection[str], number: int) -> Escalation | None:
    before = len(row.reasons.found)
    level, flow = row.number_between("级别", 1, 9), _flow(row, known)
    category = _category(row, known, flow) if flow is not None else None
    stage = _stage(row, known.flows[flow]) if flow else _no_stage(row)
    words: dict[str, tuple[To, str]] = {**TO, **{role: ("role", role) for role in roles}}
    to = row.choice("通知", words)
    pct = row.number_between("超时比例", 0, 10_000) if row.text("超时比例") else None
    hours = row.number_between("超时小时", 0, 24 * 365) if row.text("超时小时") else None
    if bool(row.text("超时比例")) == bool(row.text("超时小时")):
        zh, en = "超时比例和超时小时应填其一", "give one of the two: percent or hours"
        row.refuse("超时比例", "one_of_two", zh, en)
    if level is not None and level != int(level):
        row.refuse("级别", "bad_number", "应为整数", "must be a whole number")
    if len(row.reasons.found) > before or level is None or to is None or flow is None or category is None:
        return None
    return Escalation(number, int(level), to[0], to[1], flow, category, stage or "", pct, hours)


# ------------------------------------------------------------ cells


def _flow(row: Row, known: Known) -> str | None:
    word = row.text("流程").replace(" ", "")
    if word in ALL_WORDS:
        return ""
    words = {w.replace(" ", ""): f for f in known.flows.values() for w in (f.key, f.title.zh, f.short.zh)}
    found = row.choice("流程", words)
    return found.key if found else None


def _category(row: Row, known: Known, flow: str) -> str | None:
    word = row.text("类别")
    if word in ALL_WORDS:
        return ""
    found = known.category_of(flow, word) or (
        # the leading 0 a spreadsheet took away
        known.category_of(flow, f"0{word}") if word.isdigit() and len(word) % 2 else None
    )
    if found is None:
        row.refuse("类别", "unknown_category", "分类表中没有这个类别", "no such category in the category table")
    return found


def _region(row: Row, known: Known) -> str | None:
    word = row.text("区划")
    if word in ALL_WORDS:
        return ""
    found = known.region(word)
    if found is None:
        zh, en = "没有这个区划，或有多个同名", "no such region, or several of this name: give its code"
        row.refuse("区划", "unknown_region", zh, en)
    return found


def _department(row: Row, known: Known, column: str) -> str | None:
    word = row.text(column)
    if word and word not in known.departments:
        zh, en = "部门表中没有这个部门，请先导入部门", "not in the department table: import departments first"
        row.refuse(column, "unknown_department", zh, en)
        return None
    return word or None


def _stage(row: Row, flow: Flow) -> str | None:
    word = row.text("环节").replace(" ", "")
    if word in ALL_WORDS:
        return ""
    found = next((key for key, text in flow.stages if word in (key, text.zh)), None)
    if found is None:
        row.refuse(
            "环节", "unknown_stage", f"流程 {flow.title.zh} 没有这个环节", f"the flow {flow.key} has no such stage"
        )
    return found


def _no_stage(row: Row) -> str:
    if row.text("环节") not in ALL_WORDS:
        row.refuse("环节", "no_flow", "写明环节时须写明流程", "a stage needs its flow")
    return ""


def _parsed(reasons: Reasons, value: Value) -> Parsed[Value]:
    if reasons.found:
        return Parsed(None, tuple(sorted(reasons.found, key=lambda r: r.row)))
    return Parsed(value)
