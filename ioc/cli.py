"""The `ioc` command. Thin: every command loads the settings, opens the database and calls one use-case."""

from __future__ import annotations

import getpass
import json
import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ioc.clock import SystemClock
from ioc.errors import IocError
from ioc.intake import datasets
from ioc.ops import audit, seal
from ioc.ops.composition import Composition
from ioc.ops.notify import notify_commands
from ioc.settings import Settings, load_settings

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="数据目录 / data folder (default .ioc)")]
# Kinds of `ioc import` that are configuration and have no coordinates.
DISPATCH_TABLES = ("departments", "dispatch", "duplicates", "escalation", "topics")
TABLES = ("models", "aqi-table", "water-table", "noise-table", "patrol-plans", "village-figures")
KINDS = "|".join(("devices|regions|grids|resources|events|cases|layer|accounts|stewards|hotline|deadlines|calendar",
                  "rosters", *DISPATCH_TABLES, *TABLES, *datasets.kinds()))  # fmt: skip
_MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


def _settings(data_dir: Path | None = None, **more: Any) -> Settings:
    values = {k: v for k, v in more.items() if v is not None}
    return load_settings(**({"data_dir": data_dir} if data_dir else {}), **values)


@contextmanager
def _faults() -> Generator[None]:
    """Errors raised on purpose are two sentences for the operator, not a trace."""
    try:
        yield
    except IocError as e:
        Console(stderr=True, soft_wrap=True).print(f"[red]✗[/] {e.message('zh')}\n  {e.message('en')}", highlight=False)
        for reason in getattr(e, "reasons", ()):
            given = f" [{reason.value}]" if reason.value else ""
            print(f"  {reason.field}: {reason.zh} / {reason.en}{given}", file=sys.stderr)
        raise typer.Exit(2 if e.status >= 500 else 1) from e


def _quiet() -> None:
    """A command's answer is its output; the log of what it calls goes to standard error, from warnings on."""
    from ioc.ops import logs

    logs.configure(as_json=False, level=logging.WARNING)


def build_cli(composition: Composition) -> typer.Typer:
    """The command line over what `app.py` composed."""
    cli = typer.Typer(
        name="ioc", no_args_is_help=True, add_completion=False, help="IOC 一屏统览", rich_markup_mode=None
    )
    _running(cli, composition)
    _looking(cli)
    _database(cli)
    _demo(cli, composition)
    _bringing_in(cli, composition)
    _accounts(cli)
    _embeds(cli, composition)
    cli.add_typer(notify_commands(), name="notify")
    audit.add_commands(cli, _settings, _faults)
    seal.add_commands(cli, _settings, _faults)
    _bench(cli, composition)
    return cli


def _running(cli: typer.Typer, composition: Composition) -> None:
    @cli.command()
    def up(
        data_dir: DataDir = None,
        port: Annotated[int | None, typer.Option(help="HTTP 端口 / port")] = None,
        demo: Annotated[
            bool, typer.Option("--demo/--no-demo", help="首次启动载入演示城市 / demo on first start")
        ] = True,
    ) -> None:
        """启动全部 / start everything: database, broker, web and ingest under one supervisor."""
        from ioc.ops.up import Up

        with _faults():
            raise typer.Exit(Up(_settings(data_dir, port=port), composition, SystemClock(), demo).run())

    @cli.command()
    def web(data_dir: DataDir = None, port: Annotated[int | None, typer.Option()] = None) -> None:
        """只运行网页服务 / the web process alone (several machines)."""
        from ioc.ops import logs, serve
        from ioc.store.database import dsns

        with _faults():
            settings = _settings(data_dir, port=port)
            logs.configure(settings.log_json)
            host = serve.bind_host(settings, dsns(settings).owner)
            serve.serve(composition.web(settings), settings, host)

    @cli.command()
    def ingest(data_dir: DataDir = None) -> None:
        """只运行接入 / the ingest process alone: sources, sequencer, KPI worker, partition keeper."""
        from ioc.ops import ingest as process
        from ioc.ops import logs

        with _faults():
            settings = _settings(data_dir)
            logs.configure(settings.log_json)
            process.run(settings, composition.registry(), SystemClock())


