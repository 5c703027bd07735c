"""`ioc import capacity FILE`: free beds and shelter places of resources that are here. No place, so no CRS.

A row names its resource by number, or by name where only one has it, and the time it was observed. Figures that are
older than those known are rejects: they stay in the reject list and change nothing.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from ioc.command.carried import carried
from ioc.command.figures import BEDS
from ioc.errors import Conflict, Invalid
from ioc.intake import fields
from ioc.intake.capacity import Capacities, Checked, Report, check
from ioc.intake.columns import recognise
from ioc.intake.datasets import Given
from ioc.intake.event_input import Reader
from ioc.intake.readers import open_file
from ioc.intake.reasons import reason
from ioc.intake.report import SHOWN, ImportReport
from ioc.intake.stewards import book
from ioc.scope import SYSTEM
from ioc.store import Store, resources
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected

COLUMNS: Mapping[str, str] = {
    "external_id": "编号|资源编号|机构编号|医院编号|场所编号|id|code",
    "name": "名称|医院名称|场所名称|机构名称|name",
    "observed_at": "填报时间|更新时间|时间|统计时间|observed_at|time",
    "version": "版本|version",
    **{f"total_{k}": f"{zh}床位|{zh}床位总数|{zh}总数|total_{k}" for k, (zh, _) in BEDS.items()},
    **{f"free_{k}": f"{zh}空床|空余{zh}床位|{zh}空余|free_{k}" for k, (zh, _) in BEDS.items()},
    "doctors": "医生|医生数|执业医师|doctors",
    "nurses": "护士|护士数|nurses",
    "ambulances": "救护车|救护车数|ambulances",
    "blood_u": "血液库存|库存血量|用血单位|blood_u|blood",
    "stock": "医疗物资|物资|物资清单|stock|supplies",
    "places": "可容纳人数|总容量|容量|places|capacity",
    "places_free": "剩余容量|空余人数|可安置人数|空余|places_free|free",
}


class _DryRun(Exception):
    """Ends the transaction without a trace."""


def bring_in(store: Store, given: Given) -> ImportReport:
    """Raises Invalid for a file without its key columns, StoreUnavailable. What concerns a row is a reject."""
    began, now = given.clock.monotonic(), given.clock.now()
    file = open_file(given.file, sheet=given.sheet)
    found = recognise(file.columns, COLUMNS, given.mapping)
    if not {"external_id", "name"} & set(found.values()):
        raise Invalid(reasons=[reason("external_id", "missing_field")])
    report = ImportReport("capacity", given.source, given.file.name, "", given.dry_run)
    report.columns = {v: k for k, v in found.items()}
    report.extra = [c for c in file.columns if c and c not in found]
    work = Capacities(store, given.settings, given.clock)
    rejected: list[Rejected] = []
    with contextlib.suppress(_DryRun), store.scoped(SYSTEM) as conn:
        for batch in file.batches():
            for record, number in zip(batch.records, batch.numbers, strict=True):
                report.read += 1
                _row(conn, work, {f: record.get(c) for c, f in found.items()}, record, number, given, report, rejected)
        report.rejected, report.shown = len(rejected), rejected[:SHOWN]
        for r in rejected:
            report.reasons.update((x.field, x.code) for x in r.reasons)
        if given.dry_run:
            raise _DryRun
        book(conn, report, rejected, given.actor, given.origin, now)
        if report.rejected < report.read:
            work.publish(conn, given.source, now, report.file, report.batch_id)
    report.seconds = given.clock.monotonic() - began
    return report


def _row(
    conn: Conn,
    work: Capacities,
    row: Mapping[str, Any],
    record: Mapping[str, Any],
    number: int,
    given: Given,
    report: ImportReport,
    rejected: list[Rejected],
) -> None:
    now = given.clock.now()
    reader = Reader(row)
    checked = _checked(reader, work, given)
    resource = _resource(conn, reader)
    if checked is not None and resource is not None and not reader.reasons:
        try:
            applied = work.apply(conn, resource, checked, given.actor, now)
        except Conflict:
            reader.refuse("version", "conflicting_value", stored=checked.observed_at.isoformat())
        else:
            if applied == "older":
                reader.refuse("observed_at", "older_report")
            report.stored += applied == "applied"
            report.unchanged += applied == "same"
    if reader.reasons:
        rejected.append(Rejected(str(number), reader.reasons, json.dumps(record, ensure_ascii=False, default=str)))


def _checked(r: Reader, work: Capacities, given: Given) -> Checked | None:
    def count(name: str) -> int | None:
        return r.optional(name, lambda v: fields.integer(v, 0, 1_000_000), None)

    total, free = ({k: n for k in BEDS if (n := count(f"{what}_{k}")) is not None} for what in ("total", "free"))
    more: dict[str, Any] = {n: v for n in ("doctors", "nurses", "ambulances", "blood_u") if (v := count(n)) is not None}
    places = {k: v for k, n in (("total", "places"), ("free", "places_free")) if (v := count(n)) is not None}
    at = r.record.get("observed_at")
    if fields.blank(at):
        at = given.clock.now() if given.as_of is None else given.as_of
    stock = carried(r.optional("stock", lambda v: fields.text(v, 4000), ""))
    more |= {"stock": stock} if stock else {}
    beds = {"total": total, "free": free, **more} if total or free or more else None
    report = Report(at, beds, places or None, r.optional("version", lambda v: fields.integer(v, 0, 2**53), 0))
    if r.reasons:
        return None
    try:
        return check(report, work.rules(given.clock.now()))
    except Invalid as e:
        r.reasons += e.reasons
        return None


def _resource(conn: Conn, r: Reader) -> Mapping[str, Any] | None:
    number = r.optional("external_id", lambda v: fields.text(v, 200), "")
    name = r.optional("name", lambda v: fields.text(v, 200), "")
    rows = resources.find(conn, [number]).get(number, []) if number else resources.named(conn, name)
    if len(rows) == 1:
        return rows[0]
    where = "external_id" if number else "name"
    if rows:
        r.refuse(where, "ambiguous_resource", sources=", ".join(str(x["source"]) for x in rows))
    else:
        r.refuse(where, "unknown_resource")
    return None
