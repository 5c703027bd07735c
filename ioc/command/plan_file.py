"""Plans from a file: a workbook or CSV with one row an action, or JSON of the same content. Taken whole or refused.

Columns of a plan (编码, 名称, 版本 ...) are given in its first row and may be left empty below it; what is given again
must be the same. JSON is laid out as such rows first, so that both are read by one set of rules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ioc.cases.cells import Parsed, Reasons, Row
from ioc.cases.sheets import MOST_BYTES, SAMPLE, Sheet, read_sheet
from ioc.command.plans import CLASSES, Action, Level, Plan
from ioc.errors import Invalid, Reason

COLUMNS: Mapping[str, Sequence[str]] = {
    "预案编码": ("编码", "code"),
    "预案名称": ("名称", "title"),
    "版本": ("version",),
    "类别": ("事件类别", "class"),
    "事件类型": ("类型", "types"),
    "适用区划": ("适用地区", "places"),
    "文号": ("document",),
    "印发单位": ("发布单位", "issuer"),
    "生效日期": ("实施日期", "valid_from"),
    "失效日期": ("废止日期", "valid_to"),
    "响应级别": ("级别", "level"),
    "步骤": ("顺序", "order"),
    "行动": ("处置措施", "内容", "what"),
    "责任部门": ("责任单位", "department"),
    "责任岗位": ("岗位", "role"),
    "时限": ("时限(分钟)", "时限分钟", "deadline_min"),
    "触发条件": ("条件", "trigger"),
    "需回执": ("回执", "receipt"),
    "所需资源": ("资源", "resources"),
}
REQUIRED = ("预案编码", "响应级别", "行动")
_HEAD = ("预案名称", "版本", "类别", "事件类型", "适用区划", "文号", "印发单位", "生效日期", "失效日期")
_SPLIT = re.compile(r"[;；、,，\s]+")
_CODE = re.compile(r"1[1-4][0-9A-Z]{0,8}")  # GB/T 35561: 11B, 11B06, 12 ...
_LEVEL = {**{str(n): n for n in range(1, 5)}, "Ⅰ": 1, "Ⅱ": 2, "Ⅲ": 3, "Ⅳ": 4, "I": 1, "II": 2, "III": 3, "IV": 4,
          "一": 1, "二": 2, "三": 3, "四": 4}  # fmt: skip
_YES = {"是": True, "要": True, "yes": True, "true": True, "1": True, "否": False, "no": False, "false": False,
        "0": False}  # fmt: skip
_NEED = re.compile(r"^(.+?)(?:[*x×X](\d+))?$")
MINUTES_MAX = 60 * 24 * 60


@dataclass(frozen=True)
class Known:
    """What this centre's tables know: each gives the code of a word, or ""."""

    type_: Callable[[str], str]
    region: Callable[[str], str]
    resource: Callable[[str], str]


@dataclass
class _Draft:
    head: dict[str, str]
    row: int
    actions: dict[int, list[Action]] = field(default_factory=dict[int, list[Action]])
    needs: dict[int, dict[str, int | None]] = field(default_factory=dict[int, dict[str, int | None]])


