"""What dies comes back by itself; the log says so once; stopping stops everything."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from ioc.errors import Conflict
from ioc.ops import broker, logs, runfile
from ioc.ops.heartbeat import Heartbeat
from ioc.ops.processes import Backoff, Child, Watch, ending, spawn
from ioc.ops.supervisor import HttpProbe, Supervisor, only_one
from ioc.ops.workers import run_all
from ioc.store.cluster import PrivateCluster
from tests.conftest import public_folder

SMALL = {"shared_buffers": "32MB", "max_connections": "20", "max_locks_per_transaction": "64"}


@pytest.fixture
def root() -> Iterator[Path]:
    folder = public_folder("ioc-up-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _sleeper(root: Path, name: str = "sleeper", code: str = "import time; time.sleep(60)") -> Child:
    return Child(
        name, lambda: spawn([sys.executable, "-c", code], root / "logs" / f"{name}.log", os.environ), settle_s=0.1
    )


def _until(supervisor: Supervisor, condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        supervisor.tick(time.monotonic())
        time.sleep(0.02)


def _for(supervisor: Supervisor, seconds: float) -> None:
    end = time.monotonic() + seconds
    _until(supervisor, lambda: time.monotonic() >= end, seconds + 5)


def test_a_killed_process_is_back_within_two_seconds_and_is_told_once(root: Path) -> None:
    said: list[str] = []
    child = _sleeper(root)
    supervisor = Supervisor(root, [child], None, said.append)
    try:
        _until(supervisor, lambda: child.serving)
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        begun = time.monotonic()
        _until(supervisor, lambda: child.serving and child.pid not in (None, first))
        assert time.monotonic() - begun < 2
        assert len([s for s in said if "SIGKILL" in s]) == 1
        assert len([s for s in said if "is back" in s]) == 1
        assert runfile.read(root)["processes"]["sleeper"]["restarts"] == 1
    finally:
        supervisor.stop()
    assert runfile.read(root)["processes"]["sleeper"]["state"] == "down"


def test_a_process_that_keeps_dying_is_told_once_and_waited_for(root: Path) -> None:
    said: list[str] = []
    child = Child(
        "bad",
        lambda: spawn([sys.executable, "-c", "raise SystemExit(3)"], root / "logs/bad.log", os.environ),
        lambda: False,
    )
    supervisor = Supervisor(root, [child], None, said.append)
    _until(supervisor, lambda: child.restarts >= 3)
    supervisor.stop()
    assert len(said) == 1
    assert "exit code 3" in said[0]
    backoff = Backoff()
    assert [round(backoff.after_death(0.1), 1) for _ in range(9)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0]
    assert backoff.after_death(60) == 0.2


BEATING = """
import sys, time
from pathlib import Path
from ioc.ops.heartbeat import Heartbeat
time.sleep(float(sys.argv[2]))
heart = Heartbeat(Path(sys.argv[1]), "beating")
while True:
    heart.beat()
    time.sleep(0.2)
