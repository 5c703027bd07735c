"""The desk in English, in a centre whose names are Latin: no Chinese word, no missing label, nothing cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from ioc.clock import SystemClock
from tests.browser import latin
from tests.conftest import Database
from tests.http import world as small
from tests.http.world import World
from tests.product import PASSWORD, Product, running

pytestmark = pytest.mark.browser
# `words`: Chinese, missing labels and unfilled places in what is shown or read out. An element that says it is Chinese
# (`lang`) is: the switch to Chinese. `cut`: what is pressed or read and is not whole.
CHECKS = Path(__file__).with_name("english.js").read_text("utf-8")


@pytest.fixture
def world(db: Database) -> World:
    return latin.build(db)


@pytest.fixture
def product(db: Database, world: World, tmp_path: Path) -> Iterator[Product]:
    with running(db, SystemClock(), tmp_path) as found:
        latin.people(found.accounts)
        latin.happen(db, found.settings, found.accounts, found.url, world, tmp_path)
        yield found


class Walk:
    """One browser page that goes through the desk and keeps what is wrong, by page."""

    def __init__(self, product: Product, browser: Browser, login: str, width: int, height: int) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height})
        self.context.add_cookies([product.session(login)])  # type: ignore[list-item]
        self.context.set_default_timeout(60_000)
        self.page: Page = self.context.new_page()
        self.product = product
        self.odd: dict[str, list[str]] = {}

    def look(self, name: str) -> None:
        found = self.page.evaluate(CHECKS)
        if found:
            self.odd[name] = found

    def told(self) -> str:
        """What is wrong, each with the pages it stands on."""
        by: dict[str, list[str]] = {}
        for name, found in self.odd.items():
            for what in found:
                by.setdefault(what, []).append(name)
        return "\n".join(f"{what}\n    on {', '.join(names[:4])} ({len(names)})" for what, names in by.items())

    def go(self, path: str, wait: str = "") -> Page:
        joined = "&" if "?" in path else "?"
        self.page.goto(f"{self.product.url}{path}{joined}lang=en", wait_until="domcontentloaded")
        self.page.wait_for_selector("body[data-ready=true]" if path.startswith("/desk") else "body")
        if wait:
            self.page.wait_for_selector(wait)
        self.look(path)
        return self.page

    def dialog(self, press: str, name: str, shown: str = "dialog[open]") -> None:
        """Opens it, looks, and leaves it by Esc."""
        self.page.locator(press).first.click()
        self.page.wait_for_selector(shown)
        self.look(name)
        self.page.keyboard.press("Escape")
        self.page.wait_for_selector(shown, state="hidden")


def steps_of(walk: Walk, path: str) -> None:
    """Every form that is offered on a page."""
    walk.go(path, "#detail [data-step]")
    for i in range(walk.page.locator("#detail [data-step]").count()):
        button = walk.page.locator("#detail [data-step]").nth(i)
        button.evaluate("b => b.closest('details') && (b.closest('details').open = true)")
        button.click()
        walk.page.wait_for_selector(".stepbox[open]")
        walk.look(f"{path} step {i}")
        walk.page.keyboard.press("Escape")
        walk.page.wait_for_selector(".stepbox[open]", state="detached")


def everything(walk: Walk, world: World) -> None:
    for path, wait in (
        ("/desk", ""),
        ("/desk/events", ".live-list .q"),
        ("/desk/events?show=mine", ".live-list .q"),
        ("/desk/events?show=incidents&urgency=critical", ".live-list .none"),
        (f"/desk/events?sel=event:{world.near['event']}", "#detail h2"),
        (f"/desk/events?sel=device:{world.near['sensor']}", "#detail h2"),
        (f"/desk/events?sel=grid:{world.near['grid']}", "#detail h2"),
        (f"/desk/events?sel=case:{world.near['incident']}", "#detail h2"),
        ("/desk/events?sel=case:999999", ""),
        ("/desk/alarms", ".al-list .q"),
        ("/desk/alarms/rules", ".ar-one"),
        ("/desk/village", ""),
        (f"/desk/village?region={small.NEAR_VILLAGE}", ".vcard"),
        ("/desk/data", "#src-table tbody tr"),
        ("/desk/data?tab=outbound", "#tab-outbound tbody tr"),
        ("/desk/data?tab=lower", "#tab-lower tbody tr"),
        ("/desk/supervision", "#sv-list tbody tr"),
        ("/desk/review", ".rvd form"),
        ("/desk/settings", ""),
    ):
        walk.go(path, wait)


def commanded(product: Product) -> int:
    """An incident with an order, a sector and somebody who commands it, all in Latin letters."""
    client = httpx.Client(base_url=product.url, headers={"Origin": product.url}, timeout=60)
    client.post("/api/v1/auth/sign-in", json={"login": "boss", "password": PASSWORD}).raise_for_status()
    place = {"lon": 111.15, "lat": 21.65, "crs": "EPSG:4490"}
    asked = {"title": "Warehouse fire", "class": 2, "level": 3, "reason": "Open flames", "place": place}
    case = int(client.post("/api/v1/incidents", json=asked).raise_for_status().json()["incident_id"])
    square = [[111.15, 21.65], [111.16, 21.65], [111.16, 21.66], [111.15, 21.65]]
    sector = {"kind": "sector", "label": "East", "geometry": {"type": "Polygon", "coordinates": [square]}}
    order = {"what": "Hold the gate", "to": {"kind": "department", "ref": "Roads"}}
    client.post(f"/api/v1/incidents/{case}/marks", json=sector).raise_for_status()
    client.post(f"/api/v1/incidents/{case}/tasks", json=order).raise_for_status()
    return case


def workspace(walk: Walk, case: int) -> None:
    """The command workspace with its tabs, the menu of acts, an order's form and the tools of its map."""
    path, page = f"/desk/command/{case}", walk.page
    walk.go(path)
    page.wait_for_function("() => ![...document.querySelectorAll('[data-panel]')].some((e) => e.dataset.n === '0')")
    walk.look(f"{path} answered")
    for tab in ("task", "reports", "notice"):
        page.locator(f"[data-cmd-tab={tab}]").click()
        walk.look(f"{path} {tab}")
    page.locator("#cmd-act summary").click()
    walk.look(f"{path} acts")
    page.locator("#cmd-act .pick button").first.click()
    page.wait_for_selector(".stepbox[open]")
    walk.look(f"{path} act")
    page.keyboard.press("Escape")
    page.locator("#cp-sectors li").first.click()
    walk.look(f"{path} mark")
    for aid in ("closures", "flood"):
        page.locator(f"[data-aid={aid}]").click()
        page.wait_for_selector(f"#cmd-card.{aid}")
        walk.look(f"{path} {aid}")
    page.wait_for_selector("#cmd-card .bad")  # no terrain here: it says so
    walk.look(f"{path} no terrain")


