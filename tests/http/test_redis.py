"""Two web processes behind one Redis: a value read once, tries counted together, both going on when it goes away."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import httpx
import pytest
import redis

from callbacks import register_callbacks
from ioc import shared as sharing
from ioc.accounts.base import Accounts
from ioc.api.limits import Buckets
from ioc.api.session import TRIES_BURST, TRIES_PER_S
from ioc.cache import ScopedCache
from ioc.clock import FixedClock, SystemClock
from ioc.errors import ConfigError
from ioc.ops.doctor import examine
from ioc.registry import Registry, discover
from ioc.scope import NOBODY, SYSTEM
from ioc.services_live import LiveServices
from ioc.settings import Settings
from ioc.shared import Shared, open_shared
from ioc.web import create_web
from tests.conftest import NOW, Database
from tests.http.conftest import ORIGIN, PASSWORD, serving
from tests.product import free_port

pytestmark = pytest.mark.http


@dataclass
class RedisServer:
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([*command, "--dir", str(self.folder)], stdout=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not self.answers():
            assert time.monotonic() < end, "redis-server does not start"
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            return bool(redis.Redis(port=self.port, socket_timeout=1).ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def server_of_all(tmp_path: Path) -> Iterator[RedisServer]:
    found = RedisServer(tmp_path, free_port())
    found.start()
    yield found
    found.stop()


@pytest.fixture
def two(server_of_all: RedisServer) -> tuple[Shared, Shared]:
    return Shared(server_of_all.url), Shared(server_of_all.url)


Make = Callable[[], Any]


@pytest.fixture
def make(accounts: Accounts, settings: Settings, db: Database, clock: FixedClock, server_of_all: RedisServer) -> Make:
    """The whole web application over the test's database and Redis; each call is a web process of its own."""
    registry = Registry(layers=discover("layers", "LAYER"), indicators=discover("ioc.indicators", "INDICATOR"))
    behind = settings.model_copy(update={"redis_url": server_of_all.url})

    def one() -> Any:
        services = LiveServices(behind, db.store, registry, clock)
        return create_web(behind, services, registry, db.store, clock, register_callbacks)

    return one


def try_sign_in(application: Any, login: str, password: str = "wrong") -> Any:
    client = application.state.server.test_client()
    return client.post("/api/v1/auth/sign-in", json={"login": login, "password": password}, headers=ORIGIN)


# ------------------------------------------------------------ together


def test_a_value_is_read_once_for_both(two: tuple[Shared, Shared]) -> None:
    first, second = (ScopedCache(flask.Flask("t"), s) for s in two)
    made: list[str] = []

    def read(word: str) -> dict[str, str]:
        made.append(word)
        return {"值": word}

    assert first.get(SYSTEM, "x", (1,), 60, lambda: read("a")) == {"值": "a"}
    assert second.get(SYSTEM, "x", (1,), 60, lambda: read("b")) == {"值": "a"}
    assert second.get(NOBODY, "x", (1,), 60, lambda: read("c")) == {"值": "c"}, "never across scopes"
    assert made == ["a", "c"]
    keys = two[0].client.keys()
    assert all(key.startswith(b"ioc:cache:") for key in keys)
    assert 0 < two[0].client.ttl(keys[0]) <= 60
    second.clear()
    assert first.get(SYSTEM, "x", (1,), 60, lambda: read("d")) == {"值": "d"}


def test_a_bucket_is_one_for_both_and_refills(two: tuple[Shared, Shared]) -> None:
    clock = FixedClock(NOW)
    first, second = (Buckets(0.5, 4, clock, shared=s, name="t") for s in two)
    other = Buckets(0.5, 4, clock, shared=two[0], name="other")
    assert [b.take("10.0.0.7") for b in (first, second, first, second, first, second)] == [True] * 4 + [False] * 2
    assert first.take("10.0.0.8")
    assert other.take("10.0.0.7")
    clock.advance(2.1)
    assert [second.take("10.0.0.7"), first.take("10.0.0.7")] == [True, False]
    assert b"10.0.0.7" not in b"".join(two[0].client.keys())


