"""`ioc up`: database, migrations, demo on the first start, then `web` and `ingest` under the supervisor."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.rules import make_password
from ioc.accounts.users import DemoUser, add_user, demo_users, make_demo_users
from ioc.clock import Clock
from ioc.errors import ConfigError
from ioc.ops import broker, serve
from ioc.ops.composition import Composition
from ioc.ops.heartbeat import Heartbeat
from ioc.ops.processes import ASK_TIMEOUT_S, Child, Watch, spawn
from ioc.ops.supervisor import HttpProbe, Supervisor, http_status, only_one
from ioc.settings import Settings
from ioc.shared import open_shared
from ioc.store.checkpoint import checkpoint
from ioc.store.cluster import PrivateCluster
from ioc.store.database import Dsns, dsns, open_store
from ioc.store.prepare import prepare

FIRST_START, USERS_TOLD = "first_start", "users_told"


@dataclass
class Up:
    """One run of `ioc up`."""

    settings: Settings
    composition: Composition
    clock: Clock
    demo: bool
    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    mqtt_port: int = 0
    host: str = serve.LOOPBACK
    started_at: dt.datetime | None = None

    @property
    def url(self) -> str:
        """Where this machine reaches it; the probes ask here too."""
        shown = serve.LOOPBACK if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104
        return f"http://{shown}:{self.settings.port}/"

    @property
    def mqtt_url(self) -> str:
        return self.settings.mqtt_url or f"mqtt://127.0.0.1:{self.mqtt_port}"

    # ------------------------------------------------------------ steps

    def run(self) -> int:
        root = self.settings.root
        self.started_at = self.clock.now()
        with only_one(root):
            if not broker.is_free(self.settings.host or serve.LOOPBACK, self.settings.port):
                port = self.settings.port
                raise ConfigError(
                    f"端口 {port} 已被占用，请用 --port 换一个", f"port {port} is taken, choose another with --port"
                )
            open_shared(self.settings)
            cluster = None if self.settings.database_url else PrivateCluster(root)
            supervisor = Supervisor(root, [], cluster, self.say, self.describe)
            try:
                self.prepare(cluster)
                supervisor.children = self.children(dsns(self.settings))
                supervisor.on_housekeeping.append(lambda: self.follow_host(supervisor))
                supervisor.record()
                supervisor.run(self.announce)
            finally:
                supervisor.stop()
            self.say("已停止，数据保留 / stopped, the data stays")
        return 0

    def prepare(self, cluster: PrivateCluster | None) -> None:
        """Everything that must be so before the first process starts."""
        if cluster is not None:
            fresh = not (cluster.data / "PG_VERSION").exists()
            with self.task("建立数据库 / making the database" if fresh else "启动数据库 / starting the database"):
                cluster.start()
        found = dsns(self.settings)
        with self.task("数据库迁移 / migrations") as step:
            prepare(found.owner, self.clock.now(), progress=step)
        if self.demo and not self.marked(FIRST_START):
            self.load_demo()
        self.mark(FIRST_START, {"demo": self.demo})
        self.host = serve.bind_host(self.settings, found.owner)
        if not self.settings.mqtt_url:
            self.mqtt_port = broker.free_port(self.settings.mqtt_port)

    def marked(self, key: str) -> bool:
        """Whether something that is done once in the life of a centre was done."""
        with psycopg.connect(dsns(self.settings).owner, autocommit=True) as conn:
            return conn.execute("SELECT 1 FROM setting WHERE key = %s", (key,)).fetchone() is not None

    def mark(self, key: str, value: dict[str, Any]) -> None:
        with psycopg.connect(dsns(self.settings).owner, autocommit=True) as conn:
            conn.execute(
                "INSERT INTO setting (key, value) VALUES (%s, %s) ON CONFLICT (key) DO NOTHING",
                (key, Jsonb({"at": self.clock.now().isoformat(), **value})),
            )

    def load_demo(self) -> None:
        self.say("首次启动：载入演示城市 / first start: loading the demo city")
        load_demo(self.settings, self.composition, self.clock, self.console)

    def who_can_sign_in(self) -> list[DemoUser]:
        """Told once, when the screens work: the demo users, or the administrator of an empty centre."""
        if self.marked(USERS_TOLD):
            return []
        store = open_store(self.settings)
        try:
            accounts = Accounts(store, self.settings, self.clock)
            users = demo_users(accounts) or first_administrator(accounts)
        finally:
            store.close()
        self.mark(USERS_TOLD, {"logins": [u.login for u in users]})
        return users

    def children(self, found: Dsns) -> list[Child]:
        root = self.settings.root
        env = {
            **os.environ,
            "IOC_DATA_DIR": str(root),
            "IOC_PORT": str(self.settings.port),
            "IOC_MQTT_URL": self.mqtt_url,
            "IOC_SUPERVISED": "1",
            "PYTHONUNBUFFERED": "1",
        }
        python = [sys.executable, "-m", self.composition.python_module]
        home = self.composition.home

        def make(name: str, *command: str) -> Callable[[], subprocess.Popen[bytes]]:
            return lambda: spawn(command, root / "logs" / f"{name}.log", env, home)

        children: list[Child] = []
        if not self.settings.mqtt_url:
            conf = broker.write_configuration(root, self.mqtt_port)
            mqtt = Child("mqtt", make("mqtt", broker.binary(), "-c", str(conf)))
            mqtt.probe = lambda: broker.listens(self.mqtt_port)
            mqtt.watch = Watch(lambda: broker.answers(self.mqtt_port, timeout_s=ASK_TIMEOUT_S))
            children.append(mqtt)
        if "ingest" in self.settings.roles:
            beat = Heartbeat(root, "ingest")
            watch = Watch(beat.beats, forget=beat.begin)
            children.append(Child("ingest", make("ingest", *python, "ingest"), watch=watch, grace_s=12.0))
        if "web" in self.settings.roles:
            watch = Watch(lambda: http_status(f"{self.url}healthz", ASK_TIMEOUT_S) == 200)
            children.append(Child("web", make("web", *python, "web"), self.serves(), watch, grace_s=6.0))
        return children

    def serves(self) -> HttpProbe:
        return HttpProbe(*(f"{self.url}{page}" for page in ("readyz", "wall", "desk")))

    def follow_host(self, supervisor: Supervisor) -> None:
        """Leaves loopback as soon as an administrator has set a password of their own."""
        try:
            host = serve.bind_host(self.settings, dsns(self.settings).owner)
        except psycopg.Error:
            return  # the database is away; the next look decides
        if host == self.host:
            return
        self.host = host
        self.say(f"管理员密码已设置，开始监听 {host} / administrator password set, listening on {host}")
        for child in supervisor.children:
            if child.name == "web":
                child.stop()
                child.probe = self.serves()

    def announce(self) -> None:
        print(f"ready {self.url}", flush=True)
        users = self.who_can_sign_in()
        if users:
            self.console.print(user_table(users), markup=False)
        seconds = (self.clock.now() - self.started_at).total_seconds() if self.started_at else 0.0
        self.say(f"用时 {seconds:.0f} 秒；Ctrl-C 停止 / {seconds:.0f} s; Ctrl-C stops everything")

    def describe(self) -> dict[str, Any]:
        """What run.json says beside the processes."""
        return {
            "url": self.url,
            "host": self.host,
            "port": self.settings.port,
            "mqtt": {"url": self.mqtt_url, "port": self.mqtt_port or None},
            "started_at": self.started_at.isoformat() if self.started_at else None,
        }

    # ------------------------------------------------------------ words

    def say(self, line: str) -> None:
        stamp = self.clock.now().astimezone(self.settings.tz).strftime("%H:%M:%S")
        self.console.print(f"{stamp} {line}", markup=False)

    @contextmanager
    def task(self, title: str) -> Generator[Callable[[str], None]]:
        """A spinner with the present step; one line afterwards when it took more than a second."""
        begun = time.monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            bar = progress.add_task(title, total=None)
            yield lambda step: progress.update(bar, description=f"{title}: {step}")
        taken = time.monotonic() - begun
        if taken > 1:
            self.say(f"{title}（{taken:.1f} s）")


def first_administrator(accounts: Accounts) -> list[DemoUser]:
    """An empty centre needs somebody who can sign in. The password must be changed at the first sign-in."""
    with psycopg.connect(dsns(accounts.settings).owner) as conn:
        row = conn.execute("SELECT count(*) FROM account WHERE 'admin' = ANY(roles)").fetchone()
    if row and row[0]:
        return []
    password = make_password()
    add_user(accounts, "admin", password, ["admin"], Grant(whole=True, sensitivity=2), name="系统管理员", by="up")
    return [DemoUser("admin", "系统管理员", "admin", "管理员", (), password)]


def load_demo(
    settings: Settings, composition: Composition, clock: Clock, console: Console, **options: Any
) -> list[DemoUser]:
    """The demo city through its own loader, with a bar for each part, and the demo users."""
    found = dsns(settings)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bars: dict[str, Any] = {}

        def report(title: str, done: float, total: float) -> None:
            if title not in bars:
                bars[title] = progress.add_task(title, total=total)
            progress.update(bars[title], completed=done, total=total)
            if done >= total and not console.is_terminal:
                console.print(f"  {title}", markup=False)

        composition.demo().load(settings, found, composition.registry(), clock, progress=report, **options)
    checkpoint(found.owner)
    store = open_store(settings)
    try:
        with psycopg.connect(found.owner) as conn:
            town, officer, department = demo_people(conn)
        accounts = Accounts(store, settings, clock)
        if town:
            make_demo_users(accounts, town, department, officer)
        return demo_users(accounts)
    finally:
        store.close()


def demo_people(conn: psycopg.Connection[Any] | psycopg.Cursor[Any]) -> tuple[str, str, str]:
    """(town, grid officer, department) of the demo accounts: those with most work in hand, so that each has its own."""
    busy = conn.execute(
        """
        SELECT t.code, c.officer FROM cases c
        JOIN region_closure k ON k.descendant_id = c.region_id JOIN region t ON t.region_id = k.ancestor_id
        WHERE c.origin = 'demo' AND c.closed_at IS NULL AND c.officer <> '' AND c.flow = 'grid' AND t.kind = 'town'
        GROUP BY t.code, c.officer ORDER BY count(*) DESC, t.code, c.officer LIMIT 1
        """
    ).fetchone()
    town = busy or conn.execute("SELECT code, '' FROM region WHERE kind = 'town' ORDER BY code LIMIT 1").fetchone()
    given = conn.execute(
        """
        SELECT department FROM cases
        WHERE origin = 'demo' AND closed_at IS NULL AND department IN (SELECT name FROM department)
        GROUP BY department ORDER BY count(*) DESC, department LIMIT 1
        """
    ).fetchone()
    return str(town[0]) if town else "", str(town[1]) if town else "", str(given[0]) if given else ""


def user_table(users: list[DemoUser]) -> str:
    """Plain columns: they are copied from a terminal."""
    rows = [
        ("账号 login", "密码 password", "角色 role"),
        *((u.login, u.password, u.role_title) for u in users if u.login),
    ]
    widths = [max(cell_len(r[i]) for r in rows) + 2 for i in range(3)]
    lines = ("".join(c + " " * (w - cell_len(c)) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join("  " + line.rstrip() for line in lines)


def wait_ready(url: str, timeout_s: float = 60) -> bool:
    """For scripts: whether the product answers at `url` within the time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if http_status(f"{url}readyz") == 200:
            return True
        time.sleep(0.2)
    return False
