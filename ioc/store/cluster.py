"""A private PostgreSQL + PostGIS cluster owned by the product: unix socket only, data under the data folder.

The server runs as a child of whoever starts it (the supervisor, or one command) and ends with it. PostgreSQL refuses
uid 0, so as root it runs as the system user `postgres`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from pathlib import Path

import psutil
import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from ioc.errors import ConfigError, StoreUnavailable

PORT = 54329  # part of the socket's name only; nothing listens on TCP
DATABASE = "ioc"
_SOCKET_ROOM = 107 - len("/.s.PGSQL.54329.lock")
_COMING = re.compile(r"pre-existing shared memory block|already exists|could not create shared memory|still in use")


def find_binaries() -> Path:
    """Folder of the newest PostgreSQL that has PostGIS. Raises ConfigError when there is none."""
    found = [
        p
        for p in Path("/usr/lib/postgresql").glob("*/bin")
        if p.parent.name.isdigit() and Path(f"/usr/share/postgresql/{p.parent.name}/extension/postgis.control").exists()
    ]
    if not found:
        raise ConfigError(
            "没有找到带 PostGIS 的 PostgreSQL（运行 scripts/setup）",
            "no PostgreSQL with PostGIS found (run scripts/setup)",
        )
    return max(found, key=lambda p: int(p.parent.name))


def default_conf(memory: int | None = None) -> dict[str, str]:
    """Server settings for a machine with `memory` bytes (default: this one)."""
    mb = (memory if memory is not None else psutil.virtual_memory().total) // 2**20
    return {
        "shared_buffers": f"{max(128, min(2048, mb // 5))}MB",
        "effective_cache_size": f"{max(256, mb // 2)}MB",
        "work_mem": "24MB",
        "maintenance_work_mem": f"{max(64, min(512, mb // 16))}MB",
        "max_connections": "150",
        # a query over 90 days of partitions locks each of them and their indexes
        "max_locks_per_transaction": "512",
        "random_page_cost": "1.1",
        "jit": "off",
        # After kill -9 what was written since the last checkpoint is replayed before anybody is let in: 900 MB, a whole
        # demo city, took 8 s on two busy cores. The server keeps it below max_wal_size, and so the wait near 10 s.
        "max_wal_size": "1GB",
        "checkpoint_timeout": "5min",
        "wal_compression": "on",
        "max_wal_senders": "0",
        "wal_level": "minimal",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_checkpoints": "off",
    }


class PrivateCluster:
    """`root`: the product's data folder. `conf` overrides `default_conf`."""

    def __init__(self, root: Path, conf: Mapping[str, str] | None = None) -> None:
        self.root = root.expanduser().resolve()
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.conf = {**default_conf(), **(conf or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self._home: Path | None = None

    # ------------------------------------------------------------ places

    @property
    def home(self) -> Path:
        """Folder of data, log and lock: `<root>/pg`, or elsewhere if the server's user cannot get there."""
        if self._home is None:
            self._home = self._find_home()
        return self._home

    @property
    def _pointer(self) -> Path:
        """Remembers a home outside `root`, so that a later change of rights does not lose the data."""
        return self.root / "pg.json"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "pg.log"

    @property
    def socket_dir(self) -> Path:
        inside = self.home / "run"
        if len(os.fsencode(inside)) <= _SOCKET_ROOM:
            return inside
        mark = hashlib.blake2b(os.fsencode(self.home), digest_size=6).hexdigest()
        return Path(tempfile.gettempdir()) / f"ioc-{os.getuid()}-{mark}"

    def _find_home(self) -> Path:
        if self._pointer.exists():
            return Path(json.loads(self._pointer.read_text())["home"])
        inside = self.root / "pg"
        if os.getuid() != 0 or inside.exists():
            return inside
        nearest = next(p for p in (self.root, *self.root.parents) if p.exists())
        if self._reaches(nearest):
            return inside
        # a checkout under /root: the user `postgres` may not walk through it, so the data lies with the system's own
        mark = hashlib.blake2b(os.fsencode(self.root), digest_size=6).hexdigest()
        return Path("/var/lib/ioc") / mark

    def _reaches(self, folder: Path) -> bool:
        done = subprocess.run([*self._as_user(), "test", "-x", str(folder)], cwd="/", capture_output=True, check=False)
        return done.returncode == 0

    def _as_user(self, death_signal: str = "keep") -> list[str]:
        prefix = ["setpriv", "--pdeathsig", death_signal]
        if os.getuid() == 0:
            prefix += [f"--reuid={self.user}", f"--regid={pwd.getpwnam(self.user).pw_gid}", "--init-groups"]
        return prefix if os.getuid() == 0 or death_signal != "keep" else []

    def dsn(self, role: str = "ioc", database: str = DATABASE) -> str:
        """Keyword DSN of one database role: `ioc` (owner), `ioc_app`, `ioc_readonly`."""
        return make_conninfo("", host=str(self.socket_dir), port=PORT, user=role, dbname=database)

    # ------------------------------------------------------------ life

    def ready(self) -> bool:
        """Whether the server answers. Not by its pid: a zombie postmaster still has one."""
        return self._ping() == pq.Ping.OK

    def _ping(self) -> pq.Ping:
        return pq.Ping(pq.PGconn.ping(self.dsn(database="postgres").encode()))

    @property
    def ours(self) -> bool:
        """Whether the running server is our child."""
        return self.process is not None and self.process.poll() is None

    def start(self, timeout_s: float = 60) -> PrivateCluster:
        """Makes the cluster if there is none, starts it unless it answers already. Survives what `kill -9` leaves.

        Raises StoreUnavailable after `timeout_s` without a sign of life.
        """
        self._prepare()
        end = time.monotonic() + timeout_s
        with self._locked(end):
            if not (self.data / "PG_VERSION").exists():
                self._initdb()
            self._write_conf()
            former = self.process
            while not self.nudge():
                if self._ping() == pq.Ping.REJECT:
                    # it lives and replays its log, which takes as long as it takes; killing it would only begin anew
                    end = max(end, time.monotonic() + timeout_s)
                self._wait_a_moment(end, former)
            self._create_database()
        return self

    def nudge(self) -> bool:
        """One step towards a running server, without waiting. True when it answers."""
        if self.ready():
            return True
        if not self.ours and not self._shutting_down():
            self._spawn()
        return False

    def stop(self) -> None:
        """Ends our own server in an orderly way (fast shutdown). Somebody else's is left alone."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(2)  # SIGINT: fast shutdown
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.send_signal(3)  # SIGQUIT: immediate; recovery replays at the next start
                self.process.wait(10)
        self.process = None

    def _prepare(self) -> None:
        for folder in (self.root, self.home):
            folder.mkdir(parents=True, exist_ok=True)
        if not self.home.is_relative_to(self.root):
            self._pointer.write_text(json.dumps({"home": str(self.home)}))
        self.socket_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(self.home, self.user)
            shutil.chown(self.socket_dir, self.user)
            if not self._reaches(self.home):
                raise ConfigError(
                    f"系统用户 {self.user} 无法进入 {self.home}，请换一个数据目录（--data-dir）",
                    f"the system user {self.user} cannot enter {self.home}; choose another data folder (--data-dir)",
                )
        elif self.socket_dir.stat().st_uid != os.getuid():
            raise ConfigError(f"{self.socket_dir} 属于他人", f"{self.socket_dir} belongs to someone else")
        self.socket_dir.chmod(0o700)

    @contextlib.contextmanager
    def _locked(self, end: float) -> Generator[None]:
        """One starter at a time."""
        with open(self.home / "lock", "a") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        raise StoreUnavailable(
                            "另一个进程正在启动数据库", "another process is starting the database"
                        ) from None
                    time.sleep(0.1)
            yield

    def _initdb(self) -> None:
        tmp = self.home / "data.new"  # renamed when whole: a half-made cluster never counts
        shutil.rmtree(tmp, ignore_errors=True)
        command = [str(find_binaries() / "initdb"), "-D", str(tmp), "-U", "ioc", "-A", "trust", "-E", "UTF8"]
        done = subprocess.run(
            [*self._as_user(), *command, "--locale=C.UTF-8", "--no-sync"],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        if done.returncode != 0:
            raise ConfigError(f"initdb 失败：{done.stderr.strip()}", f"initdb failed: {done.stderr.strip()}")
        with open(tmp / "postgresql.conf", "a") as f:
            f.write("\ninclude 'ioc.conf'  # rewritten at every start\ninclude_if_exists 'local.conf'  # yours\n")
        os.rename(tmp, self.data)

    def _write_conf(self) -> None:
        values = {
            **self.conf,
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
        }
        text = "".join(f"{k} = '{v}'\n" for k, v in values.items())
        path = self.data / "ioc.conf"
        path.write_text(text)
        path.chmod(0o644)

    def _server(self) -> Path:
        """The server of the version the data was made with."""
        version = (self.data / "PG_VERSION").read_text().strip()
        server = Path(f"/usr/lib/postgresql/{version}/bin/postgres")
        if not server.exists():
            raise ConfigError(
                f"数据由 PostgreSQL {version} 建立，该版本未安装",
                f"the data was made by PostgreSQL {version}, not installed",
            )
        return server

    def _spawn(self) -> None:
        self._drop_stale_pidfile()
        if self.log.exists() and self.log.stat().st_size > 20_000_000:
            os.replace(self.log, self.log.with_suffix(".log.1"))
        with open(self.log, "ab") as log:
            # a session of its own: Ctrl-C in the terminal reaches the supervisor only, which stops things in order
            self.process = subprocess.Popen(
                [*self._as_user("INT"), str(self._server()), "-D", str(self.data)],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={k: v for k, v in os.environ.items() if not k.startswith("PG")},
            )

    def _wait_a_moment(self, end: float, former: subprocess.Popen[bytes] | None) -> None:
        """Between two looks. Orphan backends of a killed postmaster hold its memory for about a second: try again.

        The death of `former`, the server of an earlier start, is why we are here and no refusal to start.
        """
        time.sleep(0.05)
        if self.process is not None and self.process is not former and self.process.poll() is not None:
            said = self._last_words()
            if not _COMING.search(said):
                raise StoreUnavailable(f"PostgreSQL 无法启动：{said}", f"PostgreSQL does not start: {said}")
            time.sleep(0.2)
        if time.monotonic() > end:
            said = self._last_words()
            raise StoreUnavailable(f"PostgreSQL 未就绪：{said}", f"PostgreSQL is not ready: {said}")

    def _last_words(self) -> str:
        try:
            return self.log.read_text(errors="replace")[-1500:].strip()
        except OSError:
            return ""

    def _recorded(self) -> psutil.Process | None:
        """The live process of the pid file, if it is a server of this data folder."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    def _shutting_down(self) -> bool:
        """Whether a server that is not ours still holds the data folder: it comes up or goes down by itself."""
        process = self._recorded()
        if process is None:
            return False
        try:
            return process.name().startswith("postgres") and process.cwd() == str(self.data)
        except psutil.Error:
            return False

    def _drop_stale_pidfile(self) -> None:
        """PostgreSQL believes any live pid, a zombie's too. Dropped only when no process works in the data folder."""
        path = self.data / "postmaster.pid"
        if not path.exists() or self._shutting_down():
            return
        for process in psutil.process_iter():
            try:
                if process.cwd() == str(self.data) and process.status() != psutil.STATUS_ZOMBIE:
                    return
            except psutil.Error:
                continue
        path.unlink(missing_ok=True)

    def _create_database(self) -> None:
        with psycopg.connect(self.dsn(database="postgres"), autocommit=True) as conn:
            have = conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if not have:
                conn.execute("CREATE DATABASE ioc")
