"""The real web application on a real port, for browser and screenshot tests: composed by `app.py`, clock passed in."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from app import create_app, create_registry
from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.clock import Clock
from ioc.feed import sequencer
from ioc.kpi.active import active_indicators, recorded_pack
from ioc.kpi.worker import KpiWorker
from ioc.registry import Registry
from ioc.settings import Settings
from tests.conftest import Database

PASSWORD = "Render-2026-ok"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@dataclass
class Product:
    """A running centre. `url` has no trailing slash."""

    url: str
    settings: Settings
    registry: Registry
    database: Database
    clock: Clock
    accounts: Accounts
    worker: KpiWorker
    threads: list[threading.Thread] = field(default_factory=list[threading.Thread])

    def user(self, login: str, roles: tuple[str, ...], grant: Grant) -> None:
        """An account with the suite's password."""
        add_user(self.accounts, login, PASSWORD, roles, grant, own_password=True)

    def session(self, login: str) -> dict[str, Any]:
        """Sign in over HTTP; the cookie as Playwright wants it."""
        answer = httpx.post(
            f"{self.url}/api/v1/auth/sign-in",
            json={"login": login, "password": PASSWORD},
            headers={"Origin": self.url},
        )
        answer.raise_for_status()
        return {"name": "ioc_session", "value": answer.cookies["ioc_session"], "url": self.url}


@contextmanager
def running(
    database: Database,
    clock: Clock,
    folder: Path,
    before: Callable[[Settings, Registry], None] | None = None,
    **overrides: Any,
) -> Iterator[Product]:
    """Start web and sequencer on `database`; stop both at the end. `before` fills the centre first.

    KPI cycles are run by the test, so values stand still.
    """
    port = free_port()
    settings = Settings(
        data_dir=folder,
        host="127.0.0.1",
        port=port,
        database_url=database.dsn_app,
        database_owner_url=database.dsn_owner,
        mqtt_url="none",
        pool_size=8,
        **overrides,
    )
    registry = create_registry()
    if before is not None:
        before(settings, registry)
    app = create_app(settings, clock)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    stop = threading.Event()
    threads = [
        threading.Thread(target=server.run, name="web", daemon=True),
        threading.Thread(target=sequencer.run, args=(database.dsn_owner, clock, stop), name="sequencer", daemon=True),
    ]
    for thread in threads:
        thread.start()
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{url}/healthz")
        store = database.store
        indicators = active_indicators(registry, recorded_pack(store, settings))
        worker = KpiWorker(store, indicators, clock, settings)
        yield Product(url, settings, registry, database, clock, Accounts(store, settings, clock), worker, threads)
    finally:
        stop.set()
        server.should_exit = True
        server.force_exit = True
        for thread in threads:
            thread.join(10)


def _wait(url: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > end:
            raise TimeoutError(url)
        time.sleep(0.1)
