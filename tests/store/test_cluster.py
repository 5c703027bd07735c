"""The private cluster survives what `kill -9` leaves, lies where its user can reach it, and ends with its parent."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import pq

from ioc.errors import StoreUnavailable
from ioc.scope import SYSTEM
from ioc.store import Store
from ioc.store.checkpoint import checkpoint
from ioc.store.cluster import PrivateCluster, default_conf
from tests.conftest import public_folder

pytestmark = pytest.mark.store
SMALL = {"shared_buffers": "32MB", "max_connections": "20", "max_locks_per_transaction": "64"}


@pytest.fixture
def home() -> Iterator[Path]:
    folder = public_folder("ioc-cluster-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _pid(cluster: PrivateCluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text().split()[0])


def test_a_server_that_replays_its_log_is_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long that takes: giving up would end it, and the next start would begin anew."""
    cluster = PrivateCluster(home, SMALL).start()
    try:
        real, until = cluster._ping, time.monotonic() + 1.5
        monkeypatch.setattr(cluster, "_ping", lambda: pq.Ping.REJECT if time.monotonic() < until else real())
        cluster.start(timeout_s=0.4)
        assert time.monotonic() >= until
    finally:
        cluster.stop()


def test_what_bulk_work_wrote_is_not_replayed(home: Path) -> None:
    cluster = PrivateCluster(home, SMALL).start()

    def to_replay() -> int:
        with psycopg.connect(cluster.dsn()) as conn:
            row = conn.execute(
                "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn)::bigint FROM pg_control_checkpoint()"
            ).fetchone()
        assert row is not None
        return int(row[0])

    try:
        with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
            conn.execute("CREATE ROLE nobody_much LOGIN")
            conn.execute("CREATE TABLE bulk (a int)")
            conn.execute("INSERT INTO bulk SELECT generate_series(1, 200000)")
        before = to_replay()
        assert before > 10_000_000
        assert checkpoint(cluster.dsn("nobody_much")) is False, "an outside database may not allow it"
        assert to_replay() >= before
        assert checkpoint(cluster.dsn()) is True
        assert to_replay() < 1_000_000
    finally:
        cluster.stop()


def test_data_survives_a_killed_postmaster_and_a_second_start_is_quick(home: Path) -> None:
    cluster = PrivateCluster(home, SMALL).start()
    try:
        with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
            conn.execute("CREATE TABLE kept (a int)")
            conn.execute("INSERT INTO kept VALUES (1)")
        held = psycopg.connect(cluster.dsn())  # its backend is orphaned and holds the shared memory for a moment
        os.kill(_pid(cluster), signal.SIGKILL)
        begun = time.monotonic()
        cluster.start(timeout_s=20)
        assert time.monotonic() - begun < 8
        held.close()
        with psycopg.connect(cluster.dsn()) as conn:
            assert conn.execute("SELECT a FROM kept").fetchone() == (1,)
        cluster.stop()
        assert not cluster.ready()
        begun = time.monotonic()
        cluster.start()
        assert time.monotonic() - begun < 5
    finally:
        cluster.stop()


def test_a_pool_meets_the_restarted_server_at_once(home: Path) -> None:
    cluster = PrivateCluster(home, SMALL).start()
    store = Store(cluster.dsn(), size=2)
    try:
        with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
            conn.execute("CREATE ROLE ioc_app LOGIN")
        with store.scoped(SYSTEM) as conn:
            assert conn.execute("SELECT 1 AS a").fetchone() == {"a": 1}
        os.kill(_pid(cluster), signal.SIGKILL)
        # orphan backends answer until they notice that their postmaster is gone
        end = time.monotonic() + 20
        with pytest.raises(StoreUnavailable):
            while time.monotonic() < end:
                with store.scoped(SYSTEM) as conn:
                    conn.execute("SELECT 1")
                time.sleep(0.05)
        cluster.start()
        with store.scoped(SYSTEM) as conn:
            assert conn.execute("SELECT 1 AS a").fetchone() == {"a": 1}
    finally:
        store.close()
        cluster.stop()


def test_a_pid_file_that_names_a_zombie_or_a_stranger_does_not_stop_the_start(home: Path) -> None:
    cluster = PrivateCluster(home, SMALL).start()
    cluster.stop()
    zombie = subprocess.Popen(["true"])
    while psutil.Process(zombie.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    for pid in (zombie.pid, os.getpid()):
        (cluster.data / "postmaster.pid").write_text(f"{pid}\n{cluster.data}\n0\n54329\n{cluster.socket_dir}\n\n0 0\n")
        shutil.chown(cluster.data / "postmaster.pid", cluster.user)
        try:
            cluster.start(timeout_s=15)
            assert cluster.ready()
        finally:
            cluster.stop()
    zombie.wait()


def test_the_server_ends_with_a_killed_parent(home: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from ioc.store.cluster import PrivateCluster\n"
        f"PrivateCluster(Path({str(home)!r}), {SMALL!r}).start(); print('up', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    cluster = PrivateCluster(home, SMALL)
    assert cluster.ready()
    parent.kill()
    parent.wait()
    end = time.monotonic() + 10
    while cluster.ready() and time.monotonic() < end:
        time.sleep(0.05)
    assert not cluster.ready()
    parent.stdout.close()


def test_a_second_starter_uses_the_running_server_and_leaves_it_running(home: Path) -> None:
    first = PrivateCluster(home, SMALL).start()
    try:
        second = PrivateCluster(home, SMALL).start()
        assert not second.ours
        second.stop()
        assert first.ready()
    finally:
        first.stop()


def test_a_half_made_cluster_never_counts(home: Path) -> None:
    cluster = PrivateCluster(home, SMALL)
    (cluster.home / "data.new").mkdir(parents=True)
    (cluster.home / "data.new" / "PG_VERSION").write_text("15")
    try:
        cluster.start()
        assert not (cluster.home / "data.new").exists()
    finally:
        cluster.stop()


def test_socket_paths_stay_short_enough(home: Path) -> None:
    deep = home / ("d" * 100)
    cluster = PrivateCluster(deep, SMALL)
    try:
        cluster.start()
        assert len(str(cluster.socket_dir / ".s.PGSQL.54329.lock")) <= 107
        assert cluster.socket_dir.stat().st_mode & 0o777 == 0o700
    finally:
        cluster.stop()
        shutil.rmtree(cluster.socket_dir, ignore_errors=True)


def test_a_folder_the_server_user_cannot_enter(home: Path) -> None:
    """As root, below a folder only root may enter (a checkout under /root), the data goes to the system's own place."""
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    cluster = PrivateCluster(closed / "ioc", SMALL)
    try:
        cluster.start()
        if os.getuid() == 0:
            assert cluster.home.is_relative_to("/var/lib/ioc")
            assert PrivateCluster(closed / "ioc").home == cluster.home
        else:
            assert cluster.home == closed / "ioc" / "pg"
        owner = pwd.getpwuid(cluster.data.stat().st_uid).pw_name
        assert owner == cluster.user
    finally:
        cluster.stop()
        shutil.rmtree(cluster.home, ignore_errors=True)


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    cluster = PrivateCluster(home, {**SMALL, "shared_buffers": "nonsense"})
    with pytest.raises(StoreUnavailable, match="shared_buffers"):
        cluster.start(timeout_s=10)


def test_memory_settings_follow_the_machine() -> None:
    assert default_conf(2 * 2**30)["shared_buffers"] == "409MB"
    assert default_conf(64 * 2**30)["shared_buffers"] == "2048MB"
