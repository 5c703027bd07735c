"""The officer's page in a real browser of 390 x 844: work done without a network goes out once, also after a restart.

Between browser and server stands a wire that can be cut, or swallow an answer: `navigator.onLine` alone proves little.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from ioc.accounts.base import Grant
from ioc.accounts.users import add_user
from ioc.clock import SystemClock
from ioc.store.keeper import ensure_partitions
from tests.conftest import Database
from tests.http import world as small
from tests.product import PASSWORD, Product, free_port, running

pytestmark = pytest.mark.browser
NAME = "谭小玲"
HERE = {"latitude": 21.651, "longitude": 111.15}


class Wire:
    """A TCP line to the server. Cut, it refuses; `swallow` lets the next request through and drops its answer."""

    def __init__(self, target: int) -> None:
        self.port, self.target = free_port(), target
        self.cut, self.swallow = False, ""
        self.swallowed = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def down(self) -> None:
        self.cut = True
        for end in list(self._open):
            _close(end)

    def up(self) -> None:
        self.cut = False

    def close(self) -> None:
        self.down()
        _close(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.cut:
                _close(near)
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self._open |= {near, far}
            state = {"deaf": False}
            threading.Thread(target=self._forward, args=(near, far, state, True), daemon=True).start()
            threading.Thread(target=self._forward, args=(far, near, state, False), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, state: dict[str, bool], asking: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if asking and self.swallow and self.swallow.encode() in data:
                    self.swallow, state["deaf"] = "", True
                if not asking and state["deaf"]:
                    self.swallowed.set()
                    break
                sink.sendall(data)
        _close(source)
        _close(sink)
        self._open -= {source, sink}


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@dataclass
class Town:
    product: Product
    wire: Wire
    case: int

    def one(self, query: str, *args: Any) -> Any:
        with self.product.database.owner() as conn:
            row = conn.execute(query, args).fetchone()  # type: ignore[arg-type]  # fixed texts
        return next(iter(row.values())) if row else None

    def steps(self) -> list[str]:
        found = self.one(
            "SELECT coalesce(array_agg(step ORDER BY version), '{}') FROM case_step WHERE case_id = %s", self.case
        )
        return list(found)


@pytest.fixture
def town(db: Database, tmp_path: Path) -> Iterator[Town]:
    clock = SystemClock()
    with db.owner() as conn:
        ensure_partitions(conn, clock.now())
        world = small.build(conn, clock.now())
        conn.execute(
            "UPDATE cases SET officer = %s, stage = 'forwarded', due_at = %s WHERE case_id = %s",
            (NAME, clock.now() + small.dt.timedelta(minutes=41, seconds=30), world.near["case"]),
        )
    with running(db, clock, tmp_path) as product:
        grant = Grant(region_codes=(small.NEAR_TOWN,), departments=None, sensitivity=1)
        add_user(product.accounts, "tan", PASSWORD, ["grid"], grant, name=NAME, own_password=True)
        wire = Wire(product.settings.port)
        try:
            yield Town(product, wire, world.near["case"])
        finally:
            wire.close()


@pytest.fixture
def phone(town: Town, browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        permissions=["geolocation"],
        geolocation={"latitude": HERE["latitude"], "longitude": HERE["longitude"], "accuracy": 6},
    )
    context.add_cookies([{**town.product.session("tan"), "url": town.wire.url}])  # type: ignore[list-item]
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def page(town: Town, phone: BrowserContext) -> Page:
    return opened(phone, town)


def opened(phone: BrowserContext, town: Town, where: str = "/m") -> Page:
    shown = phone.new_page()
    shown.on("dialog", lambda d: d.accept())
    shown.goto(f"{town.wire.url}{where}", wait_until="domcontentloaded")
    shown.wait_for_selector("body[data-ready]")
    shown.wait_for_selector(".now, .none2")
    return shown


def until(page: Page, check: Callable[[], bool], what: str, seconds: int = 40) -> None:
    for _ in range(seconds * 10):
        if check():
            return
        page.wait_for_timeout(100)
    raise AssertionError(what)


def offline(town: Town, page: Page) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    until(
        page, lambda: page.evaluate("caches.open('ioc-phone-1').then(c => c.keys()).then(k => k.length)") >= 5, "kept"
    )
    town.wire.down()
    page.context.set_offline(True)
    expect(page.locator("#strip")).to_contain_text("无网络")


def online(town: Town, page: Page) -> None:
    town.wire.up()
    page.context.set_offline(False)


def test_signed_arrived_and_finished_without_a_network_and_sent_once(
    town: Town, phone: BrowserContext, page: Page
) -> None:
    expect(page.locator(".now h2")).to_contain_text("燃气浓度超限")
    expect(page.locator(".now .due")).to_contain_text(re.compile("4[012]"))
    expect(page.locator(".now p")).to_contain_text("距你 111 m")
    offline(town, page)
    page.get_by_role("button", name="签收").click()
    expect(page.locator("#strip")).to_contain_text("1 项暂存本机")
    page.locator(".now a").first.click()
    page.get_by_role("button", name="到场").click()
    expect(page.locator(".tk li.c")).to_contain_text("处置完成")
    page.locator("textarea").fill("已关阀通风，疏散 11 人")
    expect(page.locator(".lb em.num")).to_contain_text("草稿已存")
    assert town.steps() == []
    page.close()  # the phone is put away, the browser thrown out of memory

    again = opened(phone, town)
    expect(again.locator("#strip")).to_contain_text("无网络")
    expect(again.locator("#strip")).to_contain_text("2 项暂存本机")
    expect(again.locator("#strip")).to_contain_text("数据为")
    again.locator(".now a").first.click()
    expect(again.locator("textarea")).to_have_value("已关阀通风，疏散 11 人")
    again.get_by_role("button", name="处置完成").click()
    expect(again.locator("[data-entry] .dr")).to_have_count(3)
    town.wire.swallow = "/steps"  # the first answer is lost on the way back
    online(town, again)
    until(again, lambda: town.steps() == ["sign", "arrive", "finish"], "not sent")
    assert town.wire.swallowed.is_set(), "no answer was lost"
    expect(again.locator("#strip")).to_be_hidden()
    expect(again.locator("[data-entry]")).to_have_count(0)
    assert town.one("SELECT given ->> 'result' FROM case_step WHERE step = 'finish'") == "已关阀通风，疏散 11 人"
    assert town.one("SELECT given -> 'place' ->> 'lat' FROM case_step WHERE step = 'arrive'") == "21.651"
    assert town.one("SELECT count(*) FROM case_step WHERE given ? 'done_at'") == 3
    again.reload()
    again.wait_for_selector(".now, .none2")
    assert town.steps() == ["sign", "arrive", "finish"], "and nothing twice"


def test_somebody_was_first_and_no_text_is_lost(town: Town, page: Page) -> None:
    offline(town, page)
    page.get_by_role("button", name="退回").click()
    page.locator("dialog textarea").fill("不属于本网格，请转水务")
    page.locator("dialog button[type=submit]").click()
    expect(page.locator("[data-entry] .dr")).to_contain_text("待发送")
    with town.product.database.owner() as conn:
        conn.execute("UPDATE cases SET version = version + 1 WHERE case_id = %s", (town.case,))
    online(town, page)
    row = page.locator("[data-entry]")
    expect(row.locator(".dr")).to_contain_text("被拒")
    expect(row.locator(".why")).to_contain_text("办件已被更新")
    expect(row.locator(".txt")).to_contain_text("不属于本网格，请转水务")
    row.get_by_role("button", name="重新提交").click()
    until(page, lambda: town.steps() == ["return"], "not sent again")
    assert town.one("SELECT given ->> 'reason' FROM case_step") == "不属于本网格，请转水务"


def test_something_new_is_a_draft_until_it_is_sent_and_then_one_event(
    town: Town, phone: BrowserContext, page: Page
) -> None:
    page.locator("[data-tab=report]").click()
    page.get_by_label("标题").fill("人行道地砖松动")
    page.get_by_role("radio", name="紧急").click()
    page.get_by_role("button", name="请选择").click()
    page.locator("dialog input[type=search]").fill("乱停放")
    page.locator("dialog .mi").first.click()
    page.get_by_role("button", name="定位").click()
    expect(page.locator(".wh")).to_contain_text("21.65100, 111.15000 ±6 m")
    offline(town, page)
    page.close()

    again = opened(phone, town)
    again.locator("[data-draft]").click()
    expect(again.get_by_label("标题")).to_have_value("人行道地砖松动")
    expect(again.get_by_role("radio", name="紧急")).to_have_attribute("aria-checked", "true")
    again.locator("textarea").fill("学校门口，孩子多")
    again.get_by_role("button", name="提交").click()
    expect(again.locator("[data-entry]")).to_contain_text("人行道地砖松动")
    town.wire.swallow = "/api/v1/events"
    online(town, again)
    until(again, lambda: town.one("SELECT count(*) FROM event WHERE source = 'officer'") == 1, "no event")
    expect(again.locator("[data-entry]")).to_have_count(0)
    assert town.wire.swallowed.is_set(), "no answer was lost"
    assert town.one("SELECT title || urgency || category_code || description FROM event WHERE source = 'officer'") == (
        "人行道地砖松动urgent0505学校门口，孩子多"
    )
    assert (
        town.one("SELECT count(*) FROM event_history h JOIN event e USING (event_id) WHERE e.source = 'officer'") == 1
    )


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_screen_fits_a_phone_and_a_thumb(town: Town, phone: BrowserContext, lang: str) -> None:
    page = opened(phone, town, f"/m?lang={lang}")
    faults: list[str] = []
    page.on("pageerror", lambda e: faults.append(str(e)))
    page.on("console", lambda m: faults.append(m.text) if "Content Security Policy" in m.text else None)
    for route in ("", "case/1", "report", "map", "me", "inbox"):
        page.evaluate("r => { location.hash = '#/' + r }", route)
        page.wait_for_timeout(400)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, f"{route}: {wide} px wide"
        small_ones = page.evaluate(
            """() => [...document.querySelectorAll('.ph :is(a,button,input,select,textarea)')]
            .filter((e) => e.offsetParent && !e.closest('.maplibregl-map'))
            .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
            .filter(([, r]) => r.height > 0 && (r.height < 44 || r.width < 44))
            .map(([t, r]) => `${t} ${r.width}x${r.height}`)"""
        )
        assert small_ones == [], f"{route}: {small_ones}"
    assert faults == []


def test_the_phones_own_theme_and_the_other_pages_are_left_alone(town: Town, phone: BrowserContext, page: Page) -> None:
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    assert page.evaluate("navigator.serviceWorker.ready.then(r => new URL(r.scope).pathname)") == "/m"
    desk = phone.new_page()
    desk.goto(f"{town.wire.url}/desk", wait_until="domcontentloaded")
    assert desk.evaluate("navigator.serviceWorker.controller === null")
