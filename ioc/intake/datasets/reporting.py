"""`ioc import reporting FILE`: the city's own terms of reports (首报, 续报) by level; the newest table is in force.

Columns: those of `ioc/command/samples/report_terms.csv` (级别, 首报电话分钟, 首报书面分钟, 续报间隔分钟, 报送对象 ...).
A file with a fault is refused whole, with every reason: half a table would leave a level without its term.
"""

from __future__ import annotations

from typing import Any

from ioc.audit.canonical import sm3
from ioc.cases.sheets import read_sheet
from ioc.command import book, reporting
from ioc.command.watch import WATCH
from ioc.errors import Invalid, Reason
from ioc.intake.datasets import Given
from ioc.intake.report import ImportReport
from ioc.intake.stewards import book as booked
from ioc.scope import SYSTEM
from ioc.store import Store, report_terms
from ioc.store.rejects import Rejected
from ioc.store.retry import retried


def bring_in(store: Store, given: Given) -> ImportReport:
    """Raises Invalid for what is no such table."""
    content = given.file.read_bytes()
    sheet = read_sheet(given.file.name, content)
    missing = [name for key, name in reporting.COLUMNS.items() if key == "level" and name not in sheet.columns]
    if missing:
        zh, en = f"缺少列 {missing[0]}", f"no column {missing[0]}"
        raise Invalid(given.file.name, given.file.name, reasons=[Reason("columns", "missing_column", zh, en)])
    terms, faults = reporting.read_terms(sheet)
    report = ImportReport("reporting", given.source, given.file.name, "", given.dry_run, read=len(sheet.rows))
    rejected = [Rejected(str(n), reasons, str(dict(dict(sheet.rows)[n]))) for n, reasons in faults]
    report.rejected, report.shown = len(rejected), rejected
    for one in rejected:
        report.reasons.update((r.field, r.code) for r in one.reasons)
    now = given.clock.now()
    if faults or not terms:
        report.rejected = report.read  # the table is taken whole or not at all
        report.note = "整表未采用：请改正后重新导入"
    if given.dry_run:
        report.stored = report.read - report.rejected
        return report
    values: dict[str, Any] = {
        "rows": [t.as_dict() for t in terms], "file_name": given.file.name, "digest": sm3(content).hex(),
        "document": sheet.notes.get("文号", ""), "actor": given.actor, "origin": given.origin,
    }  # fmt: skip

    def work() -> None:
        with store.scoped(SYSTEM) as conn:
            if not report.rejected and terms:
                new = report_terms.put(conn, values, now)
                report.stored, report.unchanged = (report.read, 0) if new else (0, report.read)
            booked(conn, report, rejected, given.actor, given.origin, now)

    retried(work)
    if report.stored:
        _apply(store, given)
    return report


def _apply(store: Store, given: Given) -> None:
    """Open incidents are owed their reports by the new terms, one short transaction each."""
    with store.reading(SYSTEM) as conn:
        ids = report_terms.open_incidents(conn)
    for case_id in ids:

        def one(case_id: int = case_id) -> None:
            with store.scoped(SYSTEM) as conn:
                book.refresh(book.begin(conn, WATCH, case_id, given.clock.now(), given.settings.tz))

        retried(one)
