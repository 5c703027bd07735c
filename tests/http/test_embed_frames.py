"""Embeds in frames of another site, in a real browser: no cookie reaches them, all they ask for is answered."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ioc.accounts.base import Accounts
from ioc.clock import FixedClock
from ioc.declare import Indicator
from ioc.kpi.worker import KpiWorker
from ioc.ops.embeds import sign_address
from ioc.registry import Registry, discover
from ioc.screens import embed as screen
from ioc.settings import Settings
from tests.conftest import Database
from tests.http.conftest import Running
from tests.http.test_browser_security import ARGS
from tests.http.world import World

pytestmark = [pytest.mark.http, pytest.mark.browser]
CODES = "open_cases,camera_online,sensor_online,events_today"


class Portal(ThreadingHTTPServer):
    """A page of another site (`localhost`, where the product is `127.0.0.1`) with our pages in its frames."""

    def __init__(self) -> None:
        self.frames: list[str] = []
        super().__init__(("127.0.0.1", 0), _PortalPage)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_address[1]}"


class _PortalPage(BaseHTTPRequestHandler):
    server: Portal

    def do_GET(self) -> None:
        frames = "".join(f'<iframe src="{url}" width="600" height="400"></iframe>' for url in self.server.frames)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"<!doctype html><title>portal</title>{frames}".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def portal() -> Iterator[Portal]:
    found = Portal()
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def settings(settings: Settings, portal: Portal) -> Settings:
    return settings.model_copy(update={"frame_ancestors": portal.url})


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as p:
        found = p.chromium.launch(executable_path=os.environ.get("IOC_CHROMIUM", "/usr/bin/chromium"), args=ARGS)
        yield found
        found.close()


@pytest.fixture
def indicators() -> tuple[Indicator, ...]:
    return tuple(i for i in discover("ioc.indicators", "INDICATOR").values() if isinstance(i, Indicator))


class Answers:
    """What the server said to the frames: (path, status)."""

    def __init__(self, page: Page, base: str) -> None:
        self.all: list[tuple[str, int]] = []
        page.on("response", lambda r: self.all.append((urlsplit(r.url).path, r.status)) if base in r.url else None)

    def refused(self) -> list[tuple[str, int]]:
        return [a for a in self.all if a[1] >= 400]

    def of(self, prefix: str) -> list[int]:
        return [status for path, status in self.all if path.startswith(prefix)]


def test_tiles_of_an_embed_are_refreshed_and_nothing_is_refused(
    running: Running,
    portal: Portal,
    browser: Browser,
    accounts: Accounts,
    indicators: tuple[Indicator, ...],
    db: Database,
    clock: FixedClock,
    settings: Settings,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody has asked for this audience before: the page begins without numbers and has to come by them itself."""
    monkeypatch.setattr(screen, "POLL_MS", 400)
    registry = Registry(indicators={i.code: i for i in indicators})
    portal.frames = [running.url + sign_address(accounts, registry, f"/embed/tile/{CODES}", days=3)]
    page = browser.new_page()
    answers = Answers(page, running.url)
    page.goto(portal.url)
    frame = page.frame_locator("iframe")
    frame.locator("#em-tiles .kpi").nth(3).wait_for(timeout=30_000)
    assert frame.locator("#em-tiles .num").count() == 0
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO source (source_key, title, classes, as_of, last_data_at, state)"
            " VALUES ('all', '全部', '{camera,sensor,event,case}', %(now)s, %(now)s, 'live')",
            {"now": clock.now()},
        )
    KpiWorker(db.store, indicators, clock, settings).cycle()
    clock.advance(6)
    frame.locator('#em-tiles .kpi:first-child .num[data-value="2"]').wait_for(timeout=15_000)
    assert answers.refused() == []
    assert answers.of("/api/v1/live/") == [], "the live list is not this token's"


def test_the_map_of_an_embed_has_its_tiles(
    running: Running, portal: Portal, browser: Browser, accounts: Accounts, world: World
) -> None:
    portal.frames = [running.url + sign_address(accounts, Registry(), "/embed/map", days=3)]
    page = browser.new_page()
    answers = Answers(page, running.url)
    page.goto(portal.url)
    page.frame_locator("iframe").locator('body[data-ready="true"]').wait_for(timeout=60_000)
    assert answers.refused() == []
    assert answers.of("/tiles/")
    assert answers.of("/api/v1/live/snapshot") == [200]
    assert page.context.cookies() == []
