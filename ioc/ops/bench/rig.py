"""The product itself, started for a measurement: private cluster, web and ingest under the real supervisor."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import psycopg
from psycopg.rows import DictRow, dict_row

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.tokens import create_token
from ioc.accounts.users import add_user
from ioc.clock import SystemClock
from ioc.errors import ConfigError
from ioc.ops import runfile
from ioc.ops.composition import Composition
from ioc.ops.supervisor import http_status
from ioc.settings import Settings
from ioc.store.database import dsns, open_store

START_S, STOP_S = 240.0, 30.0
DEATHS = 4  # a web process that died this often while starting will not come up


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Rig:
    """`with Rig(composition, demo=False) as rig:` a running centre of its own. Everything is gone afterwards."""

    def __init__(
        self, composition: Composition, *, demo: bool = False, mqtt: bool = False, env: dict[str, str] | None = None
    ) -> None:
        self.composition, self.demo = composition, demo
        self.root = Path(tempfile.mkdtemp(prefix="ioc-bench-"))
        self.root.chmod(0o755)  # the database's own user must be able to enter
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")} | (env or {})
        if not mqtt:
            self._env["IOC_MQTT_URL"] = "none"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.root, port=self.port)

    def __enter__(self) -> Rig:
        # an aborted measurement takes its centre along
        command = ["setpriv", "--pdeathsig", "INT", sys.executable, "-m", self.composition.python_module]
        command += ["up", "--data-dir", str(self.root)]
        command += ["--port", str(self.port), "--demo" if self.demo else "--no-demo"]
        log = (self.root / "up.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                command, cwd=self.composition.home, env=self._env, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self.wait_ready(START_S)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def wait_ready(self, timeout_s: float) -> float:
        """Seconds until the product answers. Raises ConfigError with the end of its log."""
        begun = time.monotonic()
        while time.monotonic() - begun < timeout_s:
            if http_status(f"{self.url}/readyz") == 200:
                return time.monotonic() - begun
            if self._process is None or self._process.poll() is not None or self._hopeless():
                break
            time.sleep(0.1)
        logs = [self.root / "up.log", self.root / "logs" / "web.log"]
        tail = "\n".join(p.read_text(errors="replace")[-1000:] for p in logs if p.exists())
        raise ConfigError(f"测量用的实例没有启动：{tail}", f"the instance to measure did not start: {tail}")

    def _hopeless(self) -> bool:
        """Whether `web` has died again and again."""
        web = runfile.read(self.root).get("processes", {}).get("web", {})
        return int(web.get("restarts", 0)) >= DEATHS

    def _stop(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                children = psutil.Process(process.pid).children(recursive=True)
                for p in children:
                    p.kill()
                process.kill()
                process.wait(5)
        self._process = None
        shutil.rmtree(self.root, ignore_errors=True)

    # ------------------------------------------------------------ inside

    def command(self, *words: str, timeout_s: float = 600) -> str:
        """One `ioc` command on this centre. Raises ConfigError with its words."""
        line = [sys.executable, "-m", self.composition.python_module, *words, "--data-dir", str(self.root)]
        done = subprocess.run(
            line, cwd=self.composition.home, env=self._env, capture_output=True, text=True, timeout=timeout_s
        )
        if done.returncode:
            said = (done.stderr or done.stdout)[-1500:]
            raise ConfigError(f"ioc {words[0]} 失败：{said}", f"ioc {words[0]} failed: {said}")
        return done.stdout

    def owner(self) -> psycopg.Connection[DictRow]:
        return psycopg.Connection[DictRow].connect(dsns(self.settings).owner, autocommit=True, row_factory=dict_row)

    def token(
        self,
        name: str,
        region: Sequence[str] = (),
        *,
        whole: bool = True,
        sensitivity: int = 1,
        actions: Sequence[str] = ("read",),
        source: str = "",
    ) -> str:
        store = open_store(self.settings)
        try:
            grant = Grant(whole and not region, tuple(region), None, sensitivity)
            return create_token(
                Accounts(store, self.settings, SystemClock()), name, list(actions), grant, source=source
            )
        finally:
            store.close()

    def user(self, login: str, password: str, role: str = "chief", region: Sequence[str] = ()) -> None:
        """A person who sees the whole centre, or these regions."""
        store = open_store(self.settings)
        try:
            accounts = Accounts(store, self.settings, SystemClock())
            grant = Grant(not region, tuple(region), sensitivity=2)
            add_user(accounts, login, password, [role], grant, own_password=True)
        finally:
            store.close()

    def pid(self, name: str) -> int:
        """Process id of `web`, `ingest` or `postgres`, as the supervisor recorded it."""
        found: dict[str, Any] = runfile.read(self.root)
        processes = found.get("processes", {})
        entry = processes.get(name, {})
        return int(entry.get("pid") or 0)

    def kill(self, name: str) -> None:
        pid = self.pid(name)
        if pid <= 0:
            raise ConfigError(f"没有进程 {name}", f"no process {name}")
        os.kill(pid, signal.SIGKILL)

    def wait_back(self) -> None:
        """After `kill("web")`: until another one answers."""
        was, begun = self.pid("web"), time.monotonic()
        while time.monotonic() - begun < START_S and psutil.pid_exists(was) and self.pid("web") == was:
            time.sleep(0.05)
        self.wait_ready(START_S)

    def cpu_s(self) -> dict[str, float]:
        """Seconds of processor used so far, by part: web, ingest, and PostgreSQL with all its processes."""
        out: dict[str, float] = {}
        for name in ("web", "ingest", "postgres"):
            pid = self.pid(name)
            if pid <= 0:
                continue
            try:
                root = psutil.Process(pid)
                times = [p.cpu_times() for p in (root, *root.children(recursive=True))]
            except psutil.Error:
                continue
            # what its ended processes used is the parent's
            out[name] = sum(t.user + t.system for t in times) + times[0].children_user + times[0].children_system
        return out

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self._process.pid).children(recursive=True) if self._process else []
