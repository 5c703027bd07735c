"""接报登记 in a real browser: by keyboard alone, kept through faults, put aside and reload, and taken down once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ioc.accounts.base import Grant
from ioc.accounts.users import add_user
from ioc.clock import SystemClock
from ioc.store.keeper import ensure_partitions
from tests.conftest import Database
from tests.http import world as small
from tests.product import PASSWORD, Product, running

pytestmark = pytest.mark.browser


@pytest.fixture
def product(db: Database, tmp_path: Path) -> Iterator[Product]:
    clock = SystemClock()
    with db.owner() as conn:
        ensure_partitions(conn, clock.now())
        small.build(conn, clock.now())
    with running(db, clock, tmp_path) as found:
        grant = Grant(region_codes=(small.NEAR_TOWN,), departments=None, sensitivity=1)
        add_user(found.accounts, "duty", PASSWORD, ["officer"], grant, name="李嘉欣", own_password=True)
        yield found


@pytest.fixture
def desk(product: Product, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    context.add_cookies([product.session("duty")])  # type: ignore[list-item]
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{product.url}/desk/events", wait_until="domcontentloaded")
    page.wait_for_selector("body[data-ready=true]")
    yield page
    context.close()


def one(product: Product, query: str) -> Any:
    with product.database.owner() as conn:
        row = conn.execute(query).fetchone()  # type: ignore[arg-type]  # fixed texts
    return next(iter(row.values())) if row else None


def test_a_call_is_taken_down_by_keyboard_and_nothing_written_is_lost(product: Product, desk: Page) -> None:
    desk.keyboard.press("n")
    form = desk.locator(".repbox")
    expect(form.locator("textarea")).to_be_focused()
    desk.keyboard.type("近村路口积水，车辆熄火")
    desk.keyboard.press("Control+Enter")
    expect(form.locator(".sfault")).to_contain_text("请给出位置")
    expect(form.locator("#rp-search")).to_be_focused()
    desk.keyboard.type("近村")
    expect(form.locator("[role=option]").first).to_contain_text("近村")
    desk.keyboard.press("Enter")
    expect(form.locator(".rwhere")).to_contain_text("近村 21.65000, 111.15000")
    expect(form.locator(".rnear")).to_contain_text("积水")  # what the hotline has reported there ten minutes ago
    form.locator("#rp-caller_name").fill("陈小明")
    form.locator("#rp-caller_phone").fill("13800135678")

    desk.keyboard.press("Escape")
    expect(form).to_be_hidden()
    desk.reload(wait_until="domcontentloaded")
    desk.wait_for_selector("body[data-ready=true]")
    desk.keyboard.press("n")
    expect(form.locator("textarea")).to_have_value("近村路口积水，车辆熄火")
    expect(form.locator("#rp-caller_phone")).to_have_value("13800135678")
    expect(form.locator(".rwhere")).to_contain_text("近村")

    # the answer is lost on the way: the same words again are the same report
    lost: list[int] = []

    def lose(route: Any) -> None:
        lost.append(route.fetch().status)
        route.abort()

    desk.route("**/api/v1/reports", lose, times=1)
    desk.keyboard.press("Control+Enter")
    expect(form.locator(".sfault")).to_contain_text("内容仍在")
    assert lost == [201]
    expect(form.locator("textarea")).to_have_value("近村路口积水，车辆熄火")
    desk.keyboard.press("Control+Enter")
    expect(form.locator(".sfault.good")).to_contain_text("已登记 JB")
    expect(form.locator("textarea")).to_have_value("")
    assert one(product, "SELECT count(*) FROM event WHERE source = 'desk_report'") == 1
    assert (
        one(product, "SELECT attributes #>> '{caller,phone}' FROM event WHERE source = 'desk_report'") == "138****5678"
    )
    expect(desk.locator("#detail h2")).to_contain_text("近村路口积水")


def test_the_place_is_a_click_on_the_map_and_a_wrong_one_is_told(product: Product, desk: Page) -> None:
    desk.keyboard.press("n")
    form = desk.locator(".repbox")
    form.locator("textarea").fill("江边有人落水")
    form.get_by_role("button", name="取地图中心").click()
    inside = form.locator(".rwhere").inner_text()
    form.get_by_role("button", name="地图点选").click()
    box = desk.locator(".p-map").bounding_box()
    assert box
    desk.mouse.click(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.4)
    expect(form.locator(".rwhere")).not_to_have_text(inside)
    assert desk.evaluate("document.documentElement.dataset.pick === undefined"), (
        "one click, then the map is the map again"
    )
    form.locator("#rp-category").fill("没有这种")
    desk.keyboard.press("Control+Enter")
    expect(form.locator(".sfault")).to_contain_text("没有此类别")
    form.locator("#rp-category").fill("")
    desk.evaluate("window.iocMaps.map.map.jumpTo({center: [100, 30], zoom: 8})")
    form.get_by_role("button", name="取地图中心").click()
    desk.keyboard.press("Control+Enter")
    expect(form.locator(".sfault")).to_contain_text("范围")
    expect(form.locator("textarea")).to_have_value("江边有人落水")
    assert one(product, "SELECT count(*) FROM event WHERE source = 'desk_report'") == 0