def test_no_page_of_the_desk_has_a_word_left_behind(product: Product, flat_browser: Browser, world: World) -> None:
    """At the narrowest desk: what is not cut there is not cut at 1920. The map says why it is not drawn."""
    walk = Walk(product, flat_browser, "boss", 1366, 768)
    everything(walk, world)
    for path in ("/desk/replay", "/desk/video", "/desk/command"):
        walk.go(path)
    walk.dialog("[data-raise-hand]", "incident by hand", ".stepbox[open]")
    workspace(walk, commanded(product))
    walk.go("/desk/events")
    assert "WebGL 2" in walk.page.locator(".map-fault").inner_text()
    walk.context.close()
    assert not walk.odd, walk.told()


def test_what_the_map_says_is_in_english(product: Product, browser: Browser, world: World) -> None:
    """Pages with a map that is drawn, at the size of an ordinary desk: its tools, scale, plates and legends."""
    walk = Walk(product, browser, "boss", 1920, 1080)
    for path in ("/desk", "/desk/events", f"/desk/village?region={small.NEAR_VILLAGE}"):
        walk.go(path)
        assert walk.page.locator(".map-fault").count() == 0
    walk.context.close()
    assert not walk.odd, walk.told()


def test_no_dialog_has_a_word_left_behind(product: Product, flat_browser: Browser, world: World) -> None:
    walk = Walk(product, flat_browser, "boss", 1366, 768)
    steps_of(walk, f"/desk/events?sel=case:{world.near['case']}")
    steps_of(walk, f"/desk/events?sel=event:{world.near['event']}")
    walk.go("/desk/events", ".live-list .q")
    walk.page.keyboard.press("n")
    walk.page.wait_for_selector(".repbox")
    walk.look("report")
    walk.page.keyboard.press("Control+Enter")
    walk.page.wait_for_selector(".repbox .sfault:not([hidden])")
    walk.look("report refused")
    walk.page.keyboard.press("Escape")
    walk.go("/desk/events", ".live-list .q")
    for press, name, shown in (
        ("[data-view-save]", "save a view", "dialog[open]"),
        ("[data-view-manage]", "views", ".vws li"),
        ("[data-export]", "export", ".exf dt"),
        ("[data-duty]", "duty", "#duty-box[open] h3"),
    ):
        walk.dialog(press, name, shown)
    walk.page.keyboard.press("?")
    walk.page.wait_for_selector("dialog[open]")
    walk.look("keys")
    walk.page.keyboard.press("Escape")
    walk.page.locator(".q").nth(2).hover()
    for row in walk.page.locator(".q:has(.qck)").all()[:2]:
        row.locator(".qck").click(force=True)
    walk.page.wait_for_selector("#many b")
    walk.look("picked")
    walk.go("/desk/alarms", ".al-list .q")
    for key, name in (("f", "false alarm"), ("l", "case of an alarm")):
        walk.page.locator(".al-list .q").first.click()
        walk.page.keyboard.press(key)
        walk.page.wait_for_selector("dialog[open]")
        walk.look(name)
        walk.page.keyboard.press("Escape")
    for view in ("shelved", "chattering", "stale", "ended"):
        walk.page.locator(f".alist [data-view={view}]").click()
        walk.page.wait_for_selector(".al-list .none, .al-list .q")
        walk.look(f"alarms {view}")
    walk.context.close()
    assert not walk.odd, walk.told()


def test_faults_and_the_phone_are_in_english_too(product: Product, flat_browser: Browser, world: World) -> None:
    walk = Walk(product, flat_browser, "walker", 390, 844)
    for path in ("/m", "/desk/nowhere", "/desk/review", "/desk/password"):
        walk.page.goto(f"{product.url}{path}?lang=en", wait_until="networkidle" if path != "/m" else "load")
        walk.page.wait_for_selector("main" if path != "/m" else "#warn .wb")
        walk.look(path)
    walk.context.close()
    refused = flat_browser.new_context()
    refused.add_cookies([product.session("walker")])  # type: ignore[list-item]
    answer: Any = refused.request.get(f"{product.url}/api/v1/exports/queue?lang=en").json()
    assert answer["en"].isascii()
    refused.close()
    assert not walk.odd, walk.told()
