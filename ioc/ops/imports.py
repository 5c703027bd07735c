"""`ioc import`: one file into the store, with a progress bar and a result that adds up."""

from __future__ import annotations

import getpass
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ioc.clock import Clock
from ioc.errors import Invalid, Reason
from ioc.intake import datasets
from ioc.intake.kinds import LayerOptions
from ioc.registry import Registry
from ioc.settings import Settings
from ioc.store.checkpoint import WORTH_ROWS, checkpoint
from ioc.store.database import open_store, running
from ioc.store.prepare import prepare

SHOWN = 20  # rejects printed; all are stored
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


def layer_options(file: Path, given: Mapping[str, Any]) -> LayerOptions:
    """How a thematic layer is shown. Without a title or key the file's own name serves."""
    title = str(given.get("title") or file.stem)
    key = str(given.get("key") or re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-"))
    try:
        style = json.loads(given.get("style") or "{}")
    except ValueError as e:
        raise Invalid(reasons=[Reason("style", "bad_json", "不是 JSON", "is not JSON", str(e))]) from e
    if not isinstance(style, dict):
        raise Invalid(reasons=[Reason("style", "bad_json", "应为 JSON 对象", "must be a JSON object")])
    return LayerOptions(
        key=key or f"layer-{hashlib.blake2b(title.encode(), digest_size=4).hexdigest()}",
        title=title,
        title_en=str(given.get("title_en") or ""),
        theme=str(given.get("theme") or LayerOptions.theme),
        style=cast(dict[str, Any], style),
        sensitivity=int(given.get("sensitivity") or 0),
        base_role=given.get("base_role"),
        private_to=given.get("private_to"),
        period=str(given.get("period") or ""),
    )


def run_import(
    settings: Settings,
    registry: Registry,
    clock: Clock,
    kind: str,
    file: Path,
    crs: str,
    mapping: Sequence[str],
    dry_run: bool,
    options: Mapping[str, Any],
    as_json: bool,
) -> bool:
    """Whether anything was taken of a table of configuration or a dataset of command; True for other files.

    Raises Invalid or another error of ours for a file that cannot be taken as a whole.
    """
    from ioc.intake.accounts import KIND as ACCOUNTS
    from ioc.intake.accounts import import_accounts
    from ioc.intake.files import import_file
    from ioc.intake.publish import CONFIGURATION, publish_file
    from ioc.intake.stewards import KIND as STEWARDS
    from ioc.intake.stewards import import_stewards

    columns = mapping_of(mapping)
    layer = layer_options(file, options) if kind == "layer" else None
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with running(settings) as found:
        prepare(found.owner, clock.now())
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

                if kind in CONFIGURATION:
                    actor, source = f"cli:{getpass.getuser()}", str(options.get("source") or "files")
                    table = publish_file(
                        store,
                        kind,
                        file,
                        settings=settings,
                        clock=clock,
                        actor=actor,
                        source=source,
                        dry_run=dry_run,
                        progress=lambda done: report(done, None),
                    ).as_dict()
                    print(json.dumps(table, ensure_ascii=False, indent=1) if as_json else summary(table))
                    return bool(table["stored"] or table["unchanged"])
                if kind == ACCOUNTS:
                    people = import_accounts(
                        store,
                        file,
                        settings=settings,
                        clock=clock,
                        actor=f"cli:{getpass.getuser()}",
                        mapping=columns,
                        dry_run=dry_run,
                        source=str(options.get("source") or "files"),
                        sheet=str(options.get("sheet") or ""),
                        passwords=cast("Path | None", options.get("passwords")),
                        progress=report,
                    ).as_dict()
                    print(json.dumps(people, ensure_ascii=False, indent=1) if as_json else summary(people))
                    return True
                if kind in datasets.kinds():
                    given = _given(file, settings, clock, crs, columns, dry_run, options, report)
                    brought = datasets.bring_in(store, kind, given).as_dict()
                    print(
                        json.dumps(brought, ensure_ascii=False, indent=1, default=str) if as_json else summary(brought)
                    )
                    kept = brought["stored"] + brought["updated"] + brought["unchanged"]
                    return bool(kept or not brought["rejected"])
                result = (
                    import_stewards(
                        store,
                        file,
                        settings=settings,
                        clock=clock,
                        actor=f"cli:{getpass.getuser()}",
                        mapping=columns,
                        dry_run=dry_run,
                        source=str(options.get("source") or "files"),
                        sheet=str(options.get("sheet") or ""),
                        whole=bool(options.get("whole")),
                    ).as_dict()
                    if kind == STEWARDS
                    else import_file(
                        store,
                        registry,
                        kind,
                        file,
                        crs,
                        settings=settings,
                        clock=clock,
                        actor=f"cli:{getpass.getuser()}",
                        mapping=columns,
                        dry_run=dry_run,
                        source=str(options.get("source") or "files"),
                        layer=layer,
                        sheet=str(options.get("sheet") or ""),
                        file_layer=str(options.get("file_layer") or ""),
                        progress=report,
                        as_of=options.get("as_of"),
                    ).as_dict()
                )
        finally:
            store.close()
        if not dry_run and result["stored"] + result["updated"] >= WORTH_ROWS:
            checkpoint(found.owner)
    print(json.dumps(result, ensure_ascii=False, indent=1, default=str) if as_json else summary(result))
    return True


def _given(
    file: Path,
    settings: Settings,
    clock: Clock,
    crs: str,
    columns: Mapping[str, str],
    dry_run: bool,
    options: Mapping[str, Any],
    report: Callable[[int, int | None], None],
) -> datasets.Given:
    return datasets.Given(
        file,
        settings,
        clock,
        f"cli:{getpass.getuser()}",
        crs,
        options.get("as_of"),
        columns,
        str(options.get("source") or "files"),
        dry_run,
        bool(options.get("whole")),
        str(options.get("sheet") or ""),
        str(options.get("file_layer") or ""),
        str(options.get("datum") or ""),
        progress=report,
    )


def run_table(settings: Settings, clock: Clock, kind: str, file: Path, dry_run: bool, as_json: bool) -> None:
    """Device models or an edition of a standard: taken whole or refused whole. Raises Invalid with every fault."""
    from ioc.intake.tables import import_table

    with running(settings) as found:
        prepare(found.owner, clock.now())
        store = open_store(settings)
        actor = f"cli:{getpass.getuser()}"
        try:
            result = import_table(store, kind, file, settings=settings, clock=clock, actor=actor, dry_run=dry_run)
        finally:
            store.close()
    shown = result.as_dict()
    print(json.dumps(shown, ensure_ascii=False, indent=1, default=str) if as_json else summary(shown))


def summary(result: Mapping[str, Any]) -> str:
    """`read = stored + updated + unchanged + rejected`, then reasons by number, then the first rejects."""
    counts = {name: int(result[name]) for name in COUNTS}
    parts = " + ".join(f"{_WORDS[name]} {name} {counts[name]}" for name in COUNTS[1:])
    lines = [f"{_WORDS['read']} read {counts['read']} = {parts}（{result['seconds']} s）"]
    if result["dry_run"]:
        lines.append("试运行，没有写入 / dry run, nothing was written")
    if result["note"]:
        lines.append(str(result["note"]))
    lines += [f"  {r['count']} × {r['field']}: {r['code']}" for r in result["reasons"]]
    for reject in result["rejects"][:SHOWN]:
        for reason in reject["reasons"]:
            value = f" [{reason['value']}]" if reason["value"] else ""
            lines.append(f"  行 row {reject['row']}: {reason['field']}: {reason['zh']} / {reason['en']}{value}")
    return "\n".join(lines)
