"""`ioc doctor`: what is wrong with this machine or installation, and what to do about it, in both languages.

Every check is a function of a `Look` that returns one `Finding`; `CHECKS` lists them. No check changes anything.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import psycopg
from psycopg.rows import TupleRow, dict_row, tuple_row

from ioc.audit.canonical import sm3
from ioc.clock import Clock
from ioc.errors import ConfigError, IocError
from ioc.ops import audit, broker, doctor_command, doctor_pdf, doctor_roads, runfile, seal
from ioc.settings import Settings
from ioc.shared import Shared
from ioc.store import editions
from ioc.store.cluster import PrivateCluster, find_binaries
from ioc.store.database import dsns
from ioc.store.migrate import pending
from ioc.store.terms import in_force

State = Literal["ok", "warn", "fail"]
Said: TypeAlias = tuple[str, str]  # Chinese, English
HOME = Path(__file__).resolve().parents[2]
# MQTT limits below these lose messages a broker has accepted while the worker is away (measured: 4,000 of 5,000).
LEAST_QUEUED_MESSAGES = 100_000
LEAST_POSTGIS = (3, 3)
MOST_SKEW_S = 2.0
CHAIN_LATE_S = 60.0
# What the indexes of the map (migration 001) and of search (051) need under row-level security. Two arguments each.
LEAKPROOF = {
    "geometry_overlaps": "geometry, geometry",
    "textlike": "text, text",
    "arraycontains": "anyarray, anyarray",
    "string_to_array": "text, text",
    "range_contains_elem": "anyrange, anyelement",
}


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


def verdict(key: str, good: bool, said: Said, advice: Said = ("", ""), bad: State = "fail") -> Finding:
    """What was found, with what to do about it when it is not well."""
    return Finding(key, "ok", *said) if good else Finding(key, bad, *said, *advice)


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


Check: TypeAlias = Callable[[Look], Finding]


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


def _safely(check: Check, look: Look) -> Finding:
    try:
        return check(look)
    except (psycopg.Error, IocError, OSError, subprocess.SubprocessError, ValueError) as e:
        return verdict(_key(check), False, (f"检查失败：{e}", f"check failed: {e}"))


def _key(check: Check) -> str:
    return check.__name__.removeprefix("check_")


def of_database(check: Check) -> Check:
    """A check that needs the database to answer."""

    @functools.wraps(check)
    def checked(look: Look) -> Finding:
        if look.conn is not None:
            return check(look)
        said = ("数据库未运行，未检查", "database not running, not checked")
        return verdict(_key(check), False, said, ("先运行 ioc up", "run ioc up first"), "warn")

    return checked


# ------------------------------------------------------------ machine


def check_python(look: Look) -> Finding:
    found = "Python " + ".".join(map(str, sys.version_info[:3]))
    advice = ("需要 Python 3.11 或更新版本", "Python 3.11 or newer is needed")
    return verdict("python", sys.version_info >= (3, 11), (found, found), advice)


def check_node(look: Look) -> Finding:
    """Only needed to build the bundle; comes with the virtual environment, not with the system."""
    node = Path(sys.prefix) / "bin" / "node"
    command = str(node) if node.exists() else shutil.which("node")
    found = _output([command, "--version"]).lstrip("v") if command else ""
    good = bool(found) and int(found.split(".")[0]) >= 22
    advice = (
        "重新构建界面需要 Node 22 以上：运行 scripts/setup",
        "building the interface needs Node 22 or newer: run scripts/setup",
    )
    return verdict("node", good, (f"Node {found or '未找到'}", f"Node {found or 'not found'}"), advice, "warn")


def check_port(look: Look) -> Finding:
    ours = bool(look.run.get("running"))
    port = int(look.run["port"]) if ours else look.settings.port
    good = ours or broker.is_free("127.0.0.1", port)
    said = (
        f"端口 {port}{'（本系统占用）' if ours else '可用' if good else '被其他程序占用'}",
        f"port {port} {'is ours' if ours else 'is free' if good else 'is taken by another program'}",
    )
    return verdict("port", good, said, ("用 --port 或 IOC_PORT 换一个端口", "choose another with --port or IOC_PORT"))


def check_disk(look: Look) -> Finding:
    least = look.settings.disk_free_min_mb
    folder = look.settings.root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // 2**20
    said = (f"剩余空间 {free} MB，下限 {least} MB", f"{free} MB free, {least} MB is the limit")
    advice = (
        "清理磁盘或缩短保存期（IOC_RETENTION_*）；低于下限先停收观测，最后停收事件",
        "free space or shorten retention (IOC_RETENTION_*); below the limit observations stop first",
    )
    return verdict("disk", free >= 2 * least, said, advice, "warn" if free >= least else "fail")


def check_fonts(look: Look) -> Finding:
    """For a browser on this machine (a wall) and for screenshots; other screens bring their own fonts."""
    listed = _output(["fc-list", ":lang=zh", "family"]) if shutil.which("fc-list") else ""
    families = sorted({line.split(",")[0] for line in listed.splitlines()})
    # what a page without a font of its own is drawn with: sans, and the forms of the mainland
    fitting = (f for f in families if "Sans" in f and "SC" in f and "Mono" not in f)
    name = next(fitting, next(iter(families), ""))
    said = (
        f"中文字体：{name}" if name else "本机没有中文字体",
        f"Chinese font: {name}" if name else "no Chinese font on this machine",
    )
    advice = (
        "若在本机显示大屏：apt install fonts-noto-cjk",
        "if this machine shows a wall: apt install fonts-noto-cjk",
    )
    return verdict("fonts", bool(name), said, advice, "warn")


def check_pdf(look: Look) -> Finding:
    """Reports leave the house as PDF; without it everything else works."""
    fault = doctor_pdf.fault()
    said = ("可生成 PDF 报告，中文字体可嵌入", "PDF reports can be made, with a Chinese font inside")
    return verdict("pdf", True, said) if fault is None else Finding("pdf", "warn", fault.zh, fault.en)


def check_ffmpeg(look: Look) -> Finding:
    """Only the demo's cameras are made by it; pictures of real ones are never decoded here."""
    found = _output(["ffmpeg", "-version"]).split("\n")[0][:40] if shutil.which("ffmpeg") else ""
    said = (found or "没有 ffmpeg：演示点位没有画面", found or "no ffmpeg: the demo's cameras have no picture")
    return verdict("ffmpeg", bool(found), said, ("apt install ffmpeg", "apt install ffmpeg"), "warn")


