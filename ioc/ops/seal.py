"""`ioc seal`: keys of sealed personal data, new ones made, rows passed on to them, old ones dropped.

All of it beside a running centre. What has been passed on stands in the rows themselves, so that a rotation that was
killed is gone on with by the same command.
"""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from ioc.clock import Clock, SystemClock
from ioc.errors import ConfigError, Conflict, NotFound
from ioc.scope import SYSTEM
from ioc.sealing import KeyFile, Sealer, SealKey, key_file
from ioc.settings import Settings
from ioc.store import Store, accounts, sealed
from ioc.store.sealed import SEALED, Sealed

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="数据目录 / data folder (default .ioc)")]
BATCH = 200
_TURN = 4_930_302  # held by the one rotation or removal that runs
Told = Callable[[int, int], None]  # rows done, rows to do


@dataclass
class Rotation:
    """`made`: number of the key that was made, None where an earlier rotation was gone on with. `bad`: rows that do not
    open with the key they name; they stay as they are.
    """

    key: int
    made: int | None = None
    done: int = 0
    bad: list[str] = field(default_factory=list[str])


def key_id(key: SealKey, purpose: str) -> str:
    return Sealer(key.secret, purpose).key_id


def rows_by_key(conn: psycopg.Connection[Any], file: KeyFile) -> tuple[dict[int, int], int]:
    """Rows under each key, by its number, and rows under a key that is not here."""
    keys = file.read()
    found, lost = {k.number: 0 for k in keys}, 0
    for table in SEALED:
        known = {key_id(k, table.purpose): k.number for k in keys}
        for name, n in sealed.counts(conn, table).items():
            if name in known:
                found[known[name]] += n
            else:
                lost += n
    return found, lost


def rotate(
    store: Store, settings: Settings, clock: Clock, actor: str, *, batch: int = BATCH, rest_s: float = 0.0,
    told: Told = lambda done, whole: None,
) -> Rotation:  # fmt: skip
    """Every row under the newest key. Rows under an older one are from a rotation that did not end: then no new key is
    made. Raises Conflict while another rotation runs, ConfigError.
    """
    file = key_file(settings)
    with _one_at_a_time(store):
        with store.scoped(SYSTEM) as conn:
            counts, _ = rows_by_key(conn, file)
            keys = file.read()
            unfinished = any(n for number, n in counts.items() if number != keys[-1].number)
            out = Rotation(keys[-1].number)
            if not unfinished:
                made = file.add(clock.now())
                out.key = out.made = made.number
            detail = {"key": out.key, "rows": sum(n for number, n in counts.items() if number != out.key)}
            accounts.audit(conn, actor=actor, action="seal.rotate", object_=str(out.key), detail=detail)
        told(0, detail["rows"])
        for table in SEALED:
            for done in _pass_on(store, file, table, out, batch):
                told(done, detail["rows"])
                time.sleep(rest_s)
        with store.scoped(SYSTEM) as conn:
            detail = {"key": out.key, "rows": out.done, "bad": len(out.bad)}
            accounts.audit(conn, actor=actor, action="seal.rotated", object_=str(out.key), detail=detail)
    return out


def _pass_on(store: Store, file: KeyFile, table: Sealed, out: Rotation, batch: int) -> Generator[int]:
    """Yields the rows done so far after each batch, which is one transaction. Goes over the table until a whole walk
    finds nothing to do: rows that others were writing are met again.
    """
    *old, new = [Sealer(k.secret, table.purpose) for k in file.read()]
    by_id, bad = {s.key_id: s for s in old}, set[str]()
    after: Sequence[Any] = ()
    moved = False
    while by_id:
        with store.scoped(SYSTEM) as conn:
            rows = sealed.under(conn, table, list(by_id), after, batch)
            fresh: list[tuple[sealed.Row, bytes]] = []
            for row in rows:
                try:
                    values = by_id[row["key_id"]].open(bytes(row["sealed"]), table.record(row))
                except ConfigError:
                    bad.add(f"{table.table} {'/'.join(str(row[k]) for k in table.key)}")
                    continue
                fresh.append((row, new.seal(values, table.record(row))))
            sealed.put(conn, table, fresh, new.key_id)
        if fresh:
            moved = True
            out.done += len(fresh)
            yield out.done
        if rows:
            after = [rows[-1][k] for k in table.key]
        elif moved:
            after, moved = (), False
        else:
            break
    out.bad += sorted(bad)


def remove(store: Store, settings: Settings, number: int, actor: str) -> None:
    """Drop an old key. Raises Conflict for the newest, or while rows need it; NotFound."""
    file = key_file(settings)
    with _one_at_a_time(store), store.scoped(SYSTEM) as conn:
        sealed.alone(conn)
        counts, _ = rows_by_key(conn, file)
        if number not in counts:
            raise NotFound(f"密钥 {number}", f"key {number}")
        if number == file.read()[-1].number:
            raise Conflict("这是正在使用的密钥", "this is the key in use")
        if counts[number]:
            zh, en = (
                f"还有 {counts[number]} 条数据需要它，先运行 ioc seal rotate",
                "rows need it: run ioc seal rotate first",
            )
            raise Conflict(f"密钥 {number} 不能删除：{zh}", f"key {number} cannot be removed: {counts[number]} {en}")
        accounts.audit(conn, actor=actor, action="seal.remove", object_=str(number))
        file.drop(number)  # last: what is undone after it would be a record, not a key


