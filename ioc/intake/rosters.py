"""`ioc import rosters FILE`: duty rosters, taken whole or refused with every row and its reason."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from ioc.cases.cells import WHOLE, RowReason
from ioc.cases.sheets import Sheet, read_sheet
from ioc.clock import Clock
from ioc.duty.roster_file import RegionOf, read_rosters
from ioc.duty.rules import Entry, masked
from ioc.errors import Reason
from ioc.intake.report import SHOWN, ImportReport
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, duty, imports
from ioc.store.pool import Conn
from ioc.store.regions import Regions
from ioc.store.rejects import Rejected, store_rejects

_REFUSED = Reason("file", "file_refused", "同一文件有误，整份未采用", "the file has faults: nothing of it is taken")
_PHONES = ("电话", "手机", "联系电话", "phone")


def import_rosters(
    store: Store, path: Path, *, settings: Settings, clock: Clock, actor: str, source: str, dry_run: bool
) -> ImportReport:
    """The regions and days the file names get its shifts. Raises Invalid for a file that cannot be read at all."""
    began = clock.monotonic()
    report = ImportReport("rosters", source, path.name, "", dry_run)
    sheet = read_sheet(path.name, path.read_bytes())
    report.read = len(sheet.rows)
    read = read_rosters(sheet, settings.tz, _regions(store), _logins(store).__contains__)
    if read.value is None:
        _refuse(store, report, sheet, read.reasons, clock.now(), actor)
    else:
        _take(store, report, sheet, read.value, clock.now(), actor)
    report.seconds = clock.monotonic() - began
    return report


def _regions(store: Store) -> RegionOf:
    tree = Regions.of(store).tree()

    def find(code: str) -> tuple[int, str] | None:
        region = tree.by_code.get(code) if code else (tree.roots[0] if tree.roots else None)
        return None if region is None else (region.region_id, region.origin)

    return find


def _logins(store: Store) -> set[str]:
    with store.scoped(SYSTEM) as conn:
        return {str(r["login"]) for r in conn.execute("SELECT login FROM account WHERE NOT disabled")}


def _take(
    store: Store, report: ImportReport, sheet: Sheet, entries: Sequence[Entry], now: dt.datetime, actor: str
) -> None:
    days = sorted({e.day for e in entries})
    said = f"{days[0]} 至 {days[-1]}，{len({(e.region_id, e.day, e.shift) for e in entries})} 个班次"
    if report.dry_run:
        report.stored, report.note = report.read, said
        return
    with store.scoped(SYSTEM) as conn:
        batch = _batch(conn, report, sheet, actor, now)
        made = duty.publish(conn, entries, file_name=sheet.name, actor=actor, now=now, batch_id=batch)
        if made is None:
            report.unchanged, report.note = report.read, "与现行值班表相同 / the same is in force already"
        else:
            report.stored, report.note = report.read, f"{said} / {days[0]} to {days[-1]}"
        imports.progress(conn, batch, report.counts())
        imports.finish(conn, batch, "done", report.note, now)
        report.batch_id = batch


def _batch(conn: Conn, report: ImportReport, sheet: Sheet, actor: str, now: dt.datetime) -> int:
    names = {"kind": report.kind, "source": report.source, "file_name": sheet.name, "crs": ""}
    return imports.begin(conn, **names, actor=actor, now=now)


def _refuse(
    store: Store, report: ImportReport, sheet: Sheet, reasons: Sequence[RowReason], now: dt.datetime, actor: str
) -> None:
    report.rejected, report.note = report.read, "整份拒绝，现行值班表不变 / refused whole, what is in force stays"
    rejected = _rejects(sheet, reasons)
    for r in rejected:
        report.reasons.update((x.field, x.code) for x in r.reasons)
    report.shown = sorted(rejected, key=lambda r: r.reasons == [_REFUSED])[:SHOWN]
    if report.dry_run:
        return
    with store.scoped(SYSTEM) as conn:
        report.batch_id = _batch(conn, report, sheet, actor, now)
        store_rejects(conn, report.source, rejected, now, batch_id=report.batch_id)
        imports.progress(conn, report.batch_id, report.counts())
        imports.finish(conn, report.batch_id, "failed", report.note, now)


def _rejects(sheet: Sheet, reasons: Sequence[RowReason]) -> list[Rejected]:
    by_row: defaultdict[int, list[Reason]] = defaultdict(list)
    for r in reasons:
        by_row[r.row].append(r.reason)
    whole = [Rejected(str(WHOLE), by_row[WHOLE], sheet.name)] if WHOLE in by_row else []
    return whole + [
        Rejected(str(n), by_row.get(n) or [_REFUSED], json.dumps(_without_phone(cells), ensure_ascii=False))
        for n, cells in sheet.rows
    ]


def _without_phone(cells: Mapping[str, str]) -> dict[str, str]:
    """Rejects are read by more people than those who may call."""
    return {k: masked(v) if k in _PHONES else v for k, v in cells.items()}