def read_file(name: str, content: bytes) -> Sheet:
    """The rows of a plan file. Raises Invalid for one that cannot be read at all."""
    if not name.lower().endswith(".json"):
        return read_sheet(name, content)
    if len(content) > MOST_BYTES:
        raise Invalid(name, name, reasons=[Reason("file", "too_large", "文件过大", "the file is too large", name)])
    try:
        body: Any = json.loads(content.decode("utf-8-sig"))
        listed: Any = body["plans"]
        rows = [row for plan in listed for row in _rows_of(plan)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        zh, en = "应为 {plans: [...]}，见 docs/command-data.md", "must be {plans: [...]}, see docs/command-data.md"
        raise Invalid(name, name, reasons=[Reason("file", "bad_json", zh, en, str(e)[:120])]) from e
    return Sheet(name, tuple(COLUMNS), tuple(enumerate(rows, 1)), {}, bool(body.get("sample")))


def _rows_of(plan: Mapping[str, Any]) -> list[dict[str, str]]:
    """A plan of the JSON form as rows; its own words under the columns of the table."""
    names = {"code": "预案编码", "title": "预案名称", "version": "版本", "class": "类别", "types": "事件类型",
             "places": "适用区划", "document": "文号", "issuer": "印发单位", "valid_from": "生效日期",
             "valid_to": "失效日期"}  # fmt: skip
    head = {zh: _text(plan.get(key)) for key, zh in names.items()}
    out: list[dict[str, str]] = []
    for level, content in cast("dict[str, Any]", plan["levels"]).items():
        needs = "；".join(
            f"{r['kind']}*{r['amount']}" if r.get("amount") else str(r["kind"]) for r in content.get("resources", [])
        )
        for i, action in enumerate(content["actions"]):
            row = {"响应级别": str(level), "步骤": _text(action.get("order", i + 1)), "行动": _text(action.get("what")),
                   "责任部门": _text(action.get("department")), "责任岗位": _text(action.get("role")),
                   "时限": _text(action.get("deadline_min")), "触发条件": _text(action.get("trigger")),
                   "需回执": "是" if action.get("receipt") else "否", "所需资源": needs if i == 0 else ""}  # fmt: skip
            out.append({**head, **row})
    return out


def _text(value: Any) -> str:
    if value is None:
        return ""
    return "；".join(map(str, cast("list[Any]", value))) if isinstance(value, list) else str(value)


def read_plans(sheet: Sheet, known: Known) -> Parsed[tuple[Plan, ...]]:
    """The plans of a sheet, or every reason against it by row."""
    reasons = Reasons(sheet, COLUMNS)
    drafts: dict[str, _Draft] = {}
    last = ""
    for row in reasons.rows(*REQUIRED):
        code = row.text("预案编码") or last
        if not code:
            row.required("预案编码")
            continue
        last = code
        draft = drafts.setdefault(code, _Draft({}, row.number))
        _head(row, draft)
        _action(row, draft, known)
    plans = [p for code, d in drafts.items() if (p := _plan(reasons, code, d, sheet, known)) is not None]
    if reasons.found:
        return Parsed(None, tuple(sorted(reasons.found, key=lambda r: r.row)))
    return Parsed(tuple(plans))


def _head(row: Row, draft: _Draft) -> None:
    for column in _HEAD:
        word = row.text(column)
        if word and draft.head.setdefault(column, word) != word:
            row.refuse(column, "differs", "与该预案前面的行不同", "differs from this plan's earlier rows")


def _action(row: Row, draft: _Draft, known: Known) -> None:
    level = row.choice("响应级别", _levels(row.text("响应级别")))
    what = row.required("行动")
    if what and len(what) > 1000:
        row.refuse("行动", "too_long", "超过 1000 字", "longer than 1000 characters")
    deadline = _whole(row, "时限", 0, MINUTES_MAX)
    order = _whole(row, "步骤", 1, 10_000)
    receipt = row.choice_of("需回执", _YES, blank=False)
    needs = _needs(row, known)
    if level is None or what is None or receipt is None:
        return
    steps = draft.actions.setdefault(level, [])
    number = order if order is not None else max((a.order for a in steps), default=0) + 1
    if any(a.order == number for a in steps):
        row.refuse("步骤", "duplicate_key", "同一级别中重复", "twice in one level")
    steps.append(
        Action(number, what, row.text("责任部门"), row.text("责任岗位"), deadline, row.text("触发条件"), receipt)
    )
    draft.needs.setdefault(level, {}).update(needs)


def _levels(word: str) -> Mapping[str, int]:
    """Every spelling of the four levels: Ⅲ, III, 3, 三级, Ⅲ级响应."""
    plain = word.replace(" ", "").removesuffix("响应").removesuffix("级").upper()
    return {word.replace(" ", ""): _LEVEL[plain]} if plain in _LEVEL else {"Ⅰ": 1, "Ⅱ": 2, "Ⅲ": 3, "Ⅳ": 4}


def _whole(row: Row, column: str, low: int, high: int) -> int | None:
    """An optional whole number; minutes may be written 30分钟."""
    word = row.text(column).removesuffix("钟").removesuffix("分")
    if not word:
        return None
    if not (word.isascii() and word.isdigit() and low <= int(word) <= high):
        row.refuse(column, "bad_number", f"应为 {low} 到 {high} 的整数", f"a whole number from {low} to {high}")
        return None
    return int(word)


def _needs(row: Row, known: Known) -> dict[str, int | None]:
    out: dict[str, int | None] = {}
    for part in _SPLIT.split(row.text("所需资源")):
        found = _NEED.match(part)
        if not found:
            continue
        kind = known.resource(found[1])
        if not kind:
            row.refuse("所需资源", "unknown_kind", f"没有这个资源类型：{found[1]}", f"no such kind: {found[1]}")
            continue
        out[kind] = int(found[2]) if found[2] else None
    return out


def _plan(reasons: Reasons, code: str, draft: _Draft, sheet: Sheet, known: Known) -> Plan | None:
    """The plan of a draft; its faults are told at its first row."""
    before = len(reasons.found)
    head = Row(reasons, draft.row, {"预案编码": code, **draft.head})
    if not sheet.notes.get("文号") and not head.text("文号") and not sheet.sample:
        head.refuse("文号", "missing_field", "必填项为空", "required")
    title, version = head.required("预案名称"), head.required("版本")
    begins = head.date("生效日期")
    ends = head.date("失效日期") if head.text("失效日期") else None
    if begins and ends and ends < begins:
        head.refuse("失效日期", "time_order", "早于生效日期", "before it comes into force")
    class_ = head.choice_of("类别", _classes(), blank=0)
    types = _codes(head, "事件类型", known.type_, _CODE)
    places = _codes(head, "适用区划", known.region, None)
    if class_ and any(t[1] != str(class_) for t in types):
        head.refuse("事件类型", "bad_choice", "不属于该类别", "not of this class")
    if len(reasons.found) > before or begins is None or title is None or version is None:
        return None
    levels = {
        n: Level(tuple(sorted(steps, key=lambda a: a.order)), tuple(sorted(draft.needs.get(n, {}).items())))
        for n, steps in sorted(draft.actions.items())
    }
    document = head.text("文号") or sheet.notes.get("文号", "")
    return Plan(code, version, title, begins, levels, class_ or None, types, places, document, head.text("印发单位"),
                ends, sample=sheet.sample or SAMPLE in document)  # fmt: skip


def _classes() -> dict[str, int]:
    out = {zh: n for n, (zh, _) in CLASSES.items()} | {str(n): n for n in CLASSES}
    return out | {"公共卫生": 3, "社会安全": 4, "11": 1, "12": 2, "13": 3, "14": 4}


def _codes(row: Row, column: str, find: Callable[[str], str], form: re.Pattern[str] | None) -> tuple[str, ...]:
    """Codes of the words in a cell, sorted, each once. A code of the standard's form stands for itself."""
    out: set[str] = set()
    for word in _SPLIT.split(row.text(column)):
        if not word:
            continue
        code = find(word) or (word if form is not None and form.fullmatch(word) else "")
        if not code:
            row.refuse(column, "unknown_code", f"无法识别：{word}", f"not known: {word}")
        out.add(code)
    return tuple(sorted(out - {""}))