def _looking(cli: typer.Typer) -> None:
    @cli.command()
    def doctor(data_dir: DataDir = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
        """检查本机与安装 / check this machine and installation."""
        from ioc.ops.doctor import examine

        with _faults():
            findings = examine(_settings(data_dir), SystemClock())
        if as_json:
            print(json.dumps([f.as_dict() for f in findings], ensure_ascii=False, indent=1))
        else:
            console = Console(highlight=False, soft_wrap=True)
            for f in findings:
                console.print(f"{_MARKS[f.state]} {f.key:<11}{f.zh}\n{'':13}{f.en}")
                if f.advice_zh:
                    console.print(f"{'':13}→ {f.advice_zh}\n{'':13}→ {f.advice_en}")
        raise typer.Exit(1 if any(f.state == "fail" for f in findings) else 0)

    @cli.command()
    def status(
        data_dir: DataDir = None,
        as_json: Annotated[bool, typer.Option("--json")] = False,
        check: Annotated[
            bool, typer.Option("--check", help="只给退出码 / exit code only: 0 when the feed runs")
        ] = False,
    ) -> None:
        """运行状态 / processes, sources, counts and feed lag."""
        from ioc.ops.status import feed_runs
        from ioc.ops.status import status as read

        with _faults():
            settings = _settings(data_dir)
            if check:
                raise typer.Exit(0 if feed_runs(settings, SystemClock()) else 1)
            found = read(settings, SystemClock())
        if as_json:
            print(json.dumps(found, ensure_ascii=False, indent=1, default=str))
            return
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"{'运行中 running' if found['running'] else '未运行 not running'}  {found['url']}")
        for name, p in found["processes"].items():
            console.print(f"  {name:<10}{p['state']:<10}pid {p['pid'] or '-'}  restarts {p['restarts']}")
        for s in found["sources"]:
            age = "-" if s["age_s"] is None else f"{s['age_s']:.0f} s"
            console.print(f"  {s['key']:<24}{s['state']:<8}{age:>8}  {s['title']}")
        console.print("  " + "  ".join(f"{k} {v}" for k, v in found["counts"].items()))
        console.print(f"  feed {found['feed'].get('state', 'down')}  lag {found['feed'].get('lag_ms', '-')} ms")
        seq, waiting, lag = (found["chain"].get(k, "-") for k in ("seq", "waiting", "lag_s"))
        console.print(f"  chain {seq}  waiting {waiting}  lag {lag} s")


def _database(cli: typer.Typer) -> None:
    db = typer.Typer(help="数据库 / database", no_args_is_help=True, rich_markup_mode=None)
    cli.add_typer(db, name="db")

    @db.command()
    def url(
        data_dir: DataDir = None,
        role: Annotated[str, typer.Option(help="owner | app | readonly")] = "owner",
    ) -> None:
        """psql 可用的连接串 / a DSN that psql accepts while the product runs."""
        from ioc.store.database import as_uri, dsns

        if role not in ("owner", "app", "readonly"):
            raise typer.BadParameter("owner | app | readonly", param_hint="--role")
        with _faults():
            print(as_uri(dsns(_settings(data_dir)).of(role)))

    @db.command()
    def migrate(data_dir: DataDir = None) -> None:
        """执行数据库迁移 / apply pending migrations and make partitions ahead."""
        from ioc.store.database import running
        from ioc.store.prepare import prepare

        with _faults(), running(_settings(data_dir)) as found:
            applied, made = prepare(found.owner, SystemClock().now(), progress=print)
            print(f"{len(applied)} migrations, {len(made)} partitions")


