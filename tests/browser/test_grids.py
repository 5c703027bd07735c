"""Fences, coloured grid cells and topics in a real browser, on the desk and on a wall."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ioc.accounts.base import Grant
from ioc.accounts.users import add_user
from ioc.clock import SystemClock
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading
from ioc.kpi import grids
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
        world = small.build(conn, clock.now())
        conn.execute(
            "INSERT INTO device (source, external_id, kind, class, name, status, geom, h3_10, region_id)"
            " VALUES ('sensors', 'car', 'sensor', 'sensor', '巡逻车', 'online',"
            " ST_SetSRID(ST_MakePoint(111.15, 21.65), 4326), 1, %s)",
            (world.regions[small.NEAR_VILLAGE],),
        )
    with running(db, clock, tmp_path) as found:
        grids.turn(db.store, clock)
        grant = Grant(region_codes=(), departments=None, sensitivity=2, whole=True)
        add_user(found.accounts, "chief", PASSWORD, ["chief"], grant, name="李嘉欣", own_password=True)
        yield found


def opened(product: Product, browser: Browser, path: str, width: int = 1600, height: int = 900) -> Page:
    context = browser.new_context(viewport={"width": width, "height": height})
    context.add_cookies([product.session("chief")])  # type: ignore[list-item]
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{product.url}{path}", wait_until="domcontentloaded")
    page.wait_for_selector("body[data-ready=true]")
    return page


def rows(product: Product, query: str) -> list[dict[str, Any]]:
    with product.database.owner() as conn:
        return conn.execute(query).fetchall()  # type: ignore[arg-type]  # fixed texts


def until(page: Page, script: str, limit_s: float = 30.0) -> float:
    """Seconds until `script` is true. Asked from outside: the page's policy forbids evaluating in it."""
    began = time.monotonic()
    while not page.evaluate(script):
        assert time.monotonic() - began < limit_s, script
        page.wait_for_timeout(50)
    return time.monotonic() - began


CROSSINGS = """() => {
  const map = window.iocMaps.map;
  const of = (map.overlay._deck.layerManager?.getLayers() ?? []).find((l) => l.id.startsWith('crossing-icons'));
  return of !== undefined && of.props.data.some((d) => d.src.name === '巡逻车');
}"""


def test_a_fence_is_drawn_corrected_by_keyboard_and_a_crossing_is_on_the_map_within_five_seconds(
    product: Product, browser: Browser
) -> None:
    page = opened(product, browser, "/desk/fences?v=111.15,21.65,12")
    box = page.locator("#fences")
    box.get_by_role("button", name="新围栏").click()
    page.keyboard.type("水库")
    box.locator("[name=target]").select_option("kind")
    box.locator("[name=ref]").select_option("sensor")
    box.get_by_role("button", name="在地图上添加顶点").click()
    place = page.locator(".p-map").bounding_box()
    assert place
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    for dx, dy in ((-120, -120), (120, 120), (120, -120), (-120, 120)):
        page.mouse.click(x + dx, y + dy)
    expect(box.locator(".fpts li")).to_have_count(4)
    page.keyboard.press("Escape")
    box.get_by_role("button", name="保存").click()
    expect(box.locator(".sfault")).to_contain_text("边界自相交")
    assert rows(product, "SELECT 1 FROM fence") == []

    # by keyboard alone: the vertices written in their order
    for i, (lon, lat) in enumerate(((111.14, 21.64), (111.16, 21.64), (111.16, 21.66), (111.14, 21.66)), start=1):
        box.get_by_label(f"经度 {i}").focus()
        page.keyboard.press("Control+A")
        page.keyboard.type(str(lon))
        page.keyboard.press("Tab")
        page.keyboard.press("Control+A")
        page.keyboard.type(str(lat))
    page.keyboard.press("Enter")
    expect(box.locator(".sfault.good")).to_contain_text("已保存")
    [fence] = rows(product, "SELECT name, version, ST_AsText(geom) AS g FROM fence")
    assert (fence["name"], fence["version"]) == ("水库", 1)
    assert "111.14 21.64" in fence["g"]

    intake = ObservationIntake(product.database.store, product.settings, product.clock, "sensors")

    def heard(lon: float) -> float:
        at = product.clock.now().isoformat()
        intake.submit([Reading("car", "position_lon", lon, at), Reading("car", "position_lat", 21.65, at)])
        return time.monotonic()

    heard(111.15)
    assert not page.evaluate(CROSSINGS)
    began = heard(111.18)
    until(page, CROSSINGS)
    took = time.monotonic() - began
    print(f"on the map after {took:.1f} s")
    assert took < 5
    box.get_by_role("button", name="删除围栏")
    page.once("dialog", lambda d: d.accept())
    box.get_by_role("button", name="删除围栏").click()
    expect(box.locator(".sfault.good")).to_contain_text("已删除")
    assert rows(product, "SELECT 1 FROM fence WHERE deleted_at IS NULL") == []


def test_cells_are_coloured_with_a_legend_on_desk_and_wall(product: Product, browser: Browser) -> None:
    page = opened(product, browser, "/desk?layers=grid_cell")
    page.locator(".gcol select").select_option("events")
    assert "colour=events" in page.url
    expect(page.locator(".gleg")).to_contain_text("件/km²")
    until(page, "() => (window.iocMaps.map.overlay._deck.layerManager?.getLayers() ?? [])"
                ".some((l) => l.id === 'grid_cell-coloured')")  # fmt: skip
    wall = opened(product, browser, "/wall?layers=grid_cell&colour=population&lang=en", 1920, 1080)
    expect(wall.locator(".gleg")).to_contain_text("people")


def test_topics_narrow_the_list_and_their_numbers_open_lists(product: Product, browser: Browser) -> None:
    page = opened(product, browser, "/desk/events")
    page.wait_for_selector("#work [role=option]")
    every = page.locator("#work [role=option]").count()
    page.locator('[data-topic="illegal_building"]').click()
    assert "topic=illegal_building" in page.url
    expect(page.locator("#work [role=option]")).to_have_count(0)
    page.locator('[data-topic="other"]').click()
    expect(page.locator("#work [role=option]")).not_to_have_count(0)
    assert page.locator("#work [role=option]").count() <= every
    page.get_by_role("button", name="主题统计").click()
    table = page.locator("#rec-body table")
    expect(table).to_contain_text("非法用地")
    number = table.locator("button.link").first
    value = number.inner_text()
    number.click()
    expect(page.locator("#rec-body .facts2")).to_contain_text(value)
