"""`ioc import patrol-plans|village-figures FILE`: tables of a grid governance office, row by row, rejects kept.

A file is read whole (`MAX_ROWS`), its good rows are stored in one transaction. Bringing it again changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ioc.clock import Clock
from ioc.errors import Invalid, Reason
from ioc.fold import fold
from ioc.intake import fields
from ioc.intake.columns import recognise
from ioc.intake.event_input import Reader
from ioc.intake.fields import TimeRules
from ioc.intake.readers import open_file
from ioc.intake.reasons import Refuse, reason
from ioc.intake.report import SHOWN, ImportReport
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Conn, Store, imports, patrols, sources, villages
from ioc.store.rejects import Rejected, store_rejects

KINDS = ("patrol-plans", "village-figures")
MAX_ROWS = 200_000
INTERVAL_S = 31 * 86_400
PLAN: Mapping[str, str] = {
    "grid_code": "网格编码|网格编号|编码|编号|网格代码|grid_code|code",
    "cell_kind": "网格类型|网格类别|grid_kind",
    "kind": "巡查类型|任务类型|类型|方式|kind|type",
    "times": "每周次数|次数|频次|周次数|times_a_week|times",
}
_WALKS = {"巡查": "inspect", "inspect": "inspect", "走访": "visit", "visit": "visit"}
_CELLS = {"单元网格": "unit", "unit": "unit", "综合网格": "general", "general": "general", "专属网格": "special",
          "special": "special"}  # fmt: skip
PEOPLE: Mapping[str, str] = {
    "households": "户数|总户数|households",
    "residents": "常住人口|常住人口数|residents",
    "registered": "户籍人口|户籍人口数|registered",
    "elderly": "60岁及以上|60岁以上|老年人|老年人口|老人|elderly",
    "children": "儿童|0-14岁|14岁以下|未成年人|children",
    "disabled": "残疾人|持证残疾人|disabled",
    "low_income": "低保|低保人数|低保对象|low_income",
    "left_behind": "留守儿童|留守人员|留守老人儿童|left_behind",
}
FIGURES: Mapping[str, str] = {
    "code": "区划代码|行政区划代码|村代码|村居代码|代码|code|region",
    "name": "村名|村居|村（社区）|行政村|名称|name",
    "as_of": "统计日期|截至日期|数据日期|日期|as_of|date",
    "section": "类别|栏目|分类|section",
    "item": "项目|登记事项|事项|指标|item",
    "value": "数值|数量|件数|人数|value|count",
    **PEOPLE,
}
_SECTIONS = {"人员": "people", "人口": "people", "people": "people", "登记": "service", "服务": "service",
             "登记服务": "service", "service": "service"}  # fmt: skip
_COUNT_MAX = 100_000_000


@dataclass
class _File:
    """What a file gave: rows that are good (by their key), and what was refused."""

    good: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict[tuple[Any, ...], dict[str, Any]])
    refused: list[Rejected] = field(default_factory=list[Rejected])
    read: int = 0
    same: int = 0


def import_rows(
    store: Store,
    kind: str,
    path: Path,
    *,
    settings: Settings,
    clock: Clock,
    actor: str,
    dry_run: bool = False,
    source: str = "files",
) -> ImportReport:
    """Bring a file in. Raises Invalid for what concerns the whole file (columns not found); then nothing is stored."""
    began, now = clock.monotonic(), clock.now()
    report = ImportReport(kind, source, path.name, "", dry_run)
    with store.scoped(SYSTEM) as conn:
        reader = _plan_row if kind == "patrol-plans" else _figure_rows
        rules = TimeRules(now, settings.tz, dt.timedelta(days=1), dt.timedelta(days=36_525))
        found = _read(conn, path, kind, reader, rules, report)
        for values in found.good.values():
            values |= {"source": source, "origin": "real"}
        rows = list(found.good.values())
        save = patrols.save_plans if kind == "patrol-plans" else villages.save_figures
        if not dry_run:
            report.stored, report.updated = save(conn, rows, now, actor)
            _kept(conn, report, found, actor, now)
        else:
            report.stored = len(rows)
        report.unchanged += len(rows) - report.stored - report.updated + found.same
        if report.batch_id is not None:
            imports.progress(conn, report.batch_id, report.counts())
            imports.finish(conn, report.batch_id, "done", report.note, clock.now())
    report.seconds = clock.monotonic() - began
    return report


def _kept(conn: Conn, report: ImportReport, found: _File, actor: str, now: dt.datetime) -> None:
    report.batch_id = imports.begin(
        conn, kind=report.kind, source=report.source, file_name=report.file, crs="", actor=actor, now=now
    )
    store_rejects(conn, report.source, found.refused, now, batch_id=report.batch_id)
    cls = "patrol_plan" if report.kind == "patrol-plans" else "village"
    sources.ensure(conn, report.source, kind="files", title="文件导入", classes=[cls], interval_s=INTERVAL_S)
    arrival = sources.Arrival(found.read, len(found.good), found.same, len(found.refused), as_of=now)
    sources.arrived(conn, report.source, arrival, now)


RowReader = Callable[[Conn, Reader, TimeRules], list[tuple[tuple[Any, ...], dict[str, Any]]]]


def _read(conn: Conn, path: Path, kind: str, reader: RowReader, rules: TimeRules, report: ImportReport) -> _File:
    """Every row of the file. One row of a wide table gives several figures and counts as one."""
    file = open_file(path)
    found = recognise(file.columns, PLAN if kind == "patrol-plans" else FIGURES, {})
    _require(kind, set(found.values()), file.columns)
    report.columns = {v: k for k, v in found.items()}
    report.extra = [c for c in file.columns if c and c not in found]
    out = _File()
    for rows in file.batches():
        for number, record in zip(rows.numbers, rows.records, strict=True):
            cells = {f: record.get(c) for c, f in found.items() if not fields.blank(record.get(c))}
            if not cells:
                continue
            out.read += 1
            if out.read > MAX_ROWS:
                raise Invalid(reasons=[reason("file", "too_many_rows", path.name, limit=MAX_ROWS)])
            _take(out, conn, reader, rules, number, cells)
    report.read = out.read
    report.rejected = len(out.refused)
    report.shown = out.refused[:SHOWN]
    for item in out.refused:
        report.reasons.update((r.field, r.code) for r in item.reasons)
    # the balance is of rows: of a wide one the figures are stored, the row is counted once
    report.read += len(out.good) + out.same + len(out.refused) - out.read
    return out


def _take(out: _File, conn: Conn, reader: RowReader, rules: TimeRules, number: int, cells: Mapping[str, Any]) -> None:
    r = Reader(cells)
    made = reader(conn, r, rules)
    clash = [key for key, values in made if key in out.good and out.good[key] != values]
    if clash:
        r.refuse("row", "duplicate_key", str(clash[0][-1]))
    if r.reasons or not made:
        reasons: list[Reason] = r.reasons or [reason("value", "missing_field")]
        out.refused.append(Rejected(f"行 row {number}", reasons, str(dict(cells))))
        return
    for key, values in made:
        out.same += int(key in out.good)
        out.good[key] = values


def _require(kind: str, have: set[str], columns: object) -> None:
    lacking: list[str]
    if kind == "patrol-plans":
        lacking = [n for n in ("grid_code", "times") if n not in have]
    else:
        lacking = [] if have & {"code", "name"} else ["code"]
        lacking += [] if "as_of" in have else ["as_of"]
        if not (have & set(PEOPLE) or {"item", "value"} <= have):
            lacking.append("item" if "value" in have else "value")
    if lacking:
        raise Invalid(reasons=[reason(n, "missing_field", columns) for n in lacking])


def _plan_row(conn: Conn, r: Reader, _rules: TimeRules) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    code = r.required("grid_code", lambda v: fields.text(v, 100))
    kind = r.optional("kind", lambda v: _one_of(_WALKS, v), "inspect")
    cell_kind = r.optional("cell_kind", lambda v: _one_of(_CELLS, v), "")
    times = r.required("times", lambda v: fields.number(v, 0.05, 100))
    if r.reasons or code is None:
        return []
    cells = conn.execute(
        "SELECT grid_cell_id FROM grid_cell WHERE code = %s AND (%s = '' OR kind = %s) LIMIT 2",
        (code, cell_kind, cell_kind),
    ).fetchall()
    if len(cells) != 1:
        words = ("没有这个网格", "no such grid cell") if not cells else ("多个网格用此编号", "several cells have it")
        r.reasons.append(Reason("grid_code", "unknown_cell", *words, code))
        return []
    cell = cells[0]["grid_cell_id"]
    return [((cell, kind), {"cell": cell, "kind": kind, "times": times})]


def _figure_rows(conn: Conn, r: Reader, rules: TimeRules) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    region = _region(conn, r)
    as_of = r.required("as_of", lambda v: fields.time(v, rules).astimezone(rules.tz).date())
    found: dict[tuple[str, str], int] = {}
    for name in PEOPLE:
        value = r.optional(name, lambda v: fields.integer(v, 0, _COUNT_MAX), -1)
        if value >= 0:
            found["people", name] = value
    if "item" in r.record:
        item = r.required("item", lambda v: fields.text(v, 60))
        value = r.required("value", lambda v: fields.integer(v, 0, _COUNT_MAX))
        section = r.optional("section", lambda v: _one_of(_SECTIONS, v), "service")
        if item is not None and value is not None:
            found[section, _known(item) if section == "people" else item] = value
    if r.reasons or region is None or as_of is None:
        return []
    return [
        ((region, section, item, as_of), {"region_id": region, "section": section, "item": item, "as_of": as_of,
                                          "value": value})
        for (section, item), value in found.items()
    ]  # fmt: skip


def _region(conn: Conn, r: Reader) -> int | None:
    """By code; without one by the village's name, where only one has it."""
    code = r.optional("code", lambda v: fields.text(v, 50), "")
    name = r.optional("name", lambda v: fields.text(v, 100), "")
    if not code and not name:
        r.refuse("code", "missing_field", "")
        return None
    rows = conn.execute(
        "SELECT region_id, kind FROM region WHERE (%(code)s <> '' AND code = %(code)s)"
        " OR (%(code)s = '' AND name = %(name)s AND kind = 'village') LIMIT 2",
        {"code": code, "name": name},
    ).fetchall()
    if len(rows) != 1 or rows[0]["kind"] != "village":
        words = ("应为一个村（社区）", "must be one village") if rows else ("没有这个区划", "no such region")
        r.reasons.append(Reason("code" if code else "name", "unknown_region", *words, code or name))
        return None
    return int(rows[0]["region_id"])


def _known(item: str) -> str:
    """The key of an item that is known by these words."""
    plain = fold(item)
    for key, words in PEOPLE.items():
        if plain == key or plain in [fold(w) for w in words.split("|")]:
            return key
    return item


def _one_of(words: Mapping[str, str], value: Any) -> str:
    found = words.get(fields.text(value, 40).lower())
    if found is None:
        raise Refuse("bad_choice", choices=", ".join(words))
    return found
