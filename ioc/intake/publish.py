"""`ioc import deadlines|calendar`: a city's own tables become a publication, whole or not at all.

Configuration is not data: half a deadline table would set wrong terms without anybody being told. A file with one bad
row is refused with all its rows, each with its reason, stored and counted like every reject; nothing else happens.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ioc.cases.calendar_file import part_of, read_days, read_hours, read_markets
from ioc.cases.cells import WHOLE, RowReason
from ioc.cases.deadline_file import category_finder, read_deadlines
from ioc.cases.published import (
    current,
    days_publication,
    deadlines_publication,
    hours_of,
    hours_publication,
    markets_publication,
)
from ioc.cases.recompute import recompute
from ioc.cases.sheets import Sheet, read_sheet
from ioc.clock import Clock
from ioc.errors import DeclarationError, Reason
from ioc.flows import flows
from ioc.intake.report import SHOWN, ImportReport
from ioc.intake.rosters import import_rosters
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, centre, dictionaries, imports, terms
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects
from ioc.store.terms import Publication

CONFIGURATION = ("deadlines", "calendar", "rosters")
Found = tuple[Publication | None, tuple[RowReason, ...]]
_REFUSED = Reason("file", "file_refused", "同一文件有误，整份未发布", "the file has faults: nothing of it is published")


class _DryRun(Exception):
    """Ends the transaction without a trace."""


def publish_file(
    store: Store,
    kind: str,
    path: Path,
    *,
    settings: Settings,
    clock: Clock,
    actor: str,
    source: str = "files",
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Bring the file into force and compute open cases anew; `progress` gets how many are done.

    Raises Invalid for a file that cannot be read at all, StoreUnavailable. Faults inside are rejects in the report.
    """
    if kind == "rosters":
        return import_rosters(store, path, settings=settings, clock=clock, actor=actor, source=source, dry_run=dry_run)
    began = clock.monotonic()
    report = ImportReport(kind, source, path.name, "", dry_run)
    sheet = read_sheet(path.name, path.read_bytes())
    report.read = len(sheet.rows)
    job = _Job(store, settings, clock, actor, report, sheet)
    job.run()
    if report.stored and not dry_run:
        done = recompute(store, clock, settings.tz, progress=progress)
        report.note = (
            f"{report.note}；在办办件重算 {done.seen} 件，{done.changed} 件时限有变"
            f" / {done.seen} open cases computed anew, {done.changed} changed"
        )
    report.seconds = clock.monotonic() - began
    return report


@dataclass
class _Job:
    store: Store
    settings: Settings
    clock: Clock
    actor: str
    report: ImportReport
    sheet: Sheet

    def run(self) -> None:
        with self.store.scoped(SYSTEM) as conn:
            new, reasons = self._read(conn)
            if new is not None and new.sample and not centre.facts(conn).demo:
                reasons = (*reasons, self._whole(_sample()))
        if new is not None and not reasons:
            try:
                self._publish(new)
                return
            except DeclarationError as e:
                # each part is sound by itself, but not beside what is in force already
                reasons = (self._whole(Reason("calendar", "bad_calendar", e.detail, e.detail_en)),)
        self._refuse(reasons)

    def _whole(self, reason: Reason) -> RowReason:
        return RowReason(self.sheet.name, WHOLE, reason)

    def _read(self, conn: Conn) -> Found:
        if self.report.kind == "deadlines":
            today = self.clock.now().astimezone(self.settings.tz).date()
            read = read_deadlines(self.sheet, flows(), category_finder(dictionaries.current(conn, today)))
            return deadlines_publication([self.sheet], read.value) if read.value else None, read.reasons
        match part_of(self.sheet):
            case "hours":
                hours = read_hours(self.sheet)
                return hours_publication(self.sheet, hours.value) if hours.value else None, hours.reasons
            case "days":
                week, _ = hours_of(conn, terms.in_force(conn))
                if not any(week):
                    return None, (self._whole(_hours_first()),)
                days = read_days(self.sheet, week)
                return days_publication(self.sheet, days.value) if days.value else None, days.reasons
            case "markets":
                markets = read_markets(self.sheet)
                return markets_publication(self.sheet, markets.value) if markets.value else None, markets.reasons
            case _:
                return None, (self._whole(_no_part()),)

    def _publish(self, new: Publication) -> None:
        now, report = self.clock.now(), self.report
        try:
            with self.store.scoped(SYSTEM) as conn:
                batch = self._batch(conn)
                made = terms.publish(conn, new, self.actor, now, batch)
                current(conn, self.settings.tz)  # everything in force must be computable together
                if made is None:
                    report.unchanged, report.note = report.read, "与现行版本相同 / the same is in force already"
                else:
                    covered = "、".join(new.covers)
                    report.stored, report.note = report.read, f"已发布 {covered} / published: {', '.join(new.covers)}"
                if report.dry_run:
                    raise _DryRun
                imports.progress(conn, batch, report.counts())
                imports.finish(conn, batch, "done", report.note, now)
                report.batch_id = batch
        except _DryRun:
            return
        except DeclarationError:
            report.stored = report.unchanged = 0
            raise

    def _batch(self, conn: Conn) -> int:
        names = {"kind": self.report.kind, "source": self.report.source, "file_name": self.sheet.name, "crs": ""}
        return imports.begin(conn, **names, actor=self.actor, now=self.clock.now())

    def _refuse(self, reasons: Sequence[RowReason]) -> None:
        now, report = self.clock.now(), self.report
        report.rejected, report.note = report.read, "整份拒绝，现行版本不变 / refused whole, what is in force stays"
        rejected = self._rejects(reasons)
        for r in rejected:
            report.reasons.update((x.field, x.code) for x in r.reasons)
        report.shown = [r for r in rejected if r.reasons != [_REFUSED]][:SHOWN]  # the others only share the fate
        if report.dry_run:
            return
        with self.store.scoped(SYSTEM) as conn:
            report.batch_id = self._batch(conn)
            store_rejects(conn, report.source, rejected, now, batch_id=report.batch_id)
            imports.progress(conn, report.batch_id, report.counts())
            imports.finish(conn, report.batch_id, "failed", report.note, now)

    def _rejects(self, reasons: Sequence[RowReason]) -> list[Rejected]:
        """One for the file itself if something is wrong with it as a whole, one for every row."""
        by_row: defaultdict[int, list[Reason]] = defaultdict(list)
        for r in reasons:
            by_row[r.row].append(r.reason)
        whole = [Rejected(str(WHOLE), by_row[WHOLE], self.sheet.name)] if WHOLE in by_row else []
        return whole + [
            Rejected(str(number), by_row.get(number) or [_REFUSED], json.dumps(dict(cells), ensure_ascii=False))
            for number, cells in self.sheet.rows
        ]


def _sample() -> Reason:
    return Reason(
        "文号",
        "sample",
        "示例只用于演示，不约束任何人；请换成本地印发的文件，写明文号和日期，并删去示例字样",
        "samples are for the demo only: bring your own document with its number and date",
        "示例",
    )


def _hours_first() -> Reason:
    return Reason("file", "hours_first", "请先导入作息时间（星期、上班、下班）", "import the working hours first")


def _no_part() -> Reason:
    zh = "认不出是哪一张表：作息（星期、上班、下班）、节假日（日期、类型）或圩期（圩名）"
    return Reason("file", "unknown_table", zh, "neither working hours nor days nor markets, by its columns")
