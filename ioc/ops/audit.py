"""`ioc audit verify` and `ioc audit head`: is the recorded history as it was, and what to note down outside."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from ioc.audit.linker import last_link
from ioc.audit.verify import Fault, Report, Verifier
from ioc.clock import parse_time
from ioc.errors import Invalid, Reason
from ioc.settings import Settings
from ioc.store import chain
from ioc.store.chained import missing
from ioc.store.database import running

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="数据目录 / data folder (default .ioc)")]


def add_commands(
    cli: typer.Typer, settings_of: Callable[..., Settings], faults: Callable[[], AbstractContextManager[None]]
) -> None:
    audit = typer.Typer(help="历史记录的校验 / recorded history", no_args_is_help=True, rich_markup_mode=None)
    cli.add_typer(audit, name="audit")

    @audit.command()
    def verify(
        data_dir: DataDir = None,
        as_json: Annotated[bool, typer.Option("--json")] = False,
        since: Annotated[str, typer.Option(help="只校验此后的链节 / only links made since (ISO 8601)")] = "",
        anchor: Annotated[str, typer.Option(help="以前记下的摘要 / a digest noted before ([SEQ:]HEX)")] = "",
    ) -> None:
        """校验历史链，指出被改、删、插、换序的记录 / name every changed, removed, inserted or reordered row."""
        with faults():
            settings = settings_of(data_dir)
            since_at = _since(since, settings)
            with running(settings) as found, psycopg.connect(found.owner, autocommit=True) as conn:
                verifier = Verifier(conn, settings.audit_key, since_at, anchor.strip().removeprefix("sm3:"))
                report = _json(verifier) if as_json else _text(verifier)
        raise typer.Exit(0 if report.ok else 1)

    @audit.command()
    def head(data_dir: DataDir = None) -> None:
        """最新链节，供记在别处 / the newest link, to be noted outside: verify --anchor checks it later."""
        with faults():
            settings = settings_of(data_dir)
            with running(settings) as found, psycopg.connect(found.owner, autocommit=True) as conn:
                seq, link = last_link(conn)
        print(f"{seq}:{link.hex()}")


def _since(text: str, settings: Settings) -> dt.datetime | None:
    if not text:
        return None
    try:
        return parse_time(text, settings.tz)
    except (ValueError, OverflowError) as e:
        raise Invalid(reasons=[Reason("since", "bad_time", "时间格式不对", "not a time", text)]) from e


def _json(verifier: Verifier) -> Report:
    """One document, written as the walk goes on: faults first, so that a million of them need no memory."""
    print('{"faults": [', end="")
    for i, fault in enumerate(verifier.run()):
        print(",\n" if i else "\n", json.dumps(fault.as_dict(), ensure_ascii=False), sep="", end="", flush=True)
    rest = json.dumps(verifier.report.as_dict(), ensure_ascii=False)
    print("],", rest[1:])
    return verifier.report


def _text(verifier: Verifier) -> Report:
    for fault in verifier.run():
        said = fault.as_dict()
        print(f"✗ {fault.name}{_where(fault)}  {said['zh']} / {said['en']}", flush=True)
    report = verifier.report
    print(
        f"{'✓ 完好 whole' if report.ok else f'✗ {report.faults} 处 faults'}"
        f"  链节 links {report.links} ({report.first_seq}–{report.head_seq})  记录 rows {report.rows}"
        f"  依规清除 lawfully gone {report.gone}  待链接 waiting {report.waiting}"
    )
    print(f"{report.head_seq}:{report.head.hex()}")
    return report


def _where(fault: Fault) -> str:
    where = f" [link {fault.seq}]" if fault.table and fault.seq is not None else ""
    return f"{where} {fault.detail}" if fault.detail else where


def state(conn: psycopg.Connection[Any], now: dt.datetime) -> dict[str, Any]:
    """For `ioc status`: how far the chain is, what waits and how old the oldest of it is (seconds)."""
    count, oldest = chain.waiting(conn)
    head = chain.head(conn)
    age = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    return {"seq": head.seq if head else 0, "waiting": count, "lag_s": round(age, 1), "off": missing(conn)}