"""


def _beating(root: Path, silent_s: float, late_s: float = 0.0) -> Child:
    heart = Heartbeat(root, "beating")
    command = [sys.executable, "-c", BEATING, str(root), str(late_s)]
    watch = Watch(heart.beats, silent_s, heart.begin)
    return Child("beating", lambda: spawn(command, root / "logs/beating.log", os.environ), watch=watch, settle_s=0.1)


def test_a_process_that_hangs_is_killed_and_told_once(root: Path) -> None:
    said: list[str] = []
    child = _beating(root, silent_s=2.0)
    supervisor = Supervisor(root, [child], None, said.append)
    try:
        _until(supervisor, lambda: child.serving and (root / "beat/beating").exists())
        _for(supervisor, 1.5)
        first = child.pid
        assert first is not None
        assert child.restarts == 0
        os.kill(first, signal.SIGSTOP)
        begun = time.monotonic()
        _until(supervisor, lambda: child.serving and child.pid not in (None, first))
        assert 2.0 <= time.monotonic() - begun < 6.5
        assert not psutil.pid_exists(first)
        _for(supervisor, 2.5)
        assert child.restarts == 1
        assert len([s for s in said if "does not answer" in s]) == 1
        assert len([s for s in said if "is back" in s]) == 1
        assert len(said) == 2
    finally:
        supervisor.stop()


def test_a_slow_start_is_no_hang(root: Path) -> None:
    """Silent for much longer than the limit, but not yet heard since its start: not even after one that was."""
    child = _beating(root, silent_s=0.2, late_s=4.0)
    Heartbeat(root, "beating").beat()
    supervisor = Supervisor(root, [child], None, lambda line: None)
    try:
        _for(supervisor, 5.5)
        assert (root / "beat/beating").exists()
        assert child.restarts == 0
    finally:
        supervisor.stop()


def test_a_stopped_broker_does_not_answer_though_its_port_listens(root: Path) -> None:
    port = broker.free_port(28860)
    path = broker.write_configuration(root, port)
    process = spawn([broker.binary(), "-c", str(path)], root / "logs/mqtt.log", os.environ)
    try:
        end = time.monotonic() + 10
        while not broker.answers(port):
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGSTOP)
        assert broker.listens(port)
        assert not broker.answers(port, timeout_s=0.5)
    finally:
        process.kill()
        process.wait()


@pytest.mark.store
def test_a_killed_postgres_recovers_while_the_others_are_looked_after(root: Path) -> None:
    said: list[str] = []
    cluster = PrivateCluster(root, SMALL).start()
    child = _sleeper(root)
    supervisor = Supervisor(root, [child], cluster, said.append)
    try:
        with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
            conn.execute("CREATE TABLE kept AS SELECT 1 AS a")
        _until(supervisor, lambda: child.serving)
        pid = int((cluster.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        begun = time.monotonic()
        _until(supervisor, lambda: any("PostgreSQL is back" in s for s in said), 15)
        assert time.monotonic() - begun < 10
        with psycopg.connect(cluster.dsn()) as conn:
            assert conn.execute("SELECT a FROM kept").fetchone() == (1,)
        assert child.restarts == 0
        assert len([s for s in said if "recovering" in s]) == 1
    finally:
        supervisor.stop()
    assert not cluster.ready()


def test_stop_ends_children_that_do_not_listen(root: Path) -> None:
    deaf = _sleeper(
        root, "deaf", "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    )
    deaf.grace_s = 0.5
    supervisor = Supervisor(root, [deaf], None, lambda line: None)
    _until(supervisor, lambda: (root / "logs/deaf.log").exists() and (root / "logs/deaf.log").stat().st_size > 0)
    pid = deaf.pid
    assert pid is not None
    supervisor.stop()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_children_die_with_a_killed_supervisor(root: Path) -> None:
    code = textwrap.dedent(f"""
        import os, sys, time
        from pathlib import Path
        from ioc.ops.processes import spawn
        sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
        print(spawn(sleep, Path({str(root)!r}) / "c.log", os.environ).pid, flush=True)
        time.sleep(60)
    """)
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(0.3)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
        time.sleep(0.05)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_one_supervisor_a_data_folder(root: Path) -> None:
    runfile.write(root, {"pid": os.getpid(), "url": "http://127.0.0.1:1/"})
    with only_one(root), pytest.raises(Conflict, match=r"http://127\.0\.0\.1:1/"), only_one(root):
        pass


def test_a_recorded_pid_of_another_process_is_not_believed(root: Path) -> None:
    runfile.write(root, {"pid": os.getpid(), "pid_created": 1.0})
    assert runfile.read(root)["running"] is False
    runfile.write(root, {"pid": os.getpid(), "pid_created": psutil.Process().create_time()})
    assert runfile.read(root)["running"] is True


def test_the_probe_asks_without_holding_up(root: Path) -> None:
    probe = HttpProbe("http://127.0.0.1:9/")
    begun = time.monotonic()
    assert probe() is False
    assert time.monotonic() - begun < 0.2


def test_workers_of_ingest_are_started_again_and_stopped_together() -> None:
    stop, runs = threading.Event(), {"bad": 0, "good": 0}

    def bad(asked: threading.Event) -> None:
        runs["bad"] += 1
        if runs["bad"] == 2:
            asked.set()
        raise ValueError("broken")

    def good(asked: threading.Event) -> None:
        runs["good"] += 1
        asked.wait()

    run_all({"bad": bad, "good": good}, stop, join_s=2)
    assert runs == {"bad": 2, "good": 1}


def test_broker_configuration_keeps_the_limits_and_stays_on_loopback(root: Path) -> None:
    shipped = broker.SHIPPED.read_text()
    made = broker.configuration(shipped, 18831, root, "root")
    listeners = [line for line in made.splitlines() if line.startswith("listener")]
    assert listeners == ["listener 18831 127.0.0.1"]
    limits = [line for line in shipped.splitlines() if line.startswith("max_")]
    assert limits
    assert set(limits) <= set(made.splitlines())


def test_the_broker_starts_with_the_written_configuration_and_keeps_messages(root: Path) -> None:
    port = broker.free_port(28830)
    path = broker.write_configuration(root, port)
    child = Child(
        "mqtt",
        lambda: spawn([broker.binary(), "-c", str(path)], root / "logs/mqtt.log", os.environ),
        lambda: broker.listens(port),
    )
    supervisor = Supervisor(root, [child], None, lambda line: None)
    try:
        _until(supervisor, lambda: child.serving)
        assert broker.free_port(port) != port
    finally:
        supervisor.stop()
    assert list((root / "mqtt").glob("*.db")), "nothing was written at the end"


def test_a_grown_log_is_emptied_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with open(path, "ab") as held:
        held.write(b"x" * 100)
        held.flush()
        assert logs.cap(path, 50)
        held.write(b"y")
    assert path.read_bytes() == b"y"
    assert (tmp_path / "a.log.1").read_bytes() == b"x" * 100


def test_endings_have_names() -> None:
    assert ending(-9) == ("被信号 SIGKILL 终止", "killed by SIGKILL")
    assert ending(2)[1] == "exit code 2"
