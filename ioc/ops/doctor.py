"""`ioc doctor`: what is wrong with this machine or installation, and what to do about it, in both languages.

Every check is a function of a `Look` that returns one `Finding`; `CHECKS` lists them. No check changes anything.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg.rows import TupleRow, tuple_row

from ioc.clock import Clock
from ioc.errors import IocError
from ioc.ops import broker, runfile
from ioc.settings import Settings
from ioc.store.cluster import PrivateCluster, find_binaries
from ioc.store.database import dsns
from ioc.store.migrate import pending

State = Literal["ok", "warn", "fail"]
HOME = Path(__file__).resolve().parents[2]
# MQTT limits below these lose messages a broker has accepted while the worker is away (measured: 4,000 of 5,000).
LEAST_QUEUED_MESSAGES = 100_000
LEAST_POSTGIS = (3, 3)
MOST_SKEW_S = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    key: str
    state: State
    zh: str
    en: str
    advice_zh: str = ""
    advice_en: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass
class Look:
    """What the checks look at. `conn` is None when the database does not answer (`why`)."""

    settings: Settings
    clock: Clock
    run: dict[str, Any]
    conn: psycopg.Connection[TupleRow] | None = None
    why: str = ""

    def value(self, statement: str, *params: Any) -> Any:
        assert self.conn is not None
        row = self.conn.execute(statement.encode(), params or None).fetchone()
        return row[0] if row else None


def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """All checks. Starts nothing: a database that does not run is a finding."""
    look = Look(settings, clock, runfile.read(settings.root))
    try:
        if not settings.database_url and not PrivateCluster(settings.root).ready():
            look.why = "not running"
        else:
            owner = dsns(settings).owner
            look.conn = psycopg.Connection[TupleRow].connect(
                owner, connect_timeout=3, autocommit=True, row_factory=tuple_row
            )
    except (psycopg.Error, IocError) as e:
        look.why = str(e).strip()
    try:
        return [_safely(check, look) for check in CHECKS]
    finally:
        if look.conn is not None:
            look.conn.close()


def _safely(check: Callable[[Look], Finding], look: Look) -> Finding:
    try:
        return check(look)
    except (psycopg.Error, IocError, OSError, subprocess.SubprocessError, ValueError) as e:
        name = check.__name__.removeprefix("check_")
        return Finding(name, "fail", f"检查失败：{e}", f"check failed: {e}")


def _no_database(key: str, look: Look) -> Finding:
    return Finding(
        key, "warn", "数据库未运行，未检查", "database not running, not checked", "先运行 ioc up", "run ioc up first"
    )


# ------------------------------------------------------------ machine


def check_python(look: Look) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Finding(
        "python",
        "ok" if good else "fail",
        f"Python {found}",
        f"Python {found}",
        "" if good else "需要 Python 3.11 或更新版本",
        "" if good else "Python 3.11 or newer is needed",
    )


def check_node(look: Look) -> Finding:
    """Only needed to build the bundle; comes with the virtual environment, not with the system."""
    node = Path(sys.prefix) / "bin" / "node"
    command = str(node) if node.exists() else shutil.which("node")
    found = _output([command, "--version"]).lstrip("v") if command else ""
    good = bool(found) and int(found.split(".")[0]) >= 22
    return Finding(
        "node",
        "ok" if good else "warn",
        f"Node {found or '未找到'}",
        f"Node {found or 'not found'}",
        "" if good else "重新构建界面需要 Node 22 以上：运行 scripts/setup",
        "" if good else "building the interface needs Node 22 or newer: run scripts/setup",
    )


def check_port(look: Look) -> Finding:
    ours = bool(look.run.get("running"))
    port = int(look.run["port"]) if ours else look.settings.port
    good = ours or broker.is_free("127.0.0.1", port)
    return Finding(
        "port",
        "ok" if good else "fail",
        f"端口 {port}{'（本系统占用）' if ours else '可用' if good else '被其他程序占用'}",
        f"port {port} {'is ours' if ours else 'is free' if good else 'is taken by another program'}",
        "" if good else "用 --port 或 IOC_PORT 换一个端口",
        "" if good else "choose another with --port or IOC_PORT",
    )


def check_disk(look: Look) -> Finding:
    settings = look.settings
    folder = settings.root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // 2**20
    state: State = (
        "ok" if free >= 2 * settings.disk_free_min_mb else "warn" if free >= settings.disk_free_min_mb else "fail"
    )
    return Finding(
        "disk",
        state,
        f"剩余空间 {free} MB，下限 {settings.disk_free_min_mb} MB",
        f"{free} MB free, {settings.disk_free_min_mb} MB is the limit",
        "" if state == "ok" else "清理磁盘或缩短保存期（IOC_RETENTION_*）；低于下限先停收观测，最后停收事件",
        ""
        if state == "ok"
        else "free space or shorten retention (IOC_RETENTION_*); below the limit observations stop first",
    )


def check_fonts(look: Look) -> Finding:
    """For a browser on this machine (a wall) and for screenshots; other screens bring their own fonts."""
    listed = _output(["fc-list", ":lang=zh", "family"]) if shutil.which("fc-list") else ""
    good = bool(listed.strip())
    name = listed.strip().splitlines()[0].split(",")[0] if good else ""
    return Finding(
        "fonts",
        "ok" if good else "warn",
        f"中文字体：{name}" if good else "本机没有中文字体",
        f"Chinese font: {name}" if good else "no Chinese font on this machine",
        "" if good else "若在本机显示大屏：apt install fonts-noto-cjk",
        "" if good else "if this machine shows a wall: apt install fonts-noto-cjk",
    )


def check_bundle(look: Look) -> Finding:
    built = HOME / "ioc" / "ui" / "dist"
    files = [f for f in built.glob("**/*") if f.suffix in {".js", ".mjs"}] if built.exists() else []
    sources = [f for f in (HOME / "frontend" / "src").glob("**/*") if f.is_file()]
    stale = bool(files and sources) and max(f.stat().st_mtime for f in sources) > max(f.stat().st_mtime for f in files)
    state: State = "fail" if not files else "warn" if stale else "ok"
    words = {"ok": ("界面已构建", "interface built"), "warn": ("界面早于源码", "interface older than its sources")}
    zh, en = words.get(state, ("界面未构建", "interface not built"))
    return Finding(
        "bundle",
        state,
        zh,
        en,
        "" if state == "ok" else "运行 scripts/setup",
        "" if state == "ok" else "run scripts/setup",
    )


# ------------------------------------------------------------ database


def check_postgres(look: Look) -> Finding:
    if look.conn is not None:
        version = str(look.value("SHOW server_version")).split()[0]
        return Finding("postgres", "ok", f"PostgreSQL {version} 正在运行", f"PostgreSQL {version} is running")
    if look.settings.database_url:
        return Finding(
            "postgres",
            "fail",
            f"连接不上 IOC_DATABASE_URL：{look.why}",
            f"cannot reach IOC_DATABASE_URL: {look.why}",
            "检查地址、口令与 pg_hba.conf",
            "check the address, the password and pg_hba.conf",
        )
    version = find_binaries().parent.name
    return Finding(
        "postgres",
        "warn",
        f"已安装 PostgreSQL {version} 与 PostGIS，未运行",
        f"PostgreSQL {version} with PostGIS is installed, not running",
        "运行 ioc up",
        "run ioc up",
    )


def check_postgis(look: Look) -> Finding:
    if look.conn is None:
        return _no_database("postgis", look)
    version = str(look.value("SELECT extversion FROM pg_extension WHERE extname = 'postgis'") or "")
    good = bool(version) and tuple(int(n) for n in re.findall(r"\d+", version)[:2]) >= LEAST_POSTGIS
    return Finding(
        "postgis",
        "ok" if good else "fail",
        f"PostGIS {version or '未安装'}",
        f"PostGIS {version or 'missing'}",
        "" if good else "需要 PostGIS 3.3 以上；外部数据库请管理员执行 CREATE EXTENSION postgis",
        "" if good else "PostGIS 3.3 or newer is needed; in an outside database: CREATE EXTENSION postgis",
    )


def check_leakproof(look: Look) -> Finding:
    if look.conn is None:
        return _no_database("leakproof", look)
    good = bool(look.value("SELECT bool_and(proleakproof) FROM pg_proc WHERE proname = 'geometry_overlaps'"))
    return Finding(
        "leakproof",
        "ok" if good else "warn",
        "空间索引可在行级权限下使用" if good else "行级权限会使地图查询变慢",
        "spatial index works under row-level security" if good else "map queries are slow under row-level security",
        "" if good else "请数据库超级用户执行：ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF",
        "" if good else "as a superuser: ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF",
    )


def check_migrations(look: Look) -> Finding:
    if look.conn is None:
        return _no_database("migrations", look)
    waiting = [f"{m.number:03d}_{m.name}" for m in pending(look.conn)]
    return Finding(
        "migrations",
        "fail" if waiting else "ok",
        f"待执行：{'、'.join(waiting)}" if waiting else "数据库结构为最新",
        f"pending: {', '.join(waiting)}" if waiting else "schema is up to date",
        "运行 ioc db migrate" if waiting else "",
        "run ioc db migrate" if waiting else "",
    )


def check_clock(look: Look) -> Finding:
    if look.conn is None:
        return _no_database("clock", look)
    there: dt.datetime = look.value("SELECT clock_timestamp()")
    skew = abs((look.clock.now() - there).total_seconds())
    good = skew <= MOST_SKEW_S
    return Finding(
        "clock",
        "ok" if good else "fail",
        f"与数据库时钟相差 {skew:.1f} 秒",
        f"{skew:.1f} s from the database's clock",
        "" if good else "为两台机器启用 NTP（chrony 或 systemd-timesyncd）",
        "" if good else "enable NTP (chrony or systemd-timesyncd) on both machines",
    )


def check_admin(look: Look) -> Finding:
    if look.conn is None:
        return _no_database("admin", look)
    own = look.value(
        "SELECT count(*) FROM account WHERE 'admin' = ANY(roles) AND NOT disabled AND password_set_at IS NOT NULL"
    )
    good = bool(own)
    return Finding(
        "admin",
        "ok" if good else "warn",
        "管理员已设置自己的密码" if good else "管理员尚未设置自己的密码，仅监听本机",
        "an administrator has set a password" if good else "no administrator has set a password: loopback only",
        "" if good else "以管理员登录并修改密码，或运行 ioc user add --role admin",
        "" if good else "sign in as an administrator and change the password, or run ioc user add --role admin",
    )


# ------------------------------------------------------------ broker, base map


def check_broker(look: Look) -> Finding:
    settings = look.settings
    if settings.mqtt_url == "none":
        return Finding("broker", "ok", "MQTT 已关闭", "MQTT is off")
    if settings.mqtt_url:
        return Finding(
            "broker",
            "warn",
            "外部 MQTT 服务器：队列上限无法检查",
            "outside broker: its queue limits cannot be checked",
            f"请确认 max_queued_messages ≥ {LEAST_QUEUED_MESSAGES} 且 persistence 开启",
            f"make sure max_queued_messages is at least {LEAST_QUEUED_MESSAGES} and persistence is on",
        )
    broker.binary()
    faults = broker_faults(broker.SHIPPED.read_text())
    return Finding(
        "broker",
        "fail" if faults else "ok",
        f"消息服务器配置不足：{', '.join(faults)}" if faults else "消息服务器已安装，队列上限足够",
        f"broker limits too low: {', '.join(faults)}" if faults else "broker installed, queue limits are sufficient",
        "恢复 docker/mosquitto.conf 中的随附设置" if faults else "",
        "restore the shipped settings in docker/mosquitto.conf" if faults else "",
    )


def broker_faults(text: str) -> list[str]:
    """Settings of a mosquitto configuration that would lose accepted messages. 0 means no limit there."""
    values = dict(line.split(None, 1) for line in text.splitlines() if len(line.split(None, 1)) == 2 and line[0] != "#")
    faults: list[str] = []
    queued = int(values.get("max_queued_messages", "1000"))
    if queued != 0 and queued < LEAST_QUEUED_MESSAGES:
        faults.append(f"max_queued_messages {queued}")
    if values.get("persistence", "false").strip() != "true":
        faults.append("persistence false")
    return faults


def check_basemap(look: Look) -> Finding:
    settings = look.settings
    if not settings.basemap_url:
        return Finding("basemap", "ok", "离线底图", "offline base map")
    named = bool(settings.basemap_attribution.strip())
    return Finding(
        "basemap",
        "ok" if named else "warn",
        f"底图审图号：{settings.basemap_attribution}" if named else "已配置底图，但未填写审图号",
        f"base map approval: {settings.basemap_attribution}" if named else "a base map without an approval number",
        "" if named else "用 IOC_BASEMAP_ATTRIBUTION 填写审图号",
        "" if named else "set IOC_BASEMAP_ATTRIBUTION to the official map approval number",
    )


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=10, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    return done.stdout.strip()


CHECKS: tuple[Callable[[Look], Finding], ...] = (
    check_python,
    check_node,
    check_postgres,
    check_postgis,
    check_leakproof,
    check_migrations,
    check_clock,
    check_disk,
    check_port,
    check_broker,
    check_fonts,
    check_bundle,
    check_admin,
    check_basemap,
)