def check_bundle(look: Look) -> Finding:
    built = HOME / "ioc" / "ui" / "dist"
    files = [f for f in built.glob("**/*") if f.suffix in {".js", ".mjs"}] if built.exists() else []
    sources = [f for f in (HOME / "frontend" / "src").glob("**/*") if f.is_file()]
    stale = bool(files and sources) and max(f.stat().st_mtime for f in sources) > max(f.stat().st_mtime for f in files)
    said = (
        ("界面未构建", "interface not built")
        if not files
        else ("界面早于源码", "interface older than its sources")
        if stale
        else ("界面已构建", "interface built")
    )
    advice = ("运行 scripts/setup", "run scripts/setup")
    return verdict("bundle", bool(files) and not stale, said, advice, "warn" if files else "fail")


# ------------------------------------------------------------ database


def check_postgres(look: Look) -> Finding:
    if look.conn is not None:
        version = str(look.value("SHOW server_version")).split()[0]
        return verdict("postgres", True, (f"PostgreSQL {version} 正在运行", f"PostgreSQL {version} is running"))
    if look.settings.database_url:
        said = (f"连接不上 IOC_DATABASE_URL：{look.why}", f"cannot reach IOC_DATABASE_URL: {look.why}")
        advice = ("检查地址、口令与 pg_hba.conf", "check the address, the password and pg_hba.conf")
        return verdict("postgres", False, said, advice)
    version = find_binaries().parent.name
    said = (
        f"已安装 PostgreSQL {version} 与 PostGIS，未运行",
        f"PostgreSQL {version} with PostGIS is installed, not running",
    )
    return verdict("postgres", False, said, ("运行 ioc up", "run ioc up"), "warn")


@of_database
def check_postgis(look: Look) -> Finding:
    version = str(look.value("SELECT extversion FROM pg_extension WHERE extname = 'postgis'") or "")
    good = bool(version) and tuple(int(n) for n in re.findall(r"\d+", version)[:2]) >= LEAST_POSTGIS
    advice = (
        "需要 PostGIS 3.3 以上；外部数据库请管理员执行 CREATE EXTENSION postgis",
        "PostGIS 3.3 or newer is needed; in an outside database: CREATE EXTENSION postgis",
    )
    return verdict("postgis", good, (f"PostGIS {version or '未安装'}", f"PostGIS {version or 'missing'}"), advice)


@of_database
def check_pgrouting(look: Look) -> Finding:
    """Road travel times need it; everything else works without."""
    assert look.conn is not None
    return verdict("pgrouting", *doctor_roads.pgrouting(look.conn), bad="warn")


@of_database
def check_roads(look: Look) -> Finding:
    """Whether the network brought in hangs together."""
    assert look.conn is not None
    return verdict("roads", *doctor_roads.network(look.conn), bad="warn")