def _demo(cli: typer.Typer, composition: Composition) -> None:
    demo = typer.Typer(help="演示城市 / demo city", no_args_is_help=True, rich_markup_mode=None)
    cli.add_typer(demo, name="demo")

    @demo.command()
    def load(
        data_dir: DataDir = None,
        pack: Annotated[str | None, typer.Option(help="地方包 / place pack")] = None,
        cameras: Annotated[int | None, typer.Option(min=0)] = None,
        sensors: Annotated[int | None, typer.Option(min=0)] = None,
        devices: Annotated[int | None, typer.Option(min=0, help="总数，按比例 / total, in proportion")] = None,
        days: Annotated[int | None, typer.Option(min=0, help="事件天数 / days of events")] = None,
        hours: Annotated[int | None, typer.Option(min=0, help="观测小时数 / hours of observations")] = None,
        seed: Annotated[int | None, typer.Option()] = None,
        size: Annotated[str | None, typer.Option(help="small: 测试规模 / for tests")] = None,
        rate: Annotated[float | None, typer.Option(min=0, help="模拟器每秒事件数 / simulated events a second")] = None,
    ) -> None:
        """载入演示城市 / load the demo city (replaces an earlier one). One seed gives the same rows."""
        from ioc.ops import up as steps
        from ioc.store.database import running
        from ioc.store.prepare import prepare

        options = {"cameras": cameras, "sensors": sensors, "devices": devices, "days": days, "hours": hours}
        options |= {"seed": seed, "pack": pack, "size": size, "rate": rate}
        given = {k: v for k, v in options.items() if v is not None}
        settings = _settings(data_dir)
        with _faults(), running(settings) as found:
            _quiet()
            prepare(found.owner, SystemClock().now())
            console = Console(highlight=False, soft_wrap=True)
            users = steps.load_demo(settings, composition, SystemClock(), console, **given)
            if users:
                console.print(steps.user_table(users))

    @demo.command()
    def rate(
        per_second: Annotated[float, typer.Argument(min=0, help="0: 按一天的节律 / the rhythm of the day")],
        data_dir: DataDir = None,
    ) -> None:
        """改变正在运行的模拟器的事件速率 / change the event rate of the running simulator."""
        from ioc.store.database import running

        with _faults(), running(_settings(data_dir)) as found:
            _quiet()
            if not composition.demo().set_rate(found, per_second):
                print("没有载入演示数据 / no demo is loaded")
                raise typer.Exit(1)

    @demo.command()
    def play(
        story: Annotated[str, typer.Argument(help="fire: 物流仓库火情 / a fire in a warehouse")],
        data_dir: DataDir = None,
    ) -> None:
        """在正在运行的演示中开始一个情景，从报警开始 / begin a story in the running demo, from its alarm."""
        from ioc.store.database import running

        with _faults(), running(_settings(data_dir)) as found:
            _quiet()
            if not composition.demo().play(found, composition.registry().packs, story, SystemClock()):
                print("没有载入演示数据 / no demo is loaded")
                raise typer.Exit(1)

    @demo.command()
    def drop(data_dir: DataDir = None) -> None:
        """删除全部演示数据 / remove every demo row, number and tag."""
        from ioc.store.database import running

        settings = _settings(data_dir)
        with _faults(), running(settings) as found:
            _quiet()
            removed = composition.demo().drop(settings, found, SystemClock())
            print(f"演示数据已删除，共 {removed} 行 / demo data removed, {removed} rows")


