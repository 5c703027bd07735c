"""A city's own topics from its file: one row a topic and category. Taken whole or refused with every reason by row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ioc.cases.cells import Parsed, Reasons, Row
from ioc.cases.deadline_file import CategoryOf
from ioc.cases.sheets import Sheet
from ioc.cases.topics import OTHER

COLUMNS: Mapping[str, Sequence[str]] = {
    "主题": ("主题代码", "topic"),
    "名称": ("主题名称", "name"),
    "英文": ("英文名称", "name_en"),
    "类别": ("类别代码", "category"),
}
MOST = 20
_KEY = re.compile(r"^[a-z0-9_]{1,40}$")


@dataclass(frozen=True, slots=True)
class TopicRow:
    rule_no: int
    key: str
    zh: str
    en: str
    category: str


def read_topics(sheet: Sheet, category_of: CategoryOf) -> Parsed[tuple[TopicRow, ...]]:
    """Rows in the order of the file, which is the order of the chips. A category may belong to several topics."""
    reasons = Reasons(sheet, COLUMNS)
    found: list[TopicRow] = []
    names: dict[str, str] = {}
    for row in reasons.rows("主题", "名称", "类别"):
        made = _row(row, category_of, len(found) + 1, names)
        if made is None:
            continue
        if any((f.key, f.category) == (made.key, made.category) for f in found):
            row.refuse("类别", "set_twice", "该主题已有此类别", "the topic has this category already")
        found.append(made)
        if len({f.key for f in found}) > MOST:
            row.refuse("主题", "too_many", f"最多 {MOST} 个主题", f"at most {MOST} topics")
            break
    if reasons.found:
        return Parsed(None, tuple(sorted(reasons.found, key=lambda r: r.row)))
    return Parsed(tuple(found))


def _row(row: Row, category_of: CategoryOf, number: int, names: dict[str, str]) -> TopicRow | None:
    before = len(row.reasons.found)
    key, name, word = row.required("主题") or "", row.required("名称") or "", row.required("类别") or ""
    if key and (not _KEY.match(key) or key == OTHER):
        zh, en = "1 至 40 个小写字母、数字或下划线，且不为 other", "1 to 40 of a-z, 0-9 and _, and not other"
        row.refuse("主题", "bad_key", zh, en)
    if name and names.setdefault(key, name) != name:
        row.refuse("名称", "set_twice", f"该主题已名为 {names[key]}", f"the topic is called {names[key]} already")
    found = category_of("", word) if word else None
    if found is None and word.isdigit() and len(word) % 2:  # the leading 0 a spreadsheet took away
        found = category_of("", f"0{word}")
    if word and found is None:
        row.refuse("类别", "unknown_category", "分类表中没有这个类别", "no such category in the category table")
    if len(row.reasons.found) > before or found is None:
        return None
    return TopicRow(number, key, name[:40], (row.text("英文") or name)[:60], found)
