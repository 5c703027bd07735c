"""`ioc import plans FILE`: emergency plans (预案), taken whole or refused with every row and its reason.

A version that is here already is left as it is; the same version with other words is refused, because incidents have
worked by it: a change is a new version. Samples (示例) are for a centre with demo data only.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence

from ioc.cases.cells import WHOLE, RowReason
from ioc.cases.sheets import Sheet
from ioc.command.plan_file import Known, read_file, read_plans
from ioc.command.plans import Plan
from ioc.errors import Reason
from ioc.intake.datasets import Given
from ioc.intake.edition import speaks_of
from ioc.intake.report import SHOWN, ImportReport
from ioc.intake.stewards import book
from ioc.scope import SYSTEM
from ioc.store import Store, centre, dictionaries, editions, plans
from ioc.store.editions import Edition
from ioc.store.pool import Conn
from ioc.store.regions import Regions
from ioc.store.rejects import Rejected

DATASET = "plans"
_REFUSED = Reason("file", "file_refused", "同一文件有误，整份未采用", "the file has faults: nothing of it is taken")


class _DryRun(Exception):
    """Ends the transaction without a trace."""


def bring_in(store: Store, given: Given) -> ImportReport:
    """Raises Invalid for a file that cannot be read at all, StoreUnavailable."""
    began = given.clock.monotonic()
    report = ImportReport(DATASET, given.source, given.file.name, "", given.dry_run)
    sheet = read_file(given.file.name, given.file.read_bytes())
    report.read = len(sheet.rows)
    with store.scoped(SYSTEM) as conn:
        known = _known(store, conn, given)
        demo = centre.facts(conn).demo
    read = read_plans(sheet, known)
    reasons = list(read.reasons)
    if read.value and any(p.sample for p in read.value) and not demo:
        zh, en = "示例预案只用于演示；请换成本地印发的预案", "a sample is for the demo only: bring your own plan"
        reasons.append(RowReason(sheet.name, WHOLE, Reason("文号", "sample", zh, en, "示例")))
    try:
        with store.scoped(SYSTEM) as conn:
            if read.value is not None and not reasons:
                reasons += _faults(sheet, read.value, plans.kept(conn))
            if read.value is None or reasons:
                _refuse(conn, sheet, reasons, report, given)
            else:
                _take(conn, read.value, report, given)
            if given.dry_run:
                raise _DryRun
    except _DryRun:
        pass
    report.seconds = given.clock.monotonic() - began
    return report


def _known(store: Store, conn: Conn, given: Given) -> Known:
    tree = Regions.of(store).tree()
    by_name: dict[str, list[str]] = defaultdict(list)
    for r in tree.by_id.values():
        by_name[r.name].append(r.code)
    words = dictionaries.current(conn, given.clock.now().astimezone(given.settings.tz).date())

    def region(word: str) -> str:
        found = by_name.get(word, [])
        return word if word in tree.by_code else found[0] if len(found) == 1 else ""

    def find(table: str, word: str) -> str:
        known = words.get(table)
        entry = known.find(word) if known else None
        return entry.code if entry else ""

    return Known(lambda w: find("category.gbt35561", w), region, lambda w: find("resource_kind", w))


def _faults(sheet: Sheet, new: Sequence[Plan], kept: dict[tuple[str, str], str]) -> list[RowReason]:
    out: list[RowReason] = []
    for plan in new:
        before = kept.get((plan.code, plan.version))
        if before is not None and before != plans.digest(plan):
            name = f"{plan.code} {plan.version}"
            zh, en = f"{name} 已存在且内容不同，请另编版本", f"{name} is here with other words: give it a new version"
            out.append(RowReason(sheet.name, WHOLE, Reason("版本", "version_exists", zh, en, name)))
    return out


def _take(conn: Conn, new: Sequence[Plan], report: ImportReport, given: Given) -> None:
    now = given.clock.now()
    kept = plans.kept(conn)
    fresh = [p for p in new if (p.code, p.version) not in kept]
    report.stored = sum(_rows(p) for p in fresh)
    report.unchanged = report.read - report.stored
    book(conn, report, [], given.actor, given.origin, now)
    for plan in fresh:
        plans.add(conn, plan, given.actor, now, report.batch_id)
    report.note = f"新增 {len(fresh)} 个版本，共 {len(new)} 个预案 / {len(fresh)} new versions of {len(new)} plans"
    demo = given.origin == "demo" or all(p.sample for p in new)
    if fresh:
        as_of = speaks_of(given.as_of, given.settings.tz, now)
        editions.publish(
            conn,
            Edition(DATASET, given.source, min(as_of, now), editions.rows_of(conn, DATASET), 0, report.file,
                    report.batch_id, {"versions": len(fresh)}, "demo" if demo else "real"),
            given.actor,
            now,
        )  # fmt: skip


def _rows(plan: Plan) -> int:
    return sum(len(level.actions) for level in plan.levels.values())


def _refuse(conn: Conn, sheet: Sheet, reasons: Sequence[RowReason], report: ImportReport, given: Given) -> None:
    report.rejected, report.note = report.read, "整份拒绝，现行预案不变 / refused whole, what is in force stays"
    by_row: defaultdict[int, list[Reason]] = defaultdict(list)
    for r in reasons:
        by_row[r.row].append(r.reason)
    whole = [Rejected(str(WHOLE), by_row[WHOLE], sheet.name)] if WHOLE in by_row else []
    rejected = whole + [
        Rejected(str(n), by_row.get(n) or [_REFUSED], json.dumps(dict(cells), ensure_ascii=False))
        for n, cells in sheet.rows
    ]
    for r in rejected:
        report.reasons.update((x.field, x.code) for x in r.reasons)
    report.shown = [r for r in rejected if r.reasons != [_REFUSED]][:SHOWN]
    book(conn, report, rejected, given.actor, given.origin, given.clock.now())
