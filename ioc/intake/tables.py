"""Configuration that comes as a file and is taken whole or refused whole: device models, editions of standards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from ioc.clock import Clock
from ioc.errors import Invalid
from ioc.intake import governance
from ioc.intake.model_file import key, read_models
from ioc.intake.report import ImportReport
from ioc.intake.standard_file import read_edition
from ioc.intake.vocabulary import Vocabulary
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, device_models, dictionaries, imports, standards
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects

KINDS = {"models": "", "aqi-table": "aqi", "water-table": "water", "noise-table": "noise"}
Write = Callable[[Conn, ImportReport, dt.datetime], None]


def import_table(
    store: Store, kind: str, path: Path, *, settings: Settings, clock: Clock, actor: str, dry_run: bool = False
) -> ImportReport:
    """`kind` is one of `KINDS` or `governance.KINDS` (row by row, rejects kept).

    Raises Invalid with every fault; then nothing of the file is taken.
    """
    if kind in governance.KINDS:
        return governance.import_rows(store, kind, path, settings=settings, clock=clock, actor=actor, dry_run=dry_run)
    if kind == "models":
        return import_models(store, path, settings=settings, clock=clock, actor=actor, dry_run=dry_run)
    report = ImportReport(kind, "files", path.name, "", dry_run)

    def write(conn: Conn, report: ImportReport, now: dt.datetime) -> None:
        edition = read_edition(KINDS[kind], path)
        report.read = 1
        what = "stored" if dry_run else standards.save(conn, KINDS[kind], edition, actor, now)
        setattr(report, what, 1)
        report.note = f"{edition['key']} {edition['valid_from']}"

    return _run(store, report, clock, actor, write)


def import_models(
    store: Store, path: Path, *, settings: Settings, clock: Clock, actor: str, dry_run: bool = False
) -> ImportReport:
    """Device models (`ioc.intake.model_file`). They work for the next message that comes in."""
    report = ImportReport("models", "files", path.name, "", dry_run)

    def write(conn: Conn, report: ImportReport, now: dt.datetime) -> None:
        words = Vocabulary(dictionaries.current(conn, now.astimezone(settings.tz).date()))
        found = read_models(path, words)
        rows = [device_models.NewModel(key(m.name), m.name, m.maker, m.kind, d) for m, d in found]
        report.read = len(rows)
        if not dry_run:
            report.stored, report.updated = device_models.save(conn, rows, actor, now)
        else:
            report.stored = len(rows)
        report.unchanged = report.read - report.stored - report.updated

    return _run(store, report, clock, actor, write)


def _run(store: Store, report: ImportReport, clock: Clock, actor: str, write: Write) -> ImportReport:
    """The batch's row and its balance around `write`; a refused file is kept as one reject with all its reasons."""
    began, now = clock.monotonic(), clock.now()
    try:
        with store.scoped(SYSTEM) as conn:
            write(conn, report, now)
            if not report.dry_run:
                report.batch_id = _begin(conn, report, actor, now)
                imports.progress(conn, report.batch_id, report.counts())
                imports.finish(conn, report.batch_id, "done", report.note, clock.now())
    except Invalid as e:
        if not report.dry_run:
            _refused(store, report, e, actor, now)
        raise
    report.seconds = clock.monotonic() - began
    return report


def _begin(conn: Conn, report: ImportReport, actor: str, now: dt.datetime) -> int:
    file = report.file
    return imports.begin(conn, kind=report.kind, source=report.source, file_name=file, crs="", actor=actor, now=now)


def _refused(store: Store, report: ImportReport, fault: Invalid, actor: str, now: dt.datetime) -> None:
    with store.scoped(SYSTEM) as conn:
        batch = _begin(conn, report, actor, now)
        store_rejects(conn, report.source, [Rejected(report.file, fault.reasons)], now, batch_id=batch)
        imports.progress(conn, batch, {"read": 1, "stored": 0, "updated": 0, "unchanged": 0, "rejected": 1})
        imports.finish(conn, batch, "failed", fault.message("zh"), now)
