"""One supervisor for postgres, the broker, `web` and `ingest`: what dies or hangs comes back, and the log says so once.

Children are started by the main thread only: the kernel's parent-death signal is tied to the thread that forked.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from ioc.errors import Conflict
from ioc.ops import logs, runfile
from ioc.ops.processes import Child, ending
from ioc.store.cluster import PrivateCluster

log = logging.getLogger("ioc.up")
TICK_S = 0.1
HOUSEKEEPING_S = 5.0
Say = Callable[[str], None]


def http_status(url: str, timeout_s: float = 2.0) -> int:
    """Status of a GET that follows redirects; 0 when nobody answers."""
    page = urllib.request.Request(url, headers={"Accept": "text/html,*/*;q=0.8"})  # noqa: S310 - own loopback address
    try:
        with urllib.request.urlopen(page, timeout=timeout_s) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as e:
        return e.code
    except (OSError, ValueError):
        return 0


class HttpProbe:
    """Asks an address in a thread of its own, so that a slow answer does not hold up the supervisor."""

    def __init__(self, *urls: str) -> None:
        self.urls = urls
        self._thread: threading.Thread | None = None
        self._good = False

    def __call__(self) -> bool:
        if self._good:
            self._good = False
            return True
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._ask, daemon=True)
            self._thread.start()
        return False

    def _ask(self) -> None:
        self._good = all(http_status(u) == 200 for u in self.urls)


class Supervisor:
    """`cluster` None: an outside database. `say` prints one line for the operator. `describe` fills run.json."""

    def __init__(
        self,
        root: Path,
        children: list[Child],
        cluster: PrivateCluster | None,
        say: Say,
        describe: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self.root = root
        self.children = children
        self.cluster = cluster
        self.stopping = threading.Event()
        self.on_housekeeping: list[Callable[[], None]] = []
        self._say = say
        self._describe = describe
        self._told: set[str] = set()
        self._ever: set[str] = set()
        self._database_up = True
        self._database_restarts = 0
        self._next_try = 0.0
        self._next_look = 0.0
        self._housekept = 0.0

    # ------------------------------------------------------------ life

    def run(self, ready: Callable[[], None], until: Callable[[], bool] = lambda: False) -> None:
        """Looks after everything until a signal; `ready` is called once, when all serve for the first time."""
        with self._signals():
            called = False
            while not self.stopping.is_set() and not until():
                self.tick(time.monotonic())
                if not called and all(c.serving for c in self.children):
                    called = True
                    ready()
                time.sleep(TICK_S)

    def tick(self, now: float) -> None:
        changed = self._watch_database(now)
        for child in self.children:
            news = child.tick(now)
            if news:
                changed = True
                self._tell(child, news)
        if now - self._housekept > HOUSEKEEPING_S:
            self._housekept = now
            own = [self.cluster.log] if self.cluster is not None else []
            for path in (*(self.root / "logs").glob("*.log"), *own):
                logs.cap(path)
            for task in self.on_housekeeping:
                task()
        if changed:
            self.record()

    def stop(self) -> None:
        """Everything, in order: those who use the database first."""
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.stop()
        if self.cluster is not None:
            self.cluster.stop()
        self.record()

    def record(self) -> None:
        me = psutil.Process()
        processes: dict[str, Any] = {
            c.name: {"pid": c.pid, "state": c.state, "restarts": c.restarts} for c in self.children
        }
        if self.cluster is not None:
            server = self.cluster.process
            processes["postgres"] = {
                "pid": server.pid if server and server.poll() is None else None,
                "state": "up" if self._database_up and not self.stopping.is_set() else "down",
                "restarts": self._database_restarts,
            }
        content = {"pid": os.getpid(), "pid_created": me.create_time(), "processes": processes, **self._describe()}
        runfile.write(self.root, content)

    # ------------------------------------------------------------ parts

    def _watch_database(self, now: float) -> bool:
        """A server killed with -9 leaves orphans that hold its memory: one step at a time, the others go on."""
        if self.cluster is None:
            return False
        if self._database_up:
            if self.cluster.ours or now < self._next_look:
                return False
            self._next_look = now + 0.5
            if self.cluster.process is None and self.cluster.ready():
                return False  # somebody else's server, an import's for instance
            code = self.cluster.process.returncode if self.cluster.process else 0
            self._database_up = False
            self._database_restarts += 1
            zh, en = ending(code)
            self._say(f"PostgreSQL {zh}，正在恢复 / PostgreSQL {en}, recovering")
            return True
        if now < self._next_try:
            return False
        self._next_try = now + 0.2
        if not self.cluster.nudge():
            return False
        if not self.cluster.ours:
            self.cluster.process = None  # a command that ran meanwhile was quicker; its server is watched by asking
        self._database_up = True
        self._say("PostgreSQL 已恢复 / PostgreSQL is back")
        return True

    def _tell(self, child: Child, news: str) -> None:
        """The first death or hang of a row of them, and the recovery: one line each."""
        if news in ("died", "hung") and child.name not in self._told:
            self._told.add(child.name)
            zh, en = ("没有应答", "does not answer") if news == "hung" else ending(child.last_code)
            path = self.root / "logs" / f"{child.name}.log"
            self._say(f"{child.name} {zh}，正在重启 / {child.name} {en}, restarting ({path})")
        elif news == "serving":
            if child.name in self._told and child.name in self._ever:
                self._say(f"{child.name} 已恢复 / {child.name} is back")
            self._told.discard(child.name)
            self._ever.add(child.name)

    @contextmanager
    def _signals(self) -> Generator[None]:
        def asked(number: int, frame: FrameType | None) -> None:
            self.stopping.set()

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        heard = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants it to outlive the terminal
            heard.append(signal.SIGHUP)
        before = {s: signal.signal(s, asked) for s in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def only_one(root: Path) -> Generator[None]:
    """Raises Conflict when a supervisor already runs on this data folder."""
    root.mkdir(parents=True, exist_ok=True)
    with open(root / "up.lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            url = runfile.read(root).get("url", "")
            raise Conflict(f"已在运行：{url}", f"already running: {url}") from None
        yield
