"""Looking back in a real browser: frame and bar, moment after moment on one page, nothing done, back to live."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from ioc.accounts.base import Grant
from ioc.accounts.users import add_user
from ioc.clock import SystemClock
from ioc.scope import SYSTEM
from ioc.store import cases_write
from ioc.store.keeper import ensure_partitions
from tests.conftest import Database
from tests.http import world as small
from tests.product import PASSWORD, Product, running
from tests.store.replay_world import known_since

pytestmark = pytest.mark.browser


@pytest.fixture
def product(db: Database, tmp_path: Path) -> Iterator[Product]:
    """Everything known for three hours; half an hour ago one case was renamed and closed."""
    clock = SystemClock()
    with db.owner() as conn:
        ensure_partitions(conn, clock.now())
        world = small.build(conn, clock.now())
    known_since(db, clock.now() - dt.timedelta(hours=3))
    then = clock.now() - dt.timedelta(minutes=30)
    with db.store.scoped(SYSTEM) as conn:
        changes: dict[str, Any] = {"stage": "closed", "closed_at": then, "title": "近结束"}
        cases_write.change_case(conn, world.near["case"], changes, "t", then)
    with running(db, clock, tmp_path) as found:
        grant = Grant(region_codes=(), departments=None, sensitivity=2, whole=True)
        add_user(found.accounts, "chief", PASSWORD, ["chief"], grant, name="李嘉欣", own_password=True)
        yield found


def at(minutes: float) -> str:
    moment = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(minutes=minutes)
    return moment.isoformat().replace("+00:00", "Z")


def opened(product: Product, browser: Browser, path: str) -> Page:
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    context.add_cookies([product.session("chief")])  # type: ignore[list-item]
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{product.url}{path}", wait_until="domcontentloaded")
    page.wait_for_selector("body[data-ready=true]")
    return page


def test_a_desk_looks_back_and_returns(product: Product, browser: Browser) -> None:
    page = opened(product, browser, f"/desk/events?t={at(60)}")
    errors: list[str] = []
    sent: list[Request] = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.on("request", lambda r: sent.append(r))
    bar, line = page.locator(".pastbar"), page.locator(".rbar")
    expect(bar).to_contain_text("回溯至")
    expect(bar).to_contain_text("操作已锁定")
    expect(bar).to_contain_text("距现在 60 分")
    expect(page.locator(".live-list")).to_contain_text("近燃气浓度超限")
    expect(bar.locator(".pb-n")).to_have_text("（1 处）")
    bar.get_by_role("checkbox").check()
    expect(page.locator(".pastlist")).to_contain_text("近结束")
    assert page.evaluate("document.body.dataset.conn") == "off", "nothing is pushed to a page that looks back"
    # nothing is done: the page sends nothing at all
    said = page.evaluate("fetch('/api/v1/cases/1/steps/accept', {method: 'POST', body: '{}'}).then((r) => r.status)")
    assert said == 423
    assert not [r for r in sent if r.method == "POST" and r.url.startswith(f"{product.url}/api/")]
    # the change of half an hour ago, by one step; the page is the same, the list another
    page.keyboard.press("]")
    expect(page.locator(".live-list")).not_to_contain_text("近燃气浓度超限")
    expect(bar).to_contain_text("距现在 30 分")
    page.keyboard.press("[")
    expect(page.locator(".live-list")).to_contain_text("近仓库火情")
    # playing asks for one frame after the other
    line.get_by_text("10×").click()
    before = page.evaluate("new URLSearchParams(location.search).get('t')")
    line.locator("[data-rb=play]").click()
    page.wait_for_function("(t) => new URLSearchParams(location.search).get('t') !== t", arg=before)
    line.locator("[data-rb=play]").click()
    shown = [r.url for r in sent if "/live/snapshot" in r.url]
    assert shown, "frames were asked for"
    assert all("t=" in url for url in shown), "and none of the present"
    # a bookmark by key, kept for the person and in the address; to it and away by keys alone
    page.keyboard.press("b")
    expect(line.locator("[data-rb=goto]")).to_have_count(1)
    marked = page.evaluate("new URLSearchParams(location.search).get('t')")
    page.wait_for_function("() => new URLSearchParams(location.search).get('marks')")
    line.locator(".rb-line").focus()
    page.keyboard.press("PageDown")
    page.wait_for_function("(t) => new URLSearchParams(location.search).get('t') !== t", arg=marked)
    page.keyboard.press(".")
    page.wait_for_function("(t) => new URLSearchParams(location.search).get('t') === t", arg=marked)
    page.keyboard.press("-")
    expect(line.locator("[data-rb=speed][aria-pressed=true]")).to_have_text("1×")
    page.keyboard.press("b")
    expect(line.locator("[data-rb=goto]")).to_have_count(0)
    # an order that waits for the line is left to a page of the present, and nothing is sent for it from here
    waits = '[{"key": "k", "method": "POST", "url": "/api/v1/incidents/1/acts", "body": {}, "words": "指令"}]'
    page.evaluate("(text) => localStorage.setItem('ioc.command.queue', text)", waits)
    page.goto(f"{product.url}/desk/command?t={marked}", wait_until="domcontentloaded")
    page.wait_for_selector("body[data-ready=true]")
    page.wait_for_function("() => window.iocCommand !== undefined")
    assert page.evaluate("localStorage.getItem('ioc.command.queue')") == waits
    page.evaluate("localStorage.removeItem('ioc.command.queue')")
    assert not [r for r in sent if r.method == "POST" and "/incidents" in r.url]
    # on another page still the same moment; back to live is the present
    page.locator(".nav a", has_text="总览").click()
    page.wait_for_selector(".pastbar")
    assert "t=" in page.url
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "t=" not in url)
    page.wait_for_selector("body[data-ready=true]")
    expect(page.locator(".pastbar")).to_have_count(0)
    assert not errors


def test_the_nav_opens_a_quarter_of_an_hour_ago(product: Product, browser: Browser) -> None:
    page = opened(product, browser, "/desk")
    page.locator(".nav a", has_text="回溯").click()
    expect(page.locator(".pastbar")).to_contain_text("距现在 15 分")
    assert page.locator(".rbar [data-rb=play]").get_attribute("aria-pressed") == "false", "it stands still"
