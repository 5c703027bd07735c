"""The web application over a small centre, as WSGI client and as a real server, with people of different scope."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import flask
import pytest
import uvicorn
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from callbacks import register_callbacks
from ioc.accounts import passwords
from ioc.accounts.base import Accounts, Grant
from ioc.accounts.tokens import create_token
from ioc.accounts.users import add_user
from ioc.clock import FixedClock
from ioc.feed import sequencer
from ioc.registry import Registry, discover
from ioc.services_live import LiveServices
from ioc.settings import Settings
from ioc.web import create_web
from tests.conftest import Database
from tests.http import world as small
from tests.http.world import World

PASSWORD = "Right-Word-42"
ORIGIN = {"Origin": "http://localhost"}


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """argon2 with the least cost: the rules are under test here, not the hash (tests/unit/test_account_rules.py)."""
    usual = passwords._HASHER
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    yield
    passwords._HASHER = usual


@pytest.fixture
def world(db: Database, clock: FixedClock) -> World:
    with db.owner() as conn:
        return small.build(conn, clock.now())


@pytest.fixture
def accounts(db: Database, settings: Settings, clock: FixedClock, world: World) -> Accounts:
    """admin and chief see the city, town only the near town."""
    found = Accounts(db.store, settings, clock)
    whole = Grant(whole=True, sensitivity=2)
    add_user(found, "admin", PASSWORD, ["admin"], whole, own_password=True)
    add_user(found, "chief", PASSWORD, ["chief"], whole, own_password=True)
    add_user(
        found, "town", PASSWORD, ["officer"], Grant(region_codes=(small.NEAR_TOWN,), sensitivity=1), own_password=True
    )
    return found


@pytest.fixture
def application(accounts: Accounts, settings: Settings, db: Database, clock: FixedClock) -> Any:
    found: Any = {
        k: discover(p, n) for k, p, n in (("layers", "layers", "LAYER"), ("indicators", "ioc.indicators", "INDICATOR"))
    }
    registry = Registry(**found)
    services = LiveServices(settings, db.store, registry, clock)
    return create_web(settings, services, registry, db.store, clock, register_callbacks)


@pytest.fixture
def server(application: Any) -> flask.Flask:
    return application.state.server


SignIn = Callable[[str], FlaskClient]


@pytest.fixture
def sign_in(server: flask.Flask) -> SignIn:
    def go(login: str, password: str = PASSWORD) -> FlaskClient:
        client = server.test_client()
        answer = client.post("/api/v1/auth/sign-in", json={"login": login, "password": password}, headers=ORIGIN)
        assert answer.status_code == 200, answer.text
        return client

    return go


@pytest.fixture
def token(accounts: Accounts) -> Callable[..., dict[str, str]]:
    """Headers of a fresh API token."""

    def make(*actions: str, grant: Grant | None = None, **more: Any) -> dict[str, str]:
        made = create_token(accounts, "test", actions, grant or Grant(whole=True, sensitivity=1), **more)
        return {"Authorization": f"Bearer {made}"}

    return make


@dataclass
class Running:
    url: str
    application: Any


@contextlib.contextmanager
def serving(application: Any) -> Iterator[Running]:
    """The application behind a real server on a free port."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    config = uvicorn.Config(application, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    try:
        yield Running(f"http://127.0.0.1:{port}", application)
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def running(application: Any) -> Iterator[Running]:
    with serving(application) as found:
        yield found


@pytest.fixture
def sequencing(db: Database, clock: FixedClock) -> Iterator[threading.Event]:
    """A sequencer on the test's database, stopped at the end or by setting the event."""
    stop = threading.Event()
    thread = sequencer.start(db.dsn_owner, clock, stop)
    yield stop
    stop.set()
    thread.join(5)