@of_database
def check_command(look: Look) -> Finding:
    """Data of emergency command; a centre that runs none of it is warned, not failed."""
    assert look.conn is not None
    with look.conn.cursor(row_factory=dict_row) as cur:
        lines = doctor_command.said(editions.everything(cur), look.clock.now())
    told = "；".join(x.zh for x in lines), "; ".join(x.en for x in lines)
    todo = [x.advice for x in lines if x.advice]
    advice = "；".join(a.zh for a in todo), "; ".join(a.en for a in todo)
    return verdict("command", not todo, told, advice, "warn")


@of_database
def check_leakproof(look: Look) -> Finding:
    """Row-level security keeps the planner from an index whose operator is not marked; only a superuser can mark."""
    without = look.value(
        "SELECT array_agg(proname::text ORDER BY proname) FROM pg_proc"
        " WHERE NOT proleakproof AND pronargs = 2 AND proname = ANY(%s)",
        list(LEAKPROOF),
    )
    names = ", ".join(without or ())
    said = (
        f"行级权限会使地图与搜索变慢：{names} 未标记 LEAKPROOF" if without else "地图与搜索的索引可在行级权限下使用",
        f"map and search are slow under row-level security: {names} not LEAKPROOF"
        if without
        else "the indexes of map and search work under row-level security",
    )
    marks = " ".join(f"ALTER FUNCTION {n}({LEAKPROOF[n]}) LEAKPROOF;" for n in without or ())
    advice = (f"请数据库超级用户执行：{marks}", f"as a superuser: {marks}")
    return verdict("leakproof", not without, said, advice, "warn")


@of_database
def check_migrations(look: Look) -> Finding:
    assert look.conn is not None
    waiting = [f"{m.number:03d}_{m.name}" for m in pending(look.conn)]
    said = (
        f"待执行：{'、'.join(waiting)}" if waiting else "数据库结构为最新",
        f"pending: {', '.join(waiting)}" if waiting else "schema is up to date",
    )
    return verdict("migrations", not waiting, said, ("运行 ioc db migrate", "run ioc db migrate"))


@of_database
def check_clock(look: Look) -> Finding:
    there: dt.datetime = look.value("SELECT clock_timestamp()")
    skew = abs((look.clock.now() - there).total_seconds())
    said = (f"与数据库时钟相差 {skew:.1f} 秒", f"{skew:.1f} s from the database's clock")
    advice = (
        "为两台机器启用 NTP（chrony 或 systemd-timesyncd）",
        "enable NTP (chrony or systemd-timesyncd) on both machines",
    )
    return verdict("clock", skew <= MOST_SKEW_S, said, advice)


@of_database
def check_admin(look: Look) -> Finding:
    own = look.value(
        "SELECT count(*) FROM account WHERE 'admin' = ANY(roles) AND NOT disabled AND password_set_at IS NOT NULL"
    )
    said = (
        "管理员已设置自己的密码" if own else "管理员尚未设置自己的密码，仅监听本机",
        "an administrator has set a password" if own else "no administrator has set a password: loopback only",
    )
    advice = (
        "以管理员登录并修改密码，或运行 ioc user add --role admin",
        "sign in as an administrator and change the password, or run ioc user add --role admin",
    )
    return verdict("admin", bool(own), said, advice, "warn")


@of_database
def check_terms(look: Look) -> Finding:
    """The working calendar and the deadlines in force. Next year's holidays are announced in autumn."""
    assert look.conn is not None
    force = in_force(look.conn)
    years, flows = sorted(force.of("days")), sorted(force.of("deadlines"))
    today = look.clock.now().astimezone(look.settings.tz).date()
    wanted = {str(today.year), str((today + dt.timedelta(days=31)).year)}
    samples = any(row["origin"] == "demo" for row in force.by.values())
    there = "、".join(years) or "无", "、".join(flows) or "无", "有" if force.of("hours") else "无"
    there_en = ", ".join(years) or "none", ", ".join(flows) or "none", "yes" if force.of("hours") else "no"
    said = (
        f"工作日历年度：{there[0]}；作息时间：{there[2]}；时限表：{there[1]}{'（含示例）' if samples else ''}",
        f"calendar years: {there_en[0]}; working hours: {there_en[2]}; deadlines: {there_en[1]}"
        + (" (with samples)" if samples else ""),
    )
    advice = (
        "用 ioc import calendar 导入作息与当年节假日，用 ioc import deadlines 导入本地时限表；"
        "此前办件显示未配置时限或暂定",
        "bring hours and the year's holidays with ioc import calendar, the terms with ioc import deadlines; until then"
        " cases have no term or a provisional one",
    )
    good = bool(flows and force.of("hours")) and wanted <= set(years) and not samples
    return verdict("terms", good, said, advice, "warn")


# ------------------------------------------------------------ redis, broker, base map


