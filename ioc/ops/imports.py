"""`ioc import`: one file into the store, with a progress bar and a result that adds up."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ioc.clock import Clock
from ioc.errors import Invalid, Reason
from ioc.settings import Settings
from ioc.store.database import open_store, running
from ioc.store.migrate import migrate

COUNTS = ("read", "stored", "updated", "unchanged", "rejected")
_WORDS = {"read": "读取", "stored": "新增", "updated": "更新", "unchanged": "未变", "rejected": "拒收"}


def mapping_of(pairs: Sequence[str]) -> dict[str, str]:
    """`field=列名` pairs. Raises Invalid naming the one without `=`."""
    found: dict[str, str] = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not (equals and field.strip() and column.strip()):
            raise Invalid(reasons=[Reason("map", "bad_map", "应为 字段=列名", "must be field=column", pair)])
        found[field.strip()] = column.strip()
    return found


def run_import(
    settings: Settings,
    clock: Clock,
    kind: str,
    file: Path,
    crs: str,
    mapping: Sequence[str],
    dry_run: bool,
    options: Mapping[str, Any],
    as_json: bool,
) -> None:
    """Raises Invalid or another error of ours for a file that cannot be taken as a whole."""
    from ioc.intake.files import import_file

    columns = mapping_of(mapping)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with running(settings) as found:
        migrate(found.owner)
        store = open_store(settings)
        parts = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        try:
            with Progress(*parts, console=console, transient=True, disable=not console.is_terminal) as progress:
                bar = progress.add_task(file.name, total=None)

                def report(done: int, total: int | None) -> None:
                    progress.update(bar, completed=done, total=total)

                result = import_file(
                    store,
                    settings,
                    clock,
                    kind=kind,
                    path=file,
                    crs=crs,
                    mapping=columns,
                    dry_run=dry_run,
                    actor=f"cli:{getpass.getuser()}",
                    progress=report,
                    **options,
                )
        finally:
            store.close()
    shown = asdict(result)
    print(json.dumps(shown, ensure_ascii=False, indent=1, default=str) if as_json else summary(shown))


def summary(result: Mapping[str, Any]) -> str:
    """`read = stored + updated + unchanged + rejected`, then the first rejects with row, field and reason."""
    counts = {name: int(result[name]) for name in COUNTS}
    parts = " + ".join(f"{name} {_WORDS[name]} {counts[name]}" for name in COUNTS[1:])
    lines = [f"read {_WORDS['read']} {counts['read']} = {parts}"]
    for reject in result.get("rejects", ()):
        for reason in reject["reasons"]:
            lines.append(f"  {reject['item']}: {reason['field']}: {reason['zh']} / {reason['en']} ({reason['value']})")
    return "\n".join(lines)