def test_two_web_processes_count_sign_ins_together(make: Make) -> None:
    first, second = make(), make()
    answers = [try_sign_in(app, "nobody-here") for app in (first, second, first, second, first)]
    assert [a.status_code for a in answers] == [401] * 4 + [423], "an unknown login is locked like a known one"
    known = [try_sign_in(app, "town") for app in (first, second, first, second, first)]
    assert [a.status_code for a in known] == [401] * 4 + [423]
    remaining = round(TRIES_BURST) - 10
    assert all(try_sign_in(first, "nobody-here").status_code == 423 for _ in range(remaining))
    assert try_sign_in(second, "chief", PASSWORD).status_code == 429
    assert TRIES_PER_S < 1


def test_two_servers_share_the_numbers_of_a_page(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = LiveServices.indicators

    def counted(*given: Any) -> Any:
        read.append("indicators")
        return whole(*given)

    monkeypatch.setattr(LiveServices, "indicators", counted)
    monkeypatch.setattr("ioc.services_live.TILES_KEPT_S", 60.0)
    first, second = make(), make()
    token = try_sign_in(first, "chief", PASSWORD).headers["Set-Cookie"].split(";")[0]
    with serving(first) as one, serving(second) as other:
        for app in (first, second):
            app.state.deps.services.tiles(SYSTEM, "")
        assert read == ["indicators"]
        for url in (one.url, other.url):
            ready = httpx.get(f"{url}/readyz").json()["checks"]
            assert ready["redis"] == {"ok": True, "needed": False}
            assert httpx.get(f"{url}/api/v1/auth/me", headers={"Cookie": token}).json()["login"] == "chief"


# ------------------------------------------------------------ away


def test_a_redis_that_is_down_at_the_start_is_a_sentence(settings: Settings) -> None:
    port = free_port()
    away = settings.model_copy(update={"redis_url": f"redis://:hush@127.0.0.1:{port}/0"})
    with pytest.raises(ConfigError, match=f"IOC_REDIS_URL.*127\\.0\\.0\\.1:{port}") as told:
        open_shared(away)
    assert "hush" not in str(told.value)
    assert told.value.message("zh").startswith("配置有误：连接不上")
    with pytest.raises(ConfigError, match="IOC_REDIS_URL is no address"):
        open_shared(settings.model_copy(update={"redis_url": "localhost:6379"}))
    assert open_shared(settings) is None
    found = {f.key: f for f in examine(away, SystemClock())}["redis"]
    assert (found.state, bool(found.advice_zh), bool(found.advice_en)) == ("fail", True, True)
    assert "hush" not in found.zh + found.en


def test_it_goes_away_and_comes_back(
    make: Make, server_of_all: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sharing, "AWAY_S", 0.2)
    app = make()
    cache, client = app.state.deps.cache, app.state.server.test_client()
    assert cache.get(SYSTEM, "x", (), 60, lambda: "with") == "with"
    server_of_all.stop()
    with caplog.at_level(logging.WARNING, "ioc.web"):
        assert cache.get(SYSTEM, "x", (), 60, lambda: "without") == "without"
        assert cache.get(SYSTEM, "x", (), 60, lambda: "again") == "without", "kept by the process itself"
        assert try_sign_in(app, "chief", PASSWORD).status_code == 200
        assert try_sign_in(app, "nobody-here").status_code == 401
        ready = client.get("/readyz").json
        assert ready["checks"]["redis"]["ok"] is False
        assert ready["ok"] == all(c["ok"] for k, c in ready["checks"].items() if k != "redis"), "it works without"
        server_of_all.start()
        time.sleep(0.25)
        assert client.get("/readyz").json["checks"]["redis"]["ok"] is True
    said = [r.getMessage() for r in caplog.records if "redis" in r.getMessage()]
    assert [s.split("redis at ")[1].split(" is ")[1][:4] for s in said] == ["away", "back"], said
    assert cache.get(SYSTEM, "x", (), 60, lambda: "anew") == "anew"


def test_one_that_hangs_costs_half_a_second_once(server_of_all: RedisServer, two: tuple[Shared, Shared]) -> None:
    cache = ScopedCache(flask.Flask("t"), two[0])
    assert server_of_all.process is not None
    os.kill(server_of_all.process.pid, signal.SIGSTOP)
    begun = time.monotonic()
    assert [cache.get(SYSTEM, "y", (n,), 60, lambda: "made") for n in range(50)] == ["made"] * 50
    assert time.monotonic() - begun < 2 * sharing.TIMEOUT_S
    os.kill(server_of_all.process.pid, signal.SIGCONT)
    assert two[0].fault
