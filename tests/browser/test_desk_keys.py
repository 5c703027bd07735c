"""The desk by keyboard alone: list, detail, step and back, the export; focus is seen, dialogs keep and return it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from ioc.clock import SystemClock
from tests.browser import latin
from tests.conftest import Database
from tests.http.world import World
from tests.product import PASSWORD, Product, running

pytestmark = pytest.mark.browser
# What has the focus: a name, whether it is marked, and whether it lies in the open dialog.
FOCUS = """() => {
  const el = document.activeElement;
  const s = getComputedStyle(el);
  const box = document.querySelector('dialog[open]');
  const marked = el === document.body || (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1)
    || s.boxShadow !== 'none' || el.closest('.maplibregl-map') !== null;
  const shown = `${el.tagName.toLowerCase()}.${el.className} ${(el.textContent || '').trim().slice(0, 30)}`;
  return {name: shown, marked, inside: box === null || box.contains(el) || el === document.body,
          step: el.dataset.step !== undefined, exports: el.dataset.export ?? ''};
}"""


@pytest.fixture
def world(db: Database) -> World:
    return latin.build(db)


@pytest.fixture
def desk(db: Database, world: World, flat_browser: Browser, tmp_path: Path) -> Iterator[Page]:
    with running(db, SystemClock(), tmp_path) as product:
        latin.people(product.accounts)
        yield from _open(product, flat_browser)


def _open(product: Product, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, accept_downloads=True)
    context.add_cookies([product.session("duty")])  # type: ignore[list-item]
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{product.url}/desk/events?lang=en", wait_until="domcontentloaded")
    page.wait_for_selector("body[data-ready=true]")
    page.wait_for_selector(".live-list .q")
    yield page
    context.close()


def tab_to(page: Page, wanted: str, most: int = 150) -> None:
    """Tab until what has the focus is `wanted` (step, exports); every stop on the way must be seen."""
    unseen: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUS)
        if not at["marked"]:
            unseen.append(at["name"])
        if at[wanted]:
            assert not unseen, unseen
            return
    raise AssertionError(f"{wanted} is out of the keyboard's reach")


def test_list_detail_step_and_back(desk: Page, world: World, db: Database) -> None:
    key = f"case:{world.near['case']}"
    for _ in range(6):
        desk.keyboard.press("j")
        if f"sel={key}" in desk.url:
            break
    assert f"sel={key}" in desk.url
    expect(desk.locator("#detail [data-step]").first).to_be_visible()
    tab_to(desk, "step")
    pressed = desk.evaluate(FOCUS)["name"]
    desk.keyboard.press("Enter")
    expect(desk.locator(".stepbox[open]")).to_be_visible()
    for _ in range(12):
        desk.keyboard.press("Tab")
        at = desk.evaluate(FOCUS)
        assert at["inside"], at
        assert at["marked"], at
    desk.keyboard.press("Escape")
    expect(desk.locator(".stepbox[open]")).to_have_count(0)
    assert desk.evaluate(FOCUS)["name"] == pressed, "the dialog gives the focus back"
    desk.keyboard.press("Enter")
    expect(desk.locator(".stepbox[open]")).to_be_visible()
    assert desk.evaluate("document.querySelector('dialog[open]').contains(document.activeElement)"), (
        "ready to be filled"
    )
    desk.keyboard.press("Escape")
    desk.keyboard.press("Escape")
    expect(desk.locator("#detail [data-step]")).to_have_count(0)
    assert "sel=" not in desk.url


def test_a_list_is_taken_out_by_keyboard(desk: Page, db: Database) -> None:
    tab_to(desk, "exports")
    desk.keyboard.press("Enter")
    expect(desk.locator(".exf dt").first).to_be_visible()
    expect(desk.locator(".exf")).to_contain_text("Li Jiaxin (duty)")
    for _ in range(8):
        desk.keyboard.press("Tab")
        at = desk.evaluate(FOCUS)
        assert at["inside"], at
        if "Download" in at["name"]:
            break
    with desk.expect_download() as begun:
        desk.keyboard.press("Enter")
    content = begun.value.path().read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.decode().rstrip().splitlines()[-1].startswith('"End of the list, 6 rows"')
    assert begun.value.suggested_filename.startswith("Work list")
    expect(desk.locator("[data-export]")).to_be_focused()
    with db.owner() as conn:
        kept = conn.execute("SELECT actor FROM audit WHERE action = 'desk.export'").fetchall()
    assert [r["actor"] for r in kept] == ["duty"]


def test_the_oversight_list_follows_the_feed(desk: Page, world: World) -> None:
    """What somebody asks about a case stands in the list without a reload, and leaves it again."""
    base = desk.url.partition("/desk")[0]
    desk.goto(f"{base}/desk/supervision?lang=en", wait_until="domcontentloaded")
    desk.wait_for_selector("body[data-ready=true]")
    expect(desk.locator("#sv-list")).to_contain_text("Nothing under oversight")
    desk.evaluate("window.sameDocument = true")
    with httpx.Client(base_url=base, headers={"Origin": base}, timeout=60) as other:
        other.post("/api/v1/auth/sign-in", json={"login": "boss", "password": PASSWORD}).raise_for_status()
        case = f"/api/v1/cases/{world.near['case']}/steps"
        given = {"text": "Mend it", "until": "2099-01-01", "owner": "Roads"}
        body = {"step": "supervise", "version": other.get(case).json()["version"], "given": given}
        other.post(case, json=body).raise_for_status()
        expect(desk.locator("#sv-list tbody tr")).to_have_count(1, timeout=30_000)
        expect(desk.locator("#sv-list")).to_contain_text("Mend it")
        expect(desk.locator("#sv-side")).to_contain_text("1 open")
        entry = other.get("/api/v1/supervision").json()["entries"][0]["supervision_id"]
        other.post(f"/api/v1/supervision/{entry}/close").raise_for_status()
        expect(desk.locator("#sv-list")).to_contain_text("Nothing under oversight", timeout=30_000)
    assert desk.evaluate("window.sameDocument"), "the page was not loaded anew"
