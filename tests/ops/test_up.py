"""The product as a whole on a data folder of its own: first start, `kill -9` of every process, second start, stop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ioc.ops.supervisor import http_status
from tests.conftest import Database, public_folder

pytestmark = pytest.mark.whole
ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@dataclass
class Product:
    folder: Path
    port: int
    process: subprocess.Popen[str] | None = None
    env: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def ioc(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app", *words, "--data-dir", str(self.folder)]
        env = {**os.environ, **self.env}
        return subprocess.run(
            command, cwd=ROOT, env=env, input=stdin, capture_output=True, text=True, check=False, timeout=120
        )

    def up(self, seconds: float = 60) -> list[str]:
        """Starts it and reads its lines until `ready`, and the rest of that moment."""
        env = {**os.environ, "IOC_MQTT_PORT": str(free_port()), **self.env}
        command = [
            sys.executable,
            "-m",
            "app",
            "up",
            "--no-demo",
            "--port",
            str(self.port),
            "--data-dir",
            str(self.folder),
        ]
        with open(self.folder / "up.log", "a") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, text=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            lines = (self.folder / "up.log").read_text().splitlines()
            if any("Ctrl-C" in line for line in lines):
                return lines
            assert self.process.poll() is None, lines
            time.sleep(0.05)
        raise AssertionError((self.folder / "up.log").read_text())

    def status(self) -> dict[str, Any]:
        return json.loads(self.ioc("status", "--json").stdout)

    def down(self) -> float:
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 0
        return time.monotonic() - begun


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    folder = public_folder("ioc-product-")
    product = Product(folder, free_port())
    yield product
    if product.process and product.process.poll() is None:
        product.process.terminate()
        product.process.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


def test_the_first_start_of_an_empty_centre_says_ready_and_who_can_sign_in(product: Product) -> None:
    lines = product.up()
    assert f"ready {product.url}" in lines
    assert any(line.split()[:1] == ["admin"] for line in lines)
    assert http_status(f"{product.url}readyz") == 200
    assert http_status(f"{product.url}desk") == 200
    assert http_status(f"{product.url}wall") == 200


def test_it_listens_on_loopback_only_while_no_administrator_has_a_password(product: Product) -> None:
    listening = Path("/proc/net/tcp").read_text()
    port = f"{product.port:04X}"
    addresses = {line.split()[1] for line in listening.splitlines()[1:] if line.split()[3] == "0A"}
    assert f"0100007F:{port}" in addresses
    assert f"00000000:{port}" not in addresses


def test_status_and_doctor_speak_of_the_running_product(product: Product) -> None:
    status = product.status()
    assert status["running"] is True
    assert set(status["processes"]) == {"postgres", "mqtt", "web", "ingest"}
    assert all(p["state"] == "up" for p in status["processes"].values())
    assert status["url"] == product.url
    assert status["mqtt"]["url"].startswith("mqtt://127.0.0.1:")
    assert status["feed"]["state"] == "up"
    findings = {f["key"]: f["state"] for f in json.loads(product.ioc("doctor", "--json").stdout)}
    assert findings["migrations"] == findings["port"] == findings["clock"] == "ok"


def test_db_url_is_accepted_by_psql_for_every_role(product: Product) -> None:
    for role, user in (("owner", "ioc"), ("app", "ioc_app"), ("readonly", "ioc_readonly")):
        url = product.ioc("db", "url", "--role", role).stdout.strip()
        done = subprocess.run(["psql", url, "-Atc", "SELECT current_user"], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == user, done.stderr


def test_tokens_and_users_are_made_from_the_command_line(product: Product) -> None:
    made = product.ioc("token", "create", "probe", "--allow", "read,events:write")
    token = made.stdout.strip().splitlines()[-1]
    request = urllib.request.Request(f"{product.url}api/v1/indicators", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
    bad = product.ioc("token", "create", "probe", "--allow", "fly")
    assert bad.returncode == 1
    assert "allow: " in bad.stderr
    assert "Traceback" not in bad.stderr


def test_an_embed_is_signed_from_the_command_line_and_opens(product: Product) -> None:
    made = product.ioc("embed", "sign", "/embed/tile/camera_online,sensor_online", "--days", "2")
    assert made.returncode == 0, made.stderr
    address = made.stdout.strip()
    assert address.startswith("/embed/tile/camera_online,sensor_online?token=")
    assert http_status(f"{product.url}{address[1:]}") == 200
    token = address.partition("=")[2]
    values = f"{product.url}api/v1/indicators/%s/values?token={token}"
    answers = [http_status(values % code) for code in ("camera_online", "sensor_online", "aqi")]
    assert answers == [403, 403, 401], "let in, but this centre has no region yet; not let in"
    bad = product.ioc("embed", "sign", "/embed/tile/camera_online,nothing", "--days", "999", "--region", "12")
    assert bad.returncode == 1
    for words in (
        "没有指标 nothing / no indicator nothing",
        "没有区划 12 / no region 12",
        "1 至 366 天 / 1 to 366 days",
    ):
        assert words in bad.stderr
    assert product.ioc("embed", "sign", "/desk").returncode == 1


@pytest.mark.parametrize("name", ["postgres", "web", "ingest", "mqtt"])
def test_a_killed_process_is_back_within_ten_seconds_and_told_once(product: Product, name: str) -> None:
    before = product.status()["processes"][name]
    os.kill(before["pid"], signal.SIGKILL)
    begun = time.monotonic()
    while True:
        status = product.status()
        now = status["processes"][name]
        if now["state"] == "up" and now["pid"] not in (None, before["pid"]) and status["feed"].get("state") == "up":
            break
        assert time.monotonic() - begun < 15, status
        time.sleep(0.1)
    end = time.monotonic() + 10
    while http_status(f"{product.url}readyz") != 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    label = "PostgreSQL" if name == "postgres" else name
    said = (product.folder / "up.log").read_text()
    assert said.count(f"{label} killed by SIGKILL") == 1
    assert said.count(f"{label} is back") == 1


def test_processes_that_hang_are_back_within_twenty_seconds_and_told_once(product: Product) -> None:
    """Nine seconds of silence, at most four until they are asked and judged, and a start: all at the same time."""
    names = ("web", "ingest", "mqtt")
    now = before = product.status()["processes"]
    for name in names:
        os.kill(before[name]["pid"], signal.SIGSTOP)
    begun = time.monotonic()
    waiting = set(names)
    while waiting:
        now = product.status()["processes"]
        for name in sorted(waiting):
            if now[name]["state"] == "up" and now[name]["pid"] not in (None, before[name]["pid"]):
                waiting.discard(name)
                assert time.monotonic() - begun > 8, "no hurry: a slow answer is not a hang"
        assert time.monotonic() - begun < 20 or not waiting, (waiting, now)
        time.sleep(0.1)
    while http_status(f"{product.url}readyz") != 200:
        assert time.monotonic() - begun < 30
        time.sleep(0.1)
    said = (product.folder / "up.log").read_text()
    for name in names:
        assert said.count(f"{name} does not answer") == 1
        assert now[name]["restarts"] == before[name]["restarts"] + 1


def test_a_second_supervisor_is_refused_with_the_address(product: Product) -> None:
    done = product.ioc("up", "--port", str(free_port()))
    assert done.returncode != 0
    assert product.url in done.stderr + done.stdout


def test_it_leaves_loopback_when_an_administrator_has_a_password(product: Product) -> None:
    owner = product.ioc("db", "url").stdout.strip()
    with psycopg.connect(owner, autocommit=True) as conn:
        conn.execute("UPDATE account SET password_set_at = now() WHERE 'admin' = ANY(roles)")
    end = time.monotonic() + 20
    while (
        "listening on 0.0.0.0" not in (product.folder / "up.log").read_text()
        or http_status(f"{product.url}readyz") != 200
    ):
        assert time.monotonic() < end
        time.sleep(0.2)
    with psycopg.connect(owner, autocommit=True) as conn:
        conn.execute("UPDATE account SET password_set_at = NULL")


def test_it_stops_cleanly_and_the_second_start_is_quick_and_keeps_the_data(product: Product) -> None:
    assert product.down() < 15
    left = [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(product.folder).encode() in _read(p)]
    assert left == []
    assert product.status()["running"] is False
    (product.folder / "up.log").unlink()
    begun = time.monotonic()
    lines = product.up()
    assert time.monotonic() - begun < 10
    assert not any(line.split()[:1] == ["admin"] for line in lines), "the password is told once"
    with psycopg.connect(product.ioc("db", "url").stdout.strip()) as conn:
        assert conn.execute("SELECT count(*) FROM account").fetchone() == (1,)


def test_everything_ends_with_a_killed_supervisor_and_starts_again(product: Product) -> None:
    assert product.process is not None
    product.process.kill()
    product.process.wait()
    end = time.monotonic() + 15
    while any(str(product.folder).encode() in _read(p) for p in Path("/proc").glob("[0-9]*/cmdline")):
        assert time.monotonic() < end
        time.sleep(0.1)
    (product.folder / "up.log").unlink()
    product.up()
    assert product.down() < 15


def test_an_outside_database_is_used_instead_of_a_private_cluster(db: Database) -> None:
    folder = public_folder("ioc-outside-")
    product = Product(folder, free_port(), env={"IOC_DATABASE_URL": db.dsn_owner, "IOC_MQTT_URL": "none"})
    try:
        product.up()
        status = product.status()
        assert set(status["processes"]) == {"web", "ingest"}
        assert product.ioc("db", "url", "--role", "readonly").stdout.count("ioc_readonly") == 1
        assert not (folder / "pg").exists()
        with db.owner() as conn:
            assert conn.execute("SELECT count(*) AS n FROM account").fetchone() == {"n": 1}
        assert product.down() < 15
    finally:
        if product.process and product.process.poll() is None:
            product.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
