"""Real Chromium on a real server: the content policy breaks nothing, nothing comes from outside, each way in works."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.http.conftest import PASSWORD, Running
from tests.http.world import NEAR_TOWN

pytestmark = [pytest.mark.http, pytest.mark.browser]
ARGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"]
# Both ways a policy shows that it was broken: the event in the page and the browser's own message.
_WATCH = """
window.iocViolations = [];
document.addEventListener('securitypolicyviolation', (e) =>
  window.iocViolations.push(e.violatedDirective + ' ' + e.blockedURI));
"""
# As a page of ours sends JSON.
_POST = (
    "((url, body) => fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json'},"
    " body: JSON.stringify(body)}))("
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as p:
        found = p.chromium.launch(executable_path=os.environ.get("IOC_CHROMIUM", "/usr/bin/chromium"), args=ARGS)
        yield found
        found.close()


class Watched:
    """A page that keeps every fault the browser reports."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.faults: list[str] = []
        page.add_init_script(_WATCH)
        page.on("console", lambda m: self.faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.faults.append(str(e)))
        page.on("request", self._request)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.faults.append(f"outside: {request.url}")

    def ready(self) -> None:
        self.page.wait_for_selector('body[data-ready="true"]', timeout=60_000)

    def clean(self) -> None:
        broken = self.page.evaluate("window.iocViolations")
        assert broken == []
        assert [f for f in self.faults if "Content Security Policy" in f or f.startswith("outside")] == []


@pytest.fixture
def watched(browser: Browser, running: Running) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield Watched(context.new_page(), running.url)
    context.close()


def sign_in(w: Watched, path: str = "/desk") -> None:
    w.page.goto(w.base + path)
    w.page.fill("input[name=login]", "chief")
    w.page.fill("input[name=password]", PASSWORD)
    w.page.press("input[name=password]", "Enter")
    w.page.wait_for_url(f"**{path.split('?')[0]}**")


def test_a_person_signs_in_and_every_page_keeps_the_policy(watched: Watched) -> None:
    sign_in(watched, f"/desk?region={NEAR_TOWN}")
    assert f"region={NEAR_TOWN}" in watched.page.url, "the page asked for is the page that opens"
    for path in ("/desk", "/desk/events", "/wall", "/desk?lang=en&theme=light"):
        watched.page.goto(watched.base + path)
        watched.ready()
        watched.clean()


def test_the_policy_is_in_force(watched: Watched) -> None:
    """Code put into the page does not run: else a clean log would prove nothing."""
    watched.page.goto(watched.base + "/signin")
    watched.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 1';"
        " document.body.append(s); }"
    )
    assert watched.page.evaluate("window.hacked === undefined")
    # In a timer: what the test itself evaluates is let through by the browser.
    refused = watched.page.evaluate(
        "() => new Promise((done) => setTimeout(() => { try { done((0, eval)('1')) } catch (e) { done(e.name) } }, 0))"
    )
    assert refused == "EvalError"
    assert any(v.startswith("script-src") for v in watched.page.evaluate("window.iocViolations"))


def test_a_wall_shows_its_code_and_enters_when_confirmed(watched: Watched, browser: Browser) -> None:
    wall, base = watched.page, watched.base
    wall.goto(base + "/wall")
    wall.wait_for_selector("[data-cell]:not(:empty)")
    assert wall.locator("input").count() == 0, "never a sign-in on a wall"
    desk_context = browser.new_context()
    desk = Watched(desk_context.new_page(), base)
    sign_in(desk)
    code = wall.evaluate(_POST + "'/api/v1/wall/enrol', {}).then((r) => r.json()).then((s) => s.code)")
    confirm = f"'/api/v1/wall/confirm', {{code: '{code}', name: 'WALL-01'}}).then((r) => r.status)"
    said = desk.page.evaluate(_POST + confirm)
    assert said == 200
    watched.ready()
    assert wall.url.startswith(base + "/wall")
    watched.clean()
    desk_context.close()


def test_another_site_cannot_frame_the_desk_but_may_frame_an_embed(watched: Watched) -> None:
    sign_in(watched)
    signed = watched.page.evaluate(_POST + "'/api/v1/embed/sign', {panel: 'map'}).then((r) => r.json())")
    frames = f'<iframe src="{watched.base}/desk"></iframe><iframe src="{watched.base}{signed["url"]}"></iframe>'
    watched.page.route("**/portal", lambda route: route.fulfill(body=frames, content_type="text/html"))
    watched.page.goto(watched.base + "/portal")
    watched.page.wait_for_timeout(1500)
    shown = [f.evaluate("document.body ? document.body.children.length : 0") for f in watched.page.frames[1:]]
    assert shown[0] == 0 or "chrome-error" in watched.page.frames[1].url
    assert shown[1] > 0
