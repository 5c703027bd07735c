"""The tools of the command map by hand: one key opens an incident, roads are closed and gone round, water is a 推演."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ioc.accounts.base import Grant
from ioc.accounts.users import add_user
from ioc.clock import SystemClock
from ioc.intake import datasets
from ioc.intake.datasets import Given, roads
from ioc.store.keeper import ensure_partitions
from tests import road_world
from tests.browser.commanding import filled
from tests.conftest import Database
from tests.http import world as small
from tests.http.world import World
from tests.product import PASSWORD, Product, running

pytestmark = pytest.mark.browser
WEST, SOUTH = 111.14, 21.64  # the case of the near county lies on the crossing (5, 5) of the streets


@pytest.fixture
def world(db: Database) -> World:
    clock = SystemClock()
    with db.owner() as conn, conn.transaction():
        made = small.build(conn, clock.now())
        ensure_partitions(conn, clock.now())
    return made


@pytest.fixture
def product(db: Database, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    clock = SystemClock()
    monkeypatch.setattr(road_world, "WEST", WEST)
    monkeypatch.setattr(road_world, "SOUTH", SOUTH)
    with running(db, clock, tmp_path) as found:
        add_user(found.accounts, "chief", PASSWORD, ["chief"], Grant(whole=True, sensitivity=1), name="李嘉欣",
                 own_password=True)  # fmt: skip
        file = road_world.write_gpkg(tmp_path / "r.gpkg", road_world.streets(11))
        roads.bring_in(db.store, road_world.given(file, found.settings, "EPSG:4490"))
        grid = tmp_path / "dem.asc"  # a hollow of 12 x 12 cells in ground of 20 m, the place in it at 2 m
        inner = [["2" if 20 <= c < 32 and 20 <= r < 32 else "20" for c in range(52)] for r in range(52)]
        head = ["ncols 52", "nrows 52", f"xllcorner {111.15 - 0.0065}", f"yllcorner {21.65 - 0.0065}",
                "cellsize 0.00025", "NODATA_value -9999"]  # fmt: skip
        grid.write_text("\n".join([*head, *(" ".join(r) for r in inner)]), "ascii")
        given = Given(grid, found.settings, clock, "t", "EPSG:4490", dt.date(2026, 1, 1), datum="1985国家高程基准")
        datasets.bring_in(db.store, "terrain", given)
        yield found


# a vehicle has moved; the numbers of the questions a panel was asked by
MOVED = """() => {
  window.askedOf = (key) => Number(document.getElementById('cp-' + key).dataset.n);
  window.askedThen = Math.max(...[...document.querySelectorAll('[data-panel]')].map((e) => Number(e.dataset.n)));
  const record = {layers: ['resource', 'drone', 'drone_trace'], reason: 'positions'};
  window.dispatchEvent(new CustomEvent('ioc:change', {detail: {topic: 'reload', key: 'reload:positions', record}}));
}"""


def at(page: Page, i: float, j: float) -> tuple[float, float]:
    """Where a crossing of the streets is on the screen."""
    lon, lat = road_world.place((i, j))
    found = page.evaluate(
        "([lon, lat]) => { const m = window.iocMaps.map.map, p = m.project([lon, lat]),"
        " b = m.getContainer().getBoundingClientRect(); return [p.x + b.x, p.y + b.y]; }",
        [lon, lat],
    )
    return float(found[0]), float(found[1])


def drawn(page: Page, mode: str, *points: tuple[float, float]) -> None:
    page.locator(f"[data-draw={mode}]").click()
    page.wait_for_function("() => typeof window.iocCommand.stop === 'function'")
    for i, j in points:
        page.mouse.click(*at(page, i, j))
    expect(page.locator("#cmd-drawn")).to_be_visible()


def test_one_key_opens_it_and_the_map_answers(product: Product, browser: Browser, world: World) -> None:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    context.add_cookies([product.session("chief")])  # type: ignore[list-item]
    context.set_default_timeout(60_000)
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda e: said.append(str(e)))
    page.goto(f"{product.url}/desk/events?sel=case:{world.near['case']}", wait_until="domcontentloaded")
    page.wait_for_selector("body[data-ready=true]")
    page.wait_for_selector("#detail [data-raise]")
    page.keyboard.press("c")
    expect(page.locator(".stepbox[open]")).to_contain_text("开立突发事件")
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/command/*")
    page.wait_for_selector("body[data-ready=true]")
    page.wait_for_function("() => window.iocMaps?.map?.map?.isStyleLoaded() && window.iocCommand?.aids")

    # vehicles that tell where they are make the forces be asked again, not who lives here
    page.wait_for_function("() => !document.querySelector('[data-panel][data-busy]')")
    page.evaluate(MOVED)
    page.wait_for_function("() => askedOf('forces') > askedThen && askedOf('people') <= askedThen")

    # drive times from the incident, then from a point somebody chose; who is inside one
    page.locator("[data-iso='5']").click()
    expect(page.locator("[data-iso-tag='5']")).to_be_visible(timeout=30_000)
    page.locator("[data-iso-tag='5']").dispatch_event("click")
    expect(page.locator("#cmd-inside")).to_contain_text("事发地 5 分钟圈")
    expect(page.locator("#cp-villages")).to_contain_text("事发地 5 分钟圈内 1 个村居", timeout=30_000)
    page.locator("[data-inside-clear]").click()
    expect(page.locator("#cmd-inside")).to_be_hidden()
    page.locator("[data-iso='5']").click()

    # a way to the place, before and after a road is closed on the map
    page.locator("[data-aid=route]").click()
    page.mouse.click(*at(page, 9, 4))
    card = page.locator("#cmd-card")
    expect(card).to_contain_text("附近没有封路", timeout=30_000)
    drawn(page, "linestring", (7.5, 3.6), (7.5, 4.4), (7.5, 4.4))
    page.locator("#cmd-drawn").get_by_role("button", name="封闭道路").click()
    filled(page, reason="火场警戒")
    expect(card).to_contain_text("绕行多", timeout=20_000)
    ways = page.evaluate("() => window.iocCommand.aids.shapes().map((s) => [s.id, s.geometry.coordinates.length])")
    assert {"route", "route-before"} == {w[0] for w in ways}, ways
    page.locator("[data-aid=closures]").click()
    expect(card).to_contain_text("火场警戒")
    card.get_by_role("button", name="恢复通行").click()
    filled(page)
    expect(card).to_contain_text("当前没有封路", timeout=20_000)

    # a sector with who answers for it, in the list and asked about
    drawn(page, "polygon", (3, 3), (4.5, 3), (4.5, 4.5), (3, 4.5), (3, 3))
    page.locator("#cmd-drawn").get_by_role("button", name="标绘").click()
    filled(page, kind="sector", label="西南侧", responsible="林志明")
    row = page.locator("#cp-sectors li")
    expect(row).to_contain_text("林志明", timeout=20_000)
    row.click()
    card.get_by_role("button", name="范围内有谁").click()
    expect(page.locator("#cmd-inside")).to_contain_text("西南侧")
    expect(page.locator("#cp-villages")).to_contain_text("西南侧内 1 个村居", timeout=30_000)

    # 推演: marked all over, never a fact, gone by one key; where there is no terrain it says so
    page.locator("[data-aid=flood]").click()
    expect(card).to_contain_text("淹没面积", timeout=30_000)
    expect(page.locator("#cmd-whatif")).to_be_visible()
    assert page.locator("#cmd-whatif span").count() > 1
    water = page.evaluate("() => window.iocCommand.aids.shapes().filter((s) => s.id.startsWith('whatif')).length")
    assert water == 1
    for _ in range(3):
        card.get_by_role("button", name="+", exact=True).click()
    expect(card).to_contain_text("水位 4.50 m，地面 2.00 m（1985国家高程基准）", timeout=30_000)
    expect(card).to_contain_text("未导入", timeout=20_000)
    told = json.loads(page.evaluate("() => JSON.stringify(window.iocCommand.area ?? null)"))
    assert told is not None, "the sector stays what the panels speak of: a 推演 is not asked of them"
    page.keyboard.press("Escape")
    expect(page.locator("#cmd-whatif")).to_be_hidden()
    expect(card).to_be_hidden()
    assert page.evaluate("() => window.iocCommand.aids.shapes().length") == 0

    # the area of a what-if of a decision, kept apart in the same way; a new run is shown at once
    page.locator("#cp-simulation [data-sim]").click()
    expect(card).to_contain_text("非实况，不计入任何数字")
    expect(page.locator("#cmd-whatif")).to_be_visible()
    page.locator("#cp-simulation").get_by_role("button", name="新推演").click()
    filled(page, rise_m="1.5", close_here_m="300")
    expect(card).to_contain_text("虚线圈内设想封路", timeout=30_000)
    expect(card).to_contain_text("水位 3.50 m")
    lies = page.evaluate("() => window.iocCommand.aids.shapes().map((s) => s.id)")
    assert lies == ["whatif-area", "whatif-closed-0"], lies
    page.keyboard.press("Escape")
    expect(page.locator("#cmd-whatif")).to_be_hidden()
    assert page.evaluate("() => window.iocCommand.aids.shapes().length") == 0
    page.locator("[data-aid=flood]").click()
    expect(card).to_contain_text("淹没面积", timeout=30_000)
    card.get_by_role("button", name="地图点选").click()
    page.wait_for_function("() => document.documentElement.dataset.pick !== undefined")
    page.mouse.click(*at(page, 9.5, 1.5))
    expect(card.locator(".cend b")).to_have_text("地图点", timeout=30_000)
    expect(card).to_contain_text("这里没有地形数据", timeout=60_000)
    expect(page.locator("#cmd-whatif")).to_be_hidden()
    context.close()
    assert not said, said