def check_redis(look: Look) -> Finding:
    url = look.settings.redis_url
    if not url:
        return verdict("redis", True, ("未使用 Redis（单个网页进程）", "no Redis (one web process)"))
    try:
        Shared(url).check()
    except ConfigError as e:
        advice = ("检查地址与口令，或清空 IOC_REDIS_URL", "check the address and the password, or empty IOC_REDIS_URL")
        return verdict("redis", False, (e.detail, e.detail_en), advice)
    return verdict("redis", True, ("Redis 正常", "Redis answers"))


def check_broker(look: Look) -> Finding:
    settings = look.settings
    if settings.mqtt_url == "none":
        return verdict("broker", True, ("MQTT 已关闭", "MQTT is off"))
    own = look.run.get("mqtt") or {}
    # our own processes are given the address of our own broker
    if settings.mqtt_url and not (own.get("port") and own.get("url") == settings.mqtt_url):
        said = ("外部 MQTT 服务器：队列上限无法检查", "outside broker: its queue limits cannot be checked")
        advice = (
            f"请确认 max_queued_messages ≥ {LEAST_QUEUED_MESSAGES} 且 persistence 开启",
            f"make sure max_queued_messages is at least {LEAST_QUEUED_MESSAGES} and persistence is on",
        )
        return verdict("broker", False, said, advice, "warn")
    broker.binary()
    faults = broker_faults(broker.SHIPPED.read_text())
    listed = ", ".join(faults)
    said = (
        f"消息服务器配置不足：{listed}" if faults else "消息服务器已安装，队列上限足够",
        f"broker limits too low: {listed}" if faults else "broker installed, queue limits are sufficient",
    )
    advice = (
        "恢复 docker/mosquitto.conf 中的随附设置",
        "restore the shipped settings in docker/mosquitto.conf",
    )
    return verdict("broker", not faults, said, advice)


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
        return verdict("basemap", True, ("离线底图", "offline base map"))
    number = settings.basemap_attribution.strip()
    said = (
        f"底图审图号：{number}" if number else "已配置底图，但未填写审图号",
        f"base map approval: {number}" if number else "a base map without an approval number",
    )
    advice = (
        "用 IOC_BASEMAP_ATTRIBUTION 填写审图号",
        "set IOC_BASEMAP_ATTRIBUTION to the official map approval number",
    )
    return verdict("basemap", bool(number), said, advice, "warn")


@of_database
def check_chain(look: Look) -> Finding:
    """History is chained: every table tells the linker, and the linker keeps up."""
    assert look.conn is not None
    sm3(b"")  # raises where this machine has none
    found = audit.state(look.conn, look.clock.now())
    late = bool(look.run.get("running")) and found["lag_s"] > CHAIN_LATE_S
    off = ", ".join(found["off"])
    said = (
        f"历史链 {found['seq']} 节，{found['waiting']} 条待链接" + (f"，触发器缺失：{off}" if off else ""),
        f"chain of {found['seq']} links, {found['waiting']} rows waiting" + (f", no trigger on {off}" if off else ""),
    )
    advice = (
        ("运行 ioc db migrate，再运行 ioc audit verify", "run ioc db migrate, then ioc audit verify")
        if off
        else ("查看 ingest 进程的日志", "look at the log of the ingest process")
    )
    return verdict("chain", not late and not off, said, advice, "fail" if off else "warn")


@of_database
def check_sealed(look: Look) -> Finding:
    """Sealed personal data opens with the keys this machine has, and with the newest of them."""
    assert look.conn is not None
    found = seal.state(look.conn, look.settings)
    old, lost = found["old"], found["lost"]
    said = (
        f"加密数据 {found['rows'] + lost} 行，{len(found['keys'])} 个密钥，仍用旧密钥 {old} 行，密钥不在本机 {lost} 行",
        f"{found['rows'] + lost} sealed rows, {len(found['keys'])} keys, {old} rows still under an old one, "
        f"{lost} under one that is not here",
    )
    advice = (
        ("从备份取回密钥文件", "bring the key files back from the backup")
        if lost
        else ("运行 ioc seal rotate", "run ioc seal rotate")
    )
    return verdict("sealed", not old and not lost, said, advice, "fail" if lost else "warn")


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=10, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    return done.stdout.strip()


CHECKS: tuple[Check, ...] = (
    check_python,
    check_node,
    check_postgres,
    check_postgis,
    check_pgrouting,
    check_leakproof,
    check_migrations,
    check_clock,
    check_disk,
    check_port,
    check_redis,
    check_broker,
    check_fonts,
    check_pdf,
    check_ffmpeg,
    check_bundle,
    check_admin,
    check_terms,
    check_command,
    check_roads,
    check_basemap,
    check_chain,
    check_sealed,
)
