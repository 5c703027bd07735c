"""`ioc import hotline FILE`: 12345 orders from CSV or Excel, by the same way in as those that are pushed."""

from __future__ import annotations

import getpass
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ioc import geo
from ioc.clock import Clock
from ioc.errors import Invalid, Reason
from ioc.intake.hotline import Hotline, OrderResult, mapping
from ioc.intake.hotline_order import FIELDS, Mapped, Order
from ioc.intake.readers import open_file
from ioc.intake.reasons import reason
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import imports
from ioc.store.database import open_store, running
from ioc.store.prepare import prepare

BATCH = 500
SHOWN = 20
STATES = {"created": "stored", "updated": "updated", "unchanged": "unchanged", "rejected": "rejected"}
Rejects = list[dict[str, Any]]


def import_hotline(
    hotline: Hotline, path: Path, actor: str, *, source: str = "", dry_run: bool = False, sheet: str = ""
) -> dict[str, Any]:
    """`read = stored + updated + unchanged + rejected`, and the rejects by row. Raises Invalid for a bad file."""
    file = open_file(path, sheet=sheet)
    counts: Counter[str] = Counter(dict.fromkeys(("read", *STATES.values()), 0))
    rejects: Rejects = []
    scope, named = replace(SYSTEM, actor=actor), source or hotline.mapped.source
    batch_id = None if dry_run else _begin(hotline, path, named, actor)
    try:
        for rows in file.batches(BATCH):
            records = [{str(k): v for k, v in r.items() if k} for r in rows.records]
            results = _dry(hotline, records, named) if dry_run else hotline.submit(scope, records, named)
            for number, result in zip(rows.numbers, results, strict=True):
                counts["read"] += 1
                counts[STATES[result.state]] += 1
                if result.state == "rejected":
                    rejects.append({"row": number, "reasons": [r.as_dict() for r in result.reasons]})
            if batch_id is not None:
                with hotline.store.scoped(SYSTEM) as conn:
                    imports.progress(conn, batch_id, counts)
    except Invalid as e:
        _finish(hotline, batch_id, "failed", e.message("en"))
        raise
    except BaseException as e:
        _finish(hotline, batch_id, "failed", type(e).__name__)
        raise
    _finish(hotline, batch_id, "done", "")
    return {**counts, "rejects": rejects, "dry_run": dry_run, "batch_id": batch_id}


def _begin(hotline: Hotline, path: Path, source: str, actor: str) -> int:
    names = {"kind": "hotline", "source": source, "file_name": path.name, "crs": hotline.mapped.crs}
    with hotline.store.scoped(SYSTEM) as conn:
        return imports.begin(conn, **names, actor=actor, now=hotline.clock.now())


def _finish(hotline: Hotline, batch_id: int | None, state: str, note: str) -> None:
    if batch_id is not None:
        with hotline.store.scoped(SYSTEM) as conn:
            imports.finish(conn, batch_id, state, note, hotline.clock.now())


def _dry(hotline: Hotline, records: Sequence[Mapping[str, Any]], source: str) -> list[OrderResult]:
    return [
        OrderResult(o.number, "created") if isinstance(o, Order) else OrderResult("", "rejected", reasons=o)
        for o in hotline.check(records, source)
    ]


def with_columns(mapped: Mapped, pairs: Mapping[str, str], crs: str) -> Mapped:
    """The configuration with a file's own columns (`--map`) and its declared system. Raises Invalid."""
    wrong: list[Reason] = [reason("map", "bad_choice", n, choices=", ".join(FIELDS)) for n in pairs if n not in FIELDS]
    if wrong:
        raise Invalid(reasons=wrong)
    try:
        geo.parse_crs(crs)
    except ValueError as e:
        raise Invalid(reasons=[reason("crs", "unknown_crs", crs)]) from e
    return mapped.model_copy(update={"names": {**mapped.names, **pairs}, "crs": crs})


def run_import(
    settings: Settings, clock: Clock, file: Path, crs: str, pairs: Mapping[str, str], dry_run: bool,
    options: Mapping[str, Any], as_json: bool,
) -> None:  # fmt: skip
    """The command: one file, its balance and the first rejects. Raises an error of ours for a file nobody can take."""
    mapped = with_columns(mapping(settings), pairs, crs)
    with running(settings) as found:
        prepare(found.owner, clock.now())
        store = open_store(settings)
        try:
            hotline = Hotline(store, settings, clock, mapped)
            result = import_hotline(hotline, file, f"cli:{getpass.getuser()}", source=str(options.get("source") or ""),
                                    dry_run=dry_run, sheet=str(options.get("sheet") or ""))  # fmt: skip
        finally:
            store.close()
    print(json.dumps(result, ensure_ascii=False, indent=1) if as_json else _summary(result))


def _summary(result: Mapping[str, Any]) -> str:
    parts = " + ".join(f"{name} {result[name]}" for name in STATES.values())
    lines = [f"读取 read {result['read']} = {parts}"]
    if result["dry_run"]:
        lines.append("试运行，没有写入 / dry run, nothing was written")
    for reject in result["rejects"][:SHOWN]:
        lines += [f"  行 row {reject['row']}: {r['field']}: {r['zh']} / {r['en']}" for r in reject["reasons"]]
    return "\n".join(lines)