def _bringing_in(cli: typer.Typer, composition: Composition) -> None:
    @cli.command(name="import")
    def import_(
        kind: Annotated[str, typer.Argument(help=KINDS)],
        file: Annotated[
            Path, typer.Argument(exists=True, help="文件；drones 也可为文件夹 / a file; drones: or a folder")
        ],
        crs: Annotated[
            str, typer.Option(help="EPSG:4490|EPSG:4326|EPSG:4546|GCJ-02|BD-09；时限与日历不需要 / not for tables")
        ] = "",
        mapping: Annotated[list[str] | None, typer.Option("--map", help="字段=列名 / field=column")] = None,
        source: Annotated[str | None, typer.Option(help="数据源名 / name of the source")] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run")] = False,
        title: Annotated[str | None, typer.Option(help="专题名 / title of a layer")] = None,
        theme: Annotated[str | None, typer.Option(help="专题分类 / theme of a layer")] = None,
        key: Annotated[str | None, typer.Option(help="专题键 / key of a layer")] = None,
        style: Annotated[str | None, typer.Option(help="JSON: icon, width, dash, fill, label, min_zoom")] = None,
        sensitivity: Annotated[int, typer.Option(min=0, max=2)] = 0,
        title_en: Annotated[str | None, typer.Option("--title-en")] = None,
        base_role: Annotated[str | None, typer.Option("--base-role", help="sea|land|water|river|highway|...")] = None,
        private_to: Annotated[str | None, typer.Option("--private-to", help="只对该部门可见 / one department")] = None,
        period: Annotated[str | None, typer.Option(help="数据时期 / period of the data")] = None,
        sheet: Annotated[str | None, typer.Option(help="Excel 工作表 / sheet")] = None,
        file_layer: Annotated[str | None, typer.Option("--file-layer", help="GeoPackage 图层 / layer")] = None,
        whole: Annotated[
            bool, typer.Option("--whole", help="整份名册：缺者离任 / stewards: the absent have left")
        ] = False,
        passwords: Annotated[
            Path | None, typer.Option(dir_okay=False, help="accounts: 初始密码写入的文件 / file of initial passwords")
        ] = None,
        as_of: Annotated[
            datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="数据所述日期 / the day it speaks of")
        ] = None,
        datum: Annotated[
            str | None, typer.Option(help="高程基准，如 1985国家高程基准 / vertical datum of terrain")
        ] = None,
        data_dir: DataDir = None,
        as_json: Annotated[bool, typer.Option("--json")] = False,
    ) -> None:
        """导入文件 / import a file: GeoJSON, GeoPackage, Shapefile, CSV, Excel. Places need their CRS declared."""
        from ioc.ops.imports import mapping_of, run_import, run_table

        if file.is_dir() and kind != "drones":
            raise typer.BadParameter(f"{file} 是文件夹 / is a folder", param_hint="FILE")
        if kind in DISPATCH_TABLES:
            from ioc.ops import config_import

            with _faults():
                _quiet()
                config_import.run(_settings(data_dir), SystemClock(), kind, file, dry_run, as_json)
            return
        if kind in TABLES:
            with _faults():
                _quiet()
                run_table(_settings(data_dir), SystemClock(), kind, file, dry_run, as_json)
            return
        options = {"title": title, "title_en": title_en, "theme": theme, "key": key, "style": style, "source": source}
        options |= {"sensitivity": sensitivity, "base_role": base_role, "private_to": private_to, "period": period}
        options |= {"sheet": sheet, "file_layer": file_layer, "whole": whole, "passwords": passwords}
        options |= {"as_of": as_of.date() if as_of else None, "datum": datum}
        with _faults():
            _quiet()
            settings, registry = _settings(data_dir), composition.registry()
            if kind == "hotline":
                from ioc.ops import hotline

                pairs = mapping_of(mapping or [])
                hotline.run_import(settings, SystemClock(), file, crs, pairs, dry_run, options, as_json)
                return
            given = (settings, registry, SystemClock(), kind, file, crs, mapping or [], dry_run, options, as_json)
            taken = run_import(*given)
        if not taken:
            raise typer.Exit(1)


def _accounts(cli: typer.Typer) -> None:
    user = typer.Typer(help="账号 / accounts", no_args_is_help=True, rich_markup_mode=None)
    token = typer.Typer(help="接口令牌 / API tokens", no_args_is_help=True, rich_markup_mode=None)
    cli.add_typer(user, name="user")
    cli.add_typer(token, name="token")

    @user.command(name="add")
    def user_add(
        login: str,
        role: Annotated[list[str], typer.Option(help="leader|chief|officer|grid|department|admin")],
        name: Annotated[str, typer.Option()] = "",
        region: Annotated[
            list[str] | None, typer.Option(help="区划代码；不填为全市 / region code; none: whole")
        ] = None,
        department: Annotated[list[str] | None, typer.Option()] = None,
        sensitivity: Annotated[int, typer.Option(min=0, max=2)] = 1,
        password_stdin: Annotated[
            bool, typer.Option("--password-stdin", help="从标准输入读取 / read from stdin")
        ] = False,
        data_dir: DataDir = None,
    ) -> None:
        """新建账号 / add an account. The password is asked for, or read from standard input."""
        from ioc.accounts.base import Accounts, Grant
        from ioc.accounts.users import add_user
        from ioc.ops.config_import import unlisted
        from ioc.store.database import open_store, running

        settings = _settings(data_dir)
        with _faults(), running(settings):
            _quiet()
            password = sys.stdin.readline().rstrip("\n") if password_stdin else _ask_password()
            grant = Grant(not region, tuple(region or ()), tuple(department) if department else None, sensitivity)
            store = open_store(settings)
            try:
                add_user(
                    Accounts(store, settings, SystemClock()), login, password, role, grant, name=name, own_password=True
                )
                unknown = unlisted(store, department or ())
            finally:
                store.close()
            print(f"已建立 / added: {login}")
            if unknown:
                names = "、".join(unknown)
                print(f"! 部门表中没有，收不到派单 / not in the department table, gets no cases: {names}")

    @token.command(name="create")
    def token_create(
        name: str,
        allow: Annotated[str, typer.Option(help="read,events:write,observations:write,resources:write,admin")],
        region: Annotated[list[str] | None, typer.Option()] = None,
        source: Annotated[str, typer.Option(help="写入限定的数据源 / source its writes are bound to")] = "",
        days: Annotated[int | None, typer.Option(min=1, help="有效天数 / days it is valid")] = None,
        data_dir: DataDir = None,
    ) -> None:
        """新建接口令牌，最后一行即令牌 / make an API token; the last line is the token."""
        from ioc.accounts.base import Accounts, Grant
        from ioc.accounts.tokens import create_token
        from ioc.store.database import open_store, running

        settings = _settings(data_dir)
        with _faults(), running(settings):
            _quiet()
            grant = Grant(not region, tuple(region or ()), None, 1)
            actions = [a.strip() for a in allow.split(",") if a.strip()]
            store = open_store(settings)
            try:
                made = create_token(
                    Accounts(store, settings, SystemClock()), name, actions, grant, source=source, days=days
                )
            finally:
                store.close()
            print("只显示这一次 / shown only this once:")
            print(made)