@contextmanager
def _one_at_a_time(store: Store) -> Generator[None]:
    with store.dedicated() as conn:
        row = conn.execute("SELECT pg_try_advisory_lock(%s) AS mine", (_TURN,)).fetchone()
        if not (row and row["mine"]):
            raise Conflict("另一次密钥更换正在进行", "another rotation is running")
        try:
            yield
        finally:
            conn.execute("SELECT pg_advisory_unlock(%s)", (_TURN,))


def state(conn: psycopg.Connection[Any], settings: Settings) -> dict[str, Any]:
    """For `ioc doctor` and `ioc seal status`: keys with their rows, rows under old keys, rows under none."""
    file = key_file(settings)
    keys = file.read()
    counts, lost = rows_by_key(conn, file)
    listed = [{"number": k.number, "made_at": k.made_at, "rows": counts[k.number]} for k in keys]
    return {"keys": listed, "rows": sum(counts.values()), "lost": lost,
            "old": sum(n for number, n in counts.items() if number != keys[-1].number)}  # fmt: skip


def table_of(found: Mapping[str, Any]) -> str:
    newest = found["keys"][-1]["number"]
    lines = [
        f"密钥 key {k['number']:<4}{k['made_at'] or '随安装生成 of the installation':<30}{k['rows']:>9} 行 rows"
        + ("  使用中 in use" if k["number"] == newest else "")
        for k in found["keys"]
    ]
    if found["lost"]:
        lines.append(f"✗ {found['lost']} 行的密钥不在本机，无法解开 / rows under a key that is not here")
    return "\n".join(lines)


# ------------------------------------------------------------ commands


def add_commands(
    cli: typer.Typer, settings_of: Callable[..., Settings], faults: Callable[[], AbstractContextManager[None]]
) -> None:
    group = typer.Typer(help="个人信息的密钥 / keys of sealed data", no_args_is_help=True, rich_markup_mode=None)
    cli.add_typer(group, name="seal")

    @group.command(name="rotate")
    def rotate_(
        data_dir: DataDir = None,
        batch: Annotated[int, typer.Option(min=1, max=5000, help="每个事务的行数 / rows a transaction")] = BATCH,
        rest: Annotated[float, typer.Option(min=0, help="每批之后停顿秒数 / seconds of rest after each")] = 0.0,
        as_json: Annotated[bool, typer.Option("--json")] = False,
    ) -> None:
        """换用新密钥并重新加密 / a new key, rows sealed anew while the centre runs. Again: goes on after a kill."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

        with faults():
            settings = settings_of(data_dir)
            console = Console(stderr=True)
            with (
                _open(settings) as store,
                Progress(
                    BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True,
                    disable=not console.is_terminal,
                ) as progress,
            ):  # fmt: skip
                bar = progress.add_task("seal", total=None)

                def told(done: int, whole: int) -> None:
                    progress.update(bar, completed=done, total=whole)

                actor = f"cli:{getpass.getuser()}"
                done = rotate(store, settings, SystemClock(), actor, batch=batch, rest_s=rest, told=told)
        if as_json:
            print(json.dumps({"key": done.key, "made": done.made, "rows": done.done, "bad": done.bad}))
        else:
            how = "新密钥 new key" if done.made else "继续使用 going on with key"
            print(f"{how} {done.key}：{done.done} 行已重新加密 rows sealed anew")
            for name in done.bad[:20]:
                print(f"✗ 无法解开 cannot be opened: {name}")
        raise typer.Exit(1 if done.bad else 0)

    @group.command()
    def status(data_dir: DataDir = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
        """每个密钥及其数据行数 / the keys and how many rows each has sealed."""
        with faults():
            settings = settings_of(data_dir)
            with _open(settings) as store, store.reading(SYSTEM) as conn:
                found = state(conn, settings)
        print(json.dumps(found, ensure_ascii=False, indent=1) if as_json else table_of(found))

    @group.command(name="remove")
    def remove_(number: int, data_dir: DataDir = None) -> None:
        """删除旧密钥；仍有数据使用时拒绝 / drop an old key; refused while rows need it."""
        with faults():
            settings = settings_of(data_dir)
            with _open(settings) as store:
                remove(store, settings, number, f"cli:{getpass.getuser()}")
        print(f"密钥 {number} 已删除 / key {number} removed")


@contextmanager
def _open(settings: Settings) -> Generator[Store]:
    from ioc.ops import logs
    from ioc.store.database import open_store, running
    from ioc.store.prepare import prepare

    logs.configure(as_json=False)
    with running(settings) as found:
        prepare(found.owner, SystemClock().now())
        store = open_store(settings)
        try:
            yield store
        finally:
            store.close()
