"""`ioc notify`: dead letters, sending them again, and trying a channel."""

from __future__ import annotations

import getpass
import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console

from ioc.clock import SystemClock
from ioc.errors import IocError, NotFound
from ioc.scope import SYSTEM
from ioc.settings import Settings, load_settings

if TYPE_CHECKING:
    from ioc.store import Store

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="数据目录 / data folder (default .ioc)")]


@contextmanager
def _store(data_dir: Path | None) -> Generator[Store]:
    from ioc.ops import logs
    from ioc.store.database import open_store, running

    logs.configure(as_json=False, level=logging.WARNING)
    settings = load_settings(**({"data_dir": data_dir} if data_dir else {}))
    with _faults(), running(settings):
        store = open_store(settings)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def _faults() -> Generator[None]:
    try:
        yield
    except IocError as e:
        Console(stderr=True, soft_wrap=True).print(f"[red]✗[/] {e.message('zh')}\n  {e.message('en')}", highlight=False)
        raise typer.Exit(2 if e.status >= 500 else 1) from e


def notify_commands() -> typer.Typer:
    notify = typer.Typer(help="对外发送 / what is sent", no_args_is_help=True, rich_markup_mode=None)
    notify.command(name="dead")(_dead)
    notify.command(name="resend")(_resend)
    notify.command(name="test")(_try)
    return notify


def _dead(
    channel: Annotated[str, typer.Option(help="通道 / key of a channel")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """列出未能送出的 / list dead letters: what could not be sent, and why."""
    from ioc.store import deliveries

    with _store(data_dir) as store, store.reading(SYSTEM) as conn:
        rows = deliveries.listed(conn, ["dead", "no_address"], channel, limit)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1, default=str))
        return
    for r in rows:
        what = r["title"] or f"{r['source_id']} {r['step']}"
        why = r["error"] or ("没有联系方式 / no address" if r["state"] == "no_address" else "")
        print(f"{r['delivery_id']:>8}  {r['channel']:<14}{r['masked']:<16}{r['tries']:>3}×  {what}  {why}")
    print(f"{len(rows)} 条 / dead letters")


def _resend(
    ids: Annotated[list[int] | None, typer.Argument(help="编号 / numbers of `ioc notify dead`")] = None,
    channel: Annotated[str, typer.Option(help="某通道的全部 / all of a channel")] = "",
    data_dir: DataDir = None,
) -> None:
    """重发 / send dead letters again, under their old idempotency keys."""
    from ioc.store import accounts, deliveries

    if not ids and not channel:
        raise typer.BadParameter("ID... | --channel", param_hint="ids")
    actor = f"cli:{getpass.getuser()}"
    with _store(data_dir) as store, store.scoped(SYSTEM) as conn:
        found = [r["delivery_id"] for r in deliveries.listed(conn, ["dead", "no_address"], channel, 100_000)]
        wanted = [i for i in found if not ids or i in set(ids)]
        done = deliveries.resend(conn, wanted, actor, SystemClock().now())
        accounts.audit(conn, actor=actor, action="delivery.resend", detail={"deliveries": done})
    print(f"{len(done)} 条将重发 / will be sent again")
    raise typer.Exit(0 if done else 1)


def _try(
    channel: Annotated[str, typer.Argument(help="通道 / key of a channel")],
    to: Annotated[str, typer.Option(help="号码或邮箱 / address")] = "",
    data_dir: DataDir = None,
) -> None:
    """试发一条 / really send one test message by a channel, and print the answer."""
    from ioc.outbound.config import NOTICE, STEP, load
    from ioc.outbound.send import Sender

    settings: Settings = load_settings(**({"data_dir": data_dir} if data_dir else {}))
    with _faults():
        outbound = load(settings)
        found = outbound.channels.get(channel)
        if found is None:
            known = ", ".join(outbound.channels) or "-"
            raise NotFound(f"通道 {channel}，已声明：{known}", f"channel {channel}, declared: {known}")
        sender = Sender(outbound, found, SystemClock())
        words: dict[str, Any] = dict.fromkeys(NOTICE | STEP, "") | {
            "kind": "test",
            "title": "测试消息",
            "title_en": "Test message",
            "body": "一屏统览对外通道测试，请忽略。",
            "body_en": "A test of an outbound channel, please ignore.",
            "priority": "low",
            "address": to,
        }
        try:
            out = sender.send(words, f"test-{uuid4().hex}")
        finally:
            sender.close()
    well = out.kind == "accepted"
    print(f"已提交 / submitted {out.far_id}".rstrip() if well else f"✗ {out.zh} / {out.en}")
    raise typer.Exit(0 if well else 1)