def _embeds(cli: typer.Typer, composition: Composition) -> None:
    embed = typer.Typer(help="门户嵌入 / embeds of a portal", no_args_is_help=True, rich_markup_mode=None)
    cli.add_typer(embed, name="embed")

    @embed.command()
    def sign(
        page: Annotated[str, typer.Argument(help="/embed/map | /embed/tile/CODE[,CODE]")],
        region: Annotated[str, typer.Option(help="区划代码；不填为全市 / region code; none: whole")] = "",
        days: Annotated[float, typer.Option(help="有效天数 / days it is valid")] = 30,
        sensitivity: Annotated[int, typer.Option(min=0, max=2)] = 0,
        data_dir: DataDir = None,
    ) -> None:
        """签发嵌入地址，最后一行即地址 / sign the address of an embed; the last line is the address."""
        from ioc.accounts.base import Accounts
        from ioc.ops.embeds import sign_address
        from ioc.store.database import open_store, running

        settings = _settings(data_dir)
        with _faults(), running(settings):
            _quiet()
            store = open_store(settings)
            try:
                accounts = Accounts(store, settings, SystemClock())
                registry = composition.registry()
                made = sign_address(accounts, registry, page, region=region, days=days, sensitivity=sensitivity)
            finally:
                store.close()
            print("放在本系统的网址之后 / append it to this centre's address:", file=sys.stderr)
            print(made)


def _ask_password() -> str:
    first = getpass.getpass("密码 password: ")
    if getpass.getpass("再次输入 again: ") != first:
        raise typer.BadParameter("两次输入不一致 / the two differ")
    return first


def _bench(cli: typer.Typer, composition: Composition) -> None:
    @cli.command()
    def bench(
        what: Annotated[
            str, typer.Argument(help="live|tiles|kpi|screen|import|intake|cases|alarms|command|video|replay")
        ],
        as_json: Annotated[bool, typer.Option("--json")] = False,
        quick: Annotated[bool, typer.Option(help="小规模一轮 / small, one round")] = False,
        rounds: Annotated[int | None, typer.Option(min=1)] = None,
        option: Annotated[list[str] | None, typer.Option("--set", help="键=值 / key=value")] = None,
        data_dir: DataDir = None,
    ) -> None:
        """测量 / measure, each figure beside its floor."""
        from ioc.ops.bench import run_bench, text
        from ioc.ops.imports import mapping_of

        with _faults():
            _quiet()
            options = mapping_of(option or [])
            settings = _settings(data_dir)
            result = run_bench(what, settings, composition, quick=quick, rounds=rounds, options=options)
        print(json.dumps(result, ensure_ascii=False, indent=1, default=str) if as_json else text(result))
        raise typer.Exit(0 if result["passed"] else 1)
