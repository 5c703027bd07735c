"""`ioc import checks FILE`: what became of warnings (预警检验), as the weather service verifies them; no CRS.

A row names its warning by its identifier and says 命中 or 空报, or it is a 漏报 with its kind, its regions and when it
happened. 撤销 takes a word back. The same file again changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, cast

from ioc.errors import Conflict, Invalid
from ioc.intake import fields
from ioc.intake.columns import recognise
from ioc.intake.datasets import Given
from ioc.intake.event_input import Reader
from ioc.intake.readers import open_file
from ioc.intake.reasons import Refuse, reason
from ioc.intake.report import SHOWN, ImportReport
from ioc.intake.stewards import book
from ioc.intake.warning_checks import WORDS, Outcome, Word, apply, faults
from ioc.scope import SYSTEM
from ioc.store import Store, warning_checks
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected

COLUMNS: Mapping[str, str] = {
    "number": "预警编号|编号|预警标识|identifier|id",
    "outcome": "检验结果|结果|检验|outcome|result",
    "kind": "灾种|预警类型|类型|kind|event",
    "region": "区划代码|区划|行政区划代码|region",
    "occurred_at": "发生时间|实况时间|出现时间|occurred_at|time",
    "evidence": "依据|实况|说明|evidence|note",
}


class _DryRun(Exception):
    """Ends the transaction without a trace."""


def bring_in(store: Store, given: Given) -> ImportReport:
    """Raises Invalid for a file without its key columns, StoreUnavailable. What concerns a row is a reject."""
    began, now = given.clock.monotonic(), given.clock.now()
    file = open_file(given.file, sheet=given.sheet)
    found = recognise(file.columns, COLUMNS, given.mapping)
    lacking = [f for f in ("number", "outcome") if f not in found.values()]
    if lacking:
        raise Invalid(reasons=[reason(f, "missing_field") for f in lacking])
    report = ImportReport("checks", given.source, given.file.name, "", given.dry_run)
    report.columns = {v: k for k, v in found.items()}
    report.extra = [c for c in file.columns if c and c not in found]
    rejected: list[Rejected] = []
    with contextlib.suppress(_DryRun), store.scoped(SYSTEM) as conn:
        codes = {str(r["code"]): int(r["region_id"]) for r in conn.execute("SELECT code, region_id FROM region")}
        for batch in file.batches():
            for record, number in zip(batch.records, batch.numbers, strict=True):
                report.read += 1
                reader = Reader({f: record.get(c) for c, f in found.items()})
                _row(conn, reader, codes, given, report)
                if reader.reasons:
                    raw = json.dumps(record, ensure_ascii=False, default=str)
                    rejected.append(Rejected(str(number), reader.reasons, raw))
        report.rejected, report.shown = len(rejected), rejected[:SHOWN]
        for r in rejected:
            report.reasons.update((x.field, x.code) for x in r.reasons)
        if given.dry_run:
            raise _DryRun
        book(conn, report, rejected, given.actor, given.origin, now)
        if report.stored or report.updated:
            warning_checks.publish(conn, given.source, now, report.file, report.batch_id)
    report.seconds = given.clock.monotonic() - began
    return report


def _row(conn: Conn, r: Reader, codes: Mapping[str, int], given: Given, report: ImportReport) -> None:
    rules = fields.TimeRules(given.clock.now(), given.settings.tz)
    number = r.required("number", lambda v: fields.text(v, 200))
    outcome = r.required("outcome", _outcome)
    occurred = r.optional("occurred_at", lambda v: fields.time(v, rules), None)
    regions = r.optional("region", lambda v: _regions(v, codes), ())
    kind = r.optional("kind", lambda v: fields.text(v, 100), "")
    evidence = r.optional("evidence", lambda v: fields.text(v, 500), "")
    if r.reasons or number is None or outcome is None:
        return
    warnings = warning_checks.of_number(conn, number)
    miss = outcome == "miss" or (outcome == "void" and not warnings)
    word = Word(outcome, occurred, evidence, kind if miss else "", regions if miss else (), given.source, number)
    r.reasons += faults(word, rules.now)
    if not miss and len(warnings) != 1:
        r.refuse("number", "ambiguous_warning" if warnings else "unknown_warning")
    if r.reasons:
        return
    try:
        origin = given.origin if miss else ""
        done = apply(conn, None if miss else warnings[0], word, given.actor, given.clock.now(), origin)
    except Conflict:
        r.refuse("number", "not_judged")
        return
    setattr(report, done, getattr(report, done) + 1)


def _outcome(value: Any) -> Outcome:
    word = fields.text(value, 40).casefold()
    for key, words in WORDS.items():
        if word in words:
            return cast("Outcome", key)
    raise Refuse("bad_choice", choices="命中, 空报, 漏报, 撤销")


def _regions(value: Any, codes: Mapping[str, int]) -> tuple[int, ...]:
    wanted = [w for w in re.split(r"[、,，;；\s]+", fields.text(value, 500)) if w]
    if any(w not in codes for w in wanted):
        raise Refuse("unknown_region")
    return tuple(codes[w] for w in wanted)
